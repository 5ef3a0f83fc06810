"""Recording and handing in: the pages without JavaScript, what becomes a take, and a real browser with a camera."""

from __future__ import annotations

import contextlib
import os
import re
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from pipeline import brand, recipes, takes, workspace
from pipeline.web.handing import HandIn, HandIns, Sent
from pipeline.web.incoming import Incoming, Upload
from tests import clips
from tests.browser import a_browser, barriers, chromium, signed_in  # noqa: F401 - a fixture
from tests.proxy import Proxy
from tests.served import served
from tests.test_web_uploads import TUS, _peak, _until, begun, go_on, told

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

MB = 1 << 20
TOPIC = "What <b>we</b> do"
CONSENT = brand.load(workspace.product_assets() / "brands" / "default").consent
PROMPTS = ["Show the server & say what it did.", "Show what is left."]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(_space(tmp_path_factory.mktemp("page") / "space")) as running:
        yield running


def _space(folder: Path) -> Path:
    """Where three recipes are asked for: with two prompts, with none, with a script."""
    for slug, more in (
        ("two", {"prompts": PROMPTS, "why": "Because <i>many</i> asked."}),
        ("free", {}),
        ("read", {"script": "We moved the fleet to new machines.\n" * 12}),
    ):
        recipes.new(folder / "recipes", TOPIC, slug, **more)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.ordinary(tmp_path_factory.mktemp("clips"), "harbor day.mp4")


def consent_of(page: str) -> str:
    found = re.search(r'name="consent" id="consent" value="([0-9a-f]+)"', page)
    assert found, page
    return found[1]


def sent(client, path: Path, recipe: str, slot: int = 1, name: str = "") -> str:
    """Sends a file by tus, as the page's script does; the id of the upload."""
    data = path.read_bytes()
    metadata = told(filename=name or path.name, recipe=recipe, slot=str(slot))
    place = begun(client, len(data), **{"upload-metadata": metadata})
    assert go_on(client, place, 0, data).status_code == 204
    return place.rpartition("/")[2]


def hand_in(client, recipe: str, fields: dict[str, str], files=()) -> httpx.Response:
    """Fills in the form as a browser does: always multipart."""
    parts = [(name, (None, value)) for name, value in fields.items()]
    return client.post(f"/record/{recipe}", files=[*parts, *files] or [("nothing", (None, ""))])


def settled(client, answer: httpx.Response) -> str:
    """Waits at the page that a hand-in leads to; where that leads."""
    assert answer.status_code == 303, answer.text
    place = answer.headers["location"]
    assert place.startswith("/hand-in/")
    _until(lambda: client.get(place).status_code == 303, seconds=60)
    return client.get(place).headers["location"]


def with_consent(client, recipe: str, **fields: str) -> dict[str, str]:
    return {"consent": consent_of(client.get(f"/record/{recipe}").text), **fields}


# --- the pages --------------------------------------------------------------------------------------------------------


def test_the_queue_shows_what_is_asked_for_and_who_records_it(server):
    with server.client("ada") as ada, server.client("ben") as ben:
        assert "ada records it" not in ben.get("/record").text
        assert ada.post("/record/free/claim").status_code == 303
        assert "ada records it" in ben.get("/record").text and "yours to record" in ada.get("/record").text
        refused = ben.post("/record/free/claim")
        assert refused.status_code == 400 and "claimed by ada" in refused.text
        assert ben.post("/record/free/claim", data={"release": "yes"}).status_code == 303
        assert "ada records it" in ben.get("/record/free").text, "only who claimed it gives it back"
        ada.post("/record/free/claim", data={"release": "yes"})
        assert "ada records it" not in ben.get("/record").text


def test_a_recipe_shows_why_the_prompts_and_what_the_company_stands_for(server):
    with server.client("ada") as ada:
        page = ada.get("/record/two").text
    assert "What &lt;b&gt;we&lt;/b&gt; do" in page and "<b>we</b>" not in page
    assert "Because &lt;i&gt;many&lt;/i&gt; asked." in page
    assert "1. Show the server &amp; say what it did." in page and "2. Show what is left." in page
    assert CONSENT in page
    assert 'capture="user"' in page and page.count('type="file"') == 6


@pytest.mark.parametrize(
    "path", ["/record/nothing", "/record/..%2fpeople", "/record/%00", "/record/two.toml", "/hand-in/x"]
)
def test_what_is_not_asked_for_is_not_there(server, path):
    with server.client("ada") as ada:
        assert ada.get(path).status_code == 404
        if path.startswith("/record"):
            assert ada.post(path, files=[("x", (None, "y"))]).status_code == 404


def test_an_empty_queue_says_what_to_do_next(tmp_path):
    with served(tmp_path / "space") as server, server.client("ada") as ada:
        for path in (server.folder / "recipes").glob("*.toml"):
            path.unlink()
        page = ada.get("/record").text
    assert "Nothing is asked for" in page and 'href="/"' in page


def test_without_https_the_page_says_why_it_does_not_record(tmp_path):
    origin = "http://candid.test"
    with (
        served(tmp_path / "space", "--origin", origin) as server,
        httpx.Client(base_url=server.address, headers={"origin": origin}) as ada,
    ):
        assert ada.post(f"/in/{server.link('ada')}").status_code == 303
        page = ada.get("/record/destroy-a-server").text
    assert "only over https" in page and 'capture="user"' in page


# --- handing in without JavaScript ------------------------------------------------------------------------------------


def test_files_of_a_plain_form_become_a_take_in_the_order_of_the_prompts(server, clip, tmp_path):
    other = clips.made(tmp_path, "other.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:d=1", "-pix_fmt", "yuv420p")
    with server.client("ben") as ben:
        files = [
            ("clip-2", (other.name, other.read_bytes(), "video/quicktime")),
            ("clip-1", ("../../etc/harbor day.mp4", clip.read_bytes(), "video/mp4")),
            ("clip-1", ("", b"", "application/octet-stream")),
        ]
        place = settled(ben, hand_in(ben, "two", with_consent(ben, "two"), files))
    assert place == "/takes/two-ben"
    take = takes.load(server.folder / "assets" / "clips", "two-ben")
    assert [path.name for path in take.clips] == ["1-harbor-day.mp4", "2-other.mov"]
    assert [path.read_bytes() for path in take.clips] == [clip.read_bytes(), other.read_bytes()]
    assert take.consent == CONSENT
    assert list((server.folder / ".candid" / "uploads").iterdir()) == [], "what is in the take lies there alone"
    _until(lambda: not list((server.folder / ".candid" / "hand-ins").glob("*/")))
    with server.client("ben") as ben:
        assert "two-ben" in ben.get("/states").json()


def test_what_is_missing_is_said_beside_it_and_nothing_has_to_be_sent_again(server, clip):
    with server.client("ada") as ada:
        nothing = hand_in(ada, "two", with_consent(ada, "two"))
        assert nothing.status_code == 422 and "at least one clip" in nothing.text
        answer = hand_in(ada, "two", {}, [("clip-1", (clip.name, clip.read_bytes()))])
        assert answer.status_code == 422
        assert re.search(r'id="consent-fault">Without this', answer.text) and "field wrong" in answer.text
        assert "is here" in answer.text
        upload = re.search(r'name="upload-1" value="([\w-]{22})"', answer.text)
        assert upload
        stale = hand_in(ada, "two", {"consent": "0" * 16, "upload-1": upload[1]})
        assert stale.status_code == 422, "another wording than the one that was accepted"
        assert ada.post("/record/two", files=[("remove", (None, upload[1]))]).status_code == 303
        assert "is here" not in ada.get("/record/two").text


def test_what_has_not_arrived_whole_is_not_handed_in(server, clip):
    with server.client("ada") as ada:
        place = begun(ada, 1000, **{"upload-metadata": told(filename="half.mp4", recipe="two", slot="1")})
        go_on(ada, place, 0, b"x" * 500)
        page = ada.get("/record/two").text
        assert "half.mp4" in page and "500 Bytes of 1.0 kB" in page
        fields = with_consent(ada, "two", **{"upload-1": place.rpartition("/")[2]})
        answer = hand_in(ada, "two", fields)
        assert answer.status_code == 422 and "not arrived whole" in answer.text
        ada.delete(place, headers=TUS)


def test_somebody_elses_upload_cannot_be_handed_in_or_removed(server, clip):
    with server.client("ada") as ada, server.client("ben") as ben:
        hers = sent(ada, clip, "two")
        assert hand_in(ben, "two", with_consent(ben, "two", **{"upload-1": hers})).status_code == 422
        ben.post("/record/two", files=[("remove", (None, hers))])
        assert ada.head(f"/uploads/{hers}", headers=TUS).status_code == 200
        ada.delete(f"/uploads/{hers}", headers=TUS)


def test_a_form_that_is_cut_off_leaves_nothing(server):
    with server.client("ada") as ada, contextlib.closing(Proxy(server.port, rate=2 * MB)) as proxy:
        import threading

        threading.Timer(0.8, proxy.cut).start()
        with pytest.raises(httpx.HTTPError):
            ada.post(f"http://127.0.0.1:{proxy.port}/record/two", files=[("clip-1", ("a.mp4", bytes(8 * MB)))])
    _until(lambda: list((server.folder / ".candid" / "uploads").glob("*")) == [])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"consent=1"),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb"),
        ("multipart/form-data; boundary=x", b"nothing like it"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n" * 400),
    ],
)
def test_a_form_that_is_none_is_refused_in_words(server, kind, body):
    with server.client("ada") as ada:
        answer = ada.post("/record/two", content=body, headers={"content-type": kind})
    assert answer.status_code == 400 and "did not arrive" in answer.text


@pytest.mark.slow
def test_a_large_file_in_a_form_goes_to_the_disk_at_flat_memory(tmp_path):
    head = b'--x\r\nContent-Disposition: form-data; name="clip-1"; filename="long.mp4"\r\n\r\n'
    tail, block, blocks = b"\r\n--x--\r\n", bytes(MB), 500
    kind = {"content-type": "multipart/form-data; boundary=x"}
    with served(_space(tmp_path / "space")) as server, server.client("ada") as ada:
        assert ada.post("/record/two", content=head + block + tail, headers=kind).status_code == 422
        before = _peak(server.pid)
        length = {"content-length": str(len(head) + blocks * MB + len(tail))}
        body = (part for parts in ([head], (block for _ in range(blocks)), [tail]) for part in parts)
        answer = ada.post("/record/two", content=body, headers=kind | length)
        assert answer.status_code == 422 and "long.mp4" in answer.text
        grown = _peak(server.pid) - before
        assert (
            max(path.stat().st_size for path in (server.folder / ".candid" / "uploads").glob("*.part")) == blocks * MB
        )
    assert grown < 24 * MB, f"{grown / MB:.0f} MB"


# --- what becomes of it -----------------------------------------------------------------------------------------------


def test_pressed_twice_it_is_one_take(server, tmp_path):
    clip = clips.made(tmp_path, "twice.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:d=2", "-pix_fmt", "yuv420p")
    with server.client("ada") as ada:
        fields = with_consent(ada, "free", **{"upload-1": sent(ada, clip, "free")})
        first, second = (hand_in(ada, "free", fields) for _ in range(2))
        assert first.headers["location"] == second.headers["location"]
        assert settled(ada, first) == settled(ada, second) == "/takes/free-ada"
        with server.client("ben") as ben:
            assert ben.get(first.headers["location"]).status_code == 404
            assert ben.get(f"{first.headers['location']}/waits").status_code == 404
        assert "You handed this in" in ada.get("/record/free").text
        # the same clip for another recipe: the way out is a box
        fields = with_consent(ada, "read", **{"upload-1": sent(ada, clip, "read")})
        assert settled(ada, hand_in(ada, "read", fields)) == "/record/read"
        page = ada.get("/record/read").text
        assert "was handed in before" in page and 'name="again"' in page and "--again" not in page
        assert settled(ada, hand_in(ada, "read", fields | {"again": "yes"})) == "/takes/read-ada"


def _zip_bomb(folder: Path) -> Path:
    path = folder / "holiday.mp4"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", bytes(200 * MB))
    return path


def _media_bomb(folder: Path) -> Path:
    """A small file whose pictures would fill the memory."""
    return clips.made(folder, "bomb.avi", "-f", "lavfi", "-i", "color=s=16384x8192:r=1:d=1", "-c:v", "mjpeg")


BAD = {
    "text": clips.HOPELESS["text"],
    "a playlist": lambda folder: clips.concat(folder / "list.mp4", "/etc/passwd"),
    "a zip bomb": _zip_bomb,
    "a media bomb": _media_bomb,
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_clip_is_refused_at_the_clip_and_the_good_one_stays(server, clip, kind, tmp_path):
    with server.client("ada") as ada:
        bad = BAD[kind](tmp_path)
        name = "<i>ou</i>ch.mp4"
        fields = with_consent(
            ada, "two", **{"upload-1": sent(ada, clip, "two"), "upload-2": sent(ada, bad, "two", 2, name)}
        )
        assert settled(ada, hand_in(ada, "two", fields)) == "/record/two"
        page = ada.get("/record/two").text
        fault = re.search(r'id="fault-2" role="alert">([^<]+)<', page)
        assert fault and "i&gt;ch.mp4" in fault[1] and 'id="fault-1"' not in page
        assert 'aria-describedby="fault-2"' in page and 'href="#slot-2"' in page
        assert page.count("is here") == 2, "the good one need not be sent again"
        assert not list((server.folder / "assets" / "clips").glob("two-ada*"))
        for upload in re.findall(r'name="upload-\d" value="([\w-]+)"', page):
            ada.delete(f"/uploads/{upload}", headers=TUS)


@pytest.mark.slow
def test_killed_while_it_is_looked_at_it_becomes_one_take(tmp_path, clip):
    with served(_space(tmp_path / "space")) as server, server.client("ada") as ada:
        fields = with_consent(ada, "two", **{"upload-1": sent(ada, clip, "two")})
        answer = hand_in(ada, "two", fields)
        for pause in (0.05, 0.6, 1.4):
            time.sleep(pause)
            server.kill()
            server.start()
        assert settled(ada, answer) == "/takes/two-ada"
        assert [take.id for take in takes.listed(server.folder / "assets" / "clips")] == ["two-ada"]
        assert "two-ada" in ada.get("/states").json()
        assert not list((server.folder / "assets" / "clips").glob(".part-*"))


# --- a real browser ---------------------------------------------------------------------------------------------------


def _is_here(page, count: int = 1) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#told")).to_contain_text("is here", timeout=30_000)
    expect(page.locator(".slot .sending:visible")).to_have_count(0)
    expect(page.locator('input[type=hidden][name^="upload-"]')).to_have_count(count)


def _handed_in(page, take: str) -> None:
    _is_here(page)
    page.locator("#consent").check()
    page.locator("#hand-in-now").click()
    page.wait_for_url(f"**/takes/{take}", timeout=60_000)


@pytest.mark.slow
def test_a_chosen_file_survives_two_cuts_a_kill_and_a_closed_tab(browser, tmp_path, clip):
    from playwright.sync_api import expect

    with (tmp_path / "long.mp4").open("wb") as file:  # what comes behind the clip is not looked at
        file.write(clip.read_bytes())
        file.write(b"\0\0\0\0free" + bytes(30 * MB))
    with (
        served(_space(tmp_path / "space")) as server,
        contextlib.closing(Proxy(server.port, rate=6 * MB)) as proxy,
        signed_in(browser, server, "ada", base_url=f"http://127.0.0.1:{proxy.port}") as page,
    ):
        folder = server.folder / ".candid" / "uploads"
        arrived = lambda: sum(path.stat().st_size for path in folder.glob("*.part"))  # noqa: E731
        page.goto("/record/two")
        page.set_input_files("#clip-1", tmp_path / "long.mp4")
        for at in (3 * MB, 10 * MB):
            _until(lambda at=at: arrived() > at, 60)
            proxy.cut()
        page.locator("#consent").check()
        page.locator("#hand-in-now").click()
        expect(page.locator("#told")).to_contain_text("still on their way")
        _until(lambda: arrived() > 16 * MB, 60)
        server.kill()
        server.start()
        _until(lambda: arrived() > 20 * MB, 60)
        again = page.context.new_page()
        page.close()
        again.goto("/record/two")
        expect(again.locator(".sent").first).to_contain_text("is not here yet")
        again.set_input_files("#clip-1", tmp_path / "long.mp4")
        _handed_in(again, "two-ada")
        assert proxy.passed < 48 * MB, "little was sent twice"
        take = takes.load(server.folder / "assets" / "clips", "two-ada")
        assert take.clips[0].read_bytes() == (tmp_path / "long.mp4").read_bytes()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
LOOKS = [
    pytest.param(PHONE | {"color_scheme": "light"}, id="phone, light"),
    pytest.param(DESKTOP | {"color_scheme": "dark"}, id="desktop, dark"),
    pytest.param({"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}, id="small, dark"),
    pytest.param(DESKTOP | {"color_scheme": "light"}, id="desktop, light"),
]


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_on_these_pages_keeps_anybody_out(browser, server, look):
    with signed_in(browser, server, "ben", **look) as page:
        for path in ("/record", "/record/two", "/record/read"):
            page.goto(path)
            assert barriers(page) == []
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        page.locator(".record").first.click()
        page.locator("#recorder-said:not(:empty)").wait_for()
        assert "No camera" in page.locator("#recorder-said").inner_text()
        assert barriers(page) == []


@pytest.mark.slow
def test_the_first_page_is_small_and_asks_nobody_else(browser, server):
    with signed_in(browser, server, "ben") as page:
        sizes = {}
        page.on("response", lambda answer: sizes.setdefault(answer.url, answer))
        page.goto("/record/two", wait_until="networkidle")
        assert all(url.startswith(server.address) for url in sizes)
        assert sum(len(answer.body()) for answer in sizes.values()) < 100_000


@pytest.mark.slow
def test_a_browser_that_may_not_use_the_camera_is_told_what_to_do(server):
    with (
        chromium("--use-fake-device-for-media-stream", "--deny-permission-prompts") as browser,
        signed_in(browser, server, "ben") as page,
    ):
        page.goto("/record/two")
        page.locator(".record").first.click()
        page.locator("#recorder-said:not(:empty)").wait_for()
        assert "does not lend" in page.locator("#recorder-said").inner_text()
        assert page.locator("#start").is_disabled()


# --- with a camera that sees and hears a spoken clip


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The demo clip as a camera and a microphone: its moving pictures, and its speech."""
    from pipeline import ffmpeg
    from tests.conftest import ROOT

    folder, demo = tmp_path_factory.mktemp("camera"), ROOT / "assets" / "demo" / "demo.mp4"
    ffmpeg.run(
        ["-i", str(demo), "-t", "8", "-vf", "scale=1280:720", "-f", "mjpeg", "-q:v", "6", str(folder / "a.mjpeg")]
    )
    ffmpeg.run(["-i", str(demo), "-t", "8", "-ar", "48000", "-ac", "1", str(folder / "a.wav")])
    return folder


@contextlib.contextmanager
def _camera(spoken: Path):
    with chromium(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={spoken / 'a.mjpeg'}",
        f"--use-file-for-fake-audio-capture={spoken / 'a.wav'}",
    ) as browser:
        yield browser


def _record(page, seconds: float) -> None:
    from playwright.sync_api import expect

    page.locator("#start").click()
    expect(page.locator("#recorder-said")).to_have_text("Recording.", timeout=10_000)
    page.wait_for_timeout(seconds * 1000)
    page.locator("#stop").click()
    expect(page.locator("#recorder-said")).to_contain_text("Look at it")


def _likeness(recorded: Path, spoken: Path) -> float:
    """How well the recorded sound fits into what was spoken, which begins anywhere and starts anew: 1 is the same.

    The median of the pieces of 0.4 s in which somebody speaks: a machine that is busy makes the browser's microphone
    drop some samples, and what follows is the same speech a little later.
    """
    import numpy as np

    from pipeline import ffmpeg

    def samples(path: Path):
        out = path.with_suffix(".raw")
        ffmpeg.run(["-i", f"file:{path}", "-vn", "-ar", "16000", "-ac", "1", "-f", "s16le", f"file:{out}"])
        return np.frombuffer(out.read_bytes(), np.int16).astype(float)

    said = np.tile(samples(spoken / "a.wav"), 2)
    power = np.cumsum(np.concatenate([[0.0], said**2]))

    def fits(heard) -> float:
        size = 1 << int(len(said) + len(heard)).bit_length()
        spectrum = np.fft.rfft(said, size) * np.conj(np.fft.rfft(heard, size))
        cross = np.fft.irfft(spectrum, size)[: len(said) - len(heard)]
        here = (power[len(heard) :] - power[: -len(heard)])[: len(cross)]
        return float(np.max(cross / np.sqrt(np.maximum(here, 1.0) * max(np.sum(heard**2), 1.0))))

    heard = samples(recorded)
    pieces = heard[: len(heard) // 6400 * 6400].reshape(-1, 6400)
    loud = np.sum(pieces**2, axis=1)
    return float(np.median([fits(piece) for piece in pieces[loud > 0.1 * loud.max()]]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("look", "shape"), [(PHONE, ""), (DESKTOP, "wide"), (DESKTOP, "upright")], ids=["phone", "desktop", "upright"]
)
def test_recorded_and_handed_in_it_is_what_was_said(tmp_path, spoken, look, shape):
    from playwright.sync_api import expect

    with (
        served(_space(tmp_path / "space")) as server,
        _camera(spoken) as browser,
        signed_in(browser, server, "ada", **look) as page,
    ):
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto("/record/two")
        page.locator(".record").first.click()
        expect(page.locator("#start")).to_be_enabled()
        assert page.locator("#camera option").count() >= 1 and page.locator("#microphone option").count() >= 1
        expect(page.locator("#recorder-said")).to_contain_text("bar moves")
        page.wait_for_function("() => document.getElementById('level').value > 0.1")
        if shape:
            page.locator(".gear summary").first.click()
            page.locator("#shape").select_option(shape)
            expect(page.locator("#start")).to_be_enabled()
        page.locator("#done").click()
        page.locator(".record").first.click()
        _record(page, 2)
        _record(page, 5)
        expect(page.locator("#taken li")).to_have_count(2)
        page.locator("#taken li").nth(1).get_by_text("Use this one").click()
        expect(page.locator("#recorder")).not_to_be_visible()
        _handed_in(page, "two-ada")
        assert [fault for fault in faults if "404" not in fault] == []
        (recorded,) = takes.load(server.folder / "assets" / "clips", "two-ada").clips
        assert _likeness(recorded, spoken) > 0.9
        from pipeline import media

        probed = media.probe(recorded)
        assert probed.picture and 4000 < probed.duration_ms < 8000
        assert (probed.picture.height > probed.picture.width) == (shape == "upright")
        page.goto("/record/two")
        expect(page.locator(".before").first).not_to_be_visible()  # nothing is left in the browser


@pytest.mark.slow
def test_what_was_recorded_when_the_tab_closed_is_still_there(tmp_path, spoken):
    from playwright.sync_api import expect

    with (
        served(_space(tmp_path / "space")) as server,
        _camera(spoken) as browser,
        signed_in(browser, server, "ada", **DESKTOP) as page,
    ):
        page.goto("/record/two")
        page.locator(".record").nth(1).click()
        expect(page.locator("#start")).to_be_enabled()
        page.locator("#start").click()
        expect(page.locator("#recorder-said")).to_have_text("Recording.", timeout=10_000)
        page.wait_for_timeout(5500)
        context = page.context
        again = context.new_page()
        page.close()  # in the middle of it
        again.goto("/record/two")
        slot = again.locator('.slot[data-slot="2"]')
        expect(slot.locator(".before")).to_be_visible()
        slot.get_by_text("Use this one").click()
        _is_here(again)
        again.reload()
        expect(slot.locator(".sent")).to_contain_text("is here")
        expect(slot.locator(".taken li")).to_contain_text("used")
        expect(slot.locator(".before")).not_to_be_visible()
        again.locator("#consent").check()
        again.locator("#hand-in-now").click()
        again.wait_for_url("**/takes/two-ada", timeout=60_000)
        (recorded,) = takes.load(server.folder / "assets" / "clips", "two-ada").clips
        from pipeline import media

        assert media.probe(recorded).duration_ms > 3500
        assert _likeness(recorded, spoken) > 0.9
        context.clear_cookies()
        with server.client("ben") as ben:
            cookie = {"name": "candid", "value": ben.cookies["candid"], "url": server.address}
        context.add_cookies([cookie])
        again.goto("/record/two")
        assert again.locator(".taken li").count() == 0, "nobody else sees it"


@pytest.mark.slow
def test_by_keyboard_alone(tmp_path, spoken):
    from playwright.sync_api import expect

    with (
        served(_space(tmp_path / "space")) as server,
        _camera(spoken) as browser,
        signed_in(browser, server, "ada", **DESKTOP) as page,
    ):
        page.goto("/record/read")
        page.locator(".record").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#start")).to_be_enabled()
        page.locator("#prompter").focus()
        page.keyboard.press("Space")
        page.wait_for_function("() => document.getElementById('prompter').scrollTop > 10")
        page.keyboard.press("Space")
        page.locator("#start").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#recorder-said")).to_have_text("Recording.", timeout=10_000)
        page.keyboard.press("Escape")
        assert page.locator("#recorder").is_visible(), "Escape does not throw away what is being recorded"
        page.wait_for_timeout(1500)
        page.locator("#stop").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#taken li")).to_have_count(1)
        expect(page.locator("#taken .use")).to_be_focused()
        page.keyboard.press("Enter")
        _is_here(page)
        page.locator("#consent").focus()
        page.keyboard.press("Space")
        page.locator("#hand-in-now").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/takes/read-ada", timeout=60_000)


@pytest.mark.slow
def test_without_javascript_a_form_does_it(browser, server, tmp_path):
    clip = clips.made(tmp_path, "plain.mp4", "-f", "lavfi", "-i", "testsrc=s=160x120:d=3", "-pix_fmt", "yuv420p")
    with signed_in(browser, server, "ben", java_script_enabled=False, **DESKTOP) as page:
        page.goto("/record/free")
        assert page.locator(".record:visible").count() == 0
        page.set_input_files("#clip-1", clip)
        page.locator("#consent").check()
        page.locator("#hand-in-now").click()
        page.wait_for_url("**/takes/free-ben", timeout=60_000)
    assert takes.load(server.folder / "assets" / "clips", "free-ben").person == "ben"


def test_what_a_killed_server_left_is_swept(tmp_path):
    rooms = HandIns(tmp_path), Incoming(tmp_path / "uploads")
    upload = rooms[1].create(Upload(person="ada", length=1))
    clip = Sent(upload=upload.id, name="a.mp4", slot=1)
    old, waits = (
        rooms[0].add(HandIn(person="ada", recipe=recipe, consent="yes", clips=(clip,)), rooms[1])
        for recipe in ("old", "waits")
    )
    rooms[0].settle(old, take="old-ada")
    left, settled_meanwhile = tmp_path / ("0" * 32), tmp_path / old.id
    left.mkdir()
    settled_meanwhile.mkdir()
    rooms[0].sweep()
    assert rooms[0].find(old.id) and left.exists() and not settled_meanwhile.exists()
    for path in (*tmp_path.glob("*.json"), left, tmp_path / waits.id):
        os.utime(path, (1, 1))
    rooms[0].sweep()
    assert rooms[0].find(old.id) is None and not left.exists()
    assert [found.id for found in rooms[0].waiting()] == [waits.id]
