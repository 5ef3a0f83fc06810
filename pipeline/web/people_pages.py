"""People, for the coordinator: who speaks, how their name looks, and the links with which they sign in."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline import artwork, brand, people, recipes, workspace
from pipeline.errors import CandidError
from pipeline.model import Brand, Person
from pipeline.web import fields
from pipeline.web.doors import Doors
from pipeline.web.fields import Told
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of, visitor_of
from pipeline.web.store import LINK_DAYS

doors = Doors()

CAPTION = "This is where your captions stand."

_KINDS = {
    "id": "text", "name": "text", "title": "text", "disclosure": "text", "language": "text", "look": "number",
    "services": "several",
}  # fmt: skip
_KNOWN = {key: kind for key, kind in _KINDS.items() if key != "id"}  # what may change later
_LONGEST_ID = 40


@doors.at("/team/people", Need.COORDINATOR)
def all_people(request: Request) -> Response:
    """Everybody, and a form for somebody new."""
    return _list_page(request)


def _list_page(
    request: Request, status: int = 200, typed: dict[str, Any] | None = None, fault: CandidError | None = None
) -> Response:
    found, wrong = people.listed(site_of(request).space.people)
    return page(
        request, "team-people.html", status, people=found, wrong=wrong, services=recipes.SERVICES,
        values=typed or fields.shown({}, _KINDS), faults=fields.faults(fault, _KINDS) if fault else {},
    )  # fmt: skip


@doors.at("/team/people", Need.COORDINATOR, "POST")
def add_person(request: Request, told: Told) -> Response:
    """Writes their file, checked as it is. Without an id, it follows from the name."""
    said = {key: value for key, value in fields.read(told, _KINDS).items() if value is not None}
    id = said.pop("id", "") or workspace.slug(said.get("name", ""))[:_LONGEST_ID].strip("-")
    services = tuple(said.pop("services", ()))
    try:
        people.add(site_of(request).space.people[0], Person(id, services=services, **({"name": ""} | said)))
    except CandidError as fault:
        return _list_page(request, 422, fields.typed(told, _KINDS), fault)
    return on(f"/team/people/{id}")


@doors.at("/team/people/{id}", Need.COORDINATOR)
def one_person(request: Request, id: str, said: str = "") -> Response:
    """What is known of somebody, and how their name looks in a video."""
    person = _found(site_of(request), id)
    return _person_page(request, person, 200, fields.shown(_values(person), _KNOWN), {}, said)


@doors.at("/team/people/{id}", Need.COORDINATOR, "POST")
def change_person(request: Request, id: str, told: Told) -> Response:
    """Writes what was changed into their file, where its comments stay."""
    site = site_of(request)
    person = _found(site, id)
    try:
        people.edit(site.space.people[0], id, **fields.changes(fields.read(told, _KNOWN), _values(person)))
    except CandidError as fault:
        return _person_page(request, person, 422, fields.typed(told, _KNOWN), fields.faults(fault, _KNOWN), "")
    return on(f"/team/people/{id}?said=saved")


def _person_page(
    request: Request, person: Person, status: int, values: dict[str, Any], faults: dict[str, str], said: str
) -> Response:
    site = site_of(request)
    frame = brand.load(site.space.brand("default"))
    return page(
        request, "team-person.html", status, person=person, values=values, faults=faults, said=said, days=LINK_DAYS,
        number=brand.look_number(frame, person), of=len(brand.looks(frame)),
        own=(site.space.people[0] / f"{person.id}.toml").is_file(),
    )  # fmt: skip


def _values(person: Person) -> dict[str, Any]:
    """What their file says, by key."""
    return asdict(person) | {"services": list(person.services)}


@doors.at("/team/people/{id}/preview.png", Need.COORDINATOR, rate="120/minute")
def preview_of_person(request: Request, id: str) -> Response:
    """Name, logo and a caption as they stand in a video."""
    site = site_of(request)
    return picture(brand.load(site.space.brand("default")), _found(site, id))


def picture(frame: Brand, person: Person) -> Response:
    """A preview as a PNG, at half the size of a video."""
    drawn = artwork.preview(brand.for_person(frame, person), person, CAPTION)
    file = io.BytesIO()
    drawn.reduce(2).save(file, format="PNG")
    return Response(file.getvalue(), media_type="image/png")


@doors.at("/team/people/{id}/link", Need.COORDINATOR, "POST", rate="60/minute")
def new_link(request: Request, id: str, told: Told) -> Response:
    """A personal link, which is shown now and never again: the server keeps only its hash."""
    site = site_of(request)
    person = _found(site, id)
    return _link_page(request, person.id, person.name, coordinator=fields.one(told, "coordinator") == "yes")


@doors.at("/team/link", Need.COORDINATOR, "POST", rate="60/minute")
def link_for_myself(request: Request) -> Response:
    """For another device of the coordinator's own."""
    return _link_page(request, visitor_of(request).person, "", coordinator=True)


def _link_page(request: Request, person: str, name: str, *, coordinator: bool) -> Response:
    import segno

    site = site_of(request)
    link = f"{site.settings.address}/in/{site.store.link(person, coordinator)}"
    code = segno.make(link, micro=False).svg_data_uri(scale=6, border=4, dark="#000", light="#fff")
    answer = page(
        request,
        "team-link.html",
        link=link,
        code=code,
        name=name,
        person=person,
        coordinator=coordinator,
        days=LINK_DAYS,
    )
    answer.headers["cache-control"] = "no-store"
    return answer


@doors.at("/team/people/{id}/revoke", Need.COORDINATOR, "POST")
def sign_out_everywhere(request: Request, id: str) -> Response:
    """Ends all their sign-ins, and voids their links: a phone was lost."""
    site = site_of(request)
    site.store.revoke(_found(site, id).id)
    return on(f"/team/people/{id}?said=revoked")


@doors.at("/team/people/{id}/remove", Need.COORDINATOR, "POST")
def remove_person(request: Request, id: str) -> Response:
    """Signs them out everywhere, and moves their file aside, so that it can be undone."""
    site = site_of(request)
    site.store.revoke(_found(site, id).id)
    people.remove(site.space.people[0], id)
    return on("/team/people")


def _found(site: Site, id: str) -> Person:
    """Somebody who is known. Whoever is not gives a page that says so."""
    try:
        people.where(site.space.people, id)
    except CandidError as fault:
        raise HTTPException(404) from fault
    return people.find(site.space.people, id)
