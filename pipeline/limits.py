"""Work on files from outside happens in a process of its own, with limits on time and memory.

A hostile clip can make a decoder loop, fill the memory or crash. Then a child ends, not Candid, and what happened is
told in words.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pipeline.errors import LimitError

T = TypeVar("T")

_MEMORY = 4 << 30  # bytes of address space; 4K HEVC takes about one and a half
_CPU_SECONDS = 3600  # in all; a wall clock bounds every single task
_PR_SET_PDEATHSIG = 1


@contextmanager
def processes(count: int = 1, memory: int | None = _MEMORY) -> Iterator[Executor]:
    """A pool of limited processes, with `memory` bytes of address space each (None: all that there is).

    They start at once, while their user is still getting ready, and die with their parent. Use it in the thread that
    opens it, or in others that end before: on Linux the processes die with the thread that starts them.
    """
    spawn = _spawning()
    pool = _Pool(count, mp_context=spawn, initializer=_confine, initargs=(os.getpid(), memory))
    try:
        _start(pool, count)
        yield pool
    except BaseException:
        kill(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Crew(ProcessPoolExecutor):
    """A pool of processes that each make whole takes: without limits of their own, since what they start has them.

    They start as there is work for them, never hear Ctrl-C, and die with the thread that gives them work. End it with
    `kill`, or by its `shutdown`.
    """

    def __init__(self, count: int) -> None:
        spawn = _spawning()
        self._told = spawn.SimpleQueue()  # by each process, what it begins
        self._begun: set[int] = set()
        self._began = False
        self._numbers = WeakKeyDictionary[Future[Any], int]()
        self._next = itertools.count()
        super().__init__(count, mp_context=spawn, initializer=_enlist, initargs=(os.getpid(), self._told))

    def submit(self, fn: Callable[..., T], /, *arguments: Any, **options: Any) -> Future[T]:
        number = next(self._next)
        with _deaf():
            job = super().submit(_begin, number, fn, *arguments, **options)
        self._hear()
        self._begun &= set(self._numbers.values())  # those that nobody asks for any more
        self._numbers[job] = number
        return job

    def may_have_ended_it(self, job: Future[Any]) -> bool:
        """Of a pool that broke: whether a process had begun this job."""
        self._hear()
        return self._numbers[job] in self._begun

    def began(self) -> bool:
        """Whether any process ever began a job."""
        self._hear()
        return self._began

    def _hear(self) -> None:
        while not self._told.empty():
            self._begun.add(self._told.get())
            self._began = True


_telling: list[Any] = []  # in a process of a crew: where it says what it begins


def _enlist(parent: int, told: Any) -> None:
    _telling.append(told)
    _follow(parent)


def _begin(number: int, task: Callable[..., T], *arguments: Any, **options: Any) -> T:
    _telling[0].put(number)
    return task(*arguments, **options)


def _start(pool: Executor, count: int) -> None:
    with _deaf():
        for _ in range(count):  # each finds no process idle and starts one
            pool.submit(_nothing)


def call(pool: Executor, seconds: float, task: Callable[..., T], *arguments: object, **options: object) -> T:
    """What `task` returns or raises. LimitError if it takes more than `seconds`, or its process ends."""
    return result(pool, pool.submit(task, *arguments, **options), seconds)


def result(pool: Executor, job: Future[T], seconds: float) -> T:
    """What a job that was handed to the pool returns or raises; LimitError as in `call`."""
    try:
        return job.result(timeout=seconds)
    except TimeoutError as fault:
        kill(pool)
        raise LimitError(
            f"Reading this clip took longer than {seconds:.0f} seconds and was stopped.",
            "If it plays elsewhere, re-export it as MP4 and try again.",
        ) from fault
    except (BrokenProcessPool, MemoryError) as fault:
        raise _beyond() from fault


def _beyond() -> LimitError:
    return LimitError(
        "Reading this clip took more memory or time than a sane clip needs.",
        "If it plays elsewhere, re-export it as MP4 at 1920x1080 or less, and try again.",
    )


class _Pool(ProcessPoolExecutor):
    """A pool of which a process has ended says so in words when it is given more to do."""

    def submit(self, fn: Callable[..., T], /, *arguments: Any, **options: Any) -> Future[T]:
        try:
            return super().submit(fn, *arguments, **options)
        except BrokenProcessPool as fault:
            raise _beyond() from fault


def _nothing() -> None:
    """Gives a process a reason to start."""


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started in it never hear Ctrl-C, not even while they start; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else it starts with the first process, and lets the signal in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _spawning() -> SpawnContext:
    """How processes are started. The one that cleans up behind those that were killed does so without a warning:

    they are killed on purpose.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before
    return multiprocessing.get_context("spawn")


def kill(pool: Executor) -> None:
    """Ends the processes of a pool at once."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()


def _confine(parent: int, memory: int | None) -> None:
    """Sets the limits in a new process; what a system lacks is left out."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        import resource

        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
    _follow(parent)


def _follow(parent: int) -> None:
    with suppress(OSError):
        os.dup2(2, 1)  # what a library prints there would stand in the middle of the parent's JSON
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _die_with(parent)


def _die_with(parent: int) -> None:
    """Ends this process when its parent is gone, however that ends.

    A thread waits for that everywhere. On Linux the system kills as well, even while a decoder holds the interpreter;
    it does so when the *thread* that started the process ends, which is the one that called `processes`.
    """
    threading.Thread(target=_outlived, daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _outlived() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
