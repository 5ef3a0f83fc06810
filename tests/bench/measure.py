"""Runs commands as whole processes: wall and CPU seconds, and the peak memory of all their processes together."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLED_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run. `memory` is in MiB: proportional set sizes, so that shared pages count once."""

    wall: float
    cpu: float
    memory: float
    said: str


def run(command: Sequence[str], folder: Path, *, memory: bool = False) -> Run:
    """Runs a command that has to succeed."""
    started = time.monotonic()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        watch = _Watch(process.pid) if memory else None
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{(folder / 'stderr').read_text(errors='replace')[-2000:]}")
    said = (folder / "stdout").read_text(errors="replace")
    return Run(wall, used.ru_utime + used.ru_stime, watch.stop() if watch else 0.0, said)


class _Watch(threading.Thread):
    """Samples the memory of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak, self._over = pid, 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(_SAMPLED_EVERY):
            self._peak = max(self._peak, sum(map(_proportional, _tree(self._pid))))

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self._peak


def _tree(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, size = {root}, 0
    while size < len(found):
        size = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def alternating(runs: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Every command once a round, one after the other, so that a machine that drifts treats all alike."""
    done: dict[str, list[Run]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, start in runs.items():
            done[name].append(start())
            print(f"  {number + 1}/{rounds} {name}: {done[name][-1].wall:.2f} s", flush=True)
    return done


def ratio(above: Sequence[Run], below: Sequence[Run]) -> float:
    """The median of the ratios of wall time, round by round."""
    return statistics.median(a.wall / b.wall for a, b in zip(above, below, strict=True))
