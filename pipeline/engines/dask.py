"""A Dask cluster whose workers all see the workspace under the same path.

Before work starts each worker is asked whether it sees the workspace and has the same Candid and ffmpeg; a worker that
joins later is asked with its first take. A scheduler that is started again is waited for.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipeline import __version__, ffmpeg
from pipeline.errors import BatchError
from pipeline.shelf import Shelf

T = TypeVar("T")

_FIRST_WAIT = 20.0  # seconds for a scheduler and a worker to answer
_NEXT_WAIT = 300.0  # ... where they answered before and are started again
_A_TRY = 10.0
_KEPT_DAYS = 30  # no batch lasts so long: its mark was left when it was killed
_KINDS = ("", "tcp", "tls", "ws", "wss")
_TALKATIVE = ("distributed", "tornado", "asyncio")  # loggers
_SMALLEST_WINDOW = 64  # takes handed in: a cluster that grows to so many workers has something to do


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a worker must have: a mark that it sees in the shared folder, and the same versions."""

    output: Path
    mark: str
    candid: str
    ffmpeg: str

    def lacks(self) -> str:
        """What this process lacks, in words; "" where it is fit."""
        if _marks(self.output).noted(self.mark) != self.mark:
            return f"does not see the workspace, {self.output.parent}, under that name"
        if self.candid != __version__:
            return f"has Candid {__version__}, and this is {self.candid}"
        if self.ffmpeg != ffmpeg.version():
            return f"has another ffmpeg ({ffmpeg.version()}; here it is {self.ffmpeg})"
        return ""


class Engine:
    """The workers of the scheduler at `address`."""

    here = False

    def __init__(self, address: str, output: Path, say: Callable[[str], object] = lambda text: None) -> None:
        """`say` is told where Candid waits. BatchError where the address cannot be one."""
        _check(address)
        self._say = say
        self.window = _SMALLEST_WINDOW
        self._address = address
        self._output = output
        self._ticket = Ticket(output, secrets.token_hex(8), __version__, ffmpeg.version())
        self._client: Any = None
        self._patience = _FIRST_WAIT

    def open(self) -> Executor:
        self._leave()
        _sweep(_marks(self._output).folder)
        _marks(self._output).note(self._ticket.mark, self._ticket.mark)
        if self._patience == _NEXT_WAIT:
            wait = f"{_NEXT_WAIT / 60:.0f} minutes"
            self._say(
                f"The scheduler at {self._address} is gone. Candid waits for it to be started again, up to {wait}."
            )
        self._client = self._connected()
        self._patience = _NEXT_WAIT
        self.window = max(_SMALLEST_WINDOW, 2 * sum(self._client.nthreads().values()))
        return _Guarded(self._client, self._ticket)

    def lost(self, outcome: Future[Any]) -> bool:
        """A scheduler that is gone cancels all that was handed in; while it is, it cannot take more."""
        return outcome.cancelled() or self._client.status != "running"

    def guilty(self, outcome: Future[Any]) -> bool:
        """The scheduler hands in again what a dying worker had, and tells after the fourth time."""
        if not outcome.done() or outcome.cancelled():
            return False
        return type(outcome.exception()).__name__ == "KilledWorker"

    def fault(self, outcome: Future[Any]) -> BaseException | None:
        """A worker that cannot even load the task says so by an ImportError of its own: its name, and why."""
        fault = outcome.exception()
        if type(fault) is ImportError:
            return _refused(*map(str, fault.args))
        return fault

    def close(self) -> None:
        """What a worker has begun it finishes: it is kept for the next run."""
        self._leave()
        _marks(self._output).note(self._ticket.mark, None)
        with contextlib.suppress(OSError):  # another batch has a mark there
            _marks(self._output).folder.rmdir()

    def _leave(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            with contextlib.suppress(OSError, TimeoutError):
                client.close(timeout=2)

    def _connected(self) -> Any:
        """A client of a scheduler that has fit workers; BatchError where it takes too long, or one is not fit."""
        distributed = _library()
        until = time.monotonic() + self._patience
        while True:
            client: Any = None
            try:
                _greet(distributed, self._address)
                client = distributed.Client(self._address, timeout=_A_TRY, set_as_default=False)
                self._wait_for_workers(client, until)
                self._ask(client)
                return client
            except (OSError, TimeoutError, ValueError) as fault:
                _closed(client)
                if isinstance(fault, ValueError) or time.monotonic() >= until:
                    raise self._silent(client is not None) from fault
                time.sleep(0.5)
            except BaseException:
                _closed(client)
                raise

    def _wait_for_workers(self, client: Any, until: float) -> None:
        """TimeoutError where there is none by then."""
        if self._patience == _NEXT_WAIT:
            with contextlib.suppress(TimeoutError):
                client.wait_for_workers(1, timeout=_A_TRY)
            if not client.nthreads():
                self._say("The scheduler is there again. Candid waits for its workers to be started again, too.")
        client.wait_for_workers(1, timeout=max(1.0, until - time.monotonic()))

    def _silent(self, scheduler: bool) -> BatchError:
        if scheduler:
            return BatchError(
                f"The scheduler at {self._address} has no workers.",
                f"Start one on each machine: dask worker {self._address} --nthreads 1 --memory-limit 0",
            )
        return BatchError(f"No Dask scheduler answers at {self._address}.", "Start one with: dask scheduler")

    def _ask(self, client: Any) -> None:
        """BatchError where a worker is not fit. One that goes meanwhile is not asked."""
        answers = client.run(_lacks, self._ticket, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, OSError):
                raise answer
            if isinstance(answer, Exception):
                raise _refused(worker, f"cannot run this Candid ({type(answer).__name__}: {answer})")
            if answer:
                raise _refused(worker, answer)


def _library() -> Any:
    try:
        import distributed
    except ImportError as fault:
        raise BatchError("For a Dask cluster a library is missing.", "pip install 'candid[cluster]'") from fault
    import logging

    if not os.environ.get("CANDID_DEBUG"):  # what matters is said in words; it logs tracebacks when a scheduler goes
        for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _TALKATIVE]:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed


def _greet(distributed: Any, address: str) -> None:
    """Returns where a scheduler answers. OSError or TimeoutError where nobody does, or something else listens there:

    distributed itself waits for that without end.
    """
    import asyncio

    async def greeted() -> None:
        options = distributed.Security().get_connection_args("client")
        comm = await asyncio.wait_for(distributed.comm.connect(address, timeout=_A_TRY, **options), _A_TRY + 1)
        comm.abort()

    asyncio.run(greeted())


def _check(address: str) -> None:
    """BatchError where an address cannot be that of a scheduler."""
    kind, _, place = address.rpartition("://")
    try:
        parts = urlsplit(f"//{place}")
        fits = kind in _KINDS and parts.hostname and parts.port and place == parts.netloc
    except ValueError:  # a port that is none
        fits = False
    if not fits:
        raise BatchError(
            f"{address!r} is no address of a scheduler.",
            "It has the form HOST:PORT, as in --engine dask:tcp://192.168.1.5:8786",
        )


def _sweep(marks: Path) -> None:
    """Takes away the marks of batches that were killed long ago."""
    for path in marks.glob("*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _KEPT_DAYS * 86400:
                path.unlink()


def _closed(client: Any) -> None:
    if client is not None:
        with contextlib.suppress(OSError, TimeoutError):
            client.close(timeout=2)


def _marks(output: Path) -> Shelf:
    return Shelf(output / ".batches")


def _refused(worker: str, lacks: str) -> BatchError:
    return BatchError(
        f"The worker {worker} {lacks}.",
        "All workers need the same versions and the workspace under the same path. Mend or stop that worker, and run "
        "the same command again: what is finished is kept.",
    )


class _Guarded(Executor):
    """Hands in each task with the ticket, so that a worker that joined later is looked at too."""

    def __init__(self, client: Any, ticket: Ticket) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._ticket = ticket

    def submit(self, fn: Callable[..., T], /, *arguments: Any, **options: Any) -> Future[T]:
        """BrokenExecutor where the scheduler is gone."""
        packed = pickle.dumps((_fit, self._ticket, fn, arguments, options))
        try:
            return self._executor.submit(_unpacking(), packed)  # type: ignore[no-any-return]
        except Exception as fault:
            if self._client.status == "running":
                raise
            raise BrokenExecutor("the scheduler is gone") from fault


def _unpacking() -> Callable[[bytes], Any]:
    """A task that reaches a worker without Candid, too: a function inside another travels as a whole.

    Any other would break the worker's connection, and after the fourth time the scheduler blames the take.
    """

    def unpacked(packed: bytes) -> Any:
        import pickle
        import socket

        try:
            fit, ticket, task, arguments, options = pickle.loads(packed)  # noqa: S301 - Dask does so with all it gets
        except Exception as fault:
            why = f"cannot run this Candid ({type(fault).__name__}: {fault})"
            raise ImportError(socket.gethostname(), why) from None
        return fit(ticket, task, *arguments, **options)

    return unpacked


# --- what runs in a worker --------------------------------------------------------------------------------------------


def _lacks(ticket: Ticket) -> str:
    return ticket.lacks()


def _fit(ticket: Ticket, task: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Does the task, where this worker is fit for it."""
    if lacks := ticket.lacks():
        raise _refused(socket.gethostname(), lacks)
    multiprocessing.current_process().daemon = False  # Dask's default; it may not start processes, and a take does
    return task(*arguments, **options)
