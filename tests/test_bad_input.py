"""Every clip of the list of bad input:

refused in one plain sentence with the cure, or made into a sensible video with a note.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import watching
from tests.clips import AWKWARD, HOPELESS, made, ordinary
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", HOPELESS)
def test_hopeless_input_is_refused_in_words(kind, candid, tmp_path):
    clip = HOPELESS[kind](tmp_path)
    said = candid("render", "--", clip)
    lines = said.err.strip().splitlines()
    assert said.status == 1
    assert lines[0].startswith("Error: ") and lines[0].endswith(".")
    assert len(lines) == 2, "one sentence, and the cure"
    assert said.out == ""
    assert list((tmp_path / "output").rglob("*.mp4")) == []


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_input_becomes_a_video(kind, candid, tmp_path):
    clip = AWKWARD[kind](tmp_path)
    said = candid("render", "--json", "--unbranded", "--", clip)
    assert said.status == 0, said.err
    (take,) = said.takes
    video = Path(take["videos"]["landscape-unbranded"])
    frames, _ = watching.count(video)
    assert frames >= 1
    assert abs(watching.sound_seconds(video) - frames / watching.count(video)[1]) < 0.07
    assert _aspect_is_right(video)


def test_a_clip_is_found_from_the_folder_one_is_in(candid, tmp_path, monkeypatch):
    clip = AWKWARD["mono"](tmp_path)
    monkeypatch.chdir(tmp_path)
    said = candid("render", "--unbranded", clip.name)
    assert said.status == 0, said.err


def test_damaged_pictures_are_noted(candid, tmp_path):
    (take,) = candid("render", "--json", "--unbranded", AWKWARD["broken packets"](tmp_path)).takes
    report = json.loads(Path(take["report"]).read_text())
    assert any("damaged" in note for note in report["notes"])


def _aspect_is_right(video: Path) -> bool:
    picture = watching.frames(video, {0})[0]
    return picture.shape == (1080, 1920, 3)


def test_a_folder_that_cannot_be_written_is_told_in_words(candid, tmp_path):
    clip = AWKWARD["mono"](tmp_path)
    (tmp_path / "output").write_text("a file where the folder should be")
    said = candid("render", clip)
    assert said.status == 1
    assert "Nothing can be written" in said.err and "--workspace" in said.err


def test_a_clip_that_changes_while_it_is_read_is_refused(candid, tmp_path, monkeypatch):
    from pipeline import sound

    clip = AWKWARD["mono"](tmp_path)
    make = sound.make

    def meanwhile(*arguments):
        os.utime(clip, (1, 1))
        return make(*arguments)

    monkeypatch.setattr(sound, "make", meanwhile)
    said = candid("render", clip)
    assert said.status == 1
    assert "changed while it was read" in said.err
    assert list((tmp_path / "output").rglob("report.json")) == []


def test_a_clip_that_is_replaced_while_it_is_encoded_is_refused_for_that(candid, tmp_path, monkeypatch):
    from pipeline import ffmpeg

    clip, shorter = ordinary(tmp_path), _short(tmp_path)
    run = ffmpeg.run

    def meanwhile(*arguments, **options):
        if options.get("progress") and shorter.exists():
            shorter.replace(clip)
        return run(*arguments, **options)

    monkeypatch.setattr(ffmpeg, "run", meanwhile)
    said = candid("render", clip, "--keep-everything", "--unbranded")
    assert said.status == 1 and not shorter.exists()
    assert "clip.mp4 changed while it was read" in said.err
    assert candid("render", clip, "--keep-everything", "--unbranded").status == 0


def _short(folder):
    return made(folder, "short.mp4", "-f", "lavfi", "-i", "testsrc=s=320x240:r=30:d=0.2", "-pix_fmt", "yuv420p")


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 66 MiB, nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=66m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_in_words_and_the_next_run_goes_on(small_disk, tmp_path):
    clip = AWKWARD["mono"](tmp_path)
    filler = small_disk / "filler"
    command = [sys.executable, "-m", "cli", "--workspace", str(small_disk), "render", "--unbranded", str(clip)]
    filler.write_bytes(bytes(50 << 20))
    full = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert full.returncode == 1
    assert "is full" in full.stderr and "Free some space" in full.stderr
    assert "Traceback" not in full.stderr
    filler.unlink()
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
