"""A pool of processes on this machine."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

from pipeline import limits
from pipeline.errors import BatchError

_A_TAKE = 300 << 20  # bytes of memory, beside its encoders
_AN_ENCODER = 250 << 20
_MOST_ENCODERS = 16  # of one take
_MOST_AT_ONCE = 8
_TRIES = 3


class Engine:
    """`count` takes at once. A process that is killed breaks the whole pool, so a new one is opened."""

    here = True

    def __init__(self, count: int) -> None:
        self.count = count
        self.window = count + 1  # one waits ready, so that no process is idle
        self._pool: limits.Crew | None = None
        self._idle = 0  # pools, one after the other, of which no process began anything

    def open(self) -> Executor:
        """BatchError where processes end again and again before they begin anything: no take is to blame for that."""
        if self._pool is not None:
            self._idle = 0 if self._pool.began() else self._idle + 1
        self.close()
        if self._idle == _TRIES:
            raise BatchError(
                "The processes that make takes end before they begin: they are killed, or there is not enough memory.",
                "Close other programs, look at ulimit -v, or take fewer at once with -j 1; then run the same command "
                "again: what is finished is kept.",
            )
        self._pool = limits.Crew(self.count)
        return self._pool

    def lost(self, outcome: Future[Any]) -> bool:
        return outcome.done() and isinstance(outcome.exception(), BrokenExecutor)

    def guilty(self, outcome: Future[Any]) -> bool:
        """Nobody knows whose process it was that ended: all that were begun may be."""
        broken = not outcome.done() or isinstance(outcome.exception(), BrokenExecutor)
        return broken and self._pool is not None and self._pool.may_have_ended_it(outcome)

    def fault(self, outcome: Future[Any]) -> BaseException | None:
        return outcome.exception()

    def close(self) -> None:
        if self._pool is not None:
            limits.kill(self._pool)
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def fitting() -> int:
    """How many takes at once fit this machine."""
    return at_once(_cores(), _free_memory())


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def at_once(cores: int, free: int) -> int:
    """How many takes at once fit into so many cores and bytes of memory.

    A take encodes on all cores by itself, but listens and joins on one: a second take fills that gap, more are of use
    where there are many cores.
    """
    each = _A_TAKE + _AN_ENCODER * min(cores, _MOST_ENCODERS)
    return max(1, min(max(2, cores // 4), _MOST_AT_ONCE, free // each))


def _free_memory() -> int:
    """Bytes that can be had without swapping, within the limit of a container; 4 GiB where the system does not say."""
    free = 4 << 30
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        group = Path("/sys/fs/cgroup")
        most, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        files = int(stat.get("inactive_file", 0))  # counts as used, and is given back where it is wanted
        free = min(free, max(0, most - used + files))
    return free
