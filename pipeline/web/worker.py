"""The render worker: a process of its own at low priority, so that the page answers while a video is made.

It takes the takes that stand in line, oldest first. Killed, it goes on with the same line when it is started again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import batch, engines, limits
from pipeline.batch import Job, Told
from pipeline.errors import CandidError
from pipeline.orders import Wanted
from pipeline.web import handing, playing
from pipeline.web.store import Store
from pipeline.workspace import Workspace

_NICE = 15  # not 19: on a machine that is full, a video would never be done
_ENDS_WITHIN = 10.0  # seconds
_BEFORE_ANOTHER = 2.0  # seconds, so that a worker that cannot start does not start all the time


class Watch:
    """Keeps one process running that does `task`, in a thread; `close` ends both."""

    def __init__(self, root: Path, task: Callable[[Path], None]) -> None:
        self._root, self._task = root, task
        self._over = threading.Event()
        self._pool = limits.Crew(1)
        self._thread = threading.Thread(target=self._keep, name=task.__module__, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(Exception):  # whatever ended it: the line is still there
                self._pool.submit(self._task, self._root).result()
            limits.kill(self._pool)
            if not self._over.wait(_BEFORE_ANOTHER):
                self._pool = limits.Crew(1)

    def close(self) -> None:
        self._over.set()
        until = time.monotonic() + _ENDS_WITHIN
        while self._thread.is_alive() and time.monotonic() < until:
            limits.kill(self._pool)  # again and again: a process may just be starting
            self._thread.join(timeout=0.1)


def work(root: Path) -> None:
    """Makes what stands in line, without end."""
    os.nice(_NICE)
    store, space = Store(root / ".candid"), Workspace(root)
    handing.beside(space, store)
    playing.beside(space, store)
    asked: dict[str, float] = {}
    for told in batch.run(_jobs(store, root, asked), engines.choose("local", None, space.output)):
        take = str(told["take"] or Path(told["clip"]).name)
        store.done(take, asked.pop(take, time.time()), _fault(told))


def _jobs(store: Store, root: Path, asked: dict[str, float]) -> Iterator[Job | None]:
    """The takes in line that are not being made yet; None where there is none now."""
    while True:
        take, when = next(((take, when) for take, when in store.line() if take not in asked), ("", 0.0))
        if take:
            asked[take] = when
            yield Job(root, (take,), Wanted(), retry=True)
        else:
            yield None


def _fault(told: Told) -> CandidError | None:
    return CandidError(told["error"]["what"], told["error"]["do"]) if told["status"] == "failed" else None
