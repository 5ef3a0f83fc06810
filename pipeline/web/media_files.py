"""The files of a take: to look at (with range requests, so that a browser can jump), and to take along.

A name in an address is never a path: it is looked up among the names that the take is known to have.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fastapi import Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from pipeline import artwork, orders, people, receipts, takes
from pipeline.errors import CandidError
from pipeline.model import Take
from pipeline.orders import Wanted
from pipeline.shelf import Shelf
from pipeline.web import playing
from pipeline.web.doors import Doors
from pipeline.web.incoming import Incoming
from pipeline.web.record import not_handed_in
from pipeline.web.rights import Need
from pipeline.web.site import Site, site_of, visitor_of
from pipeline.web.uploads import incoming_of

doors = Doors()

_TYPES = {
    ".mp4": "video/mp4", ".vtt": "text/vtt; charset=utf-8", ".srt": "application/x-subrip; charset=utf-8",
    ".jpg": "image/jpeg", ".json": "application/json", ".md": "text/markdown; charset=utf-8",
}  # fmt: skip
_SHOWN = (".mp4", ".vtt", ".jpg")  # what a page shows; everything else is only taken along
_ALWAYS = ("plan.json", "report.json", "approval.json")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_BLOCK = 1 << 20


@doors.at("/takes/{take}/clips/{number}", Need.OWNER)
def recorded_clip(request: Request, take: str, number: int) -> Response:
    """A recorded clip, or the copy of it that browsers play."""
    site = site_of(request)
    found = site.take(take)
    path = playing.source(site.space, found, number) if 1 <= number <= len(found.clips) else None
    if path is None or not path.exists():
        raise HTTPException(404)
    return FileResponse(path, media_type="video/mp4")


@doors.at("/takes/{take}/show/{name}", Need.OWNER)
def shown_file(request: Request, take: str, name: str) -> Response:
    """A video, its captions or a thumbnail, to look at."""
    path = files(site_of(request), site_of(request).take(take)).get(name)
    if path is None or path.suffix not in _SHOWN:
        raise HTTPException(404)
    return FileResponse(path, media_type=_TYPES[path.suffix])


@doors.at("/takes/{take}/brand/{kind}", Need.OWNER)
def brand_picture(request: Request, take: str, kind: str) -> Response:
    """The logo or the name of a take, as they lie over its picture."""
    site = site_of(request)
    found = site.take(take)
    plan = playing.plan_of(Shelf(site.space.output / found.id))
    layers = plan.variants[0].layers if plan else ()
    place = next((layer.place for layer in layers if layer.kind == kind), None)
    if place is None:
        raise HTTPException(404)
    settled = orders.settle(site.space, Wanted(found.recipe, found.person))
    size, out = (place.width, place.height), io.BytesIO()
    if kind == "logo" and settled.brand.logo is not None:
        artwork.logo(settled.brand.logo, size).save(out, format="PNG")
    elif kind == "lower_third" and settled.person is not None:
        artwork.lower_third(settled.brand, settled.person, size).save(out, format="PNG")
    return Response(out.getvalue(), media_type="image/png")


@doors.at("/takes/{take}/files/{name}", Need.OWNER)
def taken_along(request: Request, take: str, name: str) -> Response:
    """One file of a take, to keep."""
    path = files(site_of(request), site_of(request).take(take)).get(name)
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type=_TYPES.get(path.suffix, "application/octet-stream"), filename=_kept_as(path))


@doors.at("/takes/{take}/archive", Need.OWNER)
def archive_of_take(request: Request, take: str) -> Response:
    """Everything of a take in one archive."""
    site = site_of(request)
    return _archive(f"{take}.zip", _of_take(site, site.take(take)))


@doors.at("/mine/archive", Need.PERSON)
def archive_of_person(request: Request) -> Response:
    """Everything of the visitor's in one archive."""
    site, person = site_of(request), visitor_of(request).person
    return _archive(f"candid-{person}.zip", _of_person(site, incoming_of(request), person))


def files(site: Site, take: Take) -> dict[str, Path]:
    """The files of a take by name: the clips as they were recorded, and what was made of them."""
    shelf = Shelf(site.space.output / take.id)
    names = [*_made(shelf), *_ALWAYS]
    made = {name: shelf.path(name) for name in names if Path(name).name == name and not name.startswith(".")}
    known = {path.name: path for path in take.clips} | made
    return {name: path for name, path in known.items() if path.is_file() and not path.is_symlink()}


def _made(shelf: Shelf) -> list[str]:
    """The names of what was made, as the report has them."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return [str(name) for name in json.loads(shelf.path("report.json").read_text(encoding="utf-8"))["files"]]
    return []


def _kept_as(path: Path) -> str:
    """A video says whose it is, wherever it is saved; clips have names of their own."""
    return path.name if path.name[:1].isdigit() else f"{path.parent.name}-{path.name}"


# --- archives ---------------------------------------------------------------------------------------------------------

_Entry = tuple[str, Path | bytes]  # a name in the archive, and what it holds


def _of_take(site: Site, take: Take) -> Iterator[_Entry]:
    for name, path in files(site, take).items():
        yield f"{take.id}/{'clips/' if path in take.clips else ''}{name}", path
    yield f"{take.id}/clips/take.json", take.clips[0].parent / "take.json"
    with contextlib.suppress(CandidError):
        if links := [each.link for each in receipts.out(receipts.read(site.space.output / take.id)) if each.link]:
            yield f"{take.id}/links.txt", "\n".join([*links, ""]).encode()


def _of_person(site: Site, incoming: Incoming, person: str) -> Iterator[_Entry]:
    yield f"{person}.toml", people.where(site.space.people, person) / f"{person}.toml"
    for take in takes.listed(site.space.takes):
        if take.person == person:
            yield from _of_take(site, take)
    for number, sent in enumerate(not_handed_in(site, incoming, person), start=1):
        suffix = PurePosixPath(sent.name).suffix
        name = f"{number}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        yield f"not-handed-in/{name}{'' if incoming.complete(sent) else '.part'}", incoming.path(sent)


def _archive(name: str, entries: Iterable[_Entry]) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(_zipped(entries), media_type="application/zip", headers=headers)


class _Pipe(io.RawIOBase):
    """What an archive is written into: it keeps what nobody has taken yet."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, block: object) -> int:
        self._blocks.append(bytes(block))  # type: ignore[call-overload]
        return len(self._blocks[-1])

    def taken(self) -> bytes:
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)


def _zipped(entries: Iterable[_Entry]) -> Iterator[bytes]:
    """The archive, block by block. Videos do not get smaller, so nothing is compressed."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, held in entries:
            with (
                contextlib.suppress(FileNotFoundError),  # made again, or deleted, this moment
                _opened(held) as source,
                archive.open(_entry(name, held), "w", force_zip64=True) as target,
            ):
                while block := source.read(_BLOCK):
                    target.write(block)
                    yield pipe.taken()
    yield pipe.taken()


def _opened(held: Path | bytes) -> BinaryIO:
    return io.BytesIO(held) if isinstance(held, bytes) else held.open("rb")


def _entry(name: str, held: Path | bytes) -> zipfile.ZipInfo:
    at = time.time() if isinstance(held, bytes) else held.stat().st_mtime
    return zipfile.ZipInfo(name, time.localtime(at)[:6])
