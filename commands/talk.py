"""What all commands share: where they work, and how they speak to people."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import CandidError

if TYPE_CHECKING:
    from pipeline.progress import Tell
    from pipeline.workspace import Workspace


def workspace(named: Path | None) -> Workspace:
    """The workspace that is named, else the one around the current folder."""
    from pipeline import workspace

    return workspace.find(Path.cwd(), named)


def say_json(value: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, indent=1, default=str, ensure_ascii=False))


def short(value: object) -> str:
    """A value on one line of a table."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def say_table(titles: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Aligned columns, as wide as the terminal; `empty` is said where there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(plain(str(cell), "\n")) for cell in row))  # Text: what people wrote is no markup
    if not table.row_count:
        click.echo(empty)
        return
    Console(width=None if on_terminal() else 120).print(table)


def unprinted(fault: BaseException) -> bool:
    """Whether it arose because something that was printed could not be: click or rich were at work."""
    import traceback

    if not isinstance(fault, OSError):
        return False
    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(fault.__traceback__)]
    return bool(frames) and frames[-1].partition(".")[0] in ("click", "rich")


def on_terminal(err: bool = False) -> bool:
    """Whether somebody sees what is said as it is said. A stream that was closed is None."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()


@contextmanager
def progress(name: str) -> Iterator[Tell]:
    """A bar on standard error with the step and the time left; silent where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: float) -> None:
            if step not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[step] = bar.add_task(f"{name} {step}".strip(), total=1.0)
            bar.update(tasks[step], completed=done)

        yield tell


def say_error(fault: CandidError, before: str = "") -> None:
    click.echo(error(fault, before), err=True)


def error(fault: CandidError, before: str = "") -> str:
    """What happened and what to do next, as it is said."""
    what = click.style("Error: ", fg="red") + plain(before + fault.what, "\n\t")
    return "\n".join([what, *([plain(f"  {fault.do}", "\n\t")] if fault.do else [])])


def plain(text: str, allowed: str = "") -> str:
    """Text that cannot play with the terminal: what services and other people wrote may want to."""
    allowed += "\u200c\u200d\u200e\u200f"  # joiners and directions, which scripts need; spaces of all widths are none
    return "".join(c if c.isprintable() or c in allowed or unicodedata.category(c) == "Zs" else "?" for c in text)
