"""What all pages share: the workspace, what the server remembers, and how a page is written."""

from __future__ import annotations

import functools
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pipeline import people, takes
from pipeline.board import Board
from pipeline.errors import CandidError
from pipeline.model import Person, Take
from pipeline.web.ballots import Ballots
from pipeline.web.boards import Boards
from pipeline.web.rights import NOBODY, Visitor
from pipeline.web.settings import Settings
from pipeline.web.store import Store
from pipeline.workspace import Workspace

HERE = Path(__file__).parent
STATIC = HERE / "static"


@functools.cache
def _static(name: str) -> str:
    """The address of a file in static/. It changes with the file, so that a browser may keep what it has."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?{mark}"


def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = _static
    made.filters["day"] = lambda told: str(told)[:10]
    made.filters["date"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    return made


@dataclass(frozen=True, slots=True)
class Site:
    """One server. Pages get it by `site_of(request)`."""

    settings: Settings
    space: Workspace
    store: Store
    boards: Boards
    ballots: Ballots
    templates: jinja2.Environment = field(default_factory=_templates)

    @property
    def folder(self) -> Path:
        """What belongs to the server alone: uploads on their way, what it remembers."""
        return self.space.root / ".candid"

    def board(self) -> AbstractContextManager[Board]:
        """The board, for one request."""
        return self.boards.one()

    def close(self) -> None:
        self.store.close()
        self.boards.close()

    def visitor(self, session: str) -> Visitor:
        """Who a session belongs to. Whoever is no longer among the people is nobody."""
        found = self.store.visitor(session)
        if found.person and not self._is_there(found.person):
            return NOBODY
        return found

    def _is_there(self, person: str) -> bool:
        try:
            people.where(self.space.people, person)
        except CandidError:
            return False
        return True

    def person(self, visitor: Visitor) -> Person:
        """The visitor as somebody who speaks. RecipeError where their file is wrong."""
        return people.find(self.space.people, visitor.person)

    def take(self, id: str) -> Take:
        return takes.load(self.space.takes, id)


def site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


def visitor_of(request: Request) -> Visitor:
    """Who asks: the entrance has found that out."""
    found: Visitor = request.state.visitor
    return found


def page(request: Request, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page of templates/. Every text is escaped; what a template does not get is an error."""
    site = site_of(request)
    shared = {"visitor": visitor_of(request), "path": request.url.path, "settings": site.settings}
    text = site.templates.get_template(name).render(shared | values)
    return HTMLResponse(text, status_code=status)


def on(place: str) -> RedirectResponse:
    """On to another page, after a form."""
    return RedirectResponse(place, status_code=303)


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")
