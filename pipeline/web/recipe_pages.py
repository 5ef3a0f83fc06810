"""Recipes, for the coordinator: the queue, and each of them in a form that is checked as its file is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline import cascade, circle, orders, people, recipes
from pipeline.errors import CandidError
from pipeline.web import fields
from pipeline.web.doors import Doors
from pipeline.web.fields import Told
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of

doors = Doors()

_KINDS = {
    "topic": "text", "why": "text", "asked_by": "text", "prompts": "several", "script": "text", "seconds": "number",
    "language": "text", "vocabulary": "lines", "formats": "several", "captions": "text", "fit": "text",
    "brand": "text", "synthetic": "yes", "trim.pause": "number", "trim.fillers": "text", "trim.keep_action": "yes",
    "trim.keep_everything": "yes", "post.title": "text", "post.description": "text", "post.tags": "lines",
    "post.privacy": "text",
}  # fmt: skip
_NEW = {"topic": "text", "name": "text", "why": "text", "prompts": "several"}
_ROOM = 2  # empty fields for more prompts


@doors.at("/team/recipes", Need.COORDINATOR)
def all_recipes(request: Request) -> Response:
    """The queue of what wants to be recorded, and a form for a new one."""
    return _list_page(request)


def _list_page(
    request: Request, status: int = 200, typed: Mapping[str, Any] | None = None, fault: CandidError | None = None
) -> Response:
    return page(
        request, "team-recipes.html", status, recipes=circle.recipes_of(site_of(request).space),
        values=typed or fields.shown({}, _NEW), faults=fields.faults(fault, _NEW) if fault else {},
    )  # fmt: skip


@doors.at("/team/recipes", Need.COORDINATOR, "POST")
def new_recipe(request: Request, told: Told) -> Response:
    """Writes a new file, and goes on to fill it in."""
    said = {key: value for key, value in fields.read(told, _NEW).items() if value is not None}
    try:
        path = recipes.new(site_of(request).space.recipes, said.pop("topic", ""), said.pop("name", ""), **said)
    except CandidError as fault:
        return _list_page(request, 422, fields.typed(told, _NEW), fault)
    return on(f"/team/recipes/{path.stem}")


@doors.at("/team/recipes/{slug}", Need.COORDINATOR)
def one_recipe(request: Request, slug: str, said: str = "") -> Response:
    """A recipe in a form, who records it, and where each of its values comes from."""
    path = _file(site_of(request), slug)
    try:
        values = fields.shown(_values(path), _KINDS)
    except CandidError as fault:  # its file is wrong: a form would lose what somebody wrote there
        return _recipe_page(request, path, 200, {}, {"": str(fault)}, said)
    return _recipe_page(request, path, 200, values, {}, said)


@doors.at("/team/recipes/{slug}", Need.COORDINATOR, "POST")
def change_recipe(request: Request, slug: str, told: Told) -> Response:
    """Writes what was changed into the file, where its comments stay."""
    path = _file(site_of(request), slug)
    try:
        recipes.edit(path, **fields.changes(fields.read(told, _KINDS), _values(path)))
    except CandidError as fault:
        return _recipe_page(request, path, 422, fields.typed(told, _KINDS), fields.faults(fault, _KINDS), "")
    return on(f"/team/recipes/{slug}?said=saved")


def _recipe_page(
    request: Request, path: Path, status: int, values: dict[str, Any], faults: dict[str, str], said: str
) -> Response:
    site = site_of(request)
    settings, usual, wrong = _explained(site, path.stem)
    if values:
        values["prompts"] = [*filter(None, values["prompts"]), *[""] * _ROOM]
    return page(
        request, "team-recipe.html", status, slug=path.stem, values=values, faults=faults, said=said, usual=usual,
        settings_of=settings, wrong=wrong, who=recipes.claimed(site.space.recipes, path.stem),
        brands=[(name, name) for name in site.space.brands], people=people.listed(site.space.people)[0],
    )  # fmt: skip


def _explained(site: Site, slug: str) -> tuple[tuple[cascade.Setting, ...], dict[str, Any], str]:
    """Where each value comes from; what holds where the recipe says nothing; and what is wrong with all of it."""
    try:
        layers = orders.settle(site.space, orders.Wanted(slug)).layers
    except CandidError as fault:
        return (), defaultdict(str), str(fault)
    below = [layer for layer in layers if not layer.source.startswith("recipe ")]
    usual = {each.key: _in_words(each.value) for each in cascade.settings(below)}
    return cascade.settings(layers), defaultdict(str, usual), ""


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@doors.at("/team/recipes/{slug}/claim", Need.COORDINATOR, "POST")
def claim_for(request: Request, slug: str, person: Annotated[str, Form()] = "") -> Response:
    """Says who records it, after talking to them."""
    site = site_of(request)
    path = _file(site, slug)
    try:
        recipes.claim(site.space.recipes, path.stem, people.find(site.space.people, person))
    except CandidError as fault:
        return _recipe_page(request, path, 422, _shown(path), {"person": str(fault)}, "")
    return on(f"/team/recipes/{slug}?said=claimed")


@doors.at("/team/recipes/{slug}/release", Need.COORDINATOR, "POST")
def release_recipe(request: Request, slug: str) -> Response:
    """Somebody else can take it."""
    site = site_of(request)
    recipes.release(site.space.recipes, _file(site, slug).stem)
    return on(f"/team/recipes/{slug}?said=free")


def _shown(path: Path) -> dict[str, Any]:
    try:
        return fields.shown(_values(path), _KINDS)
    except CandidError:
        return {}


def _values(path: Path) -> dict[str, Any]:
    """What the file says, by dotted key. RecipeError where it is wrong."""
    return {each.key: each.value for each in cascade.settings([recipes.read(path)])}


def _file(site: Site, slug: str) -> Path:
    """The file of a recipe that lies in the queue."""
    known = {path.stem: path for path in site.space.recipes.glob("[!.]*.toml")}
    if slug not in known:
        raise HTTPException(404)
    return known[slug]
