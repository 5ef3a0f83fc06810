"""Many takes at once: one loop over a concurrent.futures.Executor, a pool of processes here or a cluster there.

A take is handed in at least once; its lock and its chunks, which are named by what they are made of, make it once. A
take that lies ready is never handed in. What a take came to is the object that `--json` promises.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import circle, media, orders, report, takes, transcribers
from pipeline.engines import Engine
from pipeline.errors import BatchError, CandidError, ClipError, FFmpegError, in_words
from pipeline.make import Order, make
from pipeline.orders import Wanted
from pipeline.progress import NOTE
from pipeline.report import Made
from pipeline.shelf import Shelf, fingerprint
from pipeline.workspace import Workspace

Told = dict[str, Any]  # what a take came to: the object that `--json` promises, and what `failed` adds

_FAILED = ".failed"  # on a take's shelf: why it failed, and what was known then
_HELD = "held"  # the status of a take that another process is making
CLIPS = frozenset(
    (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".3gp", ".flv", ".wmv")
)
_WAITING = ("recorded", "made")  # "made" is looked at: its recipe may have changed
_OF_THE_CLIP = (ClipError, FFmpegError)  # failures that come again with the same clip

_LOOKED_BELOW = 1000  # folders that are looked through for clips, where one that was named holds none
_TRIES = 3  # of a take that may be what ends its worker
_TICK = 1.0  # seconds between two looks at what is in flight
_HELD_FOR = 2.0  # seconds until a take that another process makes is looked at again
_A_NOTE = 0.5  # seconds between two notes of progress


@dataclass(frozen=True, slots=True)
class Job:
    """A take to be made: small, and all that a worker elsewhere needs.

    `names` are words of the command line (a clip, a take that was handed in). Its errors begin with `where`. `retry`
    makes it again where it failed before. `debug` does so too, and has the traceback told.
    """

    root: Path
    names: tuple[str, ...]
    wanted: Wanted
    where: str = ""
    retry: bool = False
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a job is: the name of its take, and what there is to tell where nothing has to be made."""

    take: str
    told: Told | None = None


Source = Iterable[Job | Told | None]  # Told: could not become a job. None: nothing now, more may come.


# --- one take ---------------------------------------------------------------------------------------------------------


def look(job: Job) -> Seen:
    """Whether a take lies ready, or failed before for the same causes. As cheap as reading a few small files."""
    try:
        asked, shelf = _ordered(job)
        if shelf.path(NOTE).exists() and not shelf.held():
            shelf.note(NOTE, None)  # a run that was killed left it
        causes = _causes(asked)
        if lying := report.kept(shelf, causes):
            return Seen(asked.take, lying.promised(asked.clips, asked.take))
        if sealed := _sealed(Workspace(job.root), asked.take):
            return Seen(asked.take, sealed.promised(asked.clips, asked.take) | {"sealed": True})
        before = shelf.noted(_FAILED)
        again = job.retry or job.debug
        if isinstance(before, dict) and before.get("causes") == _grounds(causes, shelf) and not again:
            fault = CandidError(before["what"], before["do"])
            return Seen(asked.take, failed(job, fault, asked.take, remembered=True))
        return Seen(asked.take)
    except Exception as fault:
        return Seen("", failed(job, fault))


def _sealed(space: Workspace, take: str) -> Made | None:
    """What lies there of a take that is approved or published: it stays, whatever changed.

    The approval is of exactly that file.
    """
    return None if circle.state_of(space, take) in _WAITING else report.lying(Shelf(space.output / take))


def work(job: Job) -> Told:
    """Makes one take; runs in a worker. Never raises: a failure is told, and remembered where the clip is to blame.

    A disk that is full, a program that was killed, an hour in which all was slow are the machine's: they pass, and so
    nothing is held against the take. Nor is what went wrong with a clip that is another one, or gone, by then.
    """
    try:
        asked, lying = _ordered(job)
        causes = _causes(asked)  # as they are now: what comes in place of a clip meanwhile has not failed
    except Exception as fault:
        return failed(job, fault)
    shelf = _Impatient(lying.folder)
    progress = Progress(shelf)
    try:
        made = make(asked, shelf, progress.tell)
    except _HeldElsewhere:
        return {"take": asked.take, "status": _HELD}
    except Exception as fault:
        lasting = isinstance(fault, _OF_THE_CLIP) and _causes(asked) == causes
        remembered = lasting and _remember(causes, shelf, in_words(fault))
        return failed(job, fault, asked.take, remembered=remembered)
    finally:
        progress.end()
    shelf.note(_FAILED, None)
    return made.promised(asked.clips, asked.take)


def _ordered(job: Job) -> tuple[Order, Shelf]:
    return orders.order(Workspace(job.root), job.names, job.wanted)


def _causes(asked: Order) -> list[Any]:
    return report.causes(asked, transcribers.choose(asked.transcriber, asked.recipe.language))


def _grounds(causes: list[Any], shelf: Shelf) -> str:
    """What a failure rests on: clips, recipe, brand, person, engine, versions, and what was corrected by hand.

    Where any of it changes, another try is worth it.
    """
    by_hand = [path for path in (shelf.path("edit.md"), *sorted(shelf.folder.glob("words*.json"))) if path.exists()]
    return fingerprint([causes, [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in by_hand]])


def failed(job: Job, fault: BaseException, take: str = "", *, remembered: bool = False) -> Told:
    """The object that is promised; besides, whether the take is passed over from now on, and the traceback."""
    words = in_words(fault)
    clips, name = [Path(name).absolute() for name in job.names], job.names[0]
    space = Workspace(job.root)
    if len(job.names) == 1 and space.is_take(name) and space.clips_of(name):
        clips, take = list(space.clips_of(name)), take or name
    told = report.failed(clips, CandidError(job.where + words.what, words.do))
    if job.debug:
        told["traceback"] = "".join(traceback.format_exception(fault)).rstrip()
    return told | {"take": take or None, "remembered": remembered}


def _remember(causes: list[Any], shelf: Shelf, fault: CandidError) -> bool:
    """So that the next batch passes over it, as long as nothing of it changes. False where that cannot be written."""
    with contextlib.suppress(CandidError, OSError):
        shelf.note(_FAILED, {"causes": _grounds(causes, shelf), "what": fault.what, "do": fault.do})
        return True
    return False


class _HeldElsewhere(Exception):  # noqa: N818 - not an error: somebody else is making it
    """Another process holds the take."""


class _Impatient(Shelf):
    """A shelf that does not wait for another process: there are other takes to be made meanwhile."""

    @contextlib.contextmanager
    def mine(self, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        def leave() -> None:
            raise _HeldElsewhere

        with super().mine(leave):
            yield


class Progress:
    """Leaves on the shelf how far a take is, at most twice a second; told from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._last = 0.0
        self._lock = threading.Lock()

    def tell(self, step: str, done: float) -> None:
        with self._lock:
            now = time.monotonic()
            if self._last and now - self._last < _A_NOTE:
                return
            self._last = now
            with contextlib.suppress(OSError, CandidError):  # nobody's video fails for it
                self._shelf.note(NOTE, {"step": step, "done": round(done, 4), "at": time.time()})

    def end(self) -> None:
        """Takes it away, unless it is another process's."""
        with self._lock, contextlib.suppress(OSError):
            if self._last:
                self._shelf.note(NOTE, None)


# --- many takes -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Flight:
    """A job on its way: whether it was handed in before, how often it may have ended its worker, when to look again."""

    job: Job
    take: str = ""
    again: bool = False
    lost: int = 0
    due: float = 0.0

    @property
    def alone(self) -> bool:
        """Twice is suspicious: the third time nobody else is in flight, so that nobody else is blamed."""
        return self.lost == _TRIES - 1


def run(
    jobs: Source,
    engine: Engine,
    *,
    task: Callable[[Job], Told] = work,
    look: Callable[[Job], Seen] = look,
    tick: Callable[[Sequence[str]], object] = lambda takes: None,
) -> Generator[Told, None, None]:
    """What each job came to, as it is done. A take that fails or ends its worker does not stop the others.

    `tick` is told about once a second which takes are in flight. Raises BatchError where the engine cannot go on.
    """
    try:
        yield from _Loop(iter(jobs), engine, task, look, tick).all()
    finally:
        engine.close()


class _Loop:
    def __init__(
        self,
        jobs: Iterator[Job | Told | None],
        engine: Engine,
        task: Callable[[Job], Told],
        look: Callable[[Job], Seen],
        tick: Callable[[Sequence[str]], object],
    ) -> None:
        self._jobs = jobs
        self._engine = engine
        self._task, self._look, self._tick = task, look, tick
        self._executor = engine.open()
        self._flying: dict[Future[Told], _Flight] = {}
        self._again = deque[_Flight]()
        self._suspects = deque[_Flight]()  # for the end: one at a time
        self._held = deque[_Flight]()  # for the end: others are making them
        self._ended = False

    def all(self) -> Iterator[Told]:
        while True:
            yield from self._fill()
            self._tick([flight.take for flight in self._flying.values()])
            if self._flying:
                yield from self._landed()
            elif self._ended and not (self._again or self._suspects or self._held):
                return
            else:
                time.sleep(_TICK / 2)

    def _fill(self) -> Iterator[Told]:
        """Hands in takes until the window is full. What lies ready is told at once."""
        while len(self._flying) < self._engine.window and not any(each.alone for each in self._flying.values()):
            item = self._next()
            if item is None:
                return
            if isinstance(item, dict):
                yield item
                continue
            seen = self._look(item.job)
            item.take = seen.take
            if seen.told is not None:
                ours = item.again and seen.told["status"] == "kept"  # made, and the news of it was lost
                yield seen.told | {"status": "made"} if ours else seen.told
            else:
                yield from self._hand_in(item)

    def _next(self) -> _Flight | Told | None:
        """What comes next; None for nothing now. New takes come first, those that need patience last."""
        if self._again:
            return self._again.popleft()
        item = self._new()
        if isinstance(item, Job):
            return _Flight(item)
        if item is not None:
            return item
        if self._suspects:
            return None if self._flying else self._suspects.popleft()
        if self._held and self._held[0].due <= time.monotonic():
            return self._held.popleft()
        return None

    def _new(self) -> Job | Told | None:
        try:
            return next(self._jobs)
        except StopIteration:
            self._ended = True
        return None

    def _hand_in(self, flight: _Flight) -> Iterator[Told]:
        try:
            self._flying[self._executor.submit(self._task, flight.job)] = flight
        except BrokenExecutor:  # an idle worker ended
            self._again.append(flight)
            yield from self._reopen()

    def _landed(self) -> Iterator[Told]:
        """Waits a moment for takes that are done. Where the executor is lost, all others are handed in again."""
        wait(self._flying, timeout=_TICK, return_when=FIRST_COMPLETED)
        lost = {future for future in self._flying if self._engine.lost(future)}
        for future in [future for future in self._flying if future.done() and future not in lost]:
            yield from self._told(future, self._flying.pop(future))
        if lost:
            yield from self._reopen()

    def _told(self, future: Future[Told], flight: _Flight) -> Iterator[Told]:
        fault = self._engine.fault(future)
        if isinstance(fault, BatchError):
            raise fault
        if fault is not None:
            yield _give_up(flight) if self._engine.guilty(future) else failed(flight.job, fault, flight.take)
        elif future.result()["status"] == _HELD:
            self._held.append(replace(flight, due=time.monotonic() + _HELD_FOR))
        else:
            yield future.result()

    def _reopen(self) -> Iterator[Told]:
        flying, self._flying = self._flying, {}
        for future, flight in flying.items():
            flight.again = True
            flight.lost += self._engine.guilty(future)
            if flight.lost >= _TRIES:
                yield _give_up(flight)
            else:
                (self._suspects if flight.alone else self._again).append(flight)
        self._executor = self._engine.open()


def _give_up(flight: _Flight) -> Told:
    fault = CandidError(
        "Each worker that made this take ended with it: it was killed, or ran out of memory.",
        "Look at the clip alone with candid render, or try it again with candid batch --retry-failed.",
    )
    remembered = False
    with contextlib.suppress(Exception):
        asked, shelf = _ordered(flight.job)
        remembered = _remember(_causes(asked), shelf, fault)
    return failed(flight.job, fault, flight.take, remembered=remembered)


# --- which takes ------------------------------------------------------------------------------------------------------


def handed_in(space: Workspace) -> tuple[str, ...]:
    """The takes that were handed in and wait. What is approved stays as it is: the approval is of exactly that file."""
    return tuple(take.id for take in takes.listed(space.takes) if circle.state_of(space, take.id) in _WAITING)


def damaged(space: Workspace) -> tuple[Told, ...]:
    """The takes that were handed in and would wait if they could be read: each told as failed."""
    found = takes.damaged(space.takes).items()
    return tuple(told_of(space.takes / id, fault, id) for id, fault in found if circle.state_of(space, id) in _WAITING)


def told_of(place: Path, fault: CandidError, take: str = "") -> Told:
    """What is told of something that cannot become a job."""
    return report.failed([place], fault) | {"take": take or None}


def in_folder(folder: Path) -> tuple[Path, ...]:
    """The clips in a folder by their names. BatchError where it cannot be read."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in CLIPS and path.is_file()]
    except OSError as fault:
        raise BatchError(
            f"The folder {folder} cannot be read: {fault.strerror}.",
            "Look whether it still has that name, and whether you may read it; then run the same command again.",
        ) from fault
    return tuple(sorted(path.absolute() for path in found if not path.name.startswith(".")))


def below(folder: Path) -> Path | None:
    """A folder in this one that holds clips; None where none is found soon."""
    for place, _, names in itertools.islice(os.walk(folder), 1, _LOOKED_BELOW):
        if any(Path(name).suffix.lower() in CLIPS and not name.startswith(".") for name in names):
            return Path(place)
    return None


def watched(clips: Callable[[], Iterable[Path]], seconds: float) -> Iterator[Path | CandidError | None]:
    """New and changed clips without end, each once it is whole: unchanged in two looks, `seconds` apart.

    None where there is nothing now. Where they cannot be looked at, that is told once, and tried on.
    """
    before: dict[Path, tuple[int, int]] = {}
    given: dict[Path, tuple[int, int]] = {}
    lost = False
    while True:
        try:
            now = _signatures(clips())
            lost = False
        except BatchError as fault:
            now = {}
            if not lost:
                yield CandidError(fault.what, "It is looked for all the time: bring it back, or stop with Ctrl-C.")
            lost = True
        given = {path: given[path] for path in now if path in given}  # what went and comes again may have failed for it
        for path, signature in now.items():
            if before.get(path) == signature != given.get(path):
                given[path] = signature
                yield path
        before = now
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield None


def _signatures(clips: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """By these the clips are known that can be read now."""
    found = {}
    for path in clips:
        with contextlib.suppress(CandidError):
            found[path] = media.signature(path)
    return found
