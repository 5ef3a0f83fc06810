"""candid batch: many takes at once."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import talk
from commands.bars import Bars, shown
from commands.stopping import politely
from pipeline.errors import CandidError

if TYPE_CHECKING:
    from pipeline.batch import Job, Source, Told
    from pipeline.engines import Engine
    from pipeline.workspace import Workspace

_SECONDS_BETWEEN_LOOKS = 2.0
_MOST_AT_ONCE = 64  # each takes half a GiB or more, and encodes on all cores by itself


def _count(context: click.Context, option: click.Parameter, said: str) -> int | None:
    """A number of takes; None for `auto`."""
    if said == "auto":
        return None
    if not said.isdecimal() or not 1 <= int(said) <= _MOST_AT_ONCE:
        says = f"{said!r} is neither a number of takes (1 to {_MOST_AT_ONCE}) nor auto."
        raise click.BadParameter(says, context, option)
    return int(said)


@click.command()
@click.argument("source", required=False, metavar="[DIR|MANIFEST.csv]", type=click.Path(path_type=Path))
@click.option(
    "-j",
    "at_once",
    default="auto",
    metavar="N|auto",
    callback=_count,
    show_default=True,
    help="How many takes at once, on this machine.",
)
@click.option("--engine", default="local", show_default=True, help="local, or dask:ADDRESS (of a scheduler).")
@click.option("-r", "--recipe", "recipe_name", help="The recipe of clips that name none: a name in recipes/.")
@click.option("--as", "person_id", help="Who speaks in clips that name nobody: a name in assets/people/.")
@click.option("--retry-failed", is_flag=True, help="Also make those that failed before and have not changed.")
@click.option("--watch", is_flag=True, help="Keep looking at the folder for new clips, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a take, each on a line.")
@click.pass_obj
def batch(
    named: Path | None,
    source: Path | None,
    at_once: int | None,
    engine: str,
    recipe_name: str | None,
    person_id: str | None,
    retry_failed: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Makes all takes that wait; or the clips of a folder; or those of a manifest (CSV: clip,recipe,person).

    A take that fails does not stop the others. Stop it with Ctrl-C: the same command goes on from there.
    """
    from pipeline import batch as batches
    from pipeline import engines, orders

    if watch and (source is None or not source.is_dir()):
        raise click.UsageError("--watch needs a folder to look at.")
    if at_once and engine != "local":
        raise click.UsageError("-j counts the takes on this machine; a cluster makes one on each of its workers.")
    space = talk.workspace(named)
    wanted = orders.Wanted(recipe_name or "", person_id or "")
    if recipe_name or person_id:
        orders.settle(space, wanted)  # what is wrong there is said once, not for every clip
    asked = batches.Job(space.root, (), wanted, retry=retry_failed, debug=bool(os.environ.get("CANDID_DEBUG")))
    jobs, total = _jobs(space, source, asked, watch)
    sum_of = _Sum(once=watch)
    if total == 0:
        click.echo(_why_nothing(space, source), err=as_json)
        sum_of.say(as_json)
        return
    try:
        with shown(space, sum_of.counts, total) as bars:
            places = engines.choose(engine, at_once, space.output, lambda text: bars.say(text, err=True))
            _run(jobs, places, bars, sum_of, as_json)
    except BaseException:  # whatever it is, what was made by then is told
        if sum_of.counts:
            sum_of.say(as_json)
        raise
    sum_of.say(as_json)
    sys.exit(1 if sum_of.counts["failed"] else 0)


def _run(jobs: Source, engine: Engine, bars: Bars, sum_of: _Sum, as_json: bool) -> None:
    """Makes the takes, and says of each what it came to."""
    from pipeline import batch as batches

    with (
        politely(engine.here, bars.end),
        contextlib.closing(batches.run(jobs, engine, tick=bars.tick)) as outcomes,
    ):
        for told in outcomes:
            sum_of.add(told)
            _say(told, as_json, bars)


def _jobs(space: Workspace, source: Path | None, job: Job, watch: bool) -> tuple[Source, int | None]:
    """The jobs, and how many there are where that is known."""
    from dataclasses import replace

    from pipeline import batch as batches
    from pipeline import manifest

    def named(name: object) -> Job:
        return replace(job, names=(str(name),))

    if source is None:
        found: list[Job | Told] = [*batches.damaged(space), *map(named, batches.handed_in(space))]
        return found, len(found)
    if watch:
        return _watched(source, named), None
    if source.is_dir():
        clips = batches.in_folder(source)
        return map(named, clips), len(clips)
    if not source.exists():
        raise click.UsageError(f"There is no file {source}.")
    if source.suffix.lower() != ".csv":
        raise click.UsageError(f"{source} is neither a folder nor a manifest (a .csv file).")
    rows = list(manifest.jobs(source, job))
    return rows, len(rows)


def _watched(folder: Path, named: Callable[[Path], Job]) -> Iterator[Job | Told | None]:
    from pipeline import batch as batches

    for found in batches.watched(lambda: batches.in_folder(folder), _SECONDS_BETWEEN_LOOKS):
        if isinstance(found, CandidError):
            yield batches.told_of(folder, found)
        else:
            yield named(found) if found else None


def _why_nothing(space: Workspace, source: Path | None) -> str:
    """Why there is nothing to do, and what next."""
    from pipeline import batch as batches
    from pipeline import takes

    if source is None and takes.listed(space.takes):
        return "Nothing waits: all takes that were handed in are approved or published. See: candid status"
    if source is None:
        return (
            "No takes were handed in here. Hand one in with candid submit CLIP -r RECIPE --as PERSON, "
            "or name a folder of clips: candid batch DIR"
        )
    if not source.is_dir():
        return f"{source} names no clips: each line below the first names one."
    if below := batches.below(source):
        return f"There are no clips in {source} itself, and folders in it are not looked at. Try: candid batch {below}"
    return f"There are no clips in {source}: files whose names end in {', '.join(sorted(batches.CLIPS))}."


# --- words for people -------------------------------------------------------------------------------------------------


def _say(told: Told, as_json: bool, bars: Bars) -> None:
    """One line a take. What lay ready is only counted, in words."""
    from pipeline import report

    if told.get("traceback"):
        bars.say(told["traceback"], err=True)
    if as_json:
        bars.say(json.dumps(report.as_promised(told), default=str))
    elif told["status"] == "failed":
        from pipeline.wording import printable

        name = told["take"] or printable(Path(told["clip"]))
        bars.say(talk.error(CandidError(told["error"]["what"], told["error"]["do"]), f"{name}: "), err=True)
    elif told.get("sealed"):
        says = "approved, so it stays as it is, though something changed. To have it made anew: candid render"
        bars.say(f"{told['take']}: {says} {told['take']}")
    elif told["status"] == "made":
        bars.say(f"{told['take']}: {_made(told)}")


def _made(told: Told) -> str:
    """What is to be known of a take that was made. Somebody may have taken it away since."""
    from pipeline import report

    try:
        found = json.loads(Path(told["report"]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"made, but {told['report']} can no longer be read"
    took = f"{found['video_seconds']:.0f} s long, made in {found['took']['total']:.0f} s"
    return "; ".join([took, *report.in_short(found, told["take"])])


class _Sum:
    """What the takes came to, all in all.

    `once`: a clip that comes again counts by what is known of it last, and as made where it was made. Else all count,
    as wrong rows of one manifest do.
    """

    def __init__(self, *, once: bool) -> None:
        self.counts: Counter[str] = Counter()  # by their status
        self._once = once
        self._last: dict[str, tuple[str, bool]] = {}  # the status, and whether it is passed over from now on

    def add(self, told: Told) -> None:
        clip, status = told["clip"] if self._once else str(len(self._last)), told["status"]
        before, _ = self._last.get(clip, ("", False))
        if before:
            self.counts[before] -= 1
        status = "made" if (before, status) == ("made", "kept") else status
        self.counts[status] += 1
        self._last[clip] = status, bool(told.get("remembered"))

    def say(self, as_json: bool) -> None:
        failed, kept = self.counts["failed"], sum(remembered for _, remembered in self._last.values())
        told = f"{self.counts['made']} made, {self.counts['kept']} lay ready, {failed} failed."
        if kept:
            which = "Those that failed" if kept == failed else f"Of those that failed, {kept}"
            told += f" {which} will be passed over until changed; --retry-failed makes them again."
        click.echo(told, err=as_json)
