"""Work on files from outside has limits, its errors travel, and its processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
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


def test_a_pool_that_broke_goes_on_saying_so_in_words():
    with limits.processes() as pool:
        for _ in range(2):
            with pytest.raises(LimitError):
                limits.call(pool, 20, _crash)


def test_a_pool_can_be_opened_in_any_thread():
    found: list[int] = []

    def work() -> None:
        with limits.processes() as pool:
            found.append(limits.call(pool, 20, os.getpid))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=20)
    assert found and not _lives(found[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_processes_start_at_once_and_never_hear_ctrl_c():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with limits.processes(2) as pool:
        status = limits.call(pool, 20, Path("/proc/self/status").read_text)
        started = list(getattr(pool, "_processes", {}))
        assert len(started) == 2
    deaf = int(status.partition("SigBlk:")[2].split()[0], 16)
    assert deaf & 1 << (signal.SIGINT - 1)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert not any(_lives(number) for number in started)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_crew_starts_no_more_than_there_is_work_for_and_never_hears_ctrl_c():
    with limits.Crew(40) as pool:
        started: dict[int, object] = pool._processes
        assert not started
        status = pool.submit(Path("/proc/self/status").read_text).result(timeout=20)
        assert len(started) == 1
        jobs = [pool.submit(time.sleep, 0.5) for _ in range(3)]
        assert len(started) <= 3
        [each.result(timeout=20) for each in jobs]
    assert int(status.partition("SigBlk:")[2].split()[0], 16) & 1 << (signal.SIGINT - 1)


def test_what_a_library_prints_in_a_process_does_not_stand_among_our_own(capfd):
    for pool in (limits.Crew(1), limits.processes()):
        with pool as opened:
            assert opened.submit(os.write, 1, b"loud\n").result(timeout=20) == 5
        assert capfd.readouterr() == ("", "loud\n")


def test_a_crew_knows_which_job_may_have_ended_a_process():
    with limits.Crew(1) as pool:
        deadly, waiting = pool.submit(_crash), pool.submit(os.getpid)
        with pytest.raises(BrokenProcessPool):
            deadly.result(timeout=20)
        assert pool.may_have_ended_it(deadly) and not pool.may_have_ended_it(waiting)


_PARENT = """
import ctypes, os, sys, time
from pipeline import limits

def unsignaled():
    ctypes.CDLL(None).prctl(1, 0)
    time.sleep(0.2)  # so that each process gets one

if __name__ == "__main__":
    with limits.processes(2) as pool:
        if "without" in sys.argv:
            [job.result() for job in [pool.submit(unsignaled) for _ in range(2)]]
        limits.call(pool, 20, os.getpid)
        print(*pool._processes, flush=True)
        pool.submit(time.sleep, 60)
        time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("signal_of_death", ["with", "without"])
def test_processes_die_with_a_killed_parent(signal_of_death, tmp_path):
    """Also where the system has no such signal, as macOS and Windows."""
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    process = subprocess.Popen(
        [sys.executable, str(script), signal_of_death],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    children = [int(number) for number in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    assert len(children) == 2
    _wait_until(lambda: not any(_lives(child) for child in children))


def _wait_until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    """A zombie is dead: it only waits for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
