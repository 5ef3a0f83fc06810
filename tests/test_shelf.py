"""What lies on the shelf is whole, is kept until its causes change, and is never written by two at once."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import WorkspaceError
from pipeline.model import Transcript, Word
from pipeline.shelf import Shelf, Store, claim, owner_of


@pytest.fixture
def shelf(tmp_path):
    shelf = Shelf(tmp_path / "take")
    with shelf.mine():
        yield shelf


def _say(text: str):
    return lambda path: path.write_text(text, encoding="utf-8")


def test_a_note_leaves_no_draft(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path / "take")
    shelf.note(".told", 1)
    left = shelf.path(".told-4711")  # by a run that was killed
    left.touch()
    os.utime(left, (1, 1))
    with shelf.mine():
        assert not left.exists()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(WorkspaceError):
        shelf.note(".told", 2)
    assert shelf.noted(".told") == 1 and list(shelf.folder.glob(".told-*")) == []


def test_a_folder_that_goes_while_it_is_waited_for_is_made_anew(tmp_path):
    shelf, waits, done = Shelf(tmp_path / "take"), threading.Event(), threading.Event()

    def other() -> None:
        with Shelf(tmp_path / "take").mine(waits.set):
            done.set()

    with shelf.mine():
        thread = threading.Thread(target=other)
        thread.start()
        assert waits.wait(10)
        shelf.folder.rename(tmp_path / "gone")  # at once, as `remove` does
    thread.join(20)
    assert done.is_set() and shelf.folder.exists()


def test_a_file_is_made_once_and_again_when_its_causes_change(shelf):
    assert shelf.keep("a.txt", ["one"], _say("one"))
    assert not shelf.keep("a.txt", ["one"], _say("never"))
    assert shelf.path("a.txt").read_text() == "one"
    assert shelf.keep("a.txt", ["two"], _say("two"))
    assert shelf.path("a.txt").read_text() == "two"


def test_a_file_that_somebody_changed_is_made_again(shelf):
    shelf.keep("a.txt", 1, _say("ours"))
    shelf.path("a.txt").write_text("theirs, longer")
    assert shelf.keep("a.txt", 1, _say("ours"))


def test_a_failed_making_leaves_the_old_file(shelf):
    shelf.keep("a.txt", 1, _say("old"))

    def half(path: Path) -> None:
        path.write_text("ha")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        shelf.keep("a.txt", 2, half)
    assert shelf.path("a.txt").read_text() == "old"
    assert shelf.has("a.txt", 1)


def test_a_value_comes_back_equal(shelf):
    words = Transcript((Word("ja", 0, 10, 0.5),), engine="whisper", language="de")
    assert shelf.value("words.json", 1, Transcript, lambda: words) == words
    assert shelf.value("words.json", 1, Transcript, lambda: pytest.fail("it is there")) == words


def test_words_corrected_by_hand_win_until_the_file_is_deleted(shelf):
    heard = Transcript((Word("wrecked", 0, 10),))
    shelf.value("words.json", 1, Transcript, lambda: heard, about="clip a")
    assert shelf.by_hand("words.json", "clip a", Transcript) is None
    path = shelf.path("words.json")
    path.write_text(path.read_text().replace("wrecked", "mended it"))
    corrected = Transcript((Word("mended it", 0, 10),))
    assert shelf.by_hand("words.json", "clip a", Transcript) == corrected
    assert shelf.by_hand("words.json", "clip b", Transcript) is None
    shelf.forget()
    assert shelf.by_hand("words.json", "clip a", Transcript) == corrected
    path.unlink()
    assert shelf.by_hand("words.json", "clip a", Transcript) is None


def test_a_copy_of_a_folder_was_not_corrected_by_hand(shelf, tmp_path):
    words = Transcript((Word("wrecked", 0, 10),))
    shelf.value("words.json", 1, Transcript, lambda: words, about="clip a")
    shutil.copytree(shelf.folder, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Shelf(tmp_path / "copy")
    assert copy.by_hand("words.json", "clip a", Transcript) is None
    assert not copy.untouched("words.json"), "what was made of it may be of other words"


def test_words_spoilt_by_hand_are_answered_with_the_cure(shelf):
    shelf.value("words.json", 1, Transcript, lambda: Transcript((Word("a", 0, 10),)), about="clip")
    shelf.path("words.json").write_text('{"words": [{"text": "a"}]}')
    with pytest.raises(WorkspaceError, match="start_ms"):
        shelf.by_hand("words.json", "clip", Transcript)


def test_forgetting_has_everything_made_anew(shelf):
    shelf.keep("a.txt", 1, _say("one"))
    shelf.chunks.keep("k", _say("chunk"))
    shelf.forget()
    assert not shelf.has("a.txt", 1)
    assert shelf.path("a.txt").exists()
    assert not shelf.chunks.has("k")


def test_a_store_holds_whole_files_only(tmp_path):
    store = Store(tmp_path / "chunks", ".mp4")
    with pytest.raises(RuntimeError):
        store.keep("k", lambda path: (path.write_text("half"), (_ for _ in ()).throw(RuntimeError()))[0])
    assert not store.has("k")
    assert list(store.folder.iterdir()) == []
    assert store.keep("k", _say("whole")).read_text() == "whole"
    assert store.keep("k", lambda path: pytest.fail("it is there")).read_text() == "whole"


def test_a_store_drops_what_nobody_used_for_two_weeks(tmp_path):
    store = Store(tmp_path, ".mp4")
    old, used = store.keep("old", _say("a")), store.keep("used", _say("b"))
    for path in (old, used):
        os.utime(path, (time.time() - 20 * 86400,) * 2)
    assert store.has("used")
    store.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["used.mp4"]


def test_two_runs_on_one_take_take_turns(tmp_path):
    inside: list[str] = []
    told = threading.Event()

    def second() -> None:
        with Shelf(tmp_path / "take").mine(told.set):
            inside.append("second")

    with Shelf(tmp_path / "take").mine():
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(5)
        inside.append("first")
    thread.join(5)
    assert inside == ["first", "second"]


def _hold(folder: Path, held: str) -> None:
    with Shelf(folder).mine():
        (folder / "work" / "half").write_text("half")
        (folder / held).touch()
        time.sleep(60)


def test_a_killed_run_gives_its_take_free_and_leaves_nothing_half_made(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "take", "held"))
    process.start()
    deadline = time.monotonic() + 20
    while not (tmp_path / "take" / "held").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    process.close()
    with Shelf(tmp_path / "take").mine(lambda: pytest.fail("nobody holds it")) as nothing:
        assert nothing is None
        assert list((tmp_path / "take" / "work").iterdir()) == []


def test_a_take_belongs_to_the_first_who_claims_it(tmp_path):
    assert claim(tmp_path / "take", "a.mp4")
    assert claim(tmp_path / "take", "a.mp4")
    assert not claim(tmp_path / "take", "other/a.mp4")
    assert owner_of(tmp_path / "take") == "a.mp4"
    assert owner_of(tmp_path / "nobody") == ""


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="Nothing can be written"), Shelf(tmp_path / "file" / "take").mine():
        pass


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "sound and connected"),
        (errno.ESTALE, "sound and connected"),
        (errno.ENOSPC, "is full"),
    ],
)
def test_what_a_disk_refuses_is_told_in_words(number, says, shelf):
    def refused(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    with pytest.raises(WorkspaceError, match=says) as told:
        shelf.put("a.txt", 1, refused)
    assert "the same command again" in told.value.do


def test_a_folder_that_is_deleted_while_a_take_is_made_is_told_in_words(tmp_path):
    shelf = Shelf(tmp_path / "take")
    with pytest.raises(WorkspaceError, match=r"Somebody deleted .*take while the take was made"), shelf.mine():
        shutil.rmtree(shelf.folder)
        shelf.keep("a.txt", 1, _say("one"))
    with shelf.mine():
        shelf.keep("a.txt", 1, _say("one"))


def test_a_record_that_was_cut_off_counts_as_none(shelf):
    shelf.keep("a.txt", 1, _say("one"))
    record = next((shelf.folder / ".kept").glob("a.txt*"))
    record.write_text(json.dumps({"causes": 1})[:5])
    assert not shelf.has("a.txt", 1)
