"""Clips are sent by tus 1.0 (https://tus.io/protocols/resumable-upload), so that a lost connection loses nothing.

Whose upload it is the entrance has found out before anything is read. The offset is the size of the file, so a server
that was killed tells the truth when it is back.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import BinaryIO

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Message

from pipeline.errors import CandidError
from pipeline.web.doors import Doors
from pipeline.web.incoming import LARGEST, Incoming, NoRoomError, Upload, on_disk, settle, shown
from pipeline.web.rights import Need
from pipeline.web.site import site_of, visitor_of

doors = Doors()

Serve = Callable[..., Awaitable[Response]]

_VERSION = "1.0.0"
_TELLS = {"tus-resumable": _VERSION, "cache-control": "no-store"}
_SLICE = "application/offset+octet-stream"
_LONGEST_TOLD = 4096  # characters of what the sender says about a clip
_KEY = re.compile(r"[!-+\--~]+")  # ASCII, without spaces and commas
_BLOCK = 1 << 20  # bytes that are written at once
_SILENT = 60.0  # seconds: then nobody is there any more


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def incoming_of(request: Request) -> Incoming:
    return Incoming(site_of(request).folder / "uploads")


@doors.at("/uploads", Need.NOTHING, "OPTIONS")
def upload_rules() -> Response:
    """What this server can do."""
    more = {"tus-version": _VERSION, "tus-extension": "creation,termination", "tus-max-size": str(LARGEST)}
    return Response(status_code=204, headers=_TELLS | more)


def _tus(serve: Serve) -> Serve:
    """A door that speaks tus. What it refuses is said in the words of that protocol."""

    @functools.wraps(serve)
    async def speaks(request: Request, **parts: str) -> Response:
        try:
            if request.headers.get("tus-resumable") != _VERSION:
                raise _Refused(412, f"This server speaks tus {_VERSION}.")
            return await serve(request, **parts)
        except _Refused as fault:
            more = {"tus-version": _VERSION} if fault.status == 412 else {}
            return Response(fault.why, fault.status, headers=_TELLS | more, media_type="text/plain")
        except CandidError as fault:  # the disk: it may be better later, and senders try again
            return Response(str(fault), 507, headers=_TELLS, media_type="text/plain")

    return speaks


@doors.at("/uploads", Need.PERSON, "POST", rate="120/minute")
@_tus
async def begin_upload(request: Request) -> Response:
    """Makes room for a clip. A body is not read."""
    if "upload-defer-length" in request.headers:
        raise _Refused(400, "The length has to be known.")
    length = _number(request, "upload-length")
    if length == 0:
        raise _Refused(400, "An empty file is no clip.")
    told = request.headers.get("upload-metadata", "")
    try:
        made = await on_disk(incoming_of(request).create, _wanted(visitor_of(request).person, length, told))
    except NoRoomError as fault:
        raise _Refused(413 if length > LARGEST else 403, str(fault)) from fault
    return Response(status_code=201, headers=_TELLS | {"location": f"/uploads/{made.id}"})


@doors.at("/uploads/{upload}", Need.OWNER, "HEAD", owned="upload")
@_tus
async def how_far(request: Request, upload: str) -> Response:
    """How much has arrived. Whoever still sends it on another connection stops first."""
    async with holding(upload):
        found = await _found(request, upload)
        there = await run_in_threadpool(incoming_of(request).there, found)
    told = {"upload-metadata": found.told} if found.told else {}
    length = {"upload-offset": str(there), "upload-length": str(found.length)}
    return Response(status_code=200, headers=_TELLS | told | length)


@doors.at("/uploads/{upload}", Need.OWNER, "PATCH", owned="upload", largest=None)
@_tus
async def go_on(request: Request, upload: str) -> Response:
    """Takes more of a clip, from the first byte on that has not arrived yet."""
    if request.headers.get("content-type", "") != _SLICE:
        raise _Refused(415, f"A part of a clip is sent as {_SLICE}.")
    offset = _number(request, "upload-offset")
    async with holding(upload) as hold:
        incoming, found = incoming_of(request), await _found(request, upload)
        there = await run_in_threadpool(incoming.there, found)
        if offset != there:
            raise _Refused(409, f"{there} bytes have arrived, not {offset}.")
        if there + _announced(request) > found.length:
            raise _Refused(413, "That would be more than was announced.")
        with await on_disk(incoming.open, found) as file:
            room = await _written(request, file, found.length - there, hold)
    if room < 0:
        raise _Refused(413, "That would be more than was announced.")
    return Response(status_code=204, headers=_TELLS | {"upload-offset": str(found.length - room)})


@doors.at("/uploads/{upload}", Need.OWNER, "DELETE", owned="upload")
@_tus
async def take_back(request: Request, upload: str) -> Response:
    """Forgets what was sent."""
    async with holding(upload):
        await on_disk(incoming_of(request).remove, await _found(request, upload))
    return Response(status_code=204, headers=_TELLS)


async def _found(request: Request, id: str) -> Upload:
    """The upload, which may be gone since the entrance saw it."""
    found = await run_in_threadpool(incoming_of(request).find, id)
    if found is None:
        raise _Refused(404, "There is no such upload.")
    return found


async def _written(request: Request, file: BinaryIO, room: int, hold: _Hold) -> int:
    """Writes what comes, until its end or until nobody sends any more: the room that is left, below 0 for too much."""
    waiting = bytearray()
    try:
        while room >= 0 and (message := await hold.heard(request)) is not None:
            block = message.get("body", b"")
            waiting += block[: max(room, 0)]
            room -= len(block)
            if len(waiting) >= _BLOCK:
                whole, waiting = waiting, bytearray()  # first: who is canceled meanwhile must not write it twice
                await on_disk(file.write, whole)
            if not message.get("more_body", False):
                break
    finally:
        await on_disk(_settled, file, waiting)
    return room


def _settled(file: BinaryIO, rest: bytearray) -> None:
    file.write(rest)
    settle(file)


# --- one holder an upload ---------------------------------------------------------------------------------------------


class _Hold:
    """Whoever holds an upload: nobody else writes to it. A phone that lost its network leaves one that is asleep."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._leaves = False
        self._sleep: asyncio.Timeout | None = None

    def leave(self) -> None:
        """Another holder wants to go on: what is not here yet is not waited for."""
        self._leaves = True
        if self._sleep is not None:
            self._sleep.reschedule(asyncio.get_running_loop().time())

    async def heard(self, request: Request) -> Message | None:
        """What is sent next; None where the sender is gone or silent, or this holder has to leave."""
        if self._leaves:
            return None
        try:
            async with asyncio.timeout(_SILENT) as self._sleep:
                message = await request.receive()
        except TimeoutError:
            return None
        finally:
            self._sleep = None
        return None if message["type"] == "http.disconnect" else message


_holds: dict[str, _Hold] = {}


@asynccontextmanager
async def holding(id: str) -> AsyncIterator[_Hold]:
    """Holds an upload; an older holder is asked to leave, and has written what it has by then."""
    while other := _holds.get(id):
        other.leave()
        await other.gone.wait()
    mine = _holds[id] = _Hold()
    try:
        yield mine
    finally:
        del _holds[id]
        mine.gone.set()


# --- headers ----------------------------------------------------------------------------------------------------------


def _number(request: Request, header: str) -> int:
    told = request.headers.get(header, "")
    if not re.fullmatch(r"[0-9]{1,15}", told):
        raise _Refused(400, f"{header} is a number of bytes.")
    return int(told)


def _announced(request: Request) -> int:
    """The length of a body, 0 where it does not say."""
    return _number(request, "content-length") if "content-length" in request.headers else 0


def _metadata(told: str) -> dict[str, str]:
    """What the sender says about a clip: keys, and values in base64."""
    if len(told) > _LONGEST_TOLD:
        raise _Refused(400, "This says too much about a clip.")
    values: dict[str, str] = {}
    for pair in filter(None, told.split(",")):
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in values:
            raise _Refused(400, "upload-metadata has keys of its own, once each.")
        try:
            values[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as fault:
            raise _Refused(400, "upload-metadata is text in base64.") from fault
    return values


def _wanted(person: str, length: int, told: str) -> Upload:
    values = _metadata(told)
    slot = values.get("slot", "")
    return Upload(
        person=person,
        length=length,
        name=shown(values.get("filename", "")),
        recipe=values.get("recipe", "")[:80],
        slot=int(slot) if re.fullmatch(r"[0-9]{1,2}", slot) else 0,
        told=told,
    )
