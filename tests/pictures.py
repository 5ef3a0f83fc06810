"""Makes the README's pictures of the page, docs/page-*.png: `python -m tests.pictures`.

A server on a workspace with the demo's clip in it, and a real browser.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.browser import chromium, signed_in
from tests.conftest import ROOT
from tests.prepared import Prepared, prepared
from tests.served import served

LARGEST = 150_000  # bytes
GAP, ROUND = 28, 22
PAPER = (231, 229, 222)
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2}
DESKTOP = {"viewport": {"width": 1180, "height": 780}, "device_scale_factor": 2}

Show = Callable[[Any, Prepared], None]


def topics(page: Any, there: Prepared) -> None:
    page.goto("/")
    page.locator(".vote button").nth(1).click()
    page.locator('.vote button[aria-pressed="true"]').wait_for()
    page.evaluate("() => document.activeElement.blur()")


def topics_while_typing(page: Any, there: Prepared) -> None:
    page.goto("/")
    page.get_by_label("Your idea").press_sequentially("what does a datacenter sound like", delay=10)
    page.locator("#similar li").first.wait_for()


def record(page: Any, there: Prepared) -> None:
    page.goto("/record/destroy")


def recorder(page: Any, there: Prepared) -> None:
    page.goto("/record/read")
    page.locator(".record:visible").first.click()
    page.wait_for_function("() => !document.getElementById('start').disabled")
    page.wait_for_function("() => document.getElementById('live').readyState > 2")
    page.wait_for_function("() => document.getElementById('level').value > 0.3")


def correct(page: Any, there: Prepared) -> None:
    page.goto(f"/takes/{there.takes['spoken']}/correct")
    while not page.locator("[data-stage]").count():  # a copy that browsers play is being made
        page.wait_for_timeout(2000)
        page.reload()
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    page.locator(".word", has_text="twelve").click()
    page.wait_for_function("() => document.querySelector('[data-caption]').textContent.includes('twelve')")
    page.mouse.move(0, 0)
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, innerWidth < 500 ? 462 : 0); }")
    page.wait_for_timeout(300)


PICTURES: dict[str, tuple[tuple[Show, str], tuple[Show, str]]] = {  # on a desktop, and on a phone
    "page-topics": ((topics, ""), (topics_while_typing, "")),
    "page-record": ((record, "ada"), (recorder, "ada")),
    "page-correct": ((correct, "ada"), (correct, "ada")),
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="candid-pictures-") as name:
        folder = Path(name)
        with served(folder / "space") as server, chromium(*_camera(folder)) as browser:
            there = prepared(server, tidy=True)
            for picture, (desktop, phone) in PICTURES.items():
                wide = _shot(browser, there, folder / "wide.png", *desktop, color_scheme="light", **DESKTOP)
                tall = _shot(browser, there, folder / "tall.png", *phone, color_scheme="dark", **PHONE)
                _beside(wide, tall, ROOT / "docs" / f"{picture}.png")


def _camera(folder: Path) -> tuple[str, ...]:
    """What makes a browser see and hear the demo's clip."""
    from pipeline import ffmpeg

    demo, seen, heard = ROOT / "assets" / "demo" / "demo.mp4", folder / "camera.mjpeg", folder / "microphone.wav"
    ffmpeg.run(["-i", str(demo), "-t", "6", "-vf", "scale=1280:720", "-f", "mjpeg", "-q:v", "6", str(seen)])
    ffmpeg.run(["-ss", "1", "-i", str(demo), "-t", "3", "-ar", "48000", "-ac", "1", str(heard)])
    return (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}", f"--use-file-for-fake-audio-capture={heard}",
    )  # fmt: skip


def _shot(browser: Any, there: Prepared, path: Path, show: Show, person: str, **look: Any) -> Image.Image:
    with signed_in(browser, there.server, person, **look) as page:
        show(page, there)
        page.screenshot(path=path)
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _beside(wide: Image.Image, tall: Image.Image, out: Path) -> None:
    """Both on one sheet with round corners, small enough for a README."""
    size = (wide.width + tall.width + 3 * GAP, max(wide.height, tall.height) + 2 * GAP)
    sheet, at = Image.new("RGB", size, PAPER), GAP
    for picture in (wide, tall):
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), ROUND, 255)
        sheet.paste(picture, (at, GAP), mask)
        at += picture.width + GAP
    for width in (1500, 1300, 1100, 900):
        small = sheet.resize((width, round(sheet.height * width / sheet.width)), Image.Resampling.LANCZOS)
        small.quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)
        if out.stat().st_size < LARGEST:
            print(f"{out.relative_to(ROOT)}: {small.width} x {small.height}, {out.stat().st_size // 1000} KB")
            return
    raise SystemExit(f"{out} is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
