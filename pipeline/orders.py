"""From what somebody asks for to an Order: clips or a take, the recipe in all its layers, the person, the brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline import brand, media, people, recipes, takes, transcribers
from pipeline.cascade import Layer, merged
from pipeline.errors import ClipError
from pipeline.make import Order
from pipeline.model import Brand, Person, Recipe
from pipeline.shelf import Shelf
from pipeline.wording import printable
from pipeline.workspace import Workspace

AUTO = "auto"  # the best transcriber that can work here
_ASKED = ".asked"  # on a take's shelf: what was asked for when it was made


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says: a recipe and a person, by name or as a .toml file, and settings that stand above all
    others.

    `topic` is a title for this time. "" leaves recipe and person to the take, or to the defaults.
    """

    recipe: str = ""
    person: str = ""
    topic: str | None = None
    settings: Mapping[str, Any] | None = None
    transcriber: str = AUTO


_WANTED = TypeAdapter(Wanted)


@dataclass(frozen=True, slots=True)
class Settled:
    """A recipe with all its layers, the person, and the brand as that person wears it."""

    recipe: Recipe
    layers: tuple[Layer, ...]
    person: Person | None
    brand: Brand


def settle(space: Workspace, wanted: Wanted) -> Settled:
    """Lays product < brand < recipe < person < command line on each other. RecipeError where one is wrong."""
    path = space.recipe(wanted.recipe) if wanted.recipe else None
    folders, id = _whose(space, wanted.person)
    person = people.find(folders, id) if id else None
    own = [recipes.read(path)] if path else []
    base = [recipes.product(), *own]
    folder = space.brand(recipes.resolved(base).brand)
    layers = [base[0], recipes.wishes(f"brand {folder.name}", brand.defaults(folder)), *own]
    if person is not None:
        spoken = {"language": person.language} if person.language else {}
        layers.append(recipes.wishes(f"person {person.id}", spoken | people.wishes(folders, id)))
    if wanted.topic is not None:
        layers.append(Layer("command line", {"topic": wanted.topic}))
    layers.append(recipes.wishes("command line", wanted.settings or {}))
    recipe = recipes.resolved(layers, path.stem if path else "")
    return Settled(recipe, tuple(layers), person, brand.for_person(brand.load(folder), person))


def _whose(space: Workspace, person: str) -> tuple[tuple[Path, ...], str]:
    """The folders in which a person is looked for, and their id."""
    path = Path(person)
    return ((path.parent,), path.stem) if path.suffix == ".toml" else (space.people, person)


def order(space: Workspace, named: tuple[str, ...], wanted: Wanted) -> tuple[Order, Shelf]:
    """The order for clips, or for takes.

    A take that was handed in says recipe and person; one that was made here before is made as it was asked for then,
    but for what is asked now.

    Several words of the command line become one video. Raises CandidError.
    """
    handed_in = [takes.find(space.takes, name) for name in named]
    first, take = handed_in[0], handed_in[0] if len(named) == 1 else None
    if first is not None:
        wanted = replace(wanted, recipe=wanted.recipe or first.recipe, person=wanted.person or first.person)
    elif len(named) == 1 and space.is_take(named[0]):
        wanted = over(asked(Shelf(space.output / named[0])), wanted)
    settled = settle(space, wanted)
    clips = tuple(
        path
        for name, found in zip(named, handed_in, strict=True)
        for path in (found.clips if found else space.clips(name))
    )
    for number, clip in enumerate(clips):  # before a folder is made for it
        media.signature(clip)
        if clip.resolve() in map(Path.resolve, clips[:number]):
            raise ClipError(f"{printable(clip)} is named twice.", "Name each clip once.")
    name = space.take(clips, take.id if take else "")
    shelf = Shelf(space.output / name)
    if take is None:
        _remember(shelf, wanted)
    made = Order(name, clips, settled.recipe, settled.brand, settled.person, wanted.transcriber)
    return made, shelf


def asked(shelf: Shelf) -> Wanted:
    """What was asked for when a take was made the last time, from files that nobody handed in."""
    noted = shelf.noted(_ASKED)
    try:
        before = _WANTED.validate_python(noted) if noted else Wanted()
    except ValidationError:  # of another version
        return Wanted()
    gone = before.transcriber.partition(":")[0] not in {AUTO, *transcribers.ENGINES}  # older versions: PocketSphinx
    return replace(before, transcriber=AUTO) if gone else before


def over(before: Wanted, now: Wanted) -> Wanted:
    """What is asked for now, and where it leaves something open, what was asked for before."""
    return Wanted(
        now.recipe or before.recipe,
        now.person or before.person,
        before.topic if now.topic is None else now.topic,
        merged([Layer("before", before.settings or {}), Layer("now", now.settings or {})]),
        before.transcriber if now.transcriber == AUTO else now.transcriber,
    )


def _remember(shelf: Shelf, wanted: Wanted) -> None:
    told = asdict(replace(wanted, recipe=_from_anywhere(wanted.recipe), person=_from_anywhere(wanted.person)))
    if shelf.noted(_ASKED) != told:
        shelf.note(_ASKED, told)


def _from_anywhere(named: str) -> str:
    """A name as it is, and the path of a file so that it is found from every folder."""
    return str(Path(named).absolute()) if Path(named).suffix == ".toml" else named
