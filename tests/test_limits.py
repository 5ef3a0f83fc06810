"""Work on files from outside has limits, its errors travel, and its processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import limits
from pipeline.errors import ClipError, FFmpegError, LimitError
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def pool():
    with limits.processes() as pool:
        yield pool


def _fail(fault: Exception) -> None:
    raise fault


def test_results_and_errors_travel(pool):
    assert limits.call(pool, 20, divmod, 7, 3) == (2, 1)
    with pytest.raises(ClipError) as told:
        limits.call(pool, 20, _fail, ClipError("It is cut off.", "Copy it again."))
    assert (told.value.what, told.value.do) == ("It is cut off.", "Copy it again.")
    with pytest.raises(FFmpegError) as said:
        limits.call(pool, 20, _fail, FFmpegError("No.", "Try.", "its last lines"))
    assert said.value.said == "its last lines"


def _hog() -> int:
    return len(bytearray(6 << 30))


def test_memory_has_a_limit(pool):
    with pytest.raises(LimitError, match="more memory or time"):
        limits.call(pool, 20, _hog)


def test_time_has_a_limit():
    started = time.monotonic()
    with pytest.raises(LimitError, match="longer than 1 seconds"), limits.processes() as pool:
        limits.call(pool, 1, time.sleep, 60)
    assert time.monotonic() - started < 20


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_crash_is_told_in_words():
    with pytest.raises(LimitError), limits.processes() as pool:
        limits.call(pool, 20, _crash)


_PARENT = """
import os, time
from pipeline import limits
if __name__ == "__main__":
    with limits.processes(2) as pool:
        print(*{limits.call(pool, 20, os.getpid) for _ in range(8)}, flush=True)
        pool.submit(time.sleep, 60)
        time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_processes_die_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    children = [int(number) for number in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    time.sleep(0.5)
    assert children and not any(_lives(child) for child in children)


def _lives(pid: int) -> bool:
    """A zombie is dead: it only waits for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
