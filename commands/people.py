"""candid people: who speaks, and how their name looks in a video."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.model import Brand, Person
    from pipeline.workspace import Workspace

SERVICES = ("youtube", "peertube", "vimeo", "folder")  # as pipeline.people reads them; a test holds both together
_CAPTION = "This is where your captions stand."
_brand = click.option("--brand", "brand_name", default="default", show_default=True, help="The brand to show them in.")


@click.group()
def people() -> None:
    """The people who speak."""


@people.command()
@click.argument("id")
@click.option("--name", required=True, help="As it stands below the picture.")
@click.option("--title", default="", help="What they do; stands below the name.")
@click.option("--disclosure", default="", help='For whom they work, as a sentence: "I work at ...".')
@click.option("--language", help="What they speak, as a code such as en or de.")
@click.option("--look", type=click.IntRange(min=1), help="Which of the brand's looks (default: one that stays theirs).")
@click.option(
    "--service", "services", multiple=True, type=click.Choice(SERVICES), help="Where their videos go; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def add(named: Path | None, /, as_json: bool, **values: Any) -> None:
    """Adds a person: writes assets/people/ID.toml."""
    from pipeline import people
    from pipeline.model import Person

    file = people.add(talk.workspace(named).people[0], Person(**values))
    id = values["id"]
    if as_json:
        talk.say_json({**asdict(people.load(file.parent, id)), "file": file})
        return
    click.echo(f"Added {id}: {file}")
    click.echo(f"See how their name looks: candid people preview {id}")


@people.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def list_(named: Path | None, as_json: bool) -> None:
    """Lists everybody who is known, and the files that cannot be read."""
    from pipeline import people

    found, faults = people.listed(talk.workspace(named).people)
    if as_json:
        wrong = [{"what": fault.what, "do": fault.do} for fault in faults]
        talk.say_json({"people": [asdict(person) for person in found], "wrong": wrong})
    else:
        rows = [(each.id, each.name, each.title, each.language or "", ", ".join(each.services)) for each in found]
        empty = "Nobody yet. Add the first with: candid people add ID --name NAME"
        talk.say_table(("id", "name", "title", "language", "services"), rows, empty)
        for fault in faults:
            talk.say_error(fault)
    sys.exit(1 if faults else 0)


@people.command()
@click.argument("id")
@_brand
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(named: Path | None, id: str, brand_name: str, as_json: bool) -> None:
    """Shows what is known of a person, their look and why it is theirs, and draws a picture of it."""
    from pipeline import people

    space = talk.workspace(named)
    folder = people.where(space.people, id)
    person, wishes = people.load(folder, id), people.wishes((folder,), id)
    frame = _frame(space, brand_name)
    look = _look(frame, person)
    file = folder / f"{id}.toml"
    picture = _drawn(frame, person, _usual(space, id))
    if as_json:
        talk.say_json({**asdict(person), "wishes": wishes, "file": file, "shown": look, "preview": picture})
        return
    values = {**asdict(person), **{f"wishes.{key}": value for key, value in wishes.items()}, "file": file}
    values["services"] = ", ".join(person.services)
    values["look"] = f"{look['number']} of {look['of']}: {look['accent']}, bar {look['bar']} ({look['why']})"
    for key, value in {**values, "preview": picture}.items():
        if value is not None and value != "":
            click.echo(f"{key + ':':14} {_plain(value)}")


@people.command()
@click.argument("id")
@_brand
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The PNG (default: output/people/ID.png)."
)
@click.pass_obj
def preview(named: Path | None, id: str, brand_name: str, output: Path | None) -> None:
    """Draws a picture of how a person's name, the logo and a caption stand in a video."""
    from pipeline import people

    if output is not None and output.suffix.lower() != ".png":
        raise click.BadParameter("the picture is a PNG: let its name end in .png", param_hint="-o")
    space = talk.workspace(named)
    person = people.find(space.people, id)
    click.echo(_drawn(_frame(space, brand_name), person, output or _usual(space, id)))


@people.command()
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(named: Path | None, id: str, yes: bool) -> None:
    """Removes a person. Their file is kept aside, so that it can be undone."""
    from pipeline import people

    folder = people.where(talk.workspace(named).people[:1], id)
    if not yes:
        click.confirm(f"Remove {id} ({_plain(folder / f'{id}.toml')})?", abort=True)
    kept = people.remove(folder, id)
    click.echo(f"Removed {id}. To undo it, move {kept} to {folder / f'{id}.toml'}.")


def _frame(space: Workspace, brand_name: str) -> Brand:
    from pipeline import brand

    return brand.load(space.brand(brand_name))


def _look(frame: Brand, person: Person) -> dict[str, Any]:
    """The person's look: its number of how many, its accent and bar, and why it is theirs."""
    from pipeline import brand

    number, looks = brand.look_number(frame, person), brand.looks(frame)
    look = looks[number - 1]
    why = "follows from the id, and stays" if person.look is None else f"look = {person.look} in their file"
    return {"number": number, "of": len(looks), "accent": brand.in_hex(look.accent), "bar": look.bar, "why": why}


def _drawn(frame: Brand, person: Person, path: Path) -> Path:
    """Draws the preview: whole, or the one that was there stays."""
    from pipeline import artwork, brand
    from pipeline.shelf import explained

    picture = artwork.preview(brand.for_person(frame, person), person, _CAPTION)
    with explained(path.parent), _draft(path) as draft:
        picture.save(draft, format="PNG")
    return path


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[Path]:
    import os

    draft = path.with_name(f".{path.name}-{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _usual(space: Workspace, id: str) -> Path:
    return space.output / "people" / f"{id}.png"


def _plain(value: object) -> str:
    """Text that cannot play with the terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(value))
