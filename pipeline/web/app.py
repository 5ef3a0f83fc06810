"""The application: all doors, behind the entrance.

The rooms of the page, in the order in which a video passes them: the topics (topics.py), signing in (signing.py),
recording and handing in (record.py, uploads.py), what is being made (worker.py, events.py), correcting (correct.py),
approving and publishing (publishing.py), what is mine (mine.py), and what the coordinator looks after (coordinate.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from pipeline import takes
from pipeline.errors import CandidError, in_words
from pipeline.web import (
    brand_pages,
    connect,
    coordinate,
    correct,
    events,
    media_files,
    mine,
    people_pages,
    publishing,
    recipe_pages,
    record,
    signing,
    topics,
    uploads,
)
from pipeline.web.ballots import Ballots
from pipeline.web.boards import Boards
from pipeline.web.doors import Door, Doors
from pipeline.web.entrance import Entrance
from pipeline.web.incoming import Incoming, on_disk
from pipeline.web.rights import Need
from pipeline.web.settings import Settings
from pipeline.web.site import STATIC, Site, page, wants_json
from pipeline.web.store import Store
from pipeline.workspace import Workspace

_MODULES = (
    topics,
    signing,
    events,
    uploads,
    record,
    coordinate,
    people_pages,
    recipe_pages,
    brand_pages,
    mine,
    correct,
    media_files,
    publishing,
    connect,
)
_own = Doors()
_BETWEEN_CHECKPOINTS = 30.0  # seconds


def create(settings: Settings) -> ASGIApp:
    """The page of a workspace, as an ASGI application."""
    space = Workspace(settings.root)
    boards = Boards(space.board)
    site = Site(settings, space, Store(space.root / ".candid"), boards, Ballots(boards))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        checkpoints = asyncio.create_task(_checkpoints(site))
        try:
            yield
        finally:
            checkpoints.cancel()
            with suppress(asyncio.CancelledError):
                await checkpoints
            site.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.site = site
    found = [(_route(app, door), door) for door in all_doors()]
    for fault in (CandidError, Exception):
        app.add_exception_handler(fault, _told)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _refused)

    def whose(kind: str, id: str) -> str:
        return _OWNERS[kind](site, id)

    return Entrance(app, settings, found, site.visitor, whose)


async def _checkpoints(site: Site) -> None:
    while True:
        await asyncio.sleep(_BETWEEN_CHECKPOINTS)
        with suppress(CandidError, OSError):  # the next request says what is wrong
            await on_disk(site.boards.checkpoint)


def all_doors() -> tuple[Door, ...]:
    """Every door there is. A test goes through them with every kind of visitor."""
    return (*_own, *(door for module in _MODULES for door in module.doors))


def _route(app: FastAPI, door: Door):  # type: ignore[no-untyped-def]
    app.add_api_route(
        door.path, door.serve, methods=list(door.methods), name=door.name, response_model=None, include_in_schema=False
    )
    return app.router.routes[-1]


def _owner_of_take(site: Site, id: str) -> str:
    """Whose take it is; nobody's where it is damaged."""
    with suppress(CandidError):
        found = takes.find(site.space.takes, id)
        return found.person if found else ""
    return ""


def _owner_of_upload(site: Site, id: str) -> str:
    found = Incoming(site.folder / "uploads").find(id)
    return found.person if found else ""


def _owner_of_hand_in(site: Site, id: str) -> str:
    found = record.hand_ins_of(site).find(id)
    return found.person if found else ""


_OWNERS = {"take": _owner_of_take, "upload": _owner_of_upload, "handin": _owner_of_hand_in}


@_own.at("/static/{name}", Need.NOTHING)
def static(request: Request, name: str) -> Response:
    """What pages are made with. A page names it with a mark of what is in it, so browsers may keep it; a module that
    another one names has no mark.
    """
    known = {path.name: path for path in STATIC.iterdir() if path.is_file()}
    if name not in known:
        raise HTTPException(404)
    keep = "public, max-age=31536000, immutable" if request.url.query else "no-cache"
    return FileResponse(known[name], headers={"cache-control": keep})


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def _told(request: Request, fault: Exception) -> Response:
    """An error, in words."""
    words = in_words(fault)
    return _said(request, 400 if isinstance(fault, CandidError) else 500, words.what, words.do)


async def _not_understood(request: Request, fault: Exception) -> Response:
    return _said(request, 400, "This form was not filled in as it should be.", "Go back and look at its fields.")


async def _refused(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    return _said(request, status, "There is nothing here.", "It may have been taken away, or belong to somebody else.")


def _said(request: Request, status: int, what: str, do: str) -> Response:
    if wants_json(request):
        return JSONResponse({"error": {"what": what, "do": do}}, status_code=status)
    return page(request, "error.html", status, what=what, do=do)
