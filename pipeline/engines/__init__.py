"""Where the takes of a batch are made: one engine, one file. `choose` finds it by its name on the command line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Protocol

from pipeline.engines import dask, local
from pipeline.errors import BatchError


class Engine(Protocol):
    """Opens an executor, and judges what comes out of it. `window` takes are handed in at once.

    `here` is whether they are made on this machine, and end with the batch.
    """

    window: int
    here: bool

    def open(self) -> Executor:
        """A new executor, in place of the one before. BatchError where there is none to be had."""

    def lost(self, outcome: Future[Any]) -> bool:
        """Whether the executor can no longer be trusted to finish this one: open again, and hand it in again."""

    def guilty(self, outcome: Future[Any]) -> bool:
        """Whether this one may have ended its worker."""

    def fault(self, outcome: Future[Any]) -> BaseException | None:
        """What one that is done raised. BatchError where the place that it was made in is not fit."""

    def close(self) -> None:
        """Ends what was opened; what is still being made is stopped where that can be done."""


def choose(name: str, at_once: int | None, output: Path, say: Callable[[str], object] = lambda text: None) -> Engine:
    """The engine `local`, which makes `at_once` takes at once (None: as many as fit this machine), or `dask:ADDRESS`.

    `output` is the workspace's folder for what is made; `say` is told in words what it waits for. BatchError where
    there is no such engine.
    """
    kind, _, address = name.partition(":")
    if kind == "dask" and address:
        return dask.Engine(address, output, say)
    if name != "local":
        raise BatchError(
            f"There is no engine {name!r}.", "Take local, or the scheduler of a Dask cluster: dask:tcp://HOST:8786"
        )
    return local.Engine(at_once or local.fitting())
