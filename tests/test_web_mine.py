"""What is mine: the list, files with ranges, archives, deletion, and what is told while a video is made."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import media, receipts
from pipeline.model import Receipt
from pipeline.shelf import Shelf
from pipeline.web import media_files, playing
from pipeline.web.incoming import Incoming, Upload
from pipeline.web.store import Store
from tests import clips, recorded
from tests.served import served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("mine") / "space") as running:
        yield running


@pytest.fixture(scope="module")
def take(server, tmp_path_factory):
    """A take of ada's with its words, and files as if it were made."""
    folder = tmp_path_factory.mktemp("clips")
    found = recorded.handed_in(server.folder, recorded.clip(folder, seconds=4))
    recorded.heard(server.folder, found)
    recorded.as_if_made(server.folder, found)
    (server.folder / "outside.txt").write_text("not yours")
    return found


@pytest.fixture
def another(server, tmp_path):
    """A take of ada's that may go."""
    return recorded.handed_in(server.folder, clips.ordinary(tmp_path), recipe=f"other-{tmp_path.name[-8:]}")


def _until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_who_has_nothing_is_told_where_to_begin(server):
    with server.client("ben") as client:
        shown = client.get("/mine").text
    assert "Nothing of yours is here yet" in shown and 'href="/record"' in shown


def test_my_takes_are_listed_and_nobody_elses(server, take):
    with server.client("ada") as client:
        shown = client.get("/mine").text
    assert f"/takes/{take.id}/correct" in shown and "Made: look at it" in shown
    assert "Why &lt;script&gt;alert(1)&lt;/script&gt; servers &amp; robots" in shown
    assert "<script>alert" not in shown
    with server.client("ben") as client:
        assert take.id not in client.get("/mine").text


def test_what_was_sent_and_not_handed_in_is_shown_taken_along_and_deleted(server, take):
    incoming = Incoming(server.folder / ".candid" / "uploads")
    sent = incoming.create(Upload(person="ada", length=9, name="<b>yard</b>.MOV", recipe=take.recipe, slot=1))
    incoming.path(sent).write_bytes(b"half")
    with server.client("ben") as client:
        assert "not handed in" not in client.get("/mine").text
        assert client.post(f"/mine/sent/{sent.id}/remove").status_code == 404
    with server.client("ada") as client:
        shown = client.get("/mine").text
        assert "&lt;b&gt;yard&lt;/b&gt;.MOV" in shown and "not whole yet" in shown
        assert f'href="/record/{take.recipe}"' in shown
        with zipfile.ZipFile(io.BytesIO(client.get("/mine/archive").content)) as archive:
            assert archive.read("not-handed-in/1.MOV.part") == b"half"
        assert client.post(f"/mine/sent/{sent.id}/remove").status_code == 303
        assert "not handed in" not in client.get("/mine").text
        assert client.post(f"/mine/sent/{sent.id}/remove").status_code == 404
    assert incoming.find(sent.id) is None and not incoming.path(sent).exists()


PLACES = ("", "/correct", "/delete", "/clips/1", "/show/square.mp4", "/files/edit.md", "/archive", "/brand/logo")


@pytest.mark.parametrize("place", PLACES)
def test_what_is_mine_is_not_there_for_others(server, take, place):
    for person, coordinator, status in (("ben", False, 404), ("", True, 404), ("", False, 401)):
        with server.client(person, coordinator) as client:
            said = client.get(f"/takes/{take.id}{place}", headers={"accept": "application/json"})
            assert said.status_code == status, place
    with server.client("ben") as client:
        for path in ("make", "delete", "correct"):
            assert client.post(f"/takes/{take.id}/{path}").status_code == 404
    assert take.clips[0].exists()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_part_of_a_video_is_given(server, take):
    whole = take.clips[0].read_bytes()
    with server.client("ada") as client:
        path = f"/takes/{take.id}/show/square.mp4"
        part = client.get(path, headers={"range": "bytes=100-199"})
        assert part.status_code == 206 and part.content == whole[100:200]
        assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
        assert client.get(path, headers={"range": "bytes=-50"}).content == whole[-50:]
        assert client.get(path, headers={"range": f"bytes={len(whole)}-"}).status_code == 416
        tag = part.headers["etag"]
        assert client.get(path, headers={"range": "bytes=0-9", "if-range": tag}).status_code == 206
        changed = client.get(path, headers={"range": "bytes=0-9", "if-range": '"another"'})
        assert changed.status_code == 200 and changed.content == whole
        head = client.head(path)
        assert head.status_code == 200 and int(head.headers["content-length"]) == len(whole)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("square.mp4", "video/mp4"), ("square.vtt", "text/vtt; charset=utf-8"), ("thumbnail.jpg", "image/jpeg")],
)
def test_what_is_shown_has_its_type_and_what_is_saved_is_an_attachment(server, take, name, kind):
    with server.client("ada") as client:
        shown, saved = (client.get(f"/takes/{take.id}/{how}/{name}") for how in ("show", "files"))
    assert shown.headers["content-type"] == saved.headers["content-type"] == kind
    assert "attachment" not in shown.headers.get("content-disposition", "")
    assert saved.headers["content-disposition"] == f'attachment; filename="{take.id}-{name}"'
    assert (
        shown.headers["cache-control"] == "private, no-cache" and shown.headers["x-content-type-options"] == "nosniff"
    )


def test_texts_are_saved_and_never_shown(server, take):
    with server.client("ada") as client:
        assert client.get(f"/takes/{take.id}/show/edit.md").status_code == 404
        saved = client.get(f"/takes/{take.id}/files/edit.md")
        assert saved.headers["content-disposition"].startswith("attachment") and "title:" in saved.text
        mine = client.get(f"/takes/{take.id}/files/{take.clips[0].name}")
        assert mine.content == take.clips[0].read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2foutside.txt", "%2e%2e%2f%2e%2e%2foutside.txt", "....//outside.txt", "take.json", ".clips", "%00",
        "corrections.json", "receipts.json", "%2fetc%2fpasswd", "square.mp4%00.jpg",
    ],
)  # fmt: skip
def test_a_name_is_never_a_path(server, take, name):
    with server.client("ada") as client:
        for how in ("files", "show"):
            said = client.get(f"/takes/{take.id}/{how}/{name}")
            assert said.status_code in (400, 404) and "not yours" not in said.text
        assert client.get(f"/takes/..%2f{take.id}/files/edit.md").status_code == 404


def test_a_link_in_the_folder_is_not_followed(server, take):
    folder = server.folder / "output" / take.id
    (folder / "approval.json").symlink_to(server.folder / "outside.txt")
    try:
        with server.client("ada") as client:
            assert client.get(f"/takes/{take.id}/files/approval.json").status_code == 404
    finally:
        (folder / "approval.json").unlink()


@pytest.mark.parametrize("number", ["0", "2", "-1"])
def test_there_is_no_other_clip(server, take, number):
    with server.client("ada") as client:
        assert client.get(f"/takes/{take.id}/clips/{number}").status_code == 404


def test_the_brand_lies_over_it_as_pictures(server, take):
    with server.client("ada") as client:
        for kind in ("logo", "lower_third"):
            said = client.get(f"/takes/{take.id}/brand/{kind}")
            assert said.headers["content-type"] == "image/png" and said.content.startswith(b"\x89PNG")
        assert client.get(f"/takes/{take.id}/brand/bumper").status_code == 404


def test_a_damaged_take_is_not_there_and_hides_no_other(server, take, another):
    record = another.clips[0].parent / "take.json"
    with server.client("ada") as client:
        assert another.id in client.get("/mine").text
        whole = record.read_bytes()
        record.write_text("{", encoding="utf-8")
        assert client.get(f"/takes/{another.id}").status_code == 404
        assert client.get(f"/takes/{another.id}/clips/1").status_code == 404
        assert take.id in client.get("/mine").text
        record.write_bytes(whole)
        assert client.post(f"/takes/{another.id}/delete").status_code == 303


# --- archives ---------------------------------------------------------------------------------------------------------


def test_everything_of_mine_comes_in_one_archive(server, take):
    shelf = Shelf(server.folder / "output" / take.id)
    receipts.Receipts(shelf.folder).add(Receipt("folder", "video", "a" * 64, link="https://example.org/v"))
    try:
        with server.client("ada") as client:
            of_take, of_me = client.get(f"/takes/{take.id}/archive"), client.get("/mine/archive")
    finally:
        shelf.path(receipts.NAME).unlink()
    assert of_take.headers["content-disposition"] == f'attachment; filename="{take.id}.zip"'
    with zipfile.ZipFile(io.BytesIO(of_take.content)) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read(f"{take.id}/clips/{take.clips[0].name}") == take.clips[0].read_bytes()
        assert archive.read(f"{take.id}/links.txt") == b"https://example.org/v\n"
        assert not any(".." in name or name.startswith("/") for name in archive.namelist())
    with zipfile.ZipFile(io.BytesIO(of_me.content)) as archive:
        assert "ada.toml" in archive.namelist() and f"{take.id}/square.mp4" in archive.namelist()
    with server.client("ben") as client, zipfile.ZipFile(io.BytesIO(client.get("/mine/archive").content)) as archive:
        assert archive.namelist() == ["ben.toml"]


def test_an_archive_takes_no_memory(tmp_path):
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(200 << 20)
    tracemalloc.start()
    total = sum(map(len, media_files._zipped([("large.mp4", large)])))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 200 << 20 and most < 16 << 20


# --- deletion ---------------------------------------------------------------------------------------------------------


def test_deletion_is_asked_and_then_all_of_it_is_gone(server, another, take):
    folder = recorded.as_if_made(server.folder, another)
    with server.client("ada") as client:
        asked = client.get(f"/takes/{another.id}/delete").text
        assert "This goes, for good" in asked and "This stays" in asked and another.clips[0].exists()
        said = client.post(f"/takes/{another.id}/delete")
        assert said.status_code == 303 and said.headers["location"] == "/mine"
        assert client.get(f"/takes/{another.id}").status_code == 404
        assert client.get(f"/takes/{take.id}/files/edit.md").status_code == 200
    assert not another.clips[0].parent.exists() and not folder.exists()
    assert not list(folder.parent.glob(".gone-*"))


def test_what_is_out_is_taken_down_first(server, another):
    folder = recorded.as_if_made(server.folder, another)
    receipts.Receipts(folder).add(Receipt("folder", "video", "a" * 64, link="https://example.org/v"))
    with server.client("ada") as client:
        assert "Take it down there first" in client.get(f"/takes/{another.id}/delete").text
        assert client.post(f"/takes/{another.id}/delete").status_code == 409
        assert another.clips[0].exists() and (folder / "square.mp4").exists()
        receipts.Receipts(folder).add(Receipt("folder", "takedown", "a" * 64, note="deleted"))
        assert client.post(f"/takes/{another.id}/delete").status_code == 303


def test_where_nobody_knows_what_is_out_nothing_is_deleted(server, another):
    folder = recorded.as_if_made(server.folder, another)
    (folder / receipts.NAME).write_text("{damaged", encoding="utf-8")
    with server.client("ada") as client:
        assert client.get("/mine").status_code == 200
        assert client.post(f"/takes/{another.id}/delete").status_code == 400
        assert another.clips[0].exists() and (folder / "square.mp4").exists()
        (folder / receipts.NAME).unlink()


def test_what_is_being_made_stays(server, another):
    folder = recorded.as_if_made(server.folder, another)
    with Shelf(folder).mine(), server.client("ada") as client:
        said = client.post(f"/takes/{another.id}/delete")
        assert said.status_code == 409 and "being made this moment" in said.text
    assert another.clips[0].exists() and (folder / "square.mp4").exists()


# --- what is told -----------------------------------------------------------------------------------------------------


def test_what_happens_is_told_while_somebody_looks(server, another):
    shelf = Shelf(server.folder / "output" / another.id)
    with server.client("ada") as client, client.stream("GET", "/events") as stream:
        told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert next(told)[another.id]["says"] == "Handed in"
        shelf.note(".progress", {"step": "rendering", "done": 0.25, "at": time.time()})
        now = next(told)[another.id]
        assert (now["says"], now["done"]) == ("Making the video", 0.25)
        shelf.note(".progress", None)
        recorded.as_if_made(server.folder, another)
        _until(lambda: next(told)[another.id]["state"] == "made")
    with server.client("ben") as client:
        assert client.get("/states").json() == {}


def test_a_new_take_is_seen_and_one_that_went_is_not(server, tmp_path):
    with server.client("ada") as client:
        before = set(client.get("/states").json())
        found = recorded.handed_in(server.folder, clips.ordinary(tmp_path), recipe="comes-and-goes")
        assert set(client.get("/states").json()) == before | {found.id}
        client.post(f"/takes/{found.id}/delete")
        assert set(client.get("/states").json()) == before


def test_the_place_in_line_is_told(tmp_path):
    """Without a worker, so that the line stays as it is."""
    from pipeline.web import events

    store = Store(tmp_path)
    store.enqueue("a")
    store.enqueue("b")
    assert [events._says("recorded", place, "", None) for place in (1, 2, 3)] == [
        "In line: next", "In line: 1 before it", "In line: 2 before it"
    ]  # fmt: skip
    assert [take for take, _ in store.line()] == ["a", "b"]
    store.close()


# --- what browsers play -----------------------------------------------------------------------------------------------

AWKWARD = ("hlg", "no duration", "mpeg-ts", "4:2:2", "rotated", "variable rate", "pixels not square", "picture only")


@pytest.mark.parametrize("kind", AWKWARD)
def test_a_copy_plays_and_keeps_the_times_of_its_clip(tmp_path, kind):
    was = media.probe(clips.AWKWARD[kind](tmp_path))
    playing._copy(was, tmp_path / "copy.mp4")
    now = media.probe(tmp_path / "copy.mp4")
    assert playing.plays(now) and now.picture is not None and was.picture is not None
    assert abs(now.duration_ms - was.duration_ms) <= 100
    assert max(now.picture.width, now.picture.height) <= 640
    shapes = [Fraction(each.width, each.height) for each in (was.picture, now.picture)]
    assert abs(shapes[0] - shapes[1]) < Fraction(3, 100)


def test_what_browsers_cannot_play_or_jump_in_is_known(tmp_path):
    def judged(kind):
        (tmp_path / kind).mkdir()
        return playing.plays(media.probe(clips.AWKWARD[kind](tmp_path / kind)))

    for kind in ("hlg", "no duration", "mpeg-ts", "4:2:2", "avi", "sound only"):
        assert not judged(kind), kind
    assert judged("mono") and judged("variable rate") and judged("picture only")


def test_sound_alone_can_be_heard(tmp_path):
    playing._copy(media.probe(clips.AWKWARD["sound only"](tmp_path)), tmp_path / "copy.mp4")
    assert media.probe(tmp_path / "copy.mp4").audio.codec == "aac"


def test_the_worker_makes_a_copy_of_what_somebody_opens(server, tmp_path):
    found = recorded.handed_in(server.folder, clips.AWKWARD["no duration"](tmp_path), recipe="from-a-browser")
    with server.client("ada") as client:
        assert client.get(f"/takes/{found.id}/clips/1").status_code == 404
        waiting = client.get(f"/takes/{found.id}/correct").text
        assert "A small copy for your browser is being made" in waiting
        _until(lambda: client.get("/states").json()[found.id]["plays"])
        played = client.get(f"/takes/{found.id}/clips/1", headers={"range": "bytes=4-7"})
        assert played.status_code == 206 and played.content == b"ftyp" and played.headers["content-type"] == "video/mp4"


def test_an_ordinary_clip_is_played_as_it_is(server, another):
    with server.client("ada") as client:
        client.get(f"/takes/{another.id}/correct")
        _until(lambda: client.get("/states").json()[another.id]["plays"])
        assert client.get(f"/takes/{another.id}/clips/1").content == another.clips[0].read_bytes()
    assert not (Path(server.folder) / "output" / another.id / "copies").exists()
