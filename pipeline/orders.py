"""From what somebody asks for to an Order: clips or a take, the recipe in all its layers, the person, the brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import brand, media, people, recipes, takes
from pipeline.cascade import Layer
from pipeline.make import Order
from pipeline.model import Brand, Person, Recipe
from pipeline.shelf import Shelf
from pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says: a recipe's name, a person's id, and settings that stand above all others.

    `topic` is a title for this time. "" leaves it to the take, or to the defaults.
    """

    recipe: str = ""
    person: str = ""
    topic: str | None = None
    settings: Mapping[str, Any] | None = None
    transcriber: str = "auto"


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
    person = people.find(space.people, wanted.person) if wanted.person else None
    own = [recipes.read(path)] if path else []
    base = [recipes.product(), *own]
    folder = space.brand(recipes.resolved(base).brand)
    layers = [base[0], recipes.wishes(f"brand {folder.name}", brand.defaults(folder)), *own]
    if person is not None:
        spoken = {"language": person.language} if person.language else {}
        layers.append(recipes.wishes(f"person {person.id}", spoken | people.wishes(space.people, person.id)))
    if wanted.topic is not None:
        layers.append(Layer("command line", {"topic": wanted.topic}))
    layers.append(recipes.wishes("command line", wanted.settings or {}))
    recipe = recipes.resolved(layers, path.stem if path else "")
    return Settled(recipe, tuple(layers), person, brand.for_person(brand.load(folder), person))


def order(space: Workspace, named: tuple[str, ...], wanted: Wanted) -> tuple[Order, Shelf]:
    """The order for clips, or for takes that were handed in: the first one says recipe and person.

    Several words of the command line become one video. Raises CandidError.
    """
    handed_in = [takes.find(space.takes, name) for name in named]
    first, take = handed_in[0], handed_in[0] if len(named) == 1 else None
    if first is not None:
        wanted = _as_handed_in(wanted, first.recipe, first.person)
    settled = settle(space, wanted)
    clips = tuple(
        path
        for name, found in zip(named, handed_in, strict=True)
        for path in (found.clips if found else space.clips(name))
    )
    for clip in clips:
        media.signature(clip)  # before a folder is made for it
    name = space.take(clips, take.id if take else "")
    made = Order(name, clips, settled.recipe, settled.brand, settled.person, wanted.transcriber)
    return made, Shelf(space.output / name)


def _as_handed_in(wanted: Wanted, recipe: str, person: str) -> Wanted:
    return Wanted(wanted.recipe or recipe, wanted.person or person, wanted.topic, wanted.settings, wanted.transcriber)
