"""The front door: Click commands; the only place that prints, exits and puts errors into words.

Everything heavy is imported inside the commands, so that `candid --help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import click

from commands import (
    accounts,
    approve,
    batch,
    circle,
    models,
    people,
    publish,
    recipes,
    serve,
    takes,
    talk,
    topics,
    words,
)
from pipeline import __version__
from pipeline.errors import CandidError, in_words

if TYPE_CHECKING:
    from pipeline.make import Order
    from pipeline.model import Plan
    from pipeline.report import Made
    from pipeline.shelf import Shelf

FORMATS = ("landscape", "vertical", "square")


class _Group(click.Group):
    """Puts every error into words; CANDID_DEBUG=1 shows the traceback instead."""

    def invoke(self, context: click.Context) -> Any:
        _fill_closed_streams()
        try:
            return super().invoke(context)
        except (click.exceptions.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("\nStopped. Finished parts are kept: the same command goes on from here.", err=True)
            sys.exit(130)
        except Exception as fault:
            if talk.unprinted(fault):
                _end_unprinted(fault)
            if os.environ.get("CANDID_DEBUG"):
                raise
            talk.say_error(in_words(fault))
            sys.exit(1)


def _fill_closed_streams() -> None:
    """A stream that is closed leaves its number to the next file that is opened, and others would print into that."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _end_unprinted(fault: BaseException) -> NoReturn:
    """Ends where what is printed reaches nobody: quietly where the reader went away, as head does, else in words."""
    with contextlib.suppress(OSError, ValueError):  # what is left to be printed would fail again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(fault, OSError) and not isinstance(fault, BrokenPipeError):
        with contextlib.suppress(OSError):
            talk.say_error(CandidError(f"What Candid prints cannot be written: {fault.strerror}.", "Print elsewhere."))
    sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="candid %(version)s")
@click.option("--workspace", type=click.Path(path_type=Path), help="The folder to work in (default: here or above).")
@click.pass_context
def main(context: click.Context, workspace: Path | None) -> None:
    """Turns recorded clips into captioned, trimmed, lightly branded videos.

    Start with: candid demo
    """
    context.obj = workspace


# --- render -----------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--force", is_flag=True, help="Make everything anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def demo(named: Path | None, force: bool, as_json: bool) -> None:
    """Makes two videos from the clip that comes with Candid, and says where to look."""
    from pipeline import orders
    from pipeline.workspace import product_assets

    space, assets = talk.workspace(named), product_assets() / "demo"
    wanted = orders.Wanted(str(assets / "recipe.toml"), str(assets / "demo.toml"))

    def order(names: tuple[str, ...]) -> tuple[Order, Shelf]:
        return orders.order(space, names, wanted)

    sys.exit(_each([(str(assets / "demo.mp4"),)], _rendering(order, force, as_json), as_json))


@main.command()
@click.argument("clips", nargs=-1, required=True, metavar="CLIP|TAKE...")
@click.option("--join", is_flag=True, help="Make one video of all clips, in their order.")
@click.option("-r", "--recipe", "recipe_name", help="The recipe: a name in recipes/, or a .toml file.")
@click.option("--as", "person_id", help="Who speaks: a name in assets/people/.")
@click.option("-f", "--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Shape; may be repeated.")
@click.option(
    "--transcriber",
    default="auto",
    show_default=True,
    help="auto, faster-whisper or whisper, with :MODEL for one of its models.",
)
@click.option("--unbranded", is_flag=True, help="No logo, name, bumper or end card.")
@click.option("--title", help="The title on bumper and thumbnail (default: the recipe's topic).")
@click.option("--language", help="What is spoken, as a code such as en or de (default: detected).")
@click.option("--fit", type=click.Choice(["blur", "crop"]), help="A clip of another shape: blurred sides, or cropped.")
@click.option("--start", type=click.FloatRange(min=0), help="Begin at this second of the clip.")
@click.option("--end", type=click.FloatRange(min=0), help="End at this second of the clip.")
@click.option("--keep-everything", is_flag=True, help="Cut nothing out.")
@click.option("--dry-run", is_flag=True, help="Say what would be cut and captioned, and why; render nothing.")
@click.option("--force", is_flag=True, help="Make everything anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a take.")
@click.pass_obj
def render(
    named: Path | None,
    /,
    clips: tuple[str, ...],
    join: bool,
    recipe_name: str | None,
    person_id: str | None,
    transcriber: str,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Turns clips into finished videos: trimmed, captioned, branded, in output/<take>/."""
    from pipeline import orders

    space = talk.workspace(named)
    wanted = orders.Wanted(recipe_name or "", person_id or "", wishes.pop("title"), _said(**wishes), transcriber)
    groups = [clips] if join else [(clip,) for clip in clips]
    if recipe_name or person_id:
        orders.settle(space, wanted)  # what is wrong there is said once, not for every clip

    def order(names: tuple[str, ...]) -> tuple[Order, Shelf]:
        return orders.order(space, names, wanted)

    one = _previewing(order, as_json) if dry_run else _rendering(order, force, as_json)
    sys.exit(_each(groups, one, as_json))


def _said(
    *,
    formats: tuple[str, ...],
    unbranded: bool,
    language: str | None,
    fit: str | None,
    start: float | None,
    end: float | None,
    keep_everything: bool,
) -> dict[str, Any]:
    """What the command line says, as settings of a recipe."""
    if start is not None and end is not None and end <= start:
        raise click.UsageError("--end must lie behind --start.")
    trim = {"start": start, "end": end, "keep_everything": keep_everything or None}
    told = {"formats": list(formats) or None, "branded": False if unbranded else None, "language": language, "fit": fit}
    settings = {key: value for key, value in told.items() if value is not None}
    return settings | {"trim": {key: value for key, value in trim.items() if value is not None}}


Ordering: TypeAlias = "Callable[[tuple[str, ...]], tuple[Order, Shelf]]"


def _rendering(order: Ordering, force: bool, as_json: bool) -> Callable[[tuple[str, ...]], None]:
    def one(names: tuple[str, ...]) -> None:
        from pipeline.make import make

        asked, shelf = order(names)
        with talk.progress(asked.take) as tell:
            made = make(asked, shelf, tell, force=force)
        _say_made(asked, made, as_json)

    return one


def _previewing(order: Ordering, as_json: bool) -> Callable[[tuple[str, ...]], None]:
    def one(names: tuple[str, ...]) -> None:
        from pipeline.make import look

        asked, shelf = order(names)
        with talk.progress(asked.take) as tell:
            plan = look(asked, shelf, tell)
        _say_plan(asked, plan, as_json)

    return one


def _each(groups: Sequence[tuple[str, ...]], one: Callable[[tuple[str, ...]], None], as_json: bool) -> int:
    """Does one take a group. A take that fails does not stop the others; 1 if any failed."""
    failed = 0
    for names in groups:
        try:
            one(names)
        except Exception as fault:
            if talk.unprinted(fault):
                raise
            failed += 1
            _say_failure([Path(name).absolute() for name in names], fault, as_json)
    return 1 if failed else 0


for _command in (
    batch.batch,
    topics.topics,
    recipes.recipes,
    people.people,
    takes.submit,
    words.words,
    accounts.accounts,
    approve.approve,
    publish.publish,
    publish.takedown,
    circle.status,
    serve.serve,
    models.models,
):
    main.add_command(_command)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Makes a workspace: folders for recipes, brands and people, with three recipes to begin with."""
    from pipeline import workspace

    for path in workspace.create(folder.absolute()):
        click.echo(f"wrote {path}")
    click.echo(f"{folder} is a workspace now. Next: cd {folder}, then candid recipes list")


# --- find out what there is -------------------------------------------------------------------------------------------


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor(named: Path | None, as_json: bool) -> None:
    """Says what works here, what is missing, and the cure."""
    from pipeline.doctor import examine

    findings = list(examine(talk.workspace(named)))
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("lack", fg="yellow")
            click.echo(f"{mark} {finding.name}: {finding.says}")
            if finding.cure:
                click.echo(f"     {finding.cure}")
    sys.exit(0 if all(finding.ok or not finding.essential for finding in findings) else 1)


# --- words for people -------------------------------------------------------------------------------------------------


def _say_made(order: Order, made: Made, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made.promised(order.clips, order.take), default=str))
        return
    for line in made.summary(order.take):
        click.echo(line)


def _say_plan(order: Order, plan: Plan, as_json: bool) -> None:
    from pipeline import report

    if as_json:
        click.echo(json.dumps(report.planned(order.clips, order.take, plan), default=str))
        return
    for line in report.preview(order.take, plan):
        click.echo(line)


def _say_failure(clips: Sequence[Path], fault: Exception, as_json: bool) -> None:
    """One clip failed: its error in words, or as the JSON object that is promised."""
    if os.environ.get("CANDID_DEBUG"):
        import traceback

        traceback.print_exception(fault)
    told = in_words(fault)
    if as_json:
        from pipeline.report import failed

        click.echo(json.dumps(failed(clips, told), default=str))
    else:
        from pipeline.wording import printable

        talk.say_error(told, f"{printable(clips[0])}: ")


if __name__ == "__main__":
    main()
