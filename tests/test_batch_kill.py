"""Killed at any moment, the next batch goes on: the same bytes, no finished chunk made twice, no ffmpeg left behind.

CANDID_KILLS=50 is the long campaign: eight real clips, with captions and a brand, and as many batches as it takes.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import ffmpeg
from pipeline.workspace import product_assets
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
CAMPAIGN = "CANDID_KILLS" in os.environ
KILLS = int(os.environ.get("CANDID_KILLS", "8"))
CLIPS = 8 if CAMPAIGN else 4

_PLAIN = 'topic = "A day in the yard"\nformats = ["square"]\nbranded = false\n[trim]\nkeep_everything = true\n'
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
    assert process.wait(timeout=900) == 0, (place / "out").read_text() + (place / "err").read_text()
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


def test_killed_at_random_moments_a_batch_goes_on(recorded, undisturbed, tmp_path):
    calm, length = undisturbed
    chance, killed, batches, resumed = random.Random(4), 0, 0, 0
    while killed < KILLS:
        place = workspace(tmp_path / f"stormy-{batches}")
        kills, finished = _killed(place, recorded, length, chance, KILLS - killed)
        with Watch(place) as watch:
            takes = finish(start(place, recorded, "-j", "2"), place)
        assert watch.twice == [] and finished.items() <= chunks(place).items()
        assert bytes_of(takes) == calm
        assert list(place.glob("output/*/.progress*")) == [] and list(place.glob("output/*/work*")) == []
        killed, batches, resumed = killed + kills, batches + 1, resumed + len(finished)
        print(f"{killed} kills, {batches} batches of {CLIPS} clips: every video as it should be, no chunk made twice")
        shutil.rmtree(place)
    assert resumed, "nothing was finished between the kills, so nothing was measured"


def _killed(place: Path, recorded: Path, length: float, chance: random.Random, most: int) -> tuple[int, dict[str, int]]:
    """Kills a batch again and again until it is done; how often, and the chunks finished by then."""
    finished: dict[str, int] = {}
    kills = 0
    while kills < most:
        process = start(place, recorded, "-j", "2")
        time.sleep(chance.uniform(0.5, length / 2))
        if kills % 3 == 2:  # on a busy machine, too: shortly after a chunk is finished
            while process.poll() is None and chunks(place).keys() <= finished.keys():
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 1))
        if process.poll() is not None:
            assert process.returncode == 0, (place / "err").read_text()
            break  # it was all done before
        kills += 1
        if kills % 2:
            os.kill(process.pid, signal.SIGKILL)  # its workers and their ffmpeg have to notice
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert left_behind(place) == []
        now = chunks(place)
        assert {name: now.get(name) for name in finished} == finished, "a finished chunk was lost or made twice"
        finished = now
    return kills, finished


def test_a_killed_worker_is_replaced_and_its_take_made(recorded, undisturbed, tmp_path):
    place = workspace(tmp_path / "space")
    with Watch(place) as watch:
        process = start(place, recorded, "-j", "2")
        while not list(place.glob("output/*/.progress")):
            time.sleep(0.05)
        workers = [pid for pid in children(process.pid) if "resource_tracker" not in command_of(pid)]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        takes = finish(process, place)
    assert watch.twice == []
    assert bytes_of(takes) == undisturbed[0]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_two_batches_share_the_work(recorded, undisturbed, tmp_path):
    place = workspace(tmp_path / "space")
    with Watch(place) as watch:
        first = start(place, recorded, "-j", "1")
        command = [sys.executable, "-m", "cli", "--workspace", str(place), "batch", str(recorded), "-r", "plain"]
        second = subprocess.run(
            [*command, "--json", "-j", "1"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
        )
        takes = finish(first, place)
    theirs = {told["take"]: told for told in map(json.loads, second.stdout.splitlines())}
    assert watch.twice == []
    for name in takes:
        assert sorted([takes[name]["status"], theirs[name]["status"]]) == ["kept", "made"]
    made = [sum(take["status"] == "made" for take in told.values()) for told in (takes, theirs)]
    assert min(made) >= 1, "they took turns instead of sharing"
    assert bytes_of(takes) == bytes_of(theirs) == undisturbed[0]


def test_ctrl_c_ends_it_politely_and_the_next_run_goes_on(recorded, undisturbed, tmp_path):
    place = workspace(tmp_path / "space")
    process = start(place, recorded, "-j", "2")
    while not chunks(place):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group hears it
    assert process.wait(timeout=5) == 130
    said = (place / "err").read_text()
    assert said.count("Stopping") == 1 and "goes on from here" in said and "Traceback" not in said
    assert left_behind(place) == []
    assert list(place.glob("output/*/.failed")) == [], "what was stopped did not fail"
    before = chunks(place)
    assert bytes_of(finish(start(place, recorded, "-j", "2"), place)) == undisturbed[0]
    assert before.items() <= chunks(place).items()
