"""Handing in clips for a recipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.model import Brand, Recipe, Take


@click.command()
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...", type=click.Path(path_type=Path))
@click.option("-r", "--recipe", "recipe_name", required=True, help="The recipe: a name in recipes/.")
@click.option("--as", "person_id", required=True, help="Who hands them in: a name in assets/people/.")
@click.option("--yes", is_flag=True, help="Accept the consent without being asked.")
@click.option("--again", is_flag=True, help="Also take a clip that is in another take.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def submit(
    named: Path | None,
    clips: tuple[Path, ...],
    recipe_name: str,
    person_id: str,
    yes: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Hands in clips for a recipe, in the order of its prompts: they become a take, in assets/clips/."""
    from pipeline import brand, media, people, recipes, takes

    space = talk.workspace(named)
    recipe = recipes.load(space.queued(recipe_name))
    person = people.find(space.people, person_id)
    look = brand.load(space.brand(recipe.brand))
    for clip in clips:
        media.signature(clip)  # nobody is asked to accept anything for a file that is not there
    consent = look.consent or takes.CONSENT
    for line in _asked_for(recipe, look):
        click.echo(line, err=as_json)
    _accepted(consent, yes, as_json)
    with talk.progress("") as tell:
        take, new = takes.submit(clips, recipe, person, consent, space.takes, tell, again=again, reserve=space.reserve)
    _say(take, new, takes.notes(clips, recipe), as_json)


def _asked_for(recipe: Recipe, brand: Brand) -> Iterator[str]:
    """What the recipe wants, and what the brand asks to think of."""
    yield recipe.topic or recipe.slug
    for number, prompt in enumerate(recipe.prompts, start=1):
        yield f"  {number}. {prompt}"
    if brand.stands_for:
        yield f"What the company stands for: {brand.stands_for}"
    if brand.keep_out:
        yield f"Better not said: {', '.join(brand.keep_out)}"


def _accepted(consent: str, yes: bool, as_json: bool) -> None:
    """Goes on only where the wording is accepted."""
    click.echo(f"\n{consent}", err=as_json)
    if yes:
        return
    if not _at_a_terminal():
        raise click.UsageError("Nobody can be asked here. Read the lines above, and accept them with --yes.")
    if not click.confirm("Do you accept this?", err=as_json):
        click.echo("Nothing was handed in.", err=True)
        sys.exit(1)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _say(take: Take, new: bool, notes: Sequence[str], as_json: bool) -> None:
    if as_json:
        told = {"take": take.id, "status": "made" if new else "kept", "folder": take.clips[0].parent}
        talk.say_json(told | {key: value for key, value in asdict(take).items() if key != "id"} | {"notes": notes})
        return
    count = f"{len(take.clips)} clip{'' if len(take.clips) == 1 else 's'}"
    click.echo(f"\n{take.id}: {count} handed in" if new else f"\n{take.id}: handed in before, on {take.handed_in[:10]}")
    for note in notes:
        click.echo(f"  note: {note}")
    click.echo(f"Next: candid render {take.id}")
