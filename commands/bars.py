"""How far a batch is, as bars on a terminal, and what is said meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from commands import talk
from commands.stopping import to_its_end

if TYPE_CHECKING:
    from pipeline.workspace import Workspace


class Bars:
    """Bars on standard error for the takes in flight and for all of them; silent where nobody watches.

    While there are bars, all that is said goes through it: whoever writes to the terminal beside it writes into them.
    """

    def __init__(
        self,
        bars: Any,
        progress_of: Callable[[str], tuple[str, float] | None],
        counts: Counter[str],
        total: int | None,
    ) -> None:
        self._bars = bars
        self._counts = counts
        self._progress_of = progress_of
        self._total = total
        self._all = bars.add_task("all takes", total=total, left="")
        self._shown: dict[str, Any] = {}
        self._began = time.monotonic()

    def say(self, text: str, err: bool = False) -> None:
        """Says something above the bars. What goes into a file or a pipe goes there."""
        from rich.text import Text

        shown = self._bars.live.is_started and self._bars.console.is_terminal
        with to_its_end():
            if shown and talk.on_terminal(err):
                self._bars.console.print(Text.from_ansi(text), soft_wrap=True)
            else:
                click.echo(text, err=err)

    def end(self) -> None:
        """Takes the bars away."""
        self._bars.stop()

    def tick(self, takes: Sequence[str]) -> None:
        """Shows how far the takes in flight are."""
        if not self._bars.disable:
            with to_its_end():
                self._show(takes)

    def _show(self, takes: Sequence[str]) -> None:
        for take in [take for take in self._shown if take not in takes]:
            self._bars.remove_task(self._shown.pop(take))
        parts = 0.0
        for take in takes:
            if found := self._progress_of(take):
                step, done = found
                if take not in self._shown:
                    self._shown[take] = self._bars.add_task(take, total=1.0, left="")
                self._bars.update(self._shown[take], description=f"{take} {step}", completed=done)
                parts += done if step == "rendering" else 0.0
        self._bars.update(self._all, completed=self._counts.total() + parts, left=self._left(parts))

    def _left(self, parts: float) -> str:
        """The time left for all. What lay ready took none, so it does not count."""
        made = self._counts["made"] + parts
        if self._total is None or made < 0.5:
            return ""
        seconds = (time.monotonic() - self._began) / made * (self._total - self._counts.total() - parts)
        return f"{int(seconds) // 60}:{int(seconds) % 60:02} left"


@contextlib.contextmanager
def shown(space: Workspace, counts: Counter[str], total: int | None) -> Iterator[Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from pipeline import progress
    from pipeline.shelf import Shelf

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,  # click writes around it
    ) as bars:
        yield Bars(bars, lambda take: progress.noted(Shelf(space.output / take)) if take else None, counts, total)
