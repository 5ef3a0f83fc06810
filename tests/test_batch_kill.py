"""Killed at any moment, the next batch goes on: the same bytes, no finished chunk made twice, no ffmpeg left behind.

CANDID_KILLS=50 is the long campaign: eight real clips, with captions and a brand, and as many batches as it takes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.batches import CLIPS, Watch, bytes_of, chunks, finish, left_behind, start, workspace
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("CANDID_KILLS", "8"))


def test_killed_at_random_moments_a_batch_goes_on(recorded, undisturbed, tmp_path):
    calm, length = undisturbed
    chance, killed, batches, resumed = random.Random(4), 0, 0, 0
    while killed < KILLS:
        assert batches <= KILLS, "the batches were done before they could be killed"
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


def test_a_clip_that_is_replaced_meanwhile_is_made_by_the_next_run(recorded, tmp_path):
    place, folder = workspace(tmp_path / "space"), tmp_path / "clips"
    shutil.copytree(recorded, folder)
    first, second = sorted(folder.iterdir())[:2]
    process = start(place, folder, "-j", "1")
    while not list(place.glob(f"output/{first.stem}/.progress")):
        time.sleep(0.05)
    shutil.copyfile(second, tmp_path / "other.mp4")
    (tmp_path / "other.mp4").replace(first)
    assert process.wait(timeout=300) == 1
    told = {each["take"]: each for each in map(json.loads, (place / "out").read_text().splitlines())}
    assert [name for name, each in told.items() if each["status"] == "failed"] == [first.stem]
    assert "changed while it was read" in told[first.stem]["error"]["what"]
    assert (place / "err").read_text().endswith(" made, 0 lay ready, 1 failed.\n"), "it will not be passed over"
    takes = finish(start(place, folder, "-j", "1"), place)
    assert [name for name, each in takes.items() if each["status"] == "made"] == [first.stem]


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
