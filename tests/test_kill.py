"""Killed at any moment, the next run goes on, keeps the finished chunks and makes the same bytes; two at once do no
harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.workspace import product_assets
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
KILLS = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Eleven seconds of the demo clip: three chunks."""
    from pipeline import ffmpeg

    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = product_assets() / "demo" / "demo.mp4"
    ffmpeg.run(["-i", str(source), "-t", "11", "-vf", "scale=480:-2", "-preset", "ultrafast", str(path)])
    return path


def start(workspace: Path, clip: Path) -> subprocess.Popen[str]:
    options = ["--json", "--unbranded", "--keep-everything"]
    command = [sys.executable, "-m", "cli", "--workspace", str(workspace), "render", *options, str(clip)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def test_killed_at_random_moments_a_render_goes_on(clip, tmp_path):
    calm, workspace = tmp_path / "calm", tmp_path / "stormy"
    calm.mkdir()
    workspace.mkdir()
    began = time.monotonic()
    undisturbed = finish(start(calm, clip))
    length = time.monotonic() - began
    chance = random.Random(20)
    chunks = workspace / "output" / "clip" / "chunks"
    finished: dict[str, int] = {}
    for _ in range(KILLS):
        process = start(workspace, clip)
        time.sleep(chance.uniform(0.1, length / 3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        now = {path.name: path.stat().st_ino for path in chunks.glob("*.mp4")} if chunks.exists() else {}
        assert {name: now.get(name) for name in finished} == finished, "a finished chunk was lost or made twice"
        finished = now
    assert _left_behind(workspace) == []
    made = finish(start(workspace, clip))
    assert _bytes_of(made) == _bytes_of(undisturbed)
    assert list((workspace / "output" / "clip").glob("work*")) == []


def _left_behind(workspace: Path) -> list[str]:
    """Processes that still work in the workspace a moment after their parent was killed."""
    time.sleep(1)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(workspace) in str((entry / "cwd").readlink()):
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def _bytes_of(take: dict) -> str:
    (video,) = take["videos"].values()
    return hashlib.sha256(Path(video).read_bytes()).hexdigest()


def test_two_runs_at_once_make_one_video(clip, tmp_path):
    runs = [start(tmp_path, clip) for _ in range(2)]
    takes = [finish(run) for run in runs]
    assert sorted(take["status"] for take in takes) == ["kept", "made"]
    assert _bytes_of(takes[0]) == _bytes_of(takes[1])
