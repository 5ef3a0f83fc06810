"""ffmpeg's filter graph as a value: a small typed door to ffmpeg-python, of which only compile() is used.

ffmpeg-python 0.2.0 escapes `:`, `'` and `\\` in filter arguments one time too often, so no path goes through it: ffmpeg
runs in a work folder that holds what it needs under plain names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as _ffmpeg

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Stream:
    """A picture on its way through the graph."""

    node: Any

    def then(self, name: str, *arguments: Value, **options: Value) -> Stream:
        """This stream after the filter `name`."""
        return Stream(self.node.filter(name, *arguments, **options))

    def split(self) -> tuple[Stream, Stream]:
        """Twice the same: a filter's output can only be used once."""
        both = self.node.split()
        return Stream(both[0]), Stream(both[1])

    def under(self, top: Stream, **options: Value) -> Stream:
        """This stream with `top` laid over it."""
        return Stream(_ffmpeg.filter([self.node, top.node], "overlay", **options))


def clip(path: Path, **options: Value) -> Stream:
    """The first video stream of a file from outside; `options` go before its -i."""
    return Stream(_ffmpeg.input(f"file:{path}", **options)["v:0"])


def own(name: str, **options: Value) -> Stream:
    """The picture of a file of our own, by its plain name in the work folder."""
    return Stream(_ffmpeg.input(name, **options)["v:0"])


def color(value: str, width: int, height: int, rate: str, pixels: str = "yuv420p") -> Stream:
    """A plain picture without end."""
    return Stream(_ffmpeg.input(f"color=c={value}:s={width}x{height}:r={rate},format={pixels}", f="lavfi"))


def command(picture: Stream, output: str, options: Sequence[tuple[str, Value | None]]) -> list[str]:
    """ffmpeg's arguments that write `picture` to `output`."""
    arguments: list[str] = _ffmpeg.output(picture.node, output).compile(cmd="ffmpeg")[1:]
    flags = [text for name, value in options for text in ([f"-{name}"] if value is None else [f"-{name}", str(value)])]
    return [*arguments[:-1], *flags, arguments[-1]]
