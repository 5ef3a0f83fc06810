"""How far a run is, and how long its steps took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.shelf import Shelf

NOTE = ".progress"  # on a take's shelf while it is made: the step, and how much of it is done (0..1)

Tell = Callable[[str, float], None]  # a step in words, and how much of it is done (0..1)


def noted(shelf: Shelf) -> tuple[str, float] | None:
    """The step that a take is at and how much of it is done (0..1), while it is made in a batch; else None."""
    told = shelf.noted(NOTE)
    if not isinstance(told, dict) or not isinstance(told.get("done"), int | float):
        return None
    return str(told.get("step", "")), float(told["done"])


def quiet(step: str, done: float) -> None:
    """Tells nobody."""


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self._started = time.monotonic()

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Adds the time spent inside to `step`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.took[step] = self.took.get(step, 0.0) + time.monotonic() - started

    @property
    def total(self) -> float:
        return time.monotonic() - self._started
