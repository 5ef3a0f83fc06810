"""Approving, publishing, withdrawing and taking down on the page: the whole way by a browser without JavaScript."""

from __future__ import annotations

import hashlib
import html
import json
import re
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from markupsafe import escape

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import approval, receipts
from pipeline.errors import CandidError
from pipeline.model import Account
from pipeline.shelf import fingerprint
from pipeline.web.cures import here
from pipeline.web.sender import _next
from pipeline.web.store import Sending, Store
from pipeline.workspace import Workspace
from tests import doubles
from tests.browser import barriers, chromium, signed_in
from tests.doubles import Answer, Request
from tests.peertube_double import UPLOADS, PeerTube
from tests.served import Served, served
from tests.test_peertube import TOKENS

MARK = "MarkerQ7x"  # in every secret
EVIL = "</title><script>alert(1)</script>\" onload='x' {{ 7*7 }} {topic}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page") / "space") as running:
        yield running


@pytest.fixture(scope="module")
def tube(server):
    """A PeerTube at which ada has an account."""
    with PeerTube().running() as double:
        connect(server, double)
        yield double
        assert double.violations == []


def connect(server: Served, double: PeerTube) -> None:
    double.access = {f"{MARK}-access": "me"}
    double.refresh = {f"{MARK}-refresh": "me"}
    tokens = {**TOKENS, "access_token": f"{MARK}-access", "refresh_token": f"{MARK}-refresh"}
    doubles.accounts(server._home).keep(Account("ada", "peertube", "3", "Ada (me@tube.example)", double.root), tokens)


@pytest.fixture
def take(server, request) -> str:
    """A finished take of ada's, one for each test."""
    return made(server, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60])


def made(server: Served, take: str, *, person: str = "ada", unsure: tuple[str, ...] = (), size: int = 1 << 20) -> str:
    """What handing in and rendering leave; the video is random bytes."""
    space = Workspace(server.folder)
    (space.recipes / "r.toml").write_text('topic = "Servers"\n')
    clips = space.takes / take
    clips.mkdir(parents=True, exist_ok=True)
    (clips / "1.mp4").write_bytes(b"a clip")
    record = {
        "id": take, "recipe": "r", "person": person, "clips": ["1.mp4"], "originals": ["1.mp4"],
        "sha256": [hashlib.sha256(b"a clip").hexdigest()], "handed_in": "2026-01-02T03:04:05+00:00", "consent": "yes",
    }  # fmt: skip
    (clips / "take.json").write_text(json.dumps(record))
    render(space, take, person, unsure=unsure, video=hashlib.shake_128(take.encode()).digest(size))
    return take


def render(
    space: Workspace, take: str, person: str = "ada", *, unsure: tuple[str, ...] = (), video: bytes = b"again"
) -> None:
    folder = space.output / take
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "landscape.mp4": video,
        "landscape.srt": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
        "landscape.vtt": b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
        "thumbnail.jpg": b"\xff\xd8\xff\xe0 a picture",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "edit.md").write_text("[x] 0:00.0 Hello.\n")
    stamps = {name: [(folder / name).stat().st_size, (folder / name).stat().st_mtime_ns] for name in contents}
    report = {
        "person": person, "recipe": "r", "title": "", "words": {"language": "en", "unsure": len(unsure)},
        "unsure": [{"clip": 1, "at": "0:00.0", "text": text, "words": []} for text in unsure],
        "variants": {"landscape": {"seconds": 12.0, "cues": 1, "chapters": []}},
        "files": ["edit.md", *contents], "stamps": stamps, "edit": fingerprint("[x] 0:00.0 Hello.\n"),
    }  # fmt: skip
    (folder / "report.json").write_text(json.dumps(report))


# --- a browser without JavaScript -------------------------------------------------------------------------------------


def form(page: str, action: str) -> dict[str, list[str]]:
    """What the browser sends for the form with this action: hidden, ticked and filled fields."""
    found = re.search(rf'<form[^>]* method="post" action="{re.escape(action)}"', page)
    assert found, f"no form for {action}"
    body = page[found.end() : page.index("</form>", found.end())]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", body):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        chooses = 'type="checkbox"' in tag or 'type="radio"' in tag
        if name and (not chooses or " checked" in tag):
            sent.setdefault(name[1], []).append(html.unescape(value[1] if value else ""))
    return sent


def approve(client: httpx.Client, take: str, **choices: object) -> httpx.Response:
    """Looks at what would go out for some choices, and approves it."""
    page = client.get(f"/takes/{take}/publish", params=choices)
    sent = form(page.text, f"/takes/{take}/approve")
    return client.post(f"/takes/{take}/approve", data=sent | ({"read": "yes"} if 'name="read"' in page.text else {}))


def press_publish(client: httpx.Client, take: str) -> httpx.Response:
    page = client.get(f"/takes/{take}/publish").text
    return client.post(f"/takes/{take}/publish", data=form(page, f"/takes/{take}/publish"))


def settled(server: Served, client: httpx.Client, take: str, seconds: float = 60) -> str:
    """The page once nothing of the take is on its way."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if client.get("/states").json()[take]["sending"] is None:
            return client.get(f"/takes/{take}/publish").text
        time.sleep(0.1)
    raise AssertionError(f"it never ended: {client.get('/states').json()[take]} {server.log()}")


def out(server: Served, take: str) -> list[str]:
    return [each.service for each in receipts.out(receipts.read(server.folder / "output" / take))]


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_from_a_look_to_the_folder_and_back(server, take):
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish")
        assert page.status_code == 200 and "Approve exactly this" in page.text and "Servers" in page.text
        assert "I work at Example" in page.text and "needs no account" in page.text
        assert f'action="/takes/{take}/publish"><input type="hidden" name="to"' not in page.text, "no Publish yet"
        assert client.post(f"/takes/{take}/publish", data={"to": "folder"}).status_code == 409
        assert out(server, take) == []

        assert approve(client, take).status_code == 303
        page = client.get(f"/takes/{take}/publish").text
        assert "You approved exactly this on" in page and "Publish to Folder" in page
        assert out(server, take) == [], "approving alone publishes nothing"

        assert press_publish(client, take).status_code == 303
        page = settled(server, client, take)
        assert out(server, take) == ["folder"] and "Everything that you approved is out." in page
        assert "file://" not in page

        page = client.get(f"/takes/{take}/published").text
        names = re.findall(rf'href="/takes/{take}/published/([^"]+)"', page)
        assert sorted(names) == ["index.html", "landscape.mp4", "landscape.srt", "landscape.vtt", "thumbnail.jpg"]
        video = client.get(f"/takes/{take}/published/landscape.mp4")
        assert video.content == (server.folder / "output" / take / "landscape.mp4").read_bytes()
        assert video.headers["content-disposition"].startswith("attachment") and "Servers" in page

        page = client.get(f"/takes/{take}/take-down").text
        assert client.post(f"/takes/{take}/take-down", data=form(page, f"/takes/{take}/take-down")).status_code == 303
        page = settled(server, client, take)
        assert out(server, take) == [] and "You withdrew your approval" in page and "Approve exactly this" in page
        assert client.get(f"/takes/{take}/published").status_code == 404


def test_to_an_account_of_ones_own_live(server, tube, take):
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish", params={"to": "peertube", "who": "unlisted", "title": "We drop it"})
        assert "Ada (me@tube.example)" in page.text and "whoever has the link" in page.text
        seen: list[dict] = []
        tube.fail(lambda request: _slowly(tube, request, client, take, seen), "PUT", UPLOADS, skip=1)
        assert approve(client, take, to="peertube", who="unlisted", title="We drop it").status_code == 303
        assert press_publish(client, take).status_code == 303
        page = settled(server, client, take)
    (video,) = [each for each in tube.seen if each.title == "We drop it"]
    assert video.privacy == "unlisted" and video.size == 1 << 20 and len(video.captions) == 1
    link = next(each.link for each in receipts.out(receipts.read(server.folder / "output" / take)))
    assert html.escape(link) in page and "whoever has the link sees it" in page
    assert seen[-1]["sending"]["says"] == "On its way to PeerTube" and seen[-1]["says"] == "On its way to PeerTube"


def _slowly(tube: PeerTube, request: Request, client: httpx.Client, take: str, seen: list[dict]) -> Answer:
    until = time.monotonic() + 10
    while time.monotonic() < until and not (seen and seen[-1]["sending"]["says"].startswith("On its way")):
        seen.append(client.get("/states").json()[take])
        time.sleep(0.1)
    assert 'name="to"' not in client.get(f"/takes/{take}/publish").text, "no choices while it goes out"
    return tube.answer(request)


def test_a_file_that_changed_is_not_published_and_it_is_said_what(server, take):
    with server.client("ada") as client:
        approve(client, take)
        page = client.get(f"/takes/{take}/publish").text
        pressed = form(page, f"/takes/{take}/publish")
        render(Workspace(server.folder), take)
        said = client.post(f"/takes/{take}/publish", data=pressed)
        assert said.status_code == 409 and "The video landscape.mp4 was made again since." in said.text
        assert "changed since" in said.text and "Publish to Folder" not in said.text and "candid " not in said.text
        assert out(server, take) == []
        approve(client, take)
        press_publish(client, take)
        settled(server, client, take)
    assert (server.folder / "published" / take / "landscape.mp4").read_bytes() == b"again"


def test_what_changed_between_looking_and_approving_is_not_approved(server, take):
    with server.client("ada") as client:
        sent = form(client.get(f"/takes/{take}/publish").text, f"/takes/{take}/approve")
        render(Workspace(server.folder), take)
        said = client.post(f"/takes/{take}/approve", data=sent)
        assert said.status_code == 409 and "changed while you looked" in said.text
        assert client.post(f"/takes/{take}/approve", data=sent | {"seen": ""}).status_code == 409
        assert client.post(f"/takes/{take}/approve", data={"to": "nowhere"}).status_code == 409
    assert approval.load(Workspace(server.folder), take) is None


def test_unsure_sentences_are_shown_and_approved_by_whoever_says_they_looked(server):
    take = made(server, "unsure", unsure=("We drop the <piano> on it.", "And then?"))
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish").text
        assert "0:00.0 We drop the &lt;piano&gt; on it." in page and "2 unsure sentences" in page
        assert "I have looked at these 2 sentences, and they are right." in page
        sent = form(page, f"/takes/{take}/approve")
        assert "read" not in sent, "nobody ticks it but the person"
        said = client.post(f"/takes/{take}/approve", data=sent)
        assert said.status_code == 409 and "tick that you looked at them" in said.text
        assert client.post(f"/takes/{take}/approve", data=sent | {"read": "yes"}).status_code == 303
        assert "2 unsure, looked at" in client.get(f"/takes/{take}/publish").text


def test_where_nothing_is_unsure_nothing_is_asked(server, take):
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish").text
    assert "unsure sentence" not in page and 'name="read"' not in page


def test_what_a_service_would_refuse_is_named_and_a_proposal_taken(server, take):
    title = "a long title " * 20
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish", params={"to": "peertube", "title": title}).text
        assert "PeerTube would refuse it." in page and "139 too many" in page
        assert "Approve exactly this" not in page and "Take this proposal" in page
        refused = client.post(f"/takes/{take}/approve", data={"to": "peertube", "title": title, "seen": "x"})
        assert refused.status_code == 409
        mended = client.get(f"/takes/{take}/publish", params={"to": "peertube", "title": title, "mend": "yes"}).text
        assert "PeerTube would refuse" not in mended and "Approve exactly this" in mended
        assert approve(client, take, to="peertube", title=title, mend="yes").status_code == 303
    sealed = approval.load(Workspace(server.folder), take).of("peertube")
    assert len(sealed.post.title) <= 120 and sealed.post.title.endswith("…")


def test_a_time_from_which_everybody_sees_it(server, take):
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    with server.client("ada") as client:
        choice = {"to": "peertube", "who": "later", "at": f"{tomorrow:%Y-%m-%dT%H:%M}"}
        page = client.get(f"/takes/{take}/publish", params=choice).text
        assert f'datetime="{tomorrow.replace(second=0, microsecond=0).isoformat()}"' in page
        assert approve(client, take, **choice).status_code == 303
        for wrong in ("", "soon", "2020-01-01T10:00"):
            page = client.get(f"/takes/{take}/publish", params=choice | {"at": wrong})
            assert page.status_code == 422 and 'aria-invalid="true"' in page.text and 'id="at-fault"' in page.text
            assert "Approve exactly this" not in page.text
    sealed = approval.load(Workspace(server.folder), take).of("peertube")
    at = datetime.fromisoformat(sealed.post.schedule)
    assert sealed.post.privacy == "private" and abs(at - tomorrow) < timedelta(minutes=1)


def test_withdrawing_before_anything_is_out(server, take):
    with server.client("ada") as client:
        approve(client, take)
        assert "Withdraw your approval?" in client.get(f"/takes/{take}/withdraw").text
        pressed = form(client.get(f"/takes/{take}/publish").text, f"/takes/{take}/publish")
        assert client.post(f"/takes/{take}/withdraw").status_code == 303
        said = client.post(f"/takes/{take}/publish", data=pressed)
        assert said.status_code == 409 and "has withdrawn the approval" in said.text and out(server, take) == []


def test_withdrawing_stops_what_is_on_its_way(server, tube):
    take = made(server, "stopped", size=20 << 20)
    here_now, go_on = threading.Event(), threading.Event()
    tube.fail(lambda request: _held(tube, request, here_now, go_on), "PUT", UPLOADS)
    with server.client("ada") as client:
        approve(client, take, to="peertube", title="Stopped")
        press_publish(client, take)
        assert here_now.wait(30)
        assert "Stop it, and withdraw" in client.get(f"/takes/{take}/publish").text
        client.post(f"/takes/{take}/withdraw")
        time.sleep(1.1)  # the approval is looked at once a second
        go_on.set()
        time.sleep(2)  # time enough to go on, if it did
        page = settled(server, client, take)
    assert "Stopped" not in [each.title for each in tube.seen] and "You withdrew your approval" in page
    assert "unfinished" not in page and "note bad" not in page, "what somebody wanted is no fault"


def _held(tube: PeerTube, request: Request, here_now: threading.Event, go_on: threading.Event) -> Answer:
    answer = tube.answer(request)
    here_now.set()
    assert go_on.wait(30)
    return answer


def test_what_went_wrong_is_told_and_tried_again(server, tube, take):
    with server.client("ada") as client:
        approve(client, take, to="peertube", title="Once more")
        tube.refuses = {"upload-resumable": 413}
        press_publish(client, take)
        page = settled(server, client, take)
        assert "PeerTube: " in page and "Your space there is full" in page and "Publish to PeerTube" in page
        tube.refuses = {}
        press_publish(client, take)
        page = settled(server, client, take)
    assert [each.title for each in tube.seen].count("Once more") == 1 and "Your space there is full" not in page


def test_taking_down_at_a_service_private_or_for_good(server, tube, take):
    with server.client("ada") as client:
        approve(client, take, to="peertube", title="Down", who="public")
        press_publish(client, take)
        settled(server, client, take)
        assert client.post(f"/takes/{take}/take-down", data={"how": "delete"}).status_code == 422, "chosen nowhere"
        client.post(f"/takes/{take}/take-down", data={"to": "peertube", "how": "private"})
        page = settled(server, client, take)
        assert [each.privacy for each in tube.seen if each.title == "Down"] == ["private"]
        assert "only you see it" in page
        client.post(f"/takes/{take}/take-down", data={"to": "peertube", "how": "delete"})
        settled(server, client, take)
    assert "Down" not in [each.title for each in tube.seen] and out(server, take) == []


# --- nobody else ------------------------------------------------------------------------------------------------------

DOORS = ("publish", "approve", "withdraw", "take-down", "published", "published/landscape.mp4")


@pytest.mark.parametrize("person", ["ben", "coordinator"])
def test_nobody_else_sees_approves_or_publishes(server, take, person):
    with server.client("ada") as client:
        approve(client, take)
        sent = form(client.get(f"/takes/{take}/publish").text, f"/takes/{take}/publish")
    who = {"coordinator": True} if person == "coordinator" else {"person": person}
    with server.client(**who) as other:
        for door in DOORS:
            assert other.get(f"/takes/{take}/{door}").status_code in (404, 405)
        for door in ("approve", "publish", "withdraw", "take-down"):
            assert other.post(f"/takes/{take}/{door}", data=sent).status_code == 404
    assert out(server, take) == [] and not approval.load(Workspace(server.folder), take).withdrawn


def test_texts_are_text_wherever_they_stand(server, take):
    with server.client("ada") as client:
        choice = {"to": "folder", "title": EVIL, "playlist": EVIL}
        pages = [client.get(f"/takes/{take}/publish", params=choice).text]
        assert approve(client, take, **choice).status_code == 303
        press_publish(client, take)
        pages += [settled(server, client, take), client.get(f"/takes/{take}/published").text]
    shown = str(escape(EVIL))
    assert all("<script>alert" not in page and shown in page for page in pages)
    assert approval.load(Workspace(server.folder), take).of("folder").post.title == EVIL


@pytest.mark.parametrize("name", ["../landscape.mp4", "%2e%2e%2freport.json", ".publishing.lock", "nothing"])
def test_only_what_was_published_is_given(server, take, name):
    with server.client("ada") as client:
        approve(client, take)
        press_publish(client, take)
        settled(server, client, take)
        assert client.get(f"/takes/{take}/published/{name}").status_code == 404


def test_a_take_that_is_not_made_says_what_to_do(server):
    take = made(server, "not-made-yet")
    (server.folder / "output" / take / "report.json").unlink()
    with server.client("ada") as client:
        page = client.get(f"/takes/{take}/publish")
        assert page.status_code == 200 and "is not made yet" in page.text and "To the take" in page.text
        assert "candid " not in page.text and "Approve exactly this" not in page.text


def test_no_token_is_in_pages_logs_or_files(server, tube, take):
    with server.client("ada") as client:
        approve(client, take, to="peertube", title="Quiet")
        press_publish(client, take)
        seen = settled(server, client, take) + client.get("/accounts").text + client.get("/states").text
    written = [path for root in (server.folder, server._home) for path in root.rglob("*") if path.is_file()]
    assert len(written) > 30 and MARK not in seen
    assert [path for path in written if MARK.encode() in path.read_bytes()] == []


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("at", ["the second of three parts", "the last part, whose answer is lost"])
def test_killed_in_the_middle_of_an_upload_it_goes_on_and_makes_one_video(tmp_path, at):
    with PeerTube().running() as double, served(tmp_path / "space") as server:
        connect(server, double)
        take = made(server, "killed", size=20 << 20)
        here_now, go_on = threading.Event(), threading.Event()
        skip = 2 if "second" in at else 3  # the first PUT only asks how much is there
        double.fail(lambda request: _held(double, request, here_now, go_on), "PUT", UPLOADS, skip=skip)
        with server.client("ada") as client:
            approve(client, take, to="peertube", title="Killed")
            press_publish(client, take)
            assert here_now.wait(60)
            server.kill()
            go_on.set()
            server.start()
            page = settled(server, client, take, seconds=120)
        assert [each.title for each in double.seen] == ["Killed"] and len(double.log) == 1 and double.violations == []
        assert double.seen[0].sha256 == hashlib.sha256(hashlib.shake_128(b"killed").digest(20 << 20)).hexdigest()
        assert "Everything that you approved is out." in page and "note bad" not in page


# --- the line of what goes out ----------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


def test_what_is_asked_for_meanwhile_is_not_forgotten(store):
    store.send("t", "ada", "publish", ["folder"])
    (first,) = store.sending()
    time.sleep(0.01)
    store.send("t", "ada", "publish", ["peertube"])
    store.sent(first, {"folder": CandidError("It failed.")})
    (left,) = store.sending()
    assert left.services == ("folder", "peertube") and store.unsent("t") == {}
    store.sent(left, {"peertube": CandidError("It failed.", "Do this.")})
    assert store.sending() == () and store.unsent("t")["peertube"].do == "Do this."
    store.send("t", "ada", "publish", ["peertube"])
    assert store.unsent("t") == {}


def test_taking_down_ends_publishing_and_not_the_other_way_round(store):
    store.send("t", "ada", "publish", ["folder"])
    store.send("t", "ada", "private", ["folder"])
    store.send("t", "ada", "publish", ["folder"])
    assert [(job.work, job.services) for job in store.sending()] == [("private", ("folder",))]
    store.keep_back("t")
    assert len(store.sending()) == 1


def test_what_a_quota_keeps_back_goes_on_when_it_is_time(store):
    store.send("t", "ada", "publish", ["youtube", "folder"])
    (job,) = store.sending()
    store.sent(job, {"youtube": CandidError("The quota is used up.")}, ["youtube"], due=9e9)
    (later,) = store.sending()
    assert (later.services, later.due) == (("youtube",), 9e9)
    assert list(_next([later], [], 8e9)) == [] and list(_next([later], [], 9.1e9)) == [later]


def test_one_take_at_a_time_of_each_person_and_taking_down_never_waits():
    def job(take: str, person: str, work: str = "publish") -> Sending:
        return Sending(take, person, work, ("folder",), 1.0, 1.0)

    waiting = [job("a", "ada"), job("b", "ada"), job("c", "ben"), job("b", "ada", "delete"), job("a", "ada", "private")]
    assert [(each.take, each.work) for each in _next(waiting, [], 2.0)] == [
        ("a", "publish"), ("c", "publish"), ("b", "delete"), ("a", "private"),
    ]  # fmt: skip
    assert [each.take for each in _next(waiting[:3], [job("x", "ada")], 2.0)] == ["c"]
    crowd = [job(f"t{n}", f"p{n}") for n in range(9)]
    assert len(list(_next(crowd, [], 2.0))) == 4 and list(_next(crowd, crowd[:4], 2.0)) == []


def test_what_the_command_line_advises_is_said_for_the_page():
    connecting = "Sign in: candid accounts connect peertube --as ada --address URL"
    said = here(CandidError("/w/output/t/x is odd.", connecting), Path("/w"))
    assert (said.what, said.do) == ("output/t/x is odd.", "Sign in: on the page of your accounts")
    again = here(CandidError("", "See: candid words check t. Then: candid render t -r x --as me"), Path("/w"))
    assert again.do == "See: where you look and correct. Then: on the page of the take"


# --- a real browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}


@pytest.mark.slow
@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_with_a_real_browser(server, tube, browser, screen):
    take = made(server, f"browser-{screen['viewport']['width']}", unsure=("Hello?",), size=20 << 20)
    here_now, go_on = threading.Event(), threading.Event()
    with signed_in(browser, server, "ada", **screen) as page:
        faults: list[str] = []
        page.on("console", lambda told: faults.append(told.text) if "Content Security" in told.text else None)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto(f"/takes/{take}/publish")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth") and barriers(page) == []
        page.get_by_role("checkbox", name="Folder").uncheck()
        page.get_by_role("checkbox", name="PeerTube").check()
        page.get_by_role("textbox", name="Title").fill("By hand")
        page.get_by_role("button", name="Show what would go out").click()
        page.get_by_label("I have looked at this sentence").check()
        page.get_by_role("button", name="Approve exactly this").click()
        tube.fail(lambda request: time.sleep(0.7) or tube.answer(request), "PUT", UPLOADS, skip=1)
        tube.fail(lambda request: _held(tube, request, here_now, go_on), "PUT", UPLOADS, skip=1)
        page.get_by_role("button", name="Publish to PeerTube").click()
        page.get_by_role("status").filter(has_text="On its way to PeerTube").wait_for()
        assert here_now.wait(30)
        page.wait_for_function("() => document.querySelector('[data-going] progress').value > 0.3")
        assert barriers(page) == []
        go_on.set()
        page.get_by_text("Everything that you approved is out.").wait_for(timeout=60_000)
        assert barriers(page) == [] and faults == []
        page.get_by_role("link", name="Take it down").click()
        assert barriers(page) == []
