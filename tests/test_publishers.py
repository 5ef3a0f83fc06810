"""The contract that every publisher holds: one test file for all of them. A new service adds a stage."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline import publishers, wire
from pipeline.errors import PublishError
from pipeline.model import Account, Parcel, Receipt
from pipeline.publishers import Desk, Publisher
from pipeline.publishers.folder import page
from tests import doubles, youtube_double
from tests.doubles import Double, Seen
from tests.peertube_double import PeerTube
from tests.vimeo_double import Vimeo


@dataclass
class Stage:
    """A service, an account there, and eyes to see what became of it."""

    service: str
    open: Callable[[Desk], Publisher]
    seen: Callable[[], list[Seen]]
    folder: Path
    double: Double | Watched | None = None
    account: str = ""
    dresses: bool = True  # captions and thumbnail can be seen there

    def changes(self) -> int:
        """How many requests were more than questions."""
        requests = self.double.requests if self.double else []
        return sum((each[0] if isinstance(each, tuple) else each.method) != "GET" for each in requests)

    def parcel(self, **more: object) -> Parcel:
        return doubles.parcel(self.folder / "output" / "take", self.service, **more)

    def publish(self, parcel: Parcel, so_far: tuple[Receipt, ...] = (), desk: Desk | None = None) -> list[Receipt]:
        """Goes on from these receipts; all that there are then."""
        publisher = self.open(desk or Desk())
        try:
            return [*so_far, *publisher.steps(parcel, so_far)]
        finally:
            publisher.close()

    def until(self, parcel: Parcel, step: str) -> tuple[Receipt, ...]:
        """Publishes, and stops right after the receipt of a step."""
        publisher, found = self.open(Desk()), []
        with contextlib.closing(publisher), contextlib.closing(publisher.steps(parcel, ())) as steps:
            for receipt in steps:
                found.append(receipt)
                if receipt.step == step:
                    break
        return tuple(found)

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        publisher = self.open(Desk())
        with contextlib.closing(publisher):
            return publisher.take_down(receipt, how)


@contextlib.contextmanager
def peertube(folder: Path) -> Iterator[Stage]:
    with PeerTube().running() as double:
        account = Account("me", "peertube", "3", "Me (me@tube.example)", double.root)
        tokens = {
            "access_token": "token-1",
            "refresh_token": "refresh-1",
            "client_id": "app",
            "client_secret": "app-secret",
        }
        access = doubles.connected(folder / "home", account, tokens)
        yield Stage(
            "peertube",
            lambda desk: publishers.find("peertube").publisher(access, desk),
            lambda: double.seen,
            folder,
            double,
            "3",
        )
        assert double.violations == []


@contextlib.contextmanager
def vimeo(folder: Path) -> Iterator[Stage]:
    with Vimeo().running() as double:
        account = Account("me", "vimeo", "/users/1", "Me", double.root)
        access = doubles.connected(
            folder / "home", account, {"access_token": "token-1", "client_id": "", "client_secret": ""}
        )
        yield Stage(
            "vimeo",
            lambda desk: publishers.find("vimeo").publisher(access, desk),
            lambda: double.seen,
            folder,
            double,
            "/users/1",
        )
        assert double.violations == []


@contextlib.contextmanager
def youtube(folder: Path) -> Iterator[Stage]:
    with youtube_double.started() as there:
        account, tokens = there.account("me")
        access = doubles.connected(folder / "home", account, tokens)

        def opened(desk: Desk) -> Publisher:
            return publishers.find("youtube").publisher(
                access, replace(desk, ledgers=folder / "quota"), sleep=lambda _: None
            )

        def seen(video: youtube_double.Video) -> Seen:
            mine = tuple(
                there.playlists[id_]["title"]
                for id_, videos in there.items.items()
                for each in videos
                if each == video.id
            )
            tags, captions = (
                tuple(video.snippet.get("tags", ())),
                tuple(each["text"] for each in video.captions.values()),
            )
            return Seen(video.id, video.sha256, video.size, video.snippet["title"], video.snippet["description"], tags,
                        video.privacy, video.snippet["defaultLanguage"], captions, video.thumbnail, mine)  # fmt: skip

        yield Stage(
            "youtube", opened, lambda: [seen(each) for each in there.videos], folder, Watched(there.log), account.id
        )


@dataclass
class Watched:
    """A service with its own way to be watched: only its requests are counted here."""

    requests: list


@contextlib.contextmanager
def folder_(folder: Path) -> Iterator[Stage]:
    outbox = folder / "published"

    def seen() -> list[Seen]:
        found = []
        for place in outbox.glob("[!.]*"):
            data = (place / "landscape.mp4").read_bytes()
            page = (place / "index.html").read_text()
            captions = tuple(path.read_bytes() for path in (place / "landscape.vtt",) if path.exists())
            picture = place / "t.jpg"
            found.append(Seen(place.name, hashlib.sha256(data).hexdigest(), len(data), page, page, (), "", "",
                              captions, picture.read_bytes() if picture.exists() else None))  # fmt: skip
        return found

    yield Stage(
        "folder", lambda desk: publishers.find("folder").publisher(None, replace(desk, outbox=outbox)), seen, folder
    )


STAGES = {"youtube": youtube, "peertube": peertube, "vimeo": vimeo, "folder": folder_}


@pytest.fixture(params=sorted(STAGES))
def stage(request, tmp_path, monkeypatch) -> Iterator[Stage]:
    quick(monkeypatch)
    with STAGES[request.param](tmp_path) as found:
        yield found


def quick(monkeypatch) -> None:
    """Short waits and small chunks."""
    monkeypatch.setattr(wire, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(wire, "_LONGEST_WAIT", 0.05)
    monkeypatch.setattr(wire, "CHUNK", 256 << 10)
    monkeypatch.setattr("pipeline.publishers.peertube._LOOK_SECONDS", 0.05)
    monkeypatch.setattr("pipeline.publishers.vimeo._LOOK_SECONDS", 0.05)


def one(stage: Stage, parcel: Parcel) -> Seen:
    """The one video that is there: the bytes of the file, and all that belongs to it."""
    (seen,) = stage.seen()
    assert seen.sha256 == hashlib.sha256(parcel.video.read_bytes()).hexdigest() == parcel.sha256
    assert parcel.post.title in seen.title
    if stage.dresses:
        assert seen.captions in (((parcel.vtt or parcel.srt).read_bytes(),), (parcel.srt.read_bytes(),))
        assert seen.thumbnail == parcel.thumbnail.read_bytes()
    return seen


def test_every_service_has_a_stage_and_says_what_it_wants():
    assert set(publishers.names()) == set(STAGES)
    for name in publishers.names():
        about = publishers.about(name)
        assert (about.name, bool(about.title), bool(about.resumes)) == (name, True, True)


def test_publishes_once_with_everything(stage):
    parcel = stage.parcel(privacy="public", playlist="Torn down")
    done = stage.publish(parcel)
    seen = one(stage, parcel)
    assert [each.step for each in done][-1] == "public" and "video" in [each.step for each in done]
    assert {each.service for each in done} == {stage.service} and {each.sha256 for each in done} == {parcel.sha256}
    if stage.double:
        assert seen.privacy == "public" and seen.playlists == ("Torn down",) and seen.language == "en"
        assert set(parcel.post.tags) <= set(seen.tags) and seen.description == parcel.post.description
        assert {each.account for each in done} == {stage.account}
    link = done[-1].link
    assert link.startswith(("https://", "http://127.0.0.1", "file://"))


def test_private_unless_said_otherwise(stage):
    parcel = stage.parcel()
    stage.publish(parcel)
    assert one(stage, parcel).privacy in ("private", "")


@pytest.mark.parametrize("step", ["session", "video", "captions", "thumbnail", "playlist", "public"])
def test_goes_on_after_any_step(stage, step):
    parcel = stage.parcel(privacy="unlisted", playlist="Torn down")
    so_far = stage.until(parcel, step)
    done = stage.publish(parcel, so_far)
    seen = one(stage, parcel)
    steps = [each.step for each in done]
    assert len(steps) == len(set(steps)) and steps[-1] == "public"
    assert len(seen.playlists) <= 1


@pytest.mark.parametrize("step", ["session", "video", "captions", "thumbnail", "playlist", "public"])
def test_lost_receipts_make_no_second_video(stage, step):
    parcel = stage.parcel(privacy="unlisted", playlist="Torn down")
    stage.until(parcel, step)
    stage.publish(parcel)  # nobody remembers
    assert len(one(stage, parcel).playlists) <= 1


def test_all_is_done_already(stage):
    parcel = stage.parcel()
    done = tuple(stage.publish(parcel))
    before = stage.changes()
    assert stage.publish(parcel, done) == list(done)
    assert stage.changes() == before


def test_texts_and_privacy_that_changed_since_are_sent_again(stage):
    parcel = stage.parcel()
    done = tuple(each for each in stage.publish(parcel) if each.step != "public")
    changed = replace(parcel, post=replace(parcel.post, title="Another title", privacy="public"))
    stage.publish(changed, done)
    assert one(stage, changed).privacy in ("public", "")


def test_withdrawn_meanwhile_it_stops(stage):
    parcel = stage.parcel(size=3 << 20)
    asked = []

    def still_wanted() -> None:
        asked.append(1)
        if len(asked) > 4:
            raise PublishError("withdrawn")

    with pytest.raises(PublishError, match="withdrawn"):
        stage.publish(parcel, desk=Desk(still_wanted=still_wanted))
    assert stage.seen() == []


def test_taken_down(stage):
    parcel = stage.parcel(privacy="public")
    video = next(each for each in stage.publish(parcel) if each.step == "video")
    private = stage.take_down(video, "private")
    assert (private.step, private.sha256) == ("takedown", parcel.sha256)
    assert [seen.privacy for seen in stage.seen()] in (["private"], [])
    assert stage.take_down(video, "delete").note == "deleted"
    assert stage.seen() == []
    assert stage.take_down(video, "delete").note == "deleted"  # it is not there any more


def test_an_upload_without_receipt_is_taken_down_by_its_marker(stage):
    parcel = stage.parcel()
    session = next((each for each in stage.until(parcel, "video") if each.step == "session"), None)
    if session is None:
        pytest.skip("a folder has no sessions")
    assert stage.take_down(session, "delete").note == "deleted"
    assert stage.seen() == []


def test_captions_whose_language_nobody_knows_are_not_guessed_at(stage):
    parcel = stage.parcel(language="")
    notes = [each.note for each in stage.publish(parcel) if each.step == "captions"]
    if stage.double:
        assert len(notes) == 1 and "language" in notes[0]


def test_what_somebody_deleted_there_is_told_with_the_command_that_forgets_it(stage):
    parcel = stage.parcel()
    done = tuple(each for each in stage.publish(parcel) if each.step != "public")
    stage.take_down(next(each for each in done if each.step == "video"), "delete")
    if not stage.double:
        pytest.skip("a folder is made anew")
    with pytest.raises(PublishError, match="deleted it there") as told:
        stage.publish(parcel, done)
    assert f"candid takedown {parcel.take} --as {parcel.person} --to {stage.service} --delete" in told.value.do


def test_progress_is_told(stage):
    told: list[float] = []
    stage.publish(stage.parcel(), desk=Desk(tell=lambda step, done: told.append(done)))
    assert max(told) >= 0.75 and all(0.0 <= each <= 1.0 for each in told)


def test_no_publisher_knows_another():
    folder = Path(publishers.__file__).parent
    for name in publishers.names():
        text = (folder / f"{name}.py").read_text()
        others = [other for other in publishers.names() if other != name and f"publishers.{other}" in text]
        assert others == []


def test_the_page_shows_any_text_as_it_is_and_nothing_else(tmp_path):
    hostile = "</pre><script>alert('x')</script> & \"quoted\" \u202eleft\u202c 🙂"
    parcel = doubles.parcel(
        tmp_path / "take", "folder", title=hostile, description=f"{hostile}\n\n0:00 Start", tags=("<b>",)
    )
    text = page(parcel)
    found = Texts(text)
    assert hostile in found.boxes and f"{hostile}\n\n0:00 Start" in found.boxes and "<b>" in found.boxes
    assert {"script", "iframe", "img", "form", "object"} & found.tags == set()
    assert found.addresses == {"landscape.mp4", "landscape.srt", "landscape.vtt", "t.jpg"}, "nothing from elsewhere"
    assert "width=device-width" in text and "user-select: all" in text


class Texts(HTMLParser):
    """What a browser would read on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.boxes, self.tags, self.addresses, self._inside = [], set(), set(), False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {value for key, value in attrs if key in ("href", "src", "poster") and value}
        self._inside = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.boxes.append(data)


def test_a_folder_that_cannot_be_finished_leaves_nothing(tmp_path):
    parcel = doubles.parcel(tmp_path / "take", "folder")
    desk = Desk(outbox=tmp_path / "published", still_wanted=lambda: (_ for _ in ()).throw(PublishError("withdrawn")))
    with contextlib.closing(publishers.find("folder").publisher(None, desk)) as publisher, pytest.raises(PublishError):
        list(publisher.steps(parcel, ()))
    assert list((tmp_path / "published").iterdir()) == []
