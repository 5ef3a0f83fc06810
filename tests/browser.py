"""A real browser: Debian's Chromium, driven by Playwright. Tests skip where either is missing.

A test module imports `a_browser`, and its tests take the fixture `browser`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.served import Served

_QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """A browser with these flags more. Skips the test where there is none."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("needs Debian's Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'candid[test]'")
    with _driver(playwright) as driver:
        browser = driver.chromium.launch(executable_path=program, chromium_sandbox=False, args=[*_QUIET, *flags])
        try:
            yield browser
        finally:
            browser.close()


_running: list[Any] = []


@contextmanager
def _driver(playwright: Any) -> Iterator[Any]:
    """What drives browsers. There can be only one at a time, which a second browser shares."""
    if _running:
        yield _running[0]
        return
    with playwright.sync_playwright() as driver:
        _running.append(driver)
        try:
            yield driver
        finally:
            _running.clear()


@pytest.fixture(scope="module", name="browser")
def a_browser() -> Iterator[Any]:
    """A browser without camera and microphone."""
    with chromium() as running:
        yield running


@contextmanager
def signed_in(
    browser: Any, server: Served, person: str = "", coordinator: bool = False, **options: Any
) -> Iterator[Any]:
    """A page in a browser profile of its own: of a person, the coordinator, or the audience.

    `options` are Playwright's: viewport, color_scheme, java_script_enabled, reduced_motion, ...
    """
    context = browser.new_context(**{"base_url": server.address, **options})
    try:
        if person or coordinator:
            with server.client(person, coordinator) as client:
                cookie = client.cookies["candid"]
            context.add_cookies([{"name": "candid", "value": cookie, "url": server.address, "httpOnly": True}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page
    finally:
        context.close()


def barriers(page: Any) -> list[str]:
    """What axe finds on a page that keeps people out (WCAG 2.2 A and AA): the rule, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: pip install 'candid[test]'")
    found = axe.Axe().run(page, options={"runOnly": _RULES}).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
