"""Batches in processes of their own, that can be killed, and what they leave.

CANDID_KILLS makes them the batches of the long campaign: eight real clips, with captions and a brand.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import ffmpeg
from pipeline.workspace import product_assets
from tests.conftest import ROOT

CAMPAIGN = "CANDID_KILLS" in os.environ
CLIPS = 8 if CAMPAIGN else 4

_PLAIN = """topic = "A day in the yard"
formats = ["square"]
branded = false
[trim]
keep_everything = true
"""
_USUAL = 'topic = "A day in the yard"\nformats = ["square"]\n'


@pytest.fixture(scope="session")
def recorded(request, tmp_path_factory) -> Path:
    """A folder with short real clips, the first of two chunks."""
    folder = tmp_path_factory.mktemp("recorded")
    demo = product_assets() / "demo" / "demo.mp4"
    if CAMPAIGN:
        return _eight(folder, demo, request.getfixturevalue("media"))
    for number in range(CLIPS):
        length = ["-ss", str(number * 4), "-i", str(demo), "-t", "2" if number else "9.5"]
        ffmpeg.run([*length, "-vf", "scale=320:-2", "-preset", "ultrafast", str(folder / f"clip-{number}.mp4")])
    return folder


def _eight(folder: Path, demo: Path, media: Path) -> Path:
    """Whole clips as they were recorded, and four stretches of a longer one."""
    for path in (demo, *(media / name for name in ("spoken-timer.mp4", "talking-square.mp4", "talking-vfr.mp4"))):
        shutil.copyfile(path, folder / path.name)
    for start in (0, 15, 30, 45):
        cut = ["-ss", str(start), "-i", str(media / "bench-talk.mp4"), "-t", "15", "-c", "copy"]
        ffmpeg.run([*cut, str(folder / f"talk-{start}.mp4")])
    return folder


def workspace(folder: Path) -> Path:
    (folder / "recipes").mkdir(parents=True)
    (folder / "recipes" / "plain.toml").write_text(_USUAL if CAMPAIGN else _PLAIN)
    return folder


def start(place: Path, recorded: Path, *options: str) -> subprocess.Popen[str]:
    """A batch, and all that it starts, in a process group of its own. What it says goes into files."""
    command = [sys.executable, "-m", "cli", "--workspace", str(place), "batch", str(recorded), "-r", "plain", "--json"]
    with (place / "out").open("w") as out, (place / "err").open("w") as err:
        return subprocess.Popen([*command, *options], cwd=ROOT, stdout=out, stderr=err, start_new_session=True)


def finish(process: subprocess.Popen[str], place: Path) -> dict[str, dict]:
    """What each take came to."""
    longest = 900 if CAMPAIGN else 300
    assert process.wait(timeout=longest) == 0, (place / "out").read_text() + (place / "err").read_text()
    told = [json.loads(line) for line in (place / "out").read_text().splitlines()]
    takes = {each["take"]: each for each in told}
    assert len(takes) == len(told) == CLIPS
    return takes


def bytes_of(takes: dict[str, dict]) -> dict[str, str]:
    return {
        f"{name} {variant}": hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for name, take in takes.items()
        for variant, path in take["videos"].items()
    }


def chunks(place: Path) -> dict[str, int]:
    """The finished chunks. One that is made again has another number."""
    return {str(path): path.stat().st_ino for path in place.glob("output/*/chunks/[!.]*.mp4")}


def left_behind(place: Path) -> list[str]:
    """Processes that still work in the workspace a moment after their parent is gone."""
    time.sleep(1)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text()
                if str(place) in str((entry / "cwd").readlink()) or str(place) in command:
                    found.append(command)
            except OSError:
                continue
    return found


class Watch:
    """Looks at the chunks all the time, and counts those that are written a second time."""

    def __init__(self, place: Path) -> None:
        self.twice: list[str] = []
        self._place, self._over = place, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        seen: dict[str, int] = {}
        while not self._over.wait(0.05):
            now = chunks(self._place)
            self.twice += [name for name, number in now.items() if seen.setdefault(name, number) != number]


@pytest.fixture(scope="session")
def undisturbed(recorded, tmp_path_factory) -> tuple[dict[str, str], float]:
    """The bytes of a batch that nobody disturbs, and the seconds that it took."""
    place = workspace(tmp_path_factory.mktemp("calm") / "space")
    began = time.monotonic()
    takes = finish(start(place, recorded, "-j", "2"), place)
    assert {take["status"] for take in takes.values()} == {"made"}
    return bytes_of(takes), time.monotonic() - began
