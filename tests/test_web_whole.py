"""The whole way in a real browser: recorded, handed in, made, a word corrected, made again, approved, published.

The camera and the microphone of the browser play a clip in which somebody speaks; the embedded engine writes it down.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import publish, recipes, takes
from pipeline.board import open_board
from pipeline.workspace import Workspace
from tests import recorded
from tests.browser import signed_in
from tests.prepared import until_made
from tests.proxy import Proxy
from tests.served import Served, served
from tests.test_web_record import _camera, _is_here, _record, spoken  # noqa: F401 - a fixture
from tests.test_web_uploads import TUS, begun, go_on, told

pytestmark = pytest.mark.slow

SECONDS = 8.5  # that are recorded
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
WORD = "zebra"  # what somebody makes of a word that was misheard
KB = 1 << 10


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("whole") / "space"
    for slug in ("phone", "desktop", "keyboard"):
        recipes.new(folder / "recipes", "What became of the server", slug, formats=["square"], language="en")
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser(spoken) -> Iterator[Any]:  # noqa: F811 - the fixture
    with _camera(spoken) as running:
        yield running


@dataclass
class Hands:
    """Somebody with a mouse or a finger."""

    page: Any

    def press(self, what: Any) -> None:
        what.click()

    def write(self, field: Any, text: str) -> None:
        field.fill(text)


class Keys(Hands):
    """Somebody who has a keyboard and nothing else: Tab leads to everything, Enter and Space do it."""

    def press(self, what: Any) -> None:
        self._reach(what)
        is_box = what.evaluate("(each) => each.type === 'checkbox' || each.type === 'radio'")
        self.page.keyboard.press("Space" if is_box else "Enter")

    def write(self, field: Any, text: str) -> None:
        self._reach(field)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def _reach(self, what: Any) -> None:
        what.wait_for()
        for _ in range(150):
            if what.evaluate("(each) => each === document.activeElement"):
                outline = what.evaluate("(each) => getComputedStyle(each).outlineStyle")
                assert outline != "none", "whoever cannot see where they are is lost"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {what}")


def _button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name).and_(page.locator(":visible")).first


def _link(page: Any, name: str) -> Any:
    return page.get_by_role("link", name=name).and_(page.locator(":visible")).first


# --- the steps --------------------------------------------------------------------------------------------------------


def _recorded(hands: Hands, recipe: str) -> None:
    from playwright.sync_api import expect

    page = hands.page
    page.goto("/record")
    hands.press(page.locator(f'a[href="/record/{recipe}"]'))
    page.wait_for_url(f"**/record/{recipe}")
    hands.press(page.locator(".record:visible").first)
    expect(page.locator("#start")).to_be_enabled()
    if type(hands) is Hands:
        _record(page, SECONDS)
    else:
        hands.press(page.locator("#start"))
        expect(page.locator("#recorder-said")).to_have_text("Recording.", timeout=10_000)
        page.wait_for_timeout(SECONDS * 1000)
        hands.press(page.locator("#stop"))
    hands.press(page.locator("#taken .use").first)
    expect(page.locator("#recorder")).not_to_be_visible()


def _handed_in(hands: Hands, take: str) -> None:
    page = hands.page
    hands.press(page.locator("#consent"))
    hands.press(page.locator("#hand-in-now"))
    page.wait_for_url(f"**/takes/{take}", timeout=90_000)


def _corrected(hands: Hands, server: Served, take: str) -> str:
    """Waits until it is made, mends a word, and has it made again; the words that were heard."""
    page = hands.page
    _link(page, "Approve and publish").wait_for(timeout=240_000)  # the page tells by itself that it is made
    hands.press(_link(page, "Look and correct"))
    page.wait_for_url("**/correct")
    line = page.locator(".line").filter(has=page.locator("input:checked")).first
    hands.press(line.get_by_role("button", name=re.compile("^Mend")))
    field = line.locator("textarea")
    heard = str(field.input_value())
    hands.write(field, " ".join([*heard.split()[:-1], WORD]) if " " in heard else f"{heard} {WORD}")
    before = _made_when(server, take)
    hands.press(_button(page, "Save and make again"))
    page.wait_for_url("**saved=make")
    _until(lambda: _made_when(server, take) not in ("", before))
    return heard


def _made_when(server: Served, take: str) -> str:
    with server.client(take.rpartition("-")[2]) as client:
        now = client.get("/states").json()[take]
    assert not now["fault"], now
    return "" if now["place"] else str(now["made"])


def _published(hands: Hands, take: str) -> None:
    page = hands.page
    page.goto(f"/takes/{take}")
    hands.press(_link(page, "Approve and publish"))
    page.wait_for_url("**/publish")
    if page.locator('input[name="read"]').count():  # asked where sentences are unsure
        hands.press(page.locator('input[name="read"]'))
    hands.press(_button(page, "Approve exactly this"))
    hands.press(_button(page, "Publish to Folder"))
    page.get_by_text("in your folder").wait_for(timeout=60_000)


def _until(met: Any, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.3)


def _is_out(server: Served, take: str) -> None:
    """What lies in the folder is what was recorded and corrected."""
    space = Workspace(server.folder)
    place = space.root / publish.OUTBOX / take
    assert WORD in (place / "square.vtt").read_text(encoding="utf-8")
    assert (place / "square.mp4").read_bytes() == (space.output / take / "square.mp4").read_bytes()
    report = json.loads((space.output / take / "report.json").read_text(encoding="utf-8"))
    assert report["chunks"]["kept"] > 0, "made again, only what changed is made"
    assert 3 < report["clip_seconds"] < 14 and report["video_seconds"] > 2


def _watched(page: Any) -> list[str]:
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    return faults


# --- who goes it ------------------------------------------------------------------------------------------------------


def test_on_a_phone(browser, server):
    from tests.browser import _running

    phone = _running[0].devices["Pixel 7"]
    with signed_in(browser, server, "ada", **phone) as page:
        faults, hands = _watched(page), Hands(page)
        _recorded(hands, "phone")
        _is_here(page)
        _handed_in(hands, "phone-ada")
        _corrected(hands, server, "phone-ada")
        _published(hands, "phone-ada")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert faults == []
    _is_out(server, "phone-ada")


def test_by_keyboard_alone(browser, server):
    with signed_in(browser, server, "ben", **DESKTOP) as page:
        faults, keys = _watched(page), Keys(page)
        _recorded(keys, "keyboard")
        _is_here(page)
        _handed_in(keys, "keyboard-ben")
        _corrected(keys, server, "keyboard-ben")
        _published(keys, "keyboard-ben")
        assert faults == []
    _is_out(server, "keyboard-ben")


def test_with_two_cuts_and_a_server_that_is_killed_on_the_way(browser, server):
    """On a desktop: the connection is lost twice while the clip is sent, and the server is killed twice."""
    arrived = lambda: sum(each.stat().st_size for each in (server.folder / ".candid" / "uploads").glob("*.part"))  # noqa: E731
    with (
        contextlib.closing(Proxy(server.port, rate=400 * KB)) as proxy,
        signed_in(browser, server, "ada", base_url=f"http://127.0.0.1:{proxy.port}", **DESKTOP) as page,
    ):
        hands = Hands(page)
        _recorded(hands, "desktop")
        for at in (150 * KB, 450 * KB):
            _until(lambda at=at: arrived() > at, 60)
            proxy.cut()
        _until(lambda: arrived() > 600 * KB, 60)
        server.kill()
        server.start()
        proxy.rate = 0
        _is_here(page)
        _handed_in(hands, "desktop-ada")
        _until(lambda: list((server.folder / "output" / "desktop-ada").glob("words.json")))
        server.kill()  # while it is made
        server.start()
        _corrected(hands, server, "desktop-ada")
        _published(hands, "desktop-ada")
    _is_out(server, "desktop-ada")
    assert [take.id for take in takes.listed(server.folder / "assets" / "clips") if take.recipe == "desktop"] == [
        "desktop-ada"
    ]


def test_killed_in_the_middle_of_everything_nothing_is_lost(tmp_path):
    """Votes, uploads and a render, all at once, when the server is killed: each vote counts once, all go on."""
    with served(tmp_path / "space", "--proxy", "127.0.0.1") as server:
        space = Workspace(server.folder)
        take = recorded.handed_in(space.root, recorded.clip(tmp_path / "clips", seconds=6))
        recorded.heard(space.root, take)
        with open_board(space.board) as board:
            topic = board.suggest("Show us the roof", "", "somebody").id
        clip = bytes(range(256)) * 64 * 40  # 640 KB
        with server.client("ada") as ada:
            assert ada.post(f"/takes/{take.id}/make").status_code == 303
            places = [begun(ada, len(clip), **{"upload-metadata": told(filename="a.mp4")}) for _ in range(4)]
            voters = [threading.Thread(target=_votes, args=(server, topic, f"{n:022d}")) for n in range(12)]
            senders = [threading.Thread(target=_sends, args=(server, place, clip)) for place in places]
            for each in (*voters, *senders):
                each.start()
            _until(lambda: list((space.output / take.id).glob("chunks/*")) or _line_is_empty(server), 120)
            server.kill()
            server.start()
            for each in (*voters, *senders):
                each.join(timeout=120)
                assert not each.is_alive()
            until_made(ada, take.id)
            for place in places:
                part = server.folder / ".candid" / "uploads" / f"{place.rpartition('/')[2]}.part"
                assert part.read_bytes() == clip
        with open_board(space.board) as board:
            assert board.get(topic).votes == 1 + len(voters)


def _line_is_empty(server: Served) -> bool:
    with server.client("ada") as ada:
        return not any(each["place"] for each in ada.get("/states").json().values())


def _votes(server: Served, topic: int, token: str) -> None:
    """Votes again and again, as browsers do that do not know whether it was counted, until some answers came."""
    with server.client() as client:
        client.cookies.set("candid-voter", token)
        _again_and_again(lambda: client.post(f"/topics/{topic}/vote", headers=_from(token)).status_code == 303, 6)


def _from(token: str) -> dict[str, str]:
    return {"x-forwarded-for": f"192.0.2.{int(token) + 1}"}


def _sends(server: Served, place: str, clip: bytes) -> None:
    """Sends small slices, from wherever the server says that it is."""

    def sent() -> bool:
        at = int(client.head(place, headers=TUS).headers["upload-offset"])
        if at < len(clip):
            go_on(client, place, at, clip[at : at + 16 * KB])
        return at == len(clip)

    with server.client("ada") as client:
        _again_and_again(sent, 1)


def _again_and_again(succeeds: Any, times: int) -> None:
    import httpx

    end = time.monotonic() + 110
    while times and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError, KeyError):  # nobody is there for a moment
            times -= succeeds()
        time.sleep(0.1)
    assert not times
