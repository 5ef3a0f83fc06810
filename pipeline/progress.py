"""How far a run is, and how long its steps took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str, float], None]  # a step in words, and how much of it is done (0..1)


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
