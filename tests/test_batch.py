"""Many takes: none is lost, none stops the others, what lies ready costs little, and the memory stays what it is."""

from __future__ import annotations

import errno
import gc
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import cli
from commands.batch import _made, _Sum
from commands.stopping import politely
from pipeline import batch, limits, manifest, orders, progress, report, takes, transcribers
from pipeline.batch import Job, Progress, Seen
from pipeline.engines import choose, local
from pipeline.errors import BatchError, ClipError, FFmpegError, LimitError, TranscriberError, WorkspaceError, in_words
from pipeline.model import Person, Recipe
from pipeline.orders import Wanted
from pipeline.shelf import Shelf, fingerprint
from pipeline.workspace import Workspace
from tests import terminal
from tests.batches import left_behind, start, workspace
from tests.clips import HOPELESS, ordinary
from tests.conftest import ROOT

# --- doubles: what stands in for looking at a take, and for making one ------------------------------------------------


def job(name: object, root: Path = Path("/")) -> Job:
    return Job(root, (str(name),), Wanted())


def unseen(each: Job) -> Seen:
    return Seen(each.names[0])


def done(each: Job) -> batch.Told:
    return {"take": each.names[0], "status": "made"}


def counted(each: Job) -> batch.Told:
    """Leaves a line for each time that it is made."""
    with (each.root / each.names[0]).open("a") as file:
        file.write("begun\n")
    time.sleep(0.05)
    return done(each)


def deadly(each: Job) -> batch.Told:
    """Ends its worker where its name says so: always, or the first time."""
    told = counted(each)
    times = len((each.root / each.names[0]).read_text().splitlines())
    if "always" in each.names[0] or ("once" in each.names[0] and times == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return told


def stillborn(*_: object) -> None:
    os._exit(1)


def faulty(each: Job) -> batch.Told:
    if each.names[0] == "bad":
        raise ZeroDivisionError("nobody foresaw it")
    return done(each)


def held_once(each: Job) -> batch.Told:
    told = counted(each)
    first = len((each.root / each.names[0]).read_text().splitlines()) == 1
    return {**told, "status": "held"} if "held" in each.names[0] and first else told


# --- the loop ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_thousand_takes_run_through_in_constant_memory():
    handed_in = told = most = 0

    def jobs() -> Iterator[Job]:
        nonlocal handed_in
        for number in range(10_000):
            handed_in += 1
            yield job(f"take-{number}")

    sizes = {}
    tracemalloc.start()
    try:
        engine = local.Engine(2)
        for each in batch.run(jobs(), engine, task=done, look=unseen):
            told += 1
            most = max(most, handed_in - told)
            assert each["status"] == "made"
            if told in (1000, 9900):
                gc.collect()  # what only waits for that is not held
                sizes[told] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert told == handed_in == 10_000
    assert most <= engine.window
    assert sizes[9900] - sizes[1000] < 100_000  # bytes; eleven for each take


def test_what_lies_ready_is_not_handed_in():
    def look(each: Job) -> Seen:
        ready = each.names[0] != "new"
        return Seen(each.names[0], {"take": each.names[0], "status": "kept"} if ready else None)

    jobs = [job("old"), job("new"), job("older")]
    told = list(batch.run(jobs, local.Engine(1), task=done, look=look))
    assert Counter(each["status"] for each in told) == {"kept": 2, "made": 1}


def test_a_take_that_ends_its_worker_is_told_in_words_and_stops_nobody(tmp_path):
    names = ["a", "dies-always", "b", "dies-once", "c", "also-always", "d", "e", "f"]
    told = list(batch.run([job(name, tmp_path) for name in names], local.Engine(2), task=deadly, look=unseen))
    assert sorted(each["take"] for each in told) == sorted(names), "each is told once"
    failed = {each["take"]: each["error"]["what"] for each in told if each["status"] == "failed"}
    assert set(failed) == {"dies-always", "also-always"}
    assert "ended with it" in failed["dies-always"]
    tried = {name: len((tmp_path / name).read_text().splitlines()) for name in names}
    assert max(tried.values()) <= 3


def test_what_nobody_foresaw_fails_one_take():
    told = list(batch.run([job("a"), job("bad"), job("b")], local.Engine(1), task=faulty, look=unseen))
    by_take = {each["take"]: each for each in told}
    assert by_take["a"]["status"] == by_take["b"]["status"] == "made"
    assert "ZeroDivisionError: nobody foresaw it" in by_take["bad"]["error"]["what"]
    assert by_take["bad"]["error"]["do"]


def test_a_take_that_another_process_makes_comes_last(tmp_path):
    jobs = [job(name, tmp_path) for name in ("held", "a", "b", "c", "d")]
    told = [each["take"] for each in batch.run(jobs, local.Engine(1), task=held_once, look=unseen)]
    assert told == ["a", "b", "c", "d", "held"]


def test_a_source_that_has_nothing_now_is_asked_again():
    told: list[str | None] = []

    def source():
        yield from (None, job("a"))
        while "a" not in told:  # however long its worker takes to start
            yield None
        yield from ({"take": None, "status": "failed"}, job("b"), None)

    for each in batch.run(source(), local.Engine(1), task=done, look=unseen):
        told.append(each["take"])
    assert told == ["a", None, "b"]


def test_leaving_the_loop_ends_the_workers(tmp_path):
    others = _children()
    outcomes = batch.run((job(n, tmp_path) for n in range(100)), local.Engine(2), task=counted, look=unseen)
    next(outcomes)
    workers = [pid for pid in _children() if pid not in others]
    assert len(workers) >= 2
    outcomes.close()
    assert [pid for pid in workers if pid in _children()] == []


def _children() -> list[int]:
    """This process's children but the resource tracker, which stays."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]


# --- one take ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bad(tmp_path) -> Job:
    """A clip that is none, though only its making finds that out."""
    return Job(tmp_path / "space", (str(HOPELESS["text"](tmp_path)),), Wanted())


def test_a_failure_is_remembered_until_something_changes(bad):
    assert batch.look(bad) == Seen("clip")
    told = batch.work(bad)
    assert told["status"] == "failed" and told["take"] == "clip" and "clip.mp4" in told["error"]["what"]
    assert batch.look(bad).told == told
    retry = Job(bad.root, bad.names, bad.wanted, retry=True)
    assert batch.look(retry).told is None
    (bad.root / "output" / "clip" / "edit.md").write_text("corrected by hand")
    assert batch.look(bad).told is None
    (bad.root / "output" / "clip" / "edit.md").unlink()
    assert batch.look(bad).told == told
    os.utime(bad.names[0], (1, 1))
    assert batch.look(bad).told is None, "another date is another clip"


def test_another_recipe_is_another_try(bad):
    batch.work(bad)
    assert batch.look(bad).told is not None
    assert batch.look(Job(bad.root, bad.names, Wanted(settings={"branded": False}))).told is None


def test_what_is_wrong_with_the_machine_is_not_held_against_the_take(bad, monkeypatch):
    for passes in (
        WorkspaceError("The disk is full.", "Free some space."),
        LimitError("ffmpeg ran out of memory or was killed.", "Close other programs."),
        TranscriberError("The model is missing.", "Get it."),
        MemoryError(),
        OSError(errno.ESTALE, "Stale file handle"),
        ZeroDivisionError(),
    ):
        monkeypatch.setattr(batch, "make", _raising(passes))
        assert batch.work(bad)["error"]["what"] == in_words(passes).what
        assert batch.look(bad).told is None
    monkeypatch.setattr(batch, "make", _raising(ClipError("It is broken.", "Record it again.")))
    batch.work(bad)
    assert batch.look(bad).told["error"] == {"what": "It is broken.", "do": "Record it again."}


def _raising(fault: Exception):
    def make(*_: object, **__: object) -> None:
        raise fault

    return make


def test_a_clip_that_is_replaced_while_it_is_made_has_not_failed(bad, monkeypatch):
    for change in (lambda: Path(bad.names[0]).write_text("another one"), Path(bad.names[0]).unlink):

        def replaced(*_: object, change=change) -> None:
            change()
            raise ClipError("It changed while it was read.", "Wait.")

        monkeypatch.setattr(batch, "make", replaced)
        assert batch.work(bad)["status"] == "failed"
        assert not (bad.root / "output" / "clip" / ".failed").exists()


def test_whatever_fails_when_a_clip_was_changed_or_taken_away_fails_for_that(tmp_path, monkeypatch):
    clip = ordinary(tmp_path)
    changes = {"changed while it was read": lambda: clip.write_text("x"), "no longer there": clip.unlink}
    for says, change in changes.items():

        def read(*_: object, change=change, **__: object) -> None:
            change()
            raise FileNotFoundError(errno.ENOENT, "No such file", str(clip))

        monkeypatch.setattr(limits, "call", read)
        told = batch.work(Job(tmp_path / "space", (str(clip),), Wanted()))
        assert says in told["error"]["what"] and told["error"]["what"].startswith("clip.mp4")


def test_a_job_that_makes_no_sense_fails_before_anything_starts(tmp_path):
    wrong = Job(tmp_path, ("nothing.mp4",), Wanted(), where="Row 7 of list.csv: ")
    for told in (batch.look(wrong).told, batch.work(wrong)):
        assert told["status"] == "failed"
        assert told["error"]["what"].startswith("Row 7 of list.csv: There is no file nothing.mp4")
    assert not (tmp_path / "output").exists()


def test_a_take_that_is_held_is_left_at_once_and_untouched(tmp_path):
    clip = ordinary(tmp_path)
    each = Job(tmp_path / "space", (str(clip),), Wanted())
    shelf = Shelf(tmp_path / "space" / "output" / "clip")
    with shelf.mine():
        Progress(shelf).tell("rendering", 0.5)
        began = time.monotonic()
        assert batch.work(each) == {"take": "clip", "status": "held"}
        assert time.monotonic() - began < 2
        assert shelf.work.exists() and progress.noted(Shelf(each.root / "output" / "clip")) == ("rendering", 0.5)
    assert not shelf.path(".failed").exists()


def test_progress_is_noted_at_most_twice_a_second_and_taken_away(tmp_path):
    shelf = Shelf(tmp_path)
    telling = Progress(shelf)
    notes, began = set(), time.monotonic()
    while time.monotonic() - began < 1.2:
        telling.tell("rendering", time.monotonic() - began)
        notes.add(shelf.noted(progress.NOTE)["at"])
    assert 2 <= len(notes) <= 3
    telling.end()
    assert list(tmp_path.iterdir()) == []
    Progress(shelf).end()  # without ever having told anything


def test_progress_that_a_killed_run_left_is_taken_away_before_the_take_is_handed_in(tmp_path):
    clip = ordinary(tmp_path)
    each = Job(tmp_path / "space", (str(clip),), Wanted())
    shelf = Shelf(tmp_path / "space" / "output" / "clip")
    shelf.note(progress.NOTE, {"step": "rendering", "done": 0.9})
    with shelf.mine():
        batch.look(each)
        assert progress.noted(Shelf(each.root / "output" / "clip")) == ("rendering", 0.9), "somebody makes it"
    batch.look(each)
    assert progress.noted(Shelf(each.root / "output" / "clip")) is None


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"done": "much"}'])
def test_a_damaged_note_of_progress_is_none(tmp_path, text):
    (tmp_path / "output" / "clip").mkdir(parents=True)
    (tmp_path / "output" / "clip" / progress.NOTE).write_text(text)
    assert progress.noted(Shelf(tmp_path / "output" / "clip")) is None


# --- which takes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def space(tmp_path) -> Workspace:
    """A workspace with a recipe."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "yard.toml").write_text('topic = "A day in the yard"\n')
    return Workspace(tmp_path)


def _handed_in(space: Workspace, clip: Path, count: int) -> None:
    take, _ = takes.submit([clip], Recipe(slug="yard"), Person("demo", "D"), "I agree.", space.takes)
    record = json.loads((space.takes / take.id / "take.json").read_text())
    for number in range(count - 1):
        folder = space.takes / f"{take.id}-{number + 2}"
        folder.mkdir()
        os.link(take.clips[0], folder / take.clips[0].name)
        (folder / "take.json").write_text(json.dumps(record | {"id": folder.name}))


def _finished(space: Workspace, take: str) -> None:
    """What a render leaves on the shelf."""
    asked, shelf = orders.order(space, (take,), Wanted())
    causes = report.causes(asked, transcribers.choose(asked.transcriber, asked.recipe.language))
    with shelf.mine():
        shelf.put("landscape.mp4", 1, lambda path: path.write_bytes(b"video"))
        shelf.put("edit.md", 1, lambda path: path.write_text("as it was written"))
        facts = {"edit": fingerprint("as it was written"), "variants": {"landscape": {}}}
        told = json.dumps(facts | {"files": ["landscape.mp4", "edit.md"]})
        shelf.put("report.json", causes, lambda path: path.write_text(told))


def _approved(folder: Path) -> None:
    """What an approval leaves beside a video."""
    seen = (folder / "landscape.mp4").stat()
    sealed = {"service": "folder", "stamps": [["landscape.mp4", seen.st_size, seen.st_mtime_ns]]}
    (folder / "approval.json").write_text(json.dumps({"sealed": [sealed], "withdrawn": ""}))


def test_an_approved_video_stays_as_it_is_in_every_batch(space, tmp_path, candid):
    clip = ordinary(tmp_path)
    _finished(space, str(clip))
    changed = Job(space.root, (str(clip),), Wanted(settings={"branded": False}))
    assert batch.look(changed).told is None
    _approved(space.output / "clip")
    told = batch.look(changed).told
    assert told["status"] == "kept" and told["sealed"] and told["videos"]["landscape"].endswith("landscape.mp4")
    (tmp_path / "list.csv").write_text("clip,recipe\nclip.mp4,yard\n")
    said = candid("batch", tmp_path / "list.csv")
    assert said.status == 0 and "approved, so it stays as it is, though something changed" in said.out, said
    assert "sealed" not in candid("batch", tmp_path / "list.csv", "--json").takes[0]


def test_the_name_of_a_take_that_was_handed_in_belongs_to_it(space, tmp_path):
    clip, foreign = ordinary(tmp_path), tmp_path / "yard-demo.mp4"
    shutil.copyfile(clip, foreign)
    with foreign.open("ab") as file:
        file.write(b"\0\0\0\x08free")  # a box that says nothing: another clip
    order = partial(takes.submit, recipe=Recipe(slug="yard"), person=Person("demo", "D"), consent="Yes.")
    assert space.take((foreign,)) == "yard-demo"
    take, _ = order([clip], folder=space.takes, reserve=space.reserve)
    assert take.id == "yard-demo-2", "a clip from elsewhere had the other name"
    assert space.take(take.clips, take.id) == "yard-demo-2"
    (space.output / "yard-demo-2" / ".clips").unlink()  # as before names were kept
    later = tmp_path / "yard demo 2.mp4"
    shutil.copyfile(clip, later)
    assert space.take((later,)).startswith("yard-demo-2-")


def test_what_is_known_of_a_take_is_told_where_its_recipe_is_gone(space, tmp_path):
    _handed_in(space, ordinary(tmp_path), 1)
    (space.recipes / "yard.toml").unlink()
    each = Job(space.root, ("yard-demo",), Wanted())
    for told in (batch.look(each).told, batch.work(each)):
        assert told["take"] == "yard-demo" and told["clip"] == str(space.takes / "yard-demo" / "1-clip.mp4")


def test_processes_that_end_before_they_begin_are_no_fault_of_the_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_enlist", stillborn)
    with pytest.raises(BatchError, match="end before they begin"):
        list(batch.run([job("a", tmp_path), job("b", tmp_path)], local.Engine(2), task=counted, look=unseen))
    assert list(tmp_path.iterdir()) == []


def test_approved_takes_do_not_wait(space, tmp_path):
    _handed_in(space, ordinary(tmp_path), 3)
    assert batch.handed_in(space) == ("yard-demo", "yard-demo-2", "yard-demo-3")
    folder = space.output / "yard-demo-2"
    folder.mkdir(parents=True)
    (folder / "landscape.mp4").write_bytes(b"a video")
    _approved(folder)
    assert batch.handed_in(space) == ("yard-demo", "yard-demo-3")
    (folder / "landscape.mp4").write_bytes(b"another one")
    assert batch.handed_in(space) == ("yard-demo", "yard-demo-2", "yard-demo-3")


@pytest.mark.slow
def test_a_thousand_takes_of_which_three_are_new_cost_little(space, tmp_path):
    (tmp_path / "assets" / "people").mkdir(parents=True)
    (tmp_path / "assets" / "people" / "demo.toml").write_text('name = "D"\n')
    _handed_in(space, ordinary(tmp_path), 1000)
    names = batch.handed_in(space)
    new = set(names[::400])
    for name in names:
        if name not in new:
            _finished(space, name)
    began = time.process_time()
    jobs = [Job(space.root, (name,), Wanted()) for name in batch.handed_in(space)]
    seen = {each.names[0]: batch.look(each) for each in jobs}
    took = time.process_time() - began
    assert {name for name, each in seen.items() if each.told is None} == new
    assert [each.told["error"] for each in seen.values() if each.told and each.told["status"] != "kept"] == []
    assert took / 1000 < 0.010, f"{took:.2f} ms a take"
    print(f"{took:.2f} ms")


def test_the_clips_of_a_folder(tmp_path):
    for name in ("b.MP4", "a.mov", ".hidden.mp4", "notes.txt", "a.mp4.part"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    assert [path.name for path in batch.in_folder(tmp_path)] == ["a.mov", "b.MP4"]
    with pytest.raises(BatchError, match="cannot be read"):
        batch.in_folder(tmp_path / "missing")


def test_a_watched_clip_is_given_once_it_is_whole_and_again_when_it_changed(tmp_path):
    looks = batch.watched(partial(batch.in_folder, tmp_path), 0.2)

    def given(seconds: float) -> list[str]:
        until, found = time.monotonic() + seconds, []
        while time.monotonic() < until:
            if path := next(looks):
                found.append(path.name)
        return found

    (tmp_path / "old.mp4").write_bytes(b"whole")
    assert given(0.9) == ["old.mp4"]
    with (tmp_path / "new.mp4").open("wb", buffering=0) as file:
        for _ in range(10):
            file.write(b"more")
            assert given(0.05) == []
    assert given(0.9) == ["new.mp4"]
    (tmp_path / "old.mp4").write_bytes(b"another one")
    assert given(0.9) == ["old.mp4"]
    (tmp_path / "old.mp4").unlink()
    assert given(0.5) == []


def test_a_watched_folder_that_is_gone_for_a_moment_is_told_once_and_looked_for(tmp_path):
    folder, away = tmp_path / "rec", tmp_path / "away"
    folder.mkdir()
    (folder / "old.mp4").write_bytes(b"whole")
    looks = batch.watched(partial(batch.in_folder, folder), 0.1)

    def seen(seconds: float) -> list[object]:
        until, found = time.monotonic() + seconds, []
        while time.monotonic() < until:
            found += filter(None, [next(looks)])
        return found

    assert seen(0.5) == [folder / "old.mp4"]
    folder.rename(away)
    (fault,) = seen(0.5)
    assert "cannot be read" in fault.what and "bring it back" in fault.do
    (away / "new.mp4").write_bytes(b"whole")
    away.rename(folder)
    assert sorted(seen(0.6)) == [folder / "new.mp4", folder / "old.mp4"], "the old one may have failed for that"


def test_one_clip_by_two_paths_is_one_clip(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "talk.mp4").touch()
    (tmp_path / "y").symlink_to(tmp_path / "x")
    _, second = _manifest(tmp_path, "clip\nx/talk.mp4\ny/talk.mp4\n")
    assert "It names the same clip as row 2." in second["error"]["what"]


def test_each_wrong_row_of_a_manifest_counts(tmp_path, candid):
    (tmp_path / "list.csv").write_text("clip,recipe\n,yard\n,yard\nnone.mp4,\n")
    said = candid("batch", tmp_path / "list.csv", "-j", "1")
    assert said.status == 1 and "0 made, 0 lay ready, 3 failed." in said.out


def test_a_manifest_may_come_out_of_a_pipe(tmp_path, candid):
    os.mkfifo(tmp_path / "list.csv")
    writer = threading.Thread(target=(tmp_path / "list.csv").write_text, args=("clip\nnone.mp4\n",))
    writer.start()
    said = candid("batch", tmp_path / "list.csv", "-j", "1")
    writer.join()
    assert "0 made, 0 lay ready, 1 failed." in said.out


def _manifest(folder: Path, text: str) -> list[Job | batch.Told]:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return list(manifest.jobs(path, Job(folder, (), Wanted("usual", "anna"))))


def test_the_rows_of_a_manifest_become_jobs_and_wrong_ones_are_told(tmp_path):
    rows = _manifest(
        tmp_path,
        "\ufeffclip,person,Recipe\n"
        'a.mp4,ben,yard\n"b, c.mp4",,\n\n,ben,\nd.mp4,ben,yard,more\n./a.mp4,ben\n/far/e.mp4\n',
    )
    jobs = [row for row in rows if isinstance(row, Job)]
    assert [each.names for each in jobs] == [(f"{tmp_path}/a.mp4",), (f"{tmp_path}/b, c.mp4",), ("/far/e.mp4",)]
    assert [(each.wanted.recipe, each.wanted.person) for each in jobs] == [("yard", "ben"), *[("usual", "anna")] * 2]
    assert [row["error"]["what"] for row in rows if isinstance(row, dict)] == [
        "Row 5 of list.csv: It names no clip.",
        "Row 6 of list.csv: It has 4 cells, and there are 3 columns.",
        "Row 7 of list.csv: It names the same clip as row 2.",
    ]


def test_a_manifest_as_excel_writes_it_where_the_comma_is_a_decimal_mark(tmp_path):
    rows = _manifest(tmp_path, '\ufeffclip;recipe;person\r\n"a; b, c.mp4";yard;\r\n;yard;\r\n')
    assert (rows[0].names, rows[0].wanted.recipe) == ((f"{tmp_path}/a; b, c.mp4",), "yard")
    assert rows[1]["error"]["what"] == "Row 3 of list.csv: It names no clip."
    assert rows[1]["clip"] == f"{tmp_path}/list.csv", "and no other file is blamed for it"


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_row_only(tmp_path):
    rows = _manifest(tmp_path, 'clip,recipe\n"a.mp4,yard\nb.mp4,yard\n"c.mp4"x,yard\n"d ""e"".mp4",yard\n')
    assert [row["error"]["what"] for row in rows if isinstance(row, dict)] == [
        f"Row {number} of list.csv: Its quotation marks do not fit together." for number in (2, 4)
    ]
    assert [row.names for row in rows if isinstance(row, Job)] == [(f"{tmp_path}/b.mp4",), (f'{tmp_path}/d "e".mp4',)]


def test_a_character_that_no_name_can_have_is_told(tmp_path):
    told, other = _manifest(tmp_path, "clip\na\0b.mp4\nc.mp4\n")
    assert told["error"]["what"].startswith("Row 2 of list.csv: There is a character in it that no name can have")
    assert other.names == (f"{tmp_path}/c.mp4",)


@pytest.mark.parametrize(
    "text",
    [
        "clip,recipe,,\na.mp4,yard,,\n,,,\n",
        "clip,recipe\na.mp4,yard,,,\n",
        "sep=;\nclip;recipe\na.mp4;yard\n",
        "clip\trecipe\na.mp4\tyard\n",
        "clip,recipe\ra.mp4,yard\r",
    ],
)
def test_what_spreadsheets_add_to_a_manifest_is_understood(text, tmp_path):
    (row,) = _manifest(tmp_path, text)
    assert (row.names, row.wanted.recipe) == ((f"{tmp_path}/a.mp4",), "yard")


def test_a_row_that_ends_before_its_clip_names_none(tmp_path):
    (told,) = _manifest(tmp_path, "recipe,clip\nyard\n")
    assert told["error"]["what"] == "Row 2 of list.csv: It names no clip."


@pytest.mark.parametrize("text", ["", "a.mp4,yard,anna\n", "clip,clip\n", "clip,speaker\na,b\n", "clip;speaker\na;b\n"])
def test_a_file_without_the_names_of_its_columns_is_no_manifest(tmp_path, text):
    with pytest.raises(BatchError, match=r"list\.csv does not begin with the names.*clip,recipe,person"):
        _manifest(tmp_path, text)


@given(st.text(alphabet=st.sampled_from('a.,"\n\r\x00;é '), max_size=60))
def test_whatever_stands_in_a_manifest_is_a_job_or_said_in_words(tmp_path_factory, text):
    try:
        rows = _manifest(tmp_path_factory.mktemp("rows"), "clip,recipe\n" + text)
    except BatchError:
        return
    for row in rows:
        assert isinstance(row, Job) or row["error"]["what"].startswith("Row ")


# --- engines ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 256), st.integers(0, 1 << 42))
def test_what_fits_a_machine_fits_its_memory_and_is_never_nothing(cores, free):
    count = local.at_once(cores, free)
    assert 1 <= count <= local.at_once(cores, free + (1 << 30)) <= 8
    assert count == 1 or count * (300 << 20) <= free


def test_on_two_cores_two_takes_at_once_fit():
    assert local.at_once(2, 8 << 30) == 2
    assert local.at_once(2, 1 << 30) == 1


def test_an_engine_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(BatchError, match="There is no engine 'cloud'"):
        choose("cloud", None, tmp_path)
    with pytest.raises(BatchError, match="dask:tcp://HOST:8786"):
        choose("dask", None, tmp_path)


@pytest.mark.parametrize(
    "address", ["foo", "tcp://127.0.0.1", "127.0.0.1:99999", "tcp://:8786", "http://127.0.0.1:80", "tcp://h:1/path"]
)
def test_an_address_that_cannot_be_one_is_refused_at_once(address, tmp_path):
    with pytest.raises(BatchError, match="is no address of a scheduler") as told:
        choose(f"dask:{address}", None, tmp_path)
    assert "dask:tcp://192.168.1.5:8786" in told.value.do


def test_an_address_may_be_short_or_long(tmp_path):
    for address in ("host:8786", "tcp://127.0.0.1:1", "tls://[::1]:8786"):
        choose(f"dask:{address}", None, tmp_path)


def test_what_was_made_before_the_engine_was_lost_counts_as_made(tmp_path):
    def ready(each: Job) -> Seen:
        made = (tmp_path / each.names[0]).exists()
        return Seen(each.names[0], {"take": each.names[0], "status": "kept"} if made else None)

    told = list(batch.run([job("dies-always", tmp_path)], local.Engine(1), task=deadly, look=ready))
    assert [each["status"] for each in told] == ["made"]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_tells_each_failure_and_the_sum(candid, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    said = candid("batch", folder, "-j", "1")
    assert said.status == 1
    assert "Error: empty.mp4: empty.mp4 is empty." in said.err
    assert "0 made, 0 lay ready, 1 failed." in said.out
    said = candid("batch", folder, "-j", "1", "--json")
    assert said.status == 1
    (told,) = said.takes
    assert told["status"] == "failed" and "1 failed" in said.err
    assert set(told) >= {"clip", "clips", "take", "videos", "error"}


@pytest.fixture
def hopeless(tmp_path) -> Path:
    """A folder with clips that are none, told apart by names too long for a line of a terminal."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}-{'long-' * 30}.mp4").write_text("no clip")
    return folder


def test_on_a_terminal_each_line_stands_above_the_bars_and_they_leave_nothing(tmp_path, hopeless):
    written, status = terminal.run(["--workspace", tmp_path, "batch", hopeless, "-j", "1"])
    assert status == 1 and "all takes" in written, "there were no bars"
    lines = terminal.seen(written)
    told = [line for line in lines if line.startswith("Error: ")]
    assert len(told) == 4 and all("is no video or sound that can be read." in line for line in told)
    assert len(lines) == 9 and lines[-1].startswith("0 made, 0 lay ready, 4 failed."), lines


def test_json_is_whole_on_a_terminal_and_goes_where_it_is_led(tmp_path, hopeless):
    command = ["--workspace", tmp_path, "batch", hopeless, "-j", "1", "--json"]
    written, _ = terminal.run(command)
    assert "all takes" in written
    lines = terminal.seen(written)
    assert [json.loads(line)["status"] for line in lines[:-1]] == ["failed"] * 4 and "4 failed" in lines[-1]
    with (tmp_path / "out").open("wb") as out:
        written, _ = terminal.run(command, stdout=out.fileno())
    assert "all takes" in written and "{" not in written
    assert [json.loads(line)["status"] for line in (tmp_path / "out").read_text().splitlines()] == ["failed"] * 4


def test_on_a_terminal_ctrl_c_takes_the_bars_away_before_it_says_so(tmp_path, hopeless):
    sent: list[int] = []

    def said(written: str, pid: int) -> None:
        if written.count("is no video") == 4 and not sent:
            sent.append(pid)
            os.kill(pid, signal.SIGINT)

    written, status = terminal.run(["--workspace", tmp_path, "batch", hopeless, "--watch", "-j", "1"], said)
    assert status == 130
    lines = terminal.seen(written)
    assert lines[8].startswith("Stopping. Once more Ctrl-C") and "4 failed" in lines[9] and len(lines) == 11, lines


def test_a_watched_folder_may_be_gone_for_a_moment(tmp_path, hopeless):
    away = tmp_path / "away"

    def bring_back() -> None:
        (away / "new.mp4").write_text("no clip")
        away.rename(hopeless)

    def said(written: str, pid: int) -> None:
        for text, act in list(steps.items()):
            if text in written:
                steps.pop(text)
                act(pid)
            else:
                break  # one after the other

    steps = {
        "3-long": lambda pid: hopeless.rename(away),
        "cannot be read": lambda pid: bring_back(),
        "new.mp4": lambda pid: os.kill(pid, signal.SIGINT),
    }
    written, status = terminal.run(["--workspace", tmp_path, "batch", hopeless, "--watch", "-j", "1"], said)
    assert status == 130
    told = [line for line in terminal.seen(written) if line.startswith("Error: ")]
    assert [("is no video" in line, "cannot be read" in line) for line in told].count((False, True)) == 1
    assert sum("new.mp4" in line and "is no video" in line for line in told) == 1, told


def test_nothing_that_waits_is_no_failure(candid):
    said = candid("batch")
    assert (said.status, said.err) == (0, "")
    why, total = said.out.splitlines()
    assert total == "0 made, 0 lay ready, 0 failed."
    assert why.startswith("No takes were handed in here.") and "candid submit CLIP" in why and "candid batch DIR" in why


def test_why_there_is_nothing_to_do_is_said(candid, tmp_path):
    folder = tmp_path / "rec"
    (folder / "monday").mkdir(parents=True)
    said = candid("batch", folder)
    assert said.status == 0 and f"There are no clips in {folder}: files whose names end in .3gp, .avi," in said.out
    (folder / "monday" / "clip.mp4").touch()
    assert f"Try: candid batch {folder}/monday" in candid("batch", folder).out
    (tmp_path / "list.csv").write_text("clip\n")
    assert "list.csv names no clips" in candid("batch", tmp_path / "list.csv").out
    said = candid("batch", folder, "--json")
    assert said.out == "" and "There are no clips" in said.err


def test_a_take_that_was_handed_in_and_is_damaged_fails(candid, space, tmp_path, monkeypatch):
    (tmp_path / "assets" / "people").mkdir(parents=True)
    (tmp_path / "assets" / "people" / "demo.toml").write_text('name = "D"\n')
    _handed_in(space, ordinary(tmp_path), 3)
    (space.takes / "yard-demo" / "take.json").write_text("{broken")
    next((space.takes / "yard-demo-2").glob("*.mp4")).unlink()
    monkeypatch.setattr(batch, "handed_in", lambda space: ())
    said = candid("batch", "-j", "1")
    assert said.status == 1 and "0 made, 0 lay ready, 2 failed.\n" in said.out, "nothing of it is remembered"
    assert "yard-demo: The take yard-demo is damaged: its take.json cannot be read." in said.err
    assert "yard-demo-2: The take yard-demo-2 is damaged: its clip" in said.err
    told = candid("batch", "-j", "1", "--json").takes
    assert [each["take"] for each in told] == ["yard-demo", "yard-demo-2"]
    assert told[0]["clip"] == str(space.takes / "yard-demo") and "remembered" not in told[0]


def test_what_was_found_out_stays_among_us_but_for_debugging(candid, hopeless, monkeypatch):
    monkeypatch.setenv("CANDID_DEBUG", "1")
    space = hopeless.parent
    for _ in range(2):  # what failed before is made again, so that all of it is seen
        result = CliRunner().invoke(cli.main, ["--workspace", str(space), "batch", str(hopeless), "-j", "1", "--json"])
        assert result.stderr.count("Traceback (most recent call last)") >= 4 and "in _opened" in result.stderr
        told = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(told) == 4 and not any("traceback" in each for each in told)


def test_what_ffmpeg_said_is_in_a_traceback():
    fault = pickle.loads(pickle.dumps(FFmpegError("It failed.", "Look.", "all it said")))
    assert "all it said" in "".join(traceback.format_exception(fault)) and fault.said == "all it said"


@pytest.mark.parametrize(
    ("remembered", "says"),
    [
        ([False, False], "2 failed."),
        (
            [True, True],
            "2 failed. Those that failed will be passed over until changed; --retry-failed makes them again.",
        ),
        (
            [True, False],
            "2 failed. Of those that failed, 1 will be passed over until changed; --retry-failed makes them again.",
        ),
    ],
)
def test_only_what_is_remembered_is_said_to_be_passed_over(remembered, says, capsys):
    total = _Sum(once=False)
    for number, each in enumerate(remembered):
        total.add({"clip": f"{number}.mp4", "status": "failed", "remembered": each})
    total.say(as_json=False)
    assert capsys.readouterr().out == f"0 made, 0 lay ready, {says}\n"


def test_each_take_counts_once_by_what_is_known_of_it_last(capsys):
    total = _Sum(once=True)
    for clip, status, remembered in [
        ("a", "failed", True), ("b", "failed", True), ("a", "made", False), ("b", "failed", True), ("a", "kept", False),
    ]:  # fmt: skip
        total.add({"clip": clip, "status": status, "remembered": remembered})
    total.say(as_json=False)
    assert capsys.readouterr().out.startswith("1 made, 0 lay ready, 1 failed. Those that failed will be passed over")


def test_a_take_that_somebody_took_away_stops_nobody(tmp_path):
    assert "can no longer be read" in _made({"take": "yard", "report": str(tmp_path / "report.json")})


def test_the_line_of_a_take_says_what_is_to_be_known():
    notes = ["edit.md, line 3: what?", "edit.md, line 9: who?", "The file is cut off."]
    facts = {"notes": notes, "words": {"unsure": 3}}
    assert list(report.in_short(facts, "talk")) == [
        "3 unsure sentences: candid words edit talk",
        "2 lines of edit.md are unclear: candid words check talk",
        "1 note in its report.json",
    ]
    assert list(report.in_short({"notes": [], "words": {"unsure": 0}}, "talk")) == []
    assert list(report.in_short({"notes": [], "words": {"draft": True}}, "talk")) == [], "as an older version wrote it"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-j", "0"], "neither a number"),
        (["-j", "many"], "neither a number"),
        (["-j", "1000"], "1 to 64"),
        (["--watch"], "needs a folder"),
        (["--engine", "dask:tcp://127.0.0.1:1", "-j", "2"], "cluster"),
        (["list.txt"], "no file list.txt"),
        ([__file__], "neither a folder nor a manifest"),
        (["missing.csv"], "no file missing.csv"),
    ],
)
def test_wrong_usage_is_said(candid, options, says):
    said = candid("batch", *options)
    assert said.status == 2 and says in said.err


def test_a_recipe_that_is_not_there_is_said_once(candid, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.mp4").write_text("x")
    said = candid("batch", tmp_path, "-r", "nowhere")
    assert said.status == 1 and said.err.count("Error:") == 1 and "nowhere.toml" in said.err


def test_ctrl_c_still_tells_the_sum(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "text.mp4").write_text("no clip")
    options = ["--workspace", str(tmp_path), "batch", str(tmp_path / "clips"), "--watch", "-j", "1"]
    command = [sys.executable, "-c", "import cli; cli.main()", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "text.mp4 is no video" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out.startswith("0 made, 0 lay ready, 1 failed.") and "Stopped." in err


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT], [signal.SIGKILL]])
def test_however_a_batch_is_ended_it_ends_without_noise(numbers, recorded, tmp_path):
    place = workspace(tmp_path / "space")
    process = start(place, recorded, "-j", "2")
    while not list(place.glob("output/*/work/*/*")):
        time.sleep(0.05)
    for number in numbers:
        process.send_signal(number)
    process.wait(timeout=10)
    assert left_behind(place) == []
    said = (place / "err").read_text()
    assert "leaked" not in said and "Traceback" not in said
    assert said.count("Stopping. Once more") == (0 if signal.SIGKILL in numbers else 1)


def test_what_workers_elsewhere_go_on_with_is_said(capsys):
    for here, says in ((True, "Stopping. Once more"), (False, "workers have begun they finish")):
        with pytest.raises(KeyboardInterrupt), politely(here):
            signal.raise_signal(signal.SIGINT)
        assert says in capsys.readouterr().err


def test_the_second_ctrl_c_ends_at_once():
    code = """
import time
from commands.stopping import politely
with politely(local=True):
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("ending", flush=True)
        while True:  # a signal right before a sleep is heard after it
            time.sleep(0.1)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 130
        assert process.stderr.read().count("Stopping") == 1
