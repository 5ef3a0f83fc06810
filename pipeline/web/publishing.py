"""Approving, publishing, withdrawing: for one take, by the person who speaks in it and nobody else.

What would go out is composed and shown, and the form says by its fingerprint what was shown: only exactly that is
approved. Publishing is a second button; it puts the take into the line of the process that uploads (sender.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from pipeline import approval, publish, publishers, receipts
from pipeline.approval import Approval
from pipeline.errors import CandidError, PublishError
from pipeline.model import Receipt
from pipeline.publishers import About
from pipeline.web import connect, events, fields, offers
from pipeline.web.cures import here
from pipeline.web.doors import Doors
from pipeline.web.fields import Told
from pipeline.web.offers import Choice, Offer
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of, visitor_of
from pipeline.wording import clock

doors = Doors()

_TYPES = {".mp4": "video/mp4", ".vtt": "text/vtt", ".srt": "application/x-subrip", ".jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Out:
    """A video that is out there. `shows`: private | unlisted | public, from when on it is public, or "unfinished"."""

    about: About
    receipt: Receipt
    shows: str

    @property
    def link(self) -> str:
        return self.receipt.link if self.receipt.link.startswith(("https://", "http://")) else ""


# --- looking ----------------------------------------------------------------------------------------------------------


@doors.at("/takes/{take}/publish", Need.OWNER)
def publish_page(request: Request, take: str) -> Response:
    """Exactly what goes out, from which account; what was approved; how far it is; and where it is out."""
    query = {key: tuple(request.query_params.getlist(key)) for key in request.query_params}
    return _shown(request, take, offers.chosen(query) if query else None)


def _shown(
    request: Request, take: str, choice: Choice | None, status: int = 200, fault: CandidError | None = None
) -> Response:
    """The page, for a choice; where none was made, for what was approved, or what is usual."""
    site, person = site_of(request), visitor_of(request).person
    approval.require_speaker(site.space, take, person)
    given, unreadable = _approval(site, take, person)
    holds = given if given and given.sealed and not given.withdrawn else None
    places = connect.places(person)
    wanted = choice or (offers.approved(holds) if holds else offers.usual(site, person, places))
    offer = offers.offer(site, take, holds, wanted, places, fresh=choice is not None)
    return page(
        request, "publish.html", 422 if offer.faults else status,
        take=take, state=events.state(site, site.take(take)), offer=offer, places=places, holds=holds,
        withdrawn=given.withdrawn if given else "", ready=_ready(site, take, person, offer), out=_out(site, take),
        failed=_failed(site, take), fault=here(fault, site.space.root) if fault else unreadable, zone=_zone(),
        clock=clock, when=_when,
    )  # fmt: skip


def _approval(site: Site, take: str, person: str) -> tuple[Approval | None, CandidError | None]:
    """What this person has approved; and what is wrong where nobody can read it."""
    try:
        given = approval.load(site.space, take)
    except PublishError as fault:
        return None, here(fault, site.space.root)
    return given if given and given.person == person else None, None


def _ready(site: Site, take: str, person: str, offer: Offer) -> tuple[str, ...]:
    """The services to which it may go out now, and at which something is still to be done."""
    approved = [card.about.name for card in offer.cards if card.approved]
    if not approved:
        return ()
    try:
        would = publish.would(site.space, take, person, approved)
        return tuple(outcome.service for outcome in would if outcome.status == "published")
    except CandidError:  # changed this moment: the next look says in what
        return ()


def _zone() -> str:
    return _offset(datetime.now().astimezone())


def _when(told: str) -> str:
    """A time for people, in this machine's zone."""
    at = datetime.fromisoformat(told).astimezone()
    return f"{at:%Y-%m-%d %H:%M}, {_offset(at)}"


def _offset(at: datetime) -> str:
    return f"UTC{at.isoformat(timespec='minutes')[-6:]}"


# --- where it is out --------------------------------------------------------------------------------------------------


def _out(site: Site, take: str) -> list[Out]:
    told = receipts.read(site.space.output / take)
    found = [(each, _shows(told, each.service)) for each in receipts.out(told)]
    found += [(each, "unfinished") for each in receipts.begun(told)]
    return [Out(publishers.about(each.service), each, shows) for each, shows in found if _is_known(each.service)]


def _is_known(service: str) -> bool:
    return service in publishers.names()


def _shows(told: Sequence[Receipt], service: str) -> str:
    if receipts.hidden(told, service):
        return "private"
    latest = next((each for each in reversed(told) if (each.service, each.step) == (service, "public")), None)
    return (latest.shows if latest else "") or "private"


def _failed(site: Site, take: str) -> list[tuple[str, CandidError]]:
    """What went wrong the last time, with the service's title ("" where it was none's)."""
    return [
        (publishers.about(service).title if _is_known(service) else "", here(fault, site.space.root))
        for service, fault in site.store.unsent(take).items()
    ]


# --- approving and publishing -----------------------------------------------------------------------------------------


@doors.at("/takes/{take}/approve", Need.OWNER, "POST", rate="30/minute")
def approve(request: Request, take: str, told: Told) -> Response:
    """Seals exactly what was shown."""
    site, person = site_of(request), visitor_of(request).person
    approval.require_speaker(site.space, take, person)
    choice = offers.chosen(told)
    try:
        wishes = choice.wishes
        parcels = approval.offers(site.space, take, choice.services, wishes)
        if not parcels:
            raise PublishError("Nothing was chosen, so nothing was approved.", "Choose where it shall go.")
        if fields.one(told, "seen") != offers.mark(parcels):
            raise PublishError("It changed while you looked at it, so nothing was approved.", "Look at it once more.")
        read = fields.one(told, "read") == "yes"
        approval.approve(site.space, take, person, parcels, wishes, captions_read=read)
    except CandidError as fault:
        return _shown(request, take, choice, 409, fault)
    return on(f"/takes/{take}/publish")


@doors.at("/takes/{take}/publish", Need.OWNER, "POST", rate="30/minute")
def go_out(request: Request, take: str, told: Told) -> Response:
    """Puts it into the line of what goes out, if it is approved and as it was then."""
    site, person = site_of(request), visitor_of(request).person
    services = offers.chosen(told).services
    try:
        if not services:
            raise PublishError("Nothing was chosen, so nothing goes out.", "Choose where it shall go.")
        approval.require(site.space, take, person, services)
    except CandidError as fault:
        return _shown(request, take, None, 409, fault)
    site.store.send(take, person, "publish", services)
    return on(f"/takes/{take}/publish")


# --- back -------------------------------------------------------------------------------------------------------------


@doors.at("/takes/{take}/withdraw", Need.OWNER)
def ask_before_withdrawing(request: Request, take: str) -> Response:
    return _asked(request, take, "withdraw")


@doors.at("/takes/{take}/withdraw", Need.OWNER, "POST")
def withdraw(request: Request, take: str) -> Response:
    """Takes the approval back: from here on nothing of it goes out, and what is on its way stops."""
    site = site_of(request)
    approval.withdraw(site.space, take, visitor_of(request).person)
    site.store.keep_back(take)
    return on(f"/takes/{take}/publish")


@doors.at("/takes/{take}/take-down", Need.OWNER)
def ask_before_taking_down(request: Request, take: str) -> Response:
    return _asked(request, take, "take-down")


@doors.at("/takes/{take}/take-down", Need.OWNER, "POST")
def take_down(request: Request, take: str, told: Told) -> Response:
    """Makes it private, or deletes it, where it is out; the approval is withdrawn at once."""
    site, person = site_of(request), visitor_of(request).person
    services = offers.chosen(told).services
    if not services:
        return _asked(request, take, "take-down", 422)
    approval.withdraw(site.space, take, person)
    site.store.keep_back(take)
    site.store.send(take, person, "delete" if fields.one(told, "how") == "delete" else "private", services)
    return on(f"/takes/{take}/publish")


def _asked(request: Request, take: str, what: str, status: int = 200) -> Response:
    site = site_of(request)
    approval.require_speaker(site.space, take, visitor_of(request).person)
    job = events.state(site, site.take(take))["sending"]
    return page(
        request, f"publish-{what}.html", status, take=take, out=_out(site, take), sending=job, wrong=status == 422
    )


# --- what the folder holds --------------------------------------------------------------------------------------------


@doors.at("/takes/{take}/published", Need.OWNER)
def published(request: Request, take: str) -> Response:
    """What was published to the folder, to be put in somewhere by hand: texts to copy, and files to take along."""
    site = site_of(request)
    names = sorted(_in_the_folder(site, take))
    if not names:
        raise HTTPException(404)
    given, _ = _approval(site, take, visitor_of(request).person)
    sealed = next((each for each in given.sealed if each.service == "folder"), None) if given else None
    return page(request, "publish-folder.html", take=take, files=names, post=sealed.post if sealed else None)


@doors.at("/takes/{take}/published/{name}", Need.OWNER)
def published_file(request: Request, take: str, name: str) -> Response:
    """One of these files, to keep."""
    path = _in_the_folder(site_of(request), take).get(name)
    if path is None:
        raise HTTPException(404)
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, media_type=kind, filename=f"{take}-{name}")


def _in_the_folder(site: Site, take: str) -> dict[str, Path]:
    """The files by name, as long as it is out there."""
    told = receipts.out(receipts.read(site.space.output / take))
    if not any(each.service == "folder" for each in told):
        return {}
    place = site.space.root / publish.OUTBOX / take
    found = place.iterdir() if place.is_dir() else ()
    return {path.name: path for path in found if path.is_file() and not path.is_symlink()}
