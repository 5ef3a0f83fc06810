"""The brand, for the coordinator: its logo, colors and words, with a picture of what they would look like."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import Request, UploadFile
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline import brand, people
from pipeline.errors import CandidError
from pipeline.model import Brand, Person
from pipeline.web import fields
from pipeline.web.doors import Doors
from pipeline.web.fields import Told
from pipeline.web.incoming import shown
from pipeline.web.people_pages import picture
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of

doors = Doors()

_KINDS = {
    "title": "text", "closing_line": "text", "colors.background": "text", "colors.text": "text",
    "colors.accent": "text", "colors.looks": "lines", "bumper": "number", "lower_third": "number",
    "end_card": "number", "budget": "number", "stands_for": "text", "mention": "lines", "keep_out": "lines",
    "consent": "text",
}  # fmt: skip
_SEEN = ("title", "colors.background", "colors.text", "colors.accent", "colors.looks")  # in the picture
_LARGEST_LOGO_FORM = brand.LARGEST_LOGO + (64 << 10)  # bytes
_SOMEBODY = Person("somebody", "Somebody New", "What they do", "For whom they work", look=1)


@doors.at("/team/brand", Need.COORDINATOR)
def all_brands(request: Request) -> Response:
    """Which brands there are; the only one at once."""
    known = site_of(request).space.brands
    return page(request, "team-brands.html", brands=known) if len(known) > 1 else on(f"/team/brand/{known[0]}")


@doors.at("/team/brand/{name}", Need.COORDINATOR)
def one_brand(request: Request, name: str, said: str = "") -> Response:
    """A brand in a form, and what it looks like."""
    folder = _folder(site_of(request), name)
    return _brand_page(request, folder, 200, fields.shown(brand.values(folder), _KINDS), None, said)


@doors.at("/team/brand/{name}", Need.COORDINATOR, "POST")
def change_brand(request: Request, name: str, told: Told) -> Response:
    """Writes what was changed into the brand's file; or only shows it, where that was asked."""
    site = site_of(request)
    folder, own = _folder(site, name), site.space.root / "assets" / "brands" / name
    values = fields.typed(told, _KINDS)
    try:
        changes = _changes(folder, told)
        brand.changed(folder, changes)
        if "look" in told:
            return _brand_page(request, folder, 200, values, None, "look")
        brand.edit(folder, own, changes)
    except CandidError as fault:
        return _brand_page(request, folder, 422, values, fault, "")
    return on(f"/team/brand/{name}?said=saved")


@doors.at("/team/brand/{name}/logo", Need.COORDINATOR, "POST", largest=_LARGEST_LOGO_FORM, rate="30/minute")
def change_logo(request: Request, name: str, logo: UploadFile) -> Response:
    """Takes another logo."""
    site = site_of(request)
    folder, own = _folder(site, name), site.space.root / "assets" / "brands" / name
    try:
        with tempfile.TemporaryDirectory() as room:
            picture = Path(room, "logo")
            with picture.open("wb") as file:
                shutil.copyfileobj(logo.file, file)
            brand.use_logo(folder, own, picture, shown(logo.filename or ""))
    except CandidError as fault:
        values = fields.shown(brand.values(folder), _KINDS)
        return _brand_page(request, folder, 422, values, None, "", logo_fault=str(fault))
    return on(f"/team/brand/{name}?said=saved")


def _brand_page(
    request: Request,
    folder: Path,
    status: int,
    values: dict[str, Any],
    fault: CandidError | None,
    said: str,
    logo_fault: str = "",
) -> Response:
    found = brand.load(folder)
    return page(
        request, "team-brand.html", status, brand=found, values=values, said=said,
        faults=fields.faults(fault, _KINDS) if fault else {}, warnings=brand.warnings(found),
        seen={key: values[key] for key in _SEEN}, people=people.listed(site_of(request).space.people)[0],
        brands=site_of(request).space.brands, logo_fault=logo_fault,
    )  # fmt: skip


@doors.at("/team/brand/{name}/preview.png", Need.COORDINATOR, rate="240/minute")
def preview_of_brand(request: Request, name: str, person: str = "") -> Response:
    """How a video would look with other values: those in the address. Nothing is written."""
    site = site_of(request)
    told = {key: tuple(request.query_params.getlist(key)) for key in _SEEN if key in request.query_params}
    frame: Brand = brand.changed(_folder(site, name), fields.read(told, {key: _KINDS[key] for key in told}))
    shown = people.find(site.space.people, person) if person else _SOMEBODY
    return picture(frame, shown)


def _changes(folder: Path, told: Told) -> dict[str, Any]:
    return fields.changes(fields.read(told, _KINDS), brand.values(folder))


def _folder(site: Site, name: str) -> Path:
    if name not in site.space.brands:
        raise HTTPException(404)
    return site.space.brand(name)
