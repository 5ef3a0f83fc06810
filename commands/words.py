"""candid words: what a take says, and what somebody decided about it in edit.md."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk
from pipeline.errors import CandidError, RecipeError, WorkspaceError

if TYPE_CHECKING:
    from pipeline.corrections import Kept
    from pipeline.edit import Line, Reading
    from pipeline.shelf import Shelf
    from pipeline.workspace import Workspace


@click.group()
def words() -> None:
    """What a take says: look at it, correct it, cut it, in one text file."""


@words.command()
@click.argument("take")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(named: Path | None, take: str, as_json: bool) -> None:
    """Shows the sentences of a take: which of them are kept, and which words may be misheard."""
    from pipeline import corrections, edit

    shelf = _shelf(talk.workspace(named), take)
    known = _known(shelf, take)
    if as_json:
        told = {key: getattr(known.sheet, key) for key in ("title", "description", "unheard")}
        lines = [_as_told(line) for line in known.sheet.lines]
        told |= {"unsure": len(known.sheet.unsure), "lines": lines}
        talk.say_json({"take": take, "file": shelf.path(corrections.EDIT), **told})
        return
    click.echo(talk.plain(edit.written(known.sheet), "\n"), nl=False)


@words.command(name="edit")
@click.argument("take")
@click.option("--learn", is_flag=True, help="Ask which corrected names the recipe should know from now on.")
@click.option("-r", "--recipe", default="", help="The recipe that learns (default: that of the take).")
@click.pass_obj
def edit_(named: Path | None, take: str, learn: bool, recipe: str) -> None:
    """Opens edit.md in your editor ($VISUAL or $EDITOR), then says what would change."""
    from pipeline import corrections

    space = talk.workspace(named)
    shelf = _shelf(space, take)
    known = _known(shelf, take)
    corrections.brought_back(shelf, known)
    _open(shelf.path(corrections.EDIT))
    sys.exit(_checked(space, shelf, take, learn, recipe))


@words.command()
@click.argument("take")
@click.option("--learn", is_flag=True, help="Ask which corrected names the recipe should know from now on.")
@click.option("-r", "--recipe", default="", help="The recipe that learns (default: that of the take).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(named: Path | None, take: str, learn: bool, recipe: str, as_json: bool) -> None:
    """Says line by line what edit.md would change, and what in it is not clear."""
    if learn and as_json:
        raise click.UsageError("--learn asks questions, so it does not go with --json.")
    space = talk.workspace(named)
    shelf = _shelf(space, take)
    if as_json:
        told = _pending(shelf, _read(space, shelf, take)[1])
        changes, problems = [asdict(each) for each in told.changes], [asdict(each) for each in told.problems]
        talk.say_json({"take": take, "changes": changes, "problems": problems, "up_to_date": _up_to_date(shelf, told)})
        sys.exit(1 if told.problems else 0)
    sys.exit(_checked(space, shelf, take, learn, recipe))


@words.command()
@click.argument("take")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(named: Path | None, take: str, file: Path) -> None:
    """Writes the cuts of a take as an OpenTimelineIO file, for people who go on in an editor."""
    from pydantic import TypeAdapter, ValidationError

    from pipeline import cutlist
    from pipeline.model import Plan
    from pipeline.wording import counted

    space = talk.workspace(named)
    shelf = _shelf(space, take)
    path = shelf.path("plan.json")
    try:
        plan = TypeAdapter(Plan).validate_json(path.read_bytes())
    except (OSError, ValidationError) as fault:
        raise _unseen(take) from fault
    cutlist.write(plan, take, file)
    pieces, captions = counted(len(plan.kept), "piece"), counted(len(plan.variants[0].cues), "caption")
    click.echo(f"{file}: {pieces}, {captions} as markers")
    if _pending(shelf, _read(space, shelf, take)[1]).changes:
        click.echo(f"What changed in edit.md is not in it yet. Make the take again first: {_again(take)}", err=True)


# --- what they share --------------------------------------------------------------------------------------------------


def _shelf(space: Workspace, take: str) -> Shelf:
    """The folder of a take. WorkspaceError where there is none of that name."""
    from pipeline.shelf import Shelf

    if Path(take).name != take or take.startswith(".") or not (space.output / take).is_dir():
        raise _unseen(take)
    return Shelf(space.output / take)


def _unseen(take: str) -> CandidError:
    return WorkspaceError(
        f"Nothing is known of the words of {take} yet.", "Have them heard: candid render CLIP|TAKE --dry-run"
    )


def _known(shelf: Shelf, take: str) -> Kept:
    """What is known of the words of a take."""
    from pipeline import corrections

    known = corrections.kept(shelf)
    if known is None:
        raise _unseen(take)
    return known


def _read(space: Workspace, shelf: Shelf, take: str) -> tuple[Kept, Reading]:
    """What is known of the words of a take, and what edit.md asks for beyond, of its clips as they are now."""
    from pipeline import corrections, find_out

    known = _known(shelf, take)
    were = [sha256 for sha256, _ in known.sheet.clips]
    return known, corrections.asked(shelf, known, find_out.as_they_are(space.clips_of(take), were, shelf))


def _pending(shelf: Shelf, asked: Reading) -> Reading:
    """What no video shows yet."""
    from pipeline import report

    return report.pending(shelf, asked)


def _up_to_date(shelf: Shelf, told: Reading) -> bool:
    from pipeline import report

    return not told.changes and report.up_to_date(shelf)


def _again(take: str) -> str:
    return f"candid render {take}"


def _as_told(line: Line) -> dict[str, Any]:
    from pipeline import edit

    return {
        "clip": line.clip + 1,
        "start_ms": line.start_ms,
        "end_ms": line.end_ms,
        "text": line.text,
        "heard": line.heard,
        "kept": line.ticked,
        "reason": line.reason,
        "unsure": edit.unsure(line),
        "confirmed": line.confirmed,
        "pause_ms": line.pause_ms,
        "pause_kept": line.pause_kept,
    }


def _open(path: Path) -> None:
    """Lets the person edit a file. WorkspaceError where no editor is known, or it cannot be started."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise WorkspaceError(
            "No editor is named.", f"Set one, such as export EDITOR=nano, or open {path} with the editor you like."
        )
    try:
        click.edit(filename=str(path), editor=editor)
    except click.ClickException as fault:
        raise WorkspaceError(f"The editor {editor!r} did not work.", f"Open {path} with another one.") from fault


def _checked(space: Workspace, shelf: Shelf, take: str, learn: bool, recipe: str) -> int:
    """Says what edit.md would change; 1 where something in it is not clear."""
    from pipeline import corrections
    from pipeline.wording import counted

    known, asked = _read(space, shelf, take)
    told = _pending(shelf, asked)
    for change in told.changes:
        click.echo(f"line {change.line}: {talk.plain(change.says)}")
    for problem in told.problems:
        click.echo(click.style(f"line {problem.line}: ", fg="yellow") + talk.plain(problem.says), err=True)
    if learn:
        _learn(space, take, recipe, known, asked)
    if left := corrections.unsure(known, asked):
        click.echo(f"{counted(left, 'unsure sentence')} left, marked (?).")
    if told.changes:
        click.echo(f"Next: {_again(take)}")
    elif not _up_to_date(shelf, told):
        click.echo(f"No video shows this yet. Next: {_again(take)}")
    elif told.problems:
        click.echo("All the rest is in the video.")
    else:
        click.echo("Nothing would change.")
    return 1 if told.problems else 0


def _learn(space: Workspace, take: str, recipe: str, known: Kept, asked: Reading) -> None:
    """Puts corrected names into the recipe, those that the person says yes to."""
    from pipeline import edit, orders, recipes, takes, transcribers
    from pipeline.wording import plain

    names = edit.learned(asked.changes, known.sheet.lines, transcribers.common_words().__contains__)
    if not names:
        click.echo("No new names to learn.")
        return
    handed_in = takes.find(space.takes, take)
    slug = recipe or (handed_in.recipe if handed_in else orders.asked(_shelf(space, take)).recipe)
    if not slug:
        raise RecipeError(
            f"It is not known which recipe {take} was made for.",
            f"Name it: candid words check {take} --learn -r RECIPE",
        )
    path = space.recipe(slug)
    vocabulary = list(recipes.load(path).vocabulary)
    there = {plain(name) for name in vocabulary}
    new = [name for name in names if plain(name) not in there]
    for name in new:
        if click.confirm(f"Should {slug} know {name!r}?"):
            vocabulary.append(name)
            recipes.edit(path, vocabulary=vocabulary)
            click.echo(f"{slug} knows {name} from now on.")
    if not new:
        click.echo(f"{slug} knows {', '.join(names)} already.")
