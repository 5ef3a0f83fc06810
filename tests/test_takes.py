"""A take is handed in whole or not at all, once, whatever happens while it is copied."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from commands.takes import submit as submit_command
from pipeline import takes
from pipeline.errors import ClipError, RecipeError, WorkspaceError
from pipeline.fonts import default_fonts
from pipeline.make import Order, look
from pipeline.model import Brand, Person, Recipe, Transcript, TrimRules, Word
from pipeline.shelf import Shelf
from pipeline.workspace import Workspace
from tests.clips import AWKWARD, DISGUISES, HOPELESS, ordinary
from tests.conftest import ROOT

ANNA, BEN = Person("anna", "Anna Abel"), Person("ben", "Ben Berg")
YARD = Recipe(slug="yard", topic="A day in the yard", prompts=("The crane", "The bang"))


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """A folder with two clips; they differ in their last bytes."""
    folder = tmp_path_factory.mktemp("ready")
    first = ordinary(folder, "The Crane.MP4")
    grown(first, folder / "bang!.mp4", 1 << 20, seed=1)
    return folder


@pytest.fixture(scope="module")
def large(ready) -> Path:
    return grown(ready / "The Crane.MP4", ready / "large.mp4", 24 << 20, seed=2)


def grown(clip: Path, path: Path, size: int, seed: int) -> Path:
    """The clip with so many bytes behind it that players pass over (a `free` box): half of them a hole of zeros."""
    import random

    shutil.copyfile(clip, path)
    with path.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free" + random.Random(seed).randbytes(size // 2 - 8))
        file.truncate(file.tell() + size - size // 2)
    return path


@pytest.fixture
def clips(ready) -> tuple[Path, Path]:
    return ready / "The Crane.MP4", ready / "bang!.mp4"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "assets" / "clips"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock")


# --- hand in ----------------------------------------------------------------------------------------------------------


def test_clips_become_a_take_in_their_order(clips, folder):
    steps = []
    take, new = takes.submit(clips, YARD, ANNA, "I agree.", folder, lambda *told: steps.append(told))
    assert new and take.id == "yard-anna"
    assert take.clips == (folder / "yard-anna" / "1-the-crane.mp4", folder / "yard-anna" / "2-bang.mp4")
    assert take.sha256 == tuple(map(sha256, clips)) == tuple(map(sha256, take.clips))
    assert (take.recipe, take.person, take.consent) == ("yard", "anna", "I agree.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", take.handed_in)
    assert takes.load(folder, "yard-anna") == takes.find(folder, "yard-anna") == take
    assert takes.listed(folder) == (take,)
    record = json.loads((folder / "yard-anna" / "take.json").read_text())
    assert record["originals"] == ["The Crane.MP4", "bang!.mp4"]
    assert record["clips"] == ["1-the-crane.mp4", "2-bang.mp4"]
    assert hidden(folder) == []
    copied = [done for step, done in steps if step == "copying"]
    assert copied == sorted(copied) and copied[-1] == 1


def test_the_same_clips_again_are_the_same_take(clips, folder):
    take, _ = takes.submit(clips, YARD, ANNA, "I agree.", folder)
    stamp = take.clips[0].stat().st_mtime_ns
    assert takes.submit(clips[::-1], YARD, ANNA, "Otherwise.", folder) == (take, False)
    assert takes.submit(clips, YARD, ANNA, "I agree.", folder, again=True) == (take, False)
    assert take.clips[0].stat().st_mtime_ns == stamp
    assert visible(folder) == ["yard-anna"] and hidden(folder) == []


def test_a_clip_of_another_take_is_refused_unless_it_is_meant(clips, folder):
    takes.submit(clips, YARD, ANNA, "I agree.", folder)
    with pytest.raises(
        RecipeError, match=r"bang!\.mp4 was handed in before: it is in a take of somebody else\..*--again"
    ):
        takes.submit(clips[1:], YARD, BEN, "I agree.", folder)
    with pytest.raises(RecipeError, match="it is in the take yard-anna"):
        takes.submit(clips[1:], YARD, ANNA, "I agree.", folder)
    assert visible(folder) == ["yard-anna"] and not list(folder.glob(".part-*/"))
    take, new = takes.submit(clips[1:], YARD, BEN, "I agree.", folder, again=True)
    assert (take.id, new) == ("yard-ben", True)


def test_other_clips_of_the_same_person_get_a_number(clips, folder):
    ids = [takes.submit([clip], YARD, ANNA, "I agree.", folder)[0].id for clip in clips]
    assert ids == ["yard-anna", "yard-anna-2"]


def test_a_name_that_is_taken_by_anything_is_passed_over(clips, folder):
    folder.mkdir(parents=True)
    (folder / "yard-anna").mkdir()
    (folder / "yard-anna-2").write_text("a file")
    (folder / "yard-anna-3").symlink_to("nowhere")
    assert takes.submit(clips, YARD, ANNA, "I agree.", folder)[0].id == "yard-anna-4"
    assert [path.name for path in (folder / "yard-anna").iterdir()] == []


def test_the_longest_names_still_make_a_take(clips, folder):
    recipe, person = Recipe(slug="r" * 200), Person("p" * 200, "P")
    for clip in clips:
        take, _ = takes.submit([clip], recipe, person, "I agree.", folder)
        assert takes.load(folder, take.id) == take


@pytest.mark.parametrize("kind", [*(kind for kind in HOPELESS if "disguised" not in kind and kind != "endless")])
def test_what_is_no_clip_is_refused_at_once_and_leaves_nothing(kind, folder, tmp_path):
    clip = HOPELESS[kind](tmp_path)
    with pytest.raises(ClipError) as told:
        takes.submit([clip], YARD, ANNA, "I agree.", folder)
    assert told.value.what.endswith(".") and told.value.do
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_disguised_playlist_is_refused_and_what_it_names_is_not_read(kind, folder, tmp_path):
    canary = ordinary(tmp_path, "canary.mp4")
    clip = DISGUISES[kind](tmp_path / "clip.mp4", str(canary))
    with pytest.raises(ClipError, match=r"clip\.mp4 is a playlist|no video"):
        takes.submit([clip], YARD, ANNA, "I agree.", folder)
    assert takes.listed(folder) == ()


def test_one_bad_clip_stops_all_of_them(clips, folder, tmp_path):
    with pytest.raises(ClipError):
        takes.submit([*clips, HOPELESS["text"](tmp_path)], YARD, ANNA, "I agree.", folder)
    assert takes.listed(folder) == ()


def test_no_clip_and_the_same_clip_twice_are_refused(clips, folder, tmp_path):
    with pytest.raises(ClipError, match="no clips"):
        takes.submit([], YARD, ANNA, "I agree.", folder)
    twin = Path(shutil.copyfile(clips[0], tmp_path / "twin.mp4"))
    with pytest.raises(ClipError, match=r"twin\.mp4 and The Crane\.MP4 are the same clip"):
        takes.submit([clips[0], twin], YARD, ANNA, "I agree.", folder)


@pytest.mark.parametrize("kind", ["newline", "leading dash", "emoji and brackets", "sound only"])
def test_odd_names_become_plain_ones(kind, folder, tmp_path):
    take, _ = takes.submit([AWKWARD[kind](tmp_path)], YARD, ANNA, "I agree.", folder)
    assert re.fullmatch(r"1-[a-z0-9-]+\.(mp4|m4a)", take.clips[0].name)
    assert takes.load(folder, take.id) == take


def test_more_clips_than_prompts_are_a_note():
    three = [Path("a"), Path("b"), Path("c")]
    assert takes.notes(three, YARD) == ("The recipe asks for 2 clips, one a prompt; you hand in 3.",)
    assert takes.notes(three[:2], YARD) == takes.notes(three, Recipe()) == ()


# --- what may happen meanwhile ----------------------------------------------------------------------------------------

_RUN = """
import os, signal, sys, time
from pathlib import Path
from pipeline import takes
from pipeline.model import Person, Recipe

if __name__ == "__main__":
    folder, person, moment, *clips = sys.argv[1:]
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    def tell(step, done):
        if step == "copying":
            print(done, flush=True)
            if moment.startswith("0.") and done >= float(moment): die()
        if moment == "looking" and step == "looking": die()
    if moment == "record":
        write = takes._write
        takes._write = lambda path, record: (path.write_text("{half"), die())
    if moment == "before rename": takes._renamed = lambda part, place: die()
    if moment == "after rename":
        takes.load = lambda *_: die()
    take, new = takes.submit([Path(c) for c in clips], Recipe(slug="yard"), Person(person, "X"), "I agree.", Path(folder), tell)
    print(take.id, new)
"""  # noqa: E501


def run(folder: Path, person: str, moment: str, *clips: Path) -> subprocess.Popen[str]:
    """Hands in clips in a process of its own, which kills itself at that moment."""
    script = folder.parent / "run.py"
    folder.mkdir(parents=True, exist_ok=True)
    if not script.exists():
        script.write_text(_RUN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(folder), person, moment, *map(str, clips)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> tuple[list[float], str]:
    """How far the copy was, step by step, and the last line."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    *steps, last = out.splitlines()
    return [float(step) for step in steps], last


def test_killed_at_any_moment_the_next_run_goes_on(clips, large, folder):
    small, total = clips[0].stat().st_size, _total(clips, large)
    half = 0
    for moment in ("looking", "0.01", "0.3", "0.6", "0.97", "record", "before rename", "never"):
        process = run(folder, "anna", moment, clips[0], large)
        if moment == "never":
            steps, last = finish(process)
            assert last == "yard-anna True"
        else:
            steps = _killed(process)
            assert visible(folder) == [], "no half take is ever seen"
            assert takes.listed(folder) == ()
        if moment != "looking":
            assert next(step for step in steps if step * total > small - 1) * total == pytest.approx(small)
            of_large = [step * total - small for step in steps if step * total > small + 1]
            assert not of_large or of_large[0] >= half, "what was copied is kept"
        half = max((path.stat().st_size for path in folder.glob(".part-*/2-large.mp4")), default=0)
        assert moment not in ("record", "before rename") or half == large.stat().st_size
    assert visible(folder) == ["yard-anna"] and hidden(folder) == []
    assert [sha256(clip) for clip in takes.load(folder, "yard-anna").clips] == [sha256(clips[0]), sha256(large)]


def _killed(process: subprocess.Popen[str]) -> list[float]:
    """How far the copy was until the process killed itself."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    return [float(line) for line in out.splitlines()]


def _total(clips, large) -> int:
    return clips[0].stat().st_size + large.stat().st_size


def test_killed_right_after_the_rename_the_take_is_there(clips, folder):
    _killed(run(folder, "anna", "after rename", clips[0]))
    assert finish(run(folder, "anna", "never", clips[0])) == ([], "yard-anna False")
    assert visible(folder) == ["yard-anna"] and hidden(folder) == []


def test_a_copy_that_was_damaged_meanwhile_is_made_once_more(clips, large, folder):
    _killed(run(folder, "anna", "0.6", large))
    (half,) = folder.glob(".part-*/1-large.mp4")
    with half.open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged!")
    _, last = finish(run(folder, "anna", "never", large))
    assert last == "yard-anna True"
    assert sha256(takes.load(folder, "yard-anna").clips[0]) == sha256(large)


def test_two_at_once_make_one_take_of_the_same_clips(large, folder):
    runs = [run(folder, "anna", "never", large) for _ in range(3)]
    assert sorted(finish(each)[1] for each in runs) == ["yard-anna False", "yard-anna False", "yard-anna True"]
    assert visible(folder) == ["yard-anna"] and hidden(folder) == []


def test_two_at_once_with_other_clips_get_a_name_each(clips, folder):
    runs = [run(folder, "anna", "never", clip) for clip in clips]
    assert sorted(finish(each)[1] for each in runs) == ["yard-anna True", "yard-anna-2 True"]
    held = {sha256(take.clips[0]) for take in takes.listed(folder)}
    assert held == set(map(sha256, clips))


def test_the_same_clip_by_two_people_at_once_is_taken_from_one(clips, folder):
    runs = [run(folder, person, "never", clips[1]) for person in ("anna", "ben")]
    said = [each.communicate(timeout=120) for each in runs]
    assert sorted(each.returncode for each in runs) == [0, 1]
    assert sum("was handed in before" in err for _, err in said) == 1
    assert len(takes.listed(folder)) == 1


@pytest.mark.parametrize("change", ["grows", "is replaced"])
def test_a_clip_that_changes_while_it_is_copied_is_refused(change, clips, large, folder, tmp_path):
    clip = Path(shutil.copyfile(large, tmp_path / "growing.mp4"))

    def tell(step: str, done: float) -> None:
        if step == "copying" and 0.3 < done < 0.4:
            if change == "grows":
                with clip.open("ab") as file:
                    file.write(b"more")
            else:
                shutil.copyfile(clips[0], clip)

    with pytest.raises(ClipError, match=r"growing\.mp4 changed while it was copied"):
        takes.submit([clip], YARD, ANNA, "I agree.", folder, tell)
    assert takes.listed(folder) == ()
    take, _ = takes.submit([clip], YARD, ANNA, "I agree.", folder)
    assert sha256(take.clips[0]) == sha256(clip)


def test_a_clip_that_was_cut_short_since_the_last_try_is_copied_anew(clips, large, folder, tmp_path):
    clip = Path(shutil.copyfile(large, tmp_path / "clip.mp4"))
    _killed(run(folder, "anna", "0.6", clip))
    shutil.copyfile(clips[0], clip)
    assert finish(run(folder, "anna", "never", clip))[1] == "yard-anna True"
    assert sha256(takes.load(folder, "yard-anna").clips[0]) == sha256(clips[0])


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_in_words_and_the_next_run_goes_on(small_disk, clips, large):
    folder = small_disk / "clips"
    with pytest.raises(WorkspaceError, match=r"The disk that holds .* is full\. Free some space"):
        takes.submit([clips[0], large], YARD, ANNA, "I agree.", folder)
    assert takes.listed(folder) == ()
    (half,) = folder.glob(".part-*/2-large.mp4")
    there = half.stat().st_size
    assert there > 8 << 20
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    steps = []
    take, _ = takes.submit([clips[0], large], YARD, ANNA, "I agree.", folder, lambda *told: steps.append(told))
    assert sha256(take.clips[1]) == sha256(large)
    first = [round(done * _total(clips, large)) for step, done in steps if step == "copying"]
    assert there + clips[0].stat().st_size in first, "it went on from what was there"


def test_a_folder_that_cannot_be_written_is_told_in_words(clips, tmp_path):
    (tmp_path / "assets").write_text("a file, not a folder")
    with pytest.raises(WorkspaceError, match="Nothing can be written to"):
        takes.submit(clips, YARD, ANNA, "I agree.", tmp_path / "assets" / "clips")


# --- find and remove --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handed_in(ready) -> Path:
    """A folder with one take."""
    folder = ready / "takes"
    takes.submit([ready / "The Crane.MP4", ready / "bang!.mp4"], YARD, ANNA, "I agree.", folder)
    return folder


@pytest.fixture
def take(handed_in, folder):
    shutil.copytree(handed_in, folder)
    return takes.load(folder, "yard-anna")


@pytest.mark.parametrize("id", ["", ".", "..", "../clips", "a/b", "Yard-Anna", "yard-anna\n", "x" * 81, "a\x00b", "ä"])
def test_no_name_leads_out_of_the_folder(id, take, folder):
    for seek in (takes.load, takes.remove):
        with pytest.raises(WorkspaceError, match="There is no take"):
            seek(folder, id)
    assert takes.find(folder, id) is None
    assert takes.load(folder, take.id) == take


def test_a_misspelt_take_is_answered_with_who_was_meant(take, folder):
    with pytest.raises(WorkspaceError, match=r"There is no take 'yard-ana'\. Did you mean 'yard-anna'\?"):
        takes.load(folder, "yard-ana")
    with pytest.raises(WorkspaceError, match="Hand one in with: candid submit"):
        takes.load(folder / "nowhere", "yard-anna")
    assert takes.listed(folder / "nowhere") == ()


def record(take, **changes):
    path = take.clips[0].parent / "take.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE = {
    "no json": lambda take: (take.clips[0].parent / "take.json").write_text("{half"),
    "no text": lambda take: (take.clips[0].parent / "take.json").write_bytes(b"\xff\xfe\x00"),
    "a list": lambda take: (take.clips[0].parent / "take.json").write_text("[]"),
    "too deep": lambda take: (take.clips[0].parent / "take.json").write_text("[" * 100_000),
    "too large": lambda take: record(take, consent="x" * (2 << 20)),
    "a key more": lambda take: record(take, surprise=1),
    "no clips": lambda take: record(take, clips=[], sha256=[], originals=[]),
    "a hash less": lambda take: record(take, sha256=["0"]),
    "a way out": lambda take: record(take, clips=["../../outside.mp4", "2-bang.mp4"]),
    "an absolute path": lambda take: record(take, clips=["/etc/hostname", "2-bang.mp4"]),
    "the folder itself": lambda take: record(take, clips=[".", "2-bang.mp4"]),
    "a clip is gone": lambda take: take.clips[1].unlink(),
    "a clip is a link": lambda take: (take.clips[1].unlink(), take.clips[1].symlink_to("/etc/hostname")),
    "take.json is a link": lambda take: _linked(take.clips[0].parent / "take.json"),
}


def _linked(path: Path) -> None:
    path.rename(path.parent.parent / "outside.json")
    path.symlink_to(path.parent.parent / "outside.json")


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_take_is_told_in_words_and_not_listed(kind, take, folder):
    DAMAGE[kind](take)
    with pytest.raises(WorkspaceError, match="The take yard-anna is damaged"):
        takes.load(folder, take.id)
    assert takes.listed(folder) == ()
    takes.remove(folder, take.id)
    assert visible(folder) in ([], ["outside.json"])


def test_a_link_to_a_folder_outside_is_no_take(take, folder, tmp_path):
    outside = (folder / take.id).rename(tmp_path / "outside")
    (folder / take.id).symlink_to(outside)
    with pytest.raises(WorkspaceError, match="There is no take"):
        takes.load(folder, take.id)
    with pytest.raises(WorkspaceError, match="There is no take"):
        takes.remove(folder, take.id)
    assert takes.listed(folder) == ()
    assert sorted(path.name for path in outside.iterdir()) == ["1-the-crane.mp4", "2-bang.mp4", "take.json"]


def test_removing_takes_nothing_else_along(take, clips, folder, tmp_path):
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "file").touch()
    (folder / take.id / "link").symlink_to(outside)
    (folder / ".gone-old-1").mkdir()
    other, _ = takes.submit(clips, YARD, BEN, "I agree.", folder, again=True)
    takes.remove(folder, take.id)
    assert visible(folder) == [other.id] and hidden(folder) == []
    assert (outside / "file").exists() and all(clip.exists() for clip in clips)
    with pytest.raises(WorkspaceError, match="There is no take"):
        takes.remove(folder, take.id)


def test_a_workspace_knows_the_clips_of_a_take(take, tmp_path):
    space = Workspace(tmp_path)
    assert space.takes == tmp_path / "assets" / "clips"
    assert space.clips(take.id) == take.clips
    assert space.clips("elsewhere") == (Path("elsewhere").absolute(),)


def test_a_workspace_keeps_twelve_clips_in_their_order(tmp_path):
    folder = tmp_path / "assets" / "clips" / "yard-anna"
    folder.mkdir(parents=True)
    for name in ("take.json", *(f"{number}-clip.mp4" for number in range(12, 0, -1))):
        (folder / name).touch()
    assert [path.name for path in Workspace(tmp_path).clips("yard-anna")] == [f"{n}-clip.mp4" for n in range(1, 13)]


# --- what should not be said ------------------------------------------------------------------------------------------


def test_what_the_brand_asks_to_keep_out_is_noted_where_it_is_heard_in_the_video(tmp_path):
    """Words corrected by hand; the first is cut out, and the opening lasts a second."""
    clip = ordinary(tmp_path)
    shelf = Shelf(tmp_path / "output" / "clip")
    rules = Recipe(trim=TrimRules(keep_everything=True, start_ms=600))
    order = Order("clip", (clip,), rules, Brand("x", fonts=default_fonts(), keep_out=("Zephyr",)), transcriber="auto")
    look(order, shelf)
    said = Transcript((Word("Zephyr", 100, 300), Word("Zephyr's", 900, 1100)))
    path = shelf.path("words.json")
    path.write_text(
        json.dumps({"words": [{"text": w.text, "start_ms": w.start_ms, "end_ms": w.end_ms} for w in said.words]})
    )
    notes = [note for note in look(order, shelf).notes if "Zephyr" in note]
    assert notes == ["You say 'Zephyr' at 0:01; the brand's list asks to keep it out."]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def candid(tmp_path):
    """A workspace with a recipe and a person, and the front door with this one command."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "assets" / "people").mkdir(parents=True)
    (tmp_path / "recipes" / "yard.toml").write_text('topic = "A day in the yard"\n')
    (tmp_path / "assets" / "people" / "anna.toml").write_text('name = "Anna Abel"\n')
    door = cli._Group("candid")
    door.add_command(submit_command)

    def invoke(*arguments: object, input: str | None = None):
        result = CliRunner().invoke(door, ["submit", *map(str, arguments)], obj=tmp_path, input=input)
        assert "Traceback" not in result.output
        return result

    return invoke


WHO = ("-r", "yard", "--as", "anna")


def test_handing_in_shows_what_is_wanted_and_what_is_accepted(candid, clips, folder):
    said = candid(*clips, *WHO, "--yes")
    assert said.exit_code == 0, said.output
    assert "A day in the yard" in said.stdout and "Next: candid render yard-anna" in said.stdout
    consent = takes.load(folder, "yard-anna").consent
    assert consent and consent in said.stdout
    assert "handed in before, on 20" in candid(*clips, *WHO, "--yes").stdout


def test_a_brand_says_what_it_stands_for_and_what_is_accepted(candid, clips, folder, tmp_path):
    brand = tmp_path / "assets" / "brands" / "acme"
    brand.mkdir(parents=True)
    (tmp_path / "recipes" / "yard.toml").write_text('topic = "T"\nbrand = "acme"\nprompts = ["The crane"]\n')
    (brand / "brand.toml").write_text('stands_for = "Things that last."\nkeep_out = ["Zephyr", "Big Corp"]\n')
    said = candid(*clips, *WHO, "--yes").stdout
    assert "1. The crane" in said and "Things that last." in said and "Zephyr, Big Corp" in said
    assert "note: The recipe asks for 1 clip, one a prompt; you hand in 2." in said
    assert takes.CONSENT in said and takes.load(folder, "yard-anna").consent == takes.CONSENT


def test_without_a_terminal_nobody_accepts_by_accident(candid, clips, folder):
    said = candid(*clips, *WHO)
    assert said.exit_code == 2 and "--yes" in said.stderr
    assert takes.listed(folder) == ()


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_at_a_terminal_one_is_asked(answer, status, candid, clips, folder, monkeypatch):
    monkeypatch.setattr("commands.takes._at_a_terminal", lambda: True)
    assert candid(*clips, *WHO, input=answer).exit_code == status
    assert bool(takes.listed(folder)) is (status == 0)


def test_json_is_one_object(candid, clips, folder):
    told = json.loads(candid(*clips, *WHO, "--yes", "--json").stdout)
    assert (told["take"], told["status"], told["person"]) == ("yard-anna", "made", "anna")
    assert told["clips"] == [str(clip) for clip in takes.load(folder, "yard-anna").clips]
    assert json.loads(candid(*clips, *WHO, "--yes", "--json").stdout)["status"] == "kept"


@pytest.mark.parametrize(
    "arguments", [("-r", "yard", "--as", "nobody"), ("-r", "none", "--as", "anna"), ("gone.mp4", *WHO)]
)
def test_what_is_not_there_is_told_before_anything_is_asked(arguments, candid, clips, folder):
    said = candid(clips[0], *arguments)
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: There is no ")
    assert said.stdout == ""
    assert takes.listed(folder) == ()


def test_a_take_needs_a_recipe_that_is_found_again(candid, clips, folder, tmp_path):
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text('topic = "Elsewhere"\n')
    said = candid(clips[0], "-r", elsewhere, "--as", "anna", "--yes")
    assert said.exit_code == 1 and "does not lie in" in said.stderr
    assert takes.listed(folder) == ()
    assert candid(clips[0], "-r", tmp_path / "recipes" / "yard.toml", "--as", "anna", "--yes").exit_code == 0


def test_wrong_usage(candid, clips):
    assert candid(*WHO).exit_code == candid(clips[0]).exit_code == candid(clips[0], "-r", "yard").exit_code == 2
