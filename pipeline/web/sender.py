"""The process that uploads: what was approved goes out while nobody has to wait for it.

One take at a time of each person, several people at once. Killed, it goes on where the receipts say; what waits stays
in .candid/web.sqlite3 until it is done.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import publish as publishing
from pipeline import publishers, vault
from pipeline.accounts import Accounts
from pipeline.errors import CandidError, in_words
from pipeline.progress import Tell
from pipeline.publish import Outcome
from pipeline.shelf import Shelf
from pipeline.web.store import Sending, Store
from pipeline.workspace import Workspace

_AT_ONCE = 4  # uploads, and as many take-downs; more would only share the same line
_EVERY = 0.5  # seconds between two looks at what waits, and between two notes of progress
_AFTER_A_FAULT = 10.0
_NOTE = ".sending"  # on a take's shelf while it goes out: at which service, the step, how much of it, seconds left
_SURE = 3.0  # seconds of an upload before anybody believes how long it will take

Send = Callable[[Workspace, Store, Sending], None]


def work(root: Path) -> None:
    """Sends what waits, without end."""
    store, space = Store(root / ".candid"), Workspace(root)
    flying: dict[Future[None], Sending] = {}
    with ThreadPoolExecutor(2 * _AT_ONCE, thread_name_prefix="sender") as pool:
        while True:
            for job in _next(store.sending(), tuple(flying.values()), time.time()):
                flying[pool.submit(send, space, store, job)] = job
            done, _ = wait(flying, timeout=_EVERY, return_when=FIRST_COMPLETED) if flying else (set(), set())
            failed = [each for each in done if flying.pop(each) and each.exception()]
            time.sleep(_AFTER_A_FAULT if failed else _EVERY)


def _next(waiting: Sequence[Sending], flying: Sequence[Sending], now: float) -> Iterator[Sending]:
    """What may begin now: of each person who publishes nothing yet their first take. Taking down does not wait."""
    busy = {_turn(job) for job in flying}
    for job in waiting:
        lane = sum(turn[0] == job.publishes for turn in busy)
        if lane < _AT_ONCE and job.due <= now and _turn(job) not in busy:
            busy.add(_turn(job))
            yield job


def _turn(job: Sending) -> tuple[bool, str]:
    return job.publishes, job.person if job.publishes else job.take


def send(space: Workspace, store: Store, job: Sending) -> None:
    """Publishes a take, or takes it down, and writes down what failed. What is done has receipts."""
    note = _Note(Shelf(space.output / job.take), job)
    faults: dict[str, CandidError] = {}
    again: dict[str, float] = {}
    try:
        for outcome in _outcomes(space, job, note.tell):
            note.next()
            if outcome.error is not None:
                faults[outcome.service] = outcome.error
            if outcome.again_at and job.publishes:
                again[outcome.service] = datetime.fromisoformat(outcome.again_at).timestamp()
    except Exception as fault:  # nothing of it went out, or no more of it: that is an answer, and no reason to end
        faults[""] = in_words(fault)
    finally:
        note.end()
    store.sent(job, faults, tuple(again), min(again.values(), default=0.0))


def _outcomes(space: Workspace, job: Sending, tell: Tell) -> Iterator[Outcome]:
    accounts = Accounts(vault.home())
    if job.publishes:
        return publishing.publish(space, job.take, job.person, job.services, accounts, tell)
    delete = job.work == "delete"
    return publishing.take_down(space, job.take, job.person, accounts, job.services, delete=delete, tell=tell)


# --- how far it is ----------------------------------------------------------------------------------------------------


class _Note:
    """Leaves on the shelf how far a job is, at most twice a second."""

    def __init__(self, shelf: Shelf, job: Sending) -> None:
        self._shelf, self._services = shelf, list(job.services)
        self._step, self._began, self._from, self._last = "", 0.0, 0.0, 0.0

    def tell(self, step: str, done: float) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._began, self._from, self._last = step, now, done, 0.0
        if now - self._last < _EVERY:
            return
        self._last = now
        service = self._services[0] if self._services else ""
        told = {"service": service, "step": step, "done": round(done, 4), "left": self._left(done, now)}
        with contextlib.suppress(OSError, CandidError):  # no video stays here for it
            self._shelf.note(_NOTE, told)

    def _left(self, done: float, now: float) -> int | None:
        """Seconds, as fast as it went so far; None while nobody knows."""
        if now - self._began < _SURE or done <= self._from:
            return None
        return round((1 - done) * (now - self._began) / (done - self._from))

    def next(self) -> None:
        """One service is done."""
        del self._services[:1]
        self._step = ""

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._shelf.note(_NOTE, None)


def progress(space: Workspace, job: Sending, now: float) -> dict[str, Any]:
    """How far a job is, for the page: in words, how much is done (0..1), and seconds left where they are known."""
    noted = Shelf(space.output / job.take).noted(_NOTE)
    told = noted if isinstance(noted, dict) else {}
    done, left = told.get("done"), told.get("left")
    return {
        "work": job.work,
        "says": _says(job, told, now),
        "done": done if isinstance(done, int | float) else 0,
        "left": left if isinstance(left, int) else None,
    }


def _says(job: Sending, told: dict[str, Any], now: float) -> str:
    step, service = str(told.get("step") or ""), str(told.get("service") or "")
    if not job.publishes:
        return "Being taken down"
    if job.due > now:
        return f"Waits until {datetime.fromtimestamp(job.due).astimezone():%Y-%m-%d %H:%M}, then goes on by itself"
    if not step:
        return "About to go out"
    title = publishers.about(service).title if service in publishers.names() else ""
    if step in ("uploading", "copying"):
        return f"On its way to {title}"
    return f"{title}: {step}"
