"""What is mine: all takes of a person, what became of each, files to take along, and deletion; and clips that were
sent and not handed in.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from pipeline import circle, corrections, receipts, recipes, takes
from pipeline import report as reports
from pipeline.errors import CandidError
from pipeline.model import Plan, Receipt, Take
from pipeline.shelf import Shelf
from pipeline.web import events, media_files, playing
from pipeline.web.doors import Doors
from pipeline.web.incoming import Incoming, Upload, on_disk
from pipeline.web.record import not_handed_in
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of, visitor_of
from pipeline.web.uploads import holding, incoming_of
from pipeline.wording import clock

doors = Doors()

_PUBLISH = "/takes/{take}/publish"


@dataclass(frozen=True, slots=True)
class Mine:
    """A take, as its person sees it in the list. `out` is where it is to be seen."""

    take: Take
    title: str
    state: dict[str, Any]
    videos: tuple[str, ...]
    thumbnail: str
    out: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece that is not in the video."""

    clip: int  # from 1
    at: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A clip that was sent and not handed in, and how much of it is there. `topic` is "" where its recipe is gone."""

    upload: Upload
    topic: str
    there: int

    @property
    def whole(self) -> bool:
        return self.there == self.upload.length


@doors.at("/mine", Need.PERSON)
def mine(request: Request) -> Response:
    """All takes of whoever looks, the latest first; and the clips that they did not hand in."""
    site, person = site_of(request), visitor_of(request).person
    found = [_mine(site, take) for take in events.takes_of(site.space, person)]
    return page(request, "mine.html", takes=found, waiting=_waiting(site, incoming_of(request), person))


@doors.at("/mine/sent/{upload}/remove", Need.OWNER, "POST", owned="upload")
async def remove_sent(request: Request, upload: str) -> Response:
    """Deletes a clip that was sent and not handed in. Whoever still sends it stops first."""
    incoming = incoming_of(request)
    async with holding(upload):
        if found := await run_in_threadpool(incoming.find, upload):
            await on_disk(incoming.remove, found)
    return on("/mine")


def _waiting(site: Site, incoming: Incoming, person: str) -> list[Waiting]:
    known = {state.slug for state in circle.recipes_of(site.space)}
    return [
        Waiting(each, _topic(site, each.recipe) if each.recipe in known else "", incoming.there(each))
        for each in not_handed_in(site, incoming, person)
    ]


@doors.at("/takes/{take}", Need.OWNER)
def one_take(request: Request, take: str) -> Response:
    """What became of a take: its videos, what was cut, and what there is to say about it."""
    site = site_of(request)
    found = _mine(site, site.take(take))
    shelf = Shelf(site.space.output / take)
    plan, files = playing.plan_of(shelf), media_files.files(site, found.take)
    return page(
        request,
        "take.html",
        mine=found,
        report=_report(shelf),
        cuts=list(_cuts(plan)) if plan else [],
        language=plan.language if plan else "",
        changed=_is_changed(shelf, found.take),
        thumbnails=[name for name in files if name.endswith(".jpg")],
        publishes=_has_door(request, _PUBLISH),
        files=_with_sizes(files),
        clock=clock,
    )


@doors.at("/takes/{take}/make", Need.OWNER, "POST", rate="30/minute")
def make_again(request: Request, take: str) -> Response:
    """Puts a take into the line."""
    site_of(request).store.enqueue(take)
    return on(f"/takes/{take}")


@doors.at("/takes/{take}/delete", Need.OWNER)
def ask_before_deleting(request: Request, take: str) -> Response:
    """What goes with a take, and what stays."""
    return _deleting(request, take, 200)


@doors.at("/takes/{take}/delete", Need.OWNER, "POST")
def delete(request: Request, take: str) -> Response:
    """Deletes a take that is nowhere to be seen, and is not being made this moment."""
    site = site_of(request)
    shelf = Shelf(site.space.output / take)
    if _out(shelf):
        return _deleting(request, take, 409)
    if not shelf.remove():
        return _deleting(request, take, 409, held=True)
    takes.remove(site.space.takes, take)
    site.store.done(take, time.time())
    site.store.keep_back(take)
    return on("/mine")


def _deleting(request: Request, take: str, status: int, *, held: bool = False) -> Response:
    site = site_of(request)
    return page(
        request,
        "delete.html",
        status,
        mine=_mine(site, site.take(take)),
        held=held,
        publishes=_has_door(request, _PUBLISH),
    )


def _mine(site: Site, take: Take) -> Mine:
    shelf = Shelf(site.space.output / take.id)
    made = media_files.files(site, take)
    return Mine(
        take=take,
        title=_title(site, take),
        state=events.state(site, take),
        videos=tuple(name.removesuffix(".mp4") for name in made if name.endswith(".mp4") and not _is_clip(take, name)),
        thumbnail=corrections.chosen(shelf) if "thumbnail.jpg" in made else "",
        out=_shown_out(shelf),
    )


def _is_clip(take: Take, name: str) -> bool:
    return name in {clip.name for clip in take.clips}


def _title(site: Site, take: Take) -> str:
    """What a take is called: as its person wrote it, else the topic."""
    with contextlib.suppress(CandidError):
        kept = corrections.kept(Shelf(site.space.output / take.id))
        if kept and kept.sheet.title:
            return kept.sheet.title
    return _topic(site, take.recipe)


def _topic(site: Site, recipe: str) -> str:
    """What a recipe is about, as people know it."""
    with contextlib.suppress(CandidError):
        return recipes.load(site.space.queued(recipe)).topic or recipe
    return recipe


def _out(shelf: Shelf) -> tuple[Receipt, ...]:
    """Where it is to be seen. WorkspaceError where nobody knows any more: then nothing may be deleted."""
    told = receipts.read(shelf.folder)
    return tuple(each for each in receipts.out(told) if not receipts.hidden(told, each.service))


def _shown_out(shelf: Shelf) -> tuple[Receipt, ...]:
    """The same for looking at: one damaged file does not hide all takes."""
    with contextlib.suppress(CandidError):
        return _out(shelf)
    return ()


def _is_changed(shelf: Shelf, take: Take) -> bool:
    """Whether edit.md asks for something that is not in the video yet."""
    with contextlib.suppress(CandidError):
        told = corrections.reading(shelf, take.sha256)
        return bool(told and reports.pending(shelf, told[1]).changes)
    return False


def _report(shelf: Shelf) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(shelf.path("report.json").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def _cuts(plan: Plan) -> Iterator[Cut]:
    for piece in plan.pieces:
        if not piece.kept:
            start, seconds = float(piece.start / plan.fps), float(piece.frames / plan.fps)
            yield Cut(piece.clip + 1, clock(start), round(seconds, 1), piece.reason)


def _with_sizes(files: dict[str, Path]) -> list[tuple[str, str]]:
    return [(name, _size(path.stat().st_size)) for name, path in files.items()]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{max(1, count // 1000)} KB"


def _has_door(request: Request, path: str) -> bool:
    return any(getattr(route, "path", "") == path for route in request.app.routes)
