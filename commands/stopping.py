"""Ctrl-C, and being told to end by another program, while something long runs."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def politely(local: bool, end: Callable[[], object] = lambda: None) -> Iterator[None]:
    """The first Ctrl-C says so and ends what runs here, the second ends at once; likewise where it is told to end.

    `end` takes the bars away.
    """
    says = "Stopping." if local else "Stopping. The takes that workers have begun they finish, for the next run."

    def first(*_: object) -> None:
        _heed(second)
        end()
        click.echo(f"\n{says} Once more Ctrl-C stops at once.", err=True)
        raise KeyboardInterrupt

    def second(*_: object) -> None:
        os._exit(130)

    with _heeding(first):
        yield


@contextlib.contextmanager
def to_its_end() -> Iterator[None]:
    """A Ctrl-C meanwhile is heard afterwards: a line that is torn off halfway would be written twice."""
    heard: list[int] = []
    try:
        with _heeding(lambda number, _: heard.append(number)):
            yield
    finally:
        if heard:
            signal.raise_signal(heard[0])


Handler: TypeAlias = "Callable[[int, FrameType | None], object]"


@contextlib.contextmanager
def _heeding(handler: Handler) -> Iterator[None]:
    """Ctrl-C, and the signal by which other programs tell one to end, call this meanwhile."""
    before = [signal.getsignal(number) for number in _STOPS]
    _heed(handler)
    try:
        yield
    finally:
        for number, told in zip(_STOPS, before, strict=True):
            signal.signal(number, told)


def _heed(handler: Handler) -> None:
    for number in _STOPS:
        signal.signal(number, handler)
