"""What happens to somebody's takes while they look: one stream of server-sent events a tab.

It is told from what lies on the shelves and in the queue, so any process could tell it, and a stream that breaks goes
on with what is true then.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from pipeline import circle, corrections, progress, takes
from pipeline.errors import CandidError
from pipeline.model import Take
from pipeline.shelf import Shelf
from pipeline.web import playing, sender
from pipeline.web.doors import Doors
from pipeline.web.rights import Need
from pipeline.web.site import Site, site_of, visitor_of
from pipeline.web.store import Sending
from pipeline.workspace import Workspace

doors = Doors()

_EVERY = 0.5  # seconds between two looks
_STILL_THERE = 15.0  # a proxy closes what is silent for long

_STEPS = {
    "looking": "Looking at the clips",
    "listening": "Listening",
    "transcribing": "Writing down what is said",
    "aligning": "Timing the words",
    "drawing": "Drawing name and logo",
    "rendering": "Making the video",
}
_STATES = {
    "recorded": "Handed in",
    "made": "Made: look at it",
    "approved": "Approved",
    "published": "Published",
}


@doors.at("/events", Need.PERSON, "GET")  # no HEAD: it never ends
async def events(request: Request) -> Response:
    """The state of the visitor's takes, and again whenever it changes."""
    stream = _changes(request, site_of(request), visitor_of(request).person)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


async def _changes(request: Request, site: Site, person: str) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    before, silent = "", 0.0
    while not await request.is_disconnected():
        now = json.dumps(await run_in_threadpool(states, site, person))
        if now != before:
            before, silent = now, 0.0
            yield f"event: takes\ndata: {now}\n\n"
        elif silent >= _STILL_THERE:
            silent = 0.0
            yield ": still there\n\n"
        await asyncio.sleep(_EVERY)
        silent += _EVERY


@doors.at("/states", Need.PERSON)
def states_now(request: Request) -> dict[str, Any]:
    """The same once, for whoever cannot keep a stream open."""
    return states(site_of(request), visitor_of(request).person)


def states(site: Site, person: str) -> dict[str, Any]:
    """By take: how far it is, its place in line (1 is made next, or now), the step that runs, and what went wrong."""
    line = [take for take, _ in site.store.line()]
    faults = site.store.faults()
    jobs = {job.take: job for job in site.store.sending()}
    return {
        take.id: _state(site, take, line, faults.get(take.id), jobs.get(take.id))
        for take in takes_of(site.space, person)
    }


def state(site: Site, take: Take) -> dict[str, Any]:
    """The same of one take."""
    line = [take for take, _ in site.store.line()]
    job = next((job for job in site.store.sending() if job.take == take.id), None)
    return _state(site, take, line, site.store.faults().get(take.id), job)


def _state(site: Site, take: Take, line: list[str], fault: CandidError | None, job: Sending | None) -> dict[str, Any]:
    shelf = Shelf(site.space.output / take.id)
    running = progress.noted(shelf)
    place = line.index(take.id) + 1 if take.id in line else 0
    found = circle.state_of(site.space, take.id)
    sending = sender.progress(site.space, job, time.time()) if job else None
    return {
        "state": found,
        "place": place,
        "step": running[0] if running else "",
        "done": round(running[1], 3) if running else 0,
        "sending": sending,  # while it goes out, or is taken down
        "fault": {"what": fault.what, "do": fault.do} if fault else None,
        "words": shelf.path(corrections.KEPT).exists(),  # known, and may be corrected
        "plays": all(playing.source(site.space, take, number + 1) for number in range(len(take.clips))),
        "says": sending["says"] if sending else _says(found, place, running[0] if running else "", fault),
        "made": _made_at(shelf),
    }


def _says(state: str, place: int, step: str, fault: CandidError | None) -> str:
    """How far a take is, in words."""
    if step:
        return _STEPS.get(step, step.capitalize())
    if place:
        return "In line: next" if place == 1 else f"In line: {place - 1} before it"
    return "Something went wrong" if fault else _STATES[state]


def _made_at(shelf: Shelf) -> str:
    """A mark that is another one whenever the video was made anew."""
    try:
        return str(shelf.path(circle.REPORT).stat().st_mtime_ns)
    except OSError:
        return ""


# --- whose takes ------------------------------------------------------------------------------------------------------


class _Known:
    """The takes of a workspace, read again when one comes or goes: takes themselves never change.

    Every open tab asks twice a second, so the folder's date is looked at and not all that lies in it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[int, dict[str, tuple[Take, ...]]]] = {}

    def of(self, space: Workspace, person: str) -> tuple[Take, ...]:
        folder = space.takes
        try:
            date = folder.stat().st_mtime_ns
        except OSError:
            return ()
        with self._lock:
            known = self._seen.get(folder)
            if known is None or known[0] != date:
                known = self._seen[folder] = date, _by_person(takes.listed(folder))
        return known[1].get(person, ())


def _by_person(listed: tuple[Take, ...]) -> dict[str, tuple[Take, ...]]:
    found: dict[str, list[Take]] = {}
    for take in sorted(listed, key=lambda take: take.handed_in, reverse=True):
        found.setdefault(take.person, []).append(take)
    return {person: tuple(own) for person, own in found.items()}


_known = _Known()


def takes_of(space: Workspace, person: str) -> tuple[Take, ...]:
    """A person's takes, the latest first."""
    return _known.of(space, person)
