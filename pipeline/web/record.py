"""Choosing what to talk about, recording it or choosing a file, and handing it in.

Clips are sent by uploads.py while their person still looks at them; a browser without JavaScript sends them with the
form. What is handed in, handing.py turns into a take.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from pipeline import brand, circle, recipes, takes
from pipeline.errors import CandidError, RecipeError
from pipeline.model import Brand, Recipe
from pipeline.web import multipart
from pipeline.web.doors import Doors
from pipeline.web.handing import HandIn, HandIns, Sent
from pipeline.web.incoming import LARGEST, Incoming, NoRoomError, Upload, on_disk, settle, shown
from pipeline.web.multipart import Begins, Event
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of, visitor_of
from pipeline.web.uploads import incoming_of

doors = Doors()

_LONGEST_TEXT = 4096  # bytes of a field that is no file
_MOST_SLOTS = 99
_FIELD = re.compile(r"clip-([1-9][0-9]?)")
_OPEN = ("open", "claimed")  # nobody has recorded it yet


@dataclass(frozen=True, slots=True)
class Slot:
    """The place for one clip: what to show, and what has been sent for it. `fault` says what is wrong with that."""

    number: int
    prompt: str
    sent: Upload | None = None
    there: int = 0
    fault: CandidError | None = None

    @property
    def whole(self) -> bool:
        return self.sent is not None and self.there == self.sent.length


def hand_ins_of(site: Site) -> HandIns:
    return HandIns(site.folder / "hand-ins")


def not_handed_in(site: Site, incoming: Incoming, person: str) -> list[Upload]:
    """What somebody has sent, without that which is becoming a take this moment."""
    taken = {sent.upload for handed in hand_ins_of(site).waiting() for sent in handed.clips}
    return [upload for upload in incoming.of(person) if upload.id not in taken]


# --- choose -----------------------------------------------------------------------------------------------------------


@doors.at("/record", Need.PERSON)
def record(request: Request) -> Response:
    """What was asked for: first what nobody has recorded yet, and of that what the visitor has claimed."""
    site, person = site_of(request), visitor_of(request).person
    known = {slug: told for slug, told in recipes.listed(site.space.recipes).items() if isinstance(told, Recipe)}
    states = [state for state in circle.recipes_of(site.space) if state.slug in known]
    states.sort(key=lambda state: (state.state not in _OPEN, state.who != person, state.state != "open"))
    return page(request, "record.html", states=states, recipes=known)


@doors.at("/record/{recipe}", Need.PERSON)
def record_recipe(request: Request, recipe: str) -> Response:
    """Why it was asked, what to show, and a place for each clip."""
    return _recorder(request, recipe)


@doors.at("/record/{recipe}/claim", Need.PERSON, "POST")
def claim(request: Request, recipe: str, release: Annotated[str, Form()] = "") -> Response:
    """Tells the others that the visitor records it, or no longer does."""
    site = site_of(request)
    _load(site, recipe)
    if not release:
        recipes.claim(site.space.recipes, recipe, site.person(visitor_of(request)))
    elif recipes.claimed(site.space.recipes, recipe) == visitor_of(request).person:
        recipes.release(site.space.recipes, recipe)
    return on(f"/record/{recipe}")


def _load(site: Site, slug: str) -> Recipe:
    """A recipe of the queue. 404 where there is none of that name."""
    try:
        path = site.space.queued(recipes.checked(slug))
    except RecipeError:
        raise HTTPException(404) from None
    if not path.exists():
        raise HTTPException(404)
    return recipes.load(path)


def _recorder(request: Request, slug: str, status: int = 200, **faults: Any) -> Response:
    site, person = site_of(request), visitor_of(request).person
    recipe = _load(site, slug)
    look = brand.load(site.space.brand(recipe.brand))
    last = next(iter(hand_ins_of(site).of(person, slug)), None)
    values: dict[str, Any] = {
        "recipe": recipe,
        "brand": look,
        "consent": _wording(look),
        "consent_mark": _mark(_wording(look)),
        "slots": _slots(incoming_of(request), recipe, person, last),
        "claimed": recipes.claimed(site.space.recipes, slug),
        "person": person,
        "last": last,
        "largest": LARGEST >> 30,
        "consent_fault": "",
        "clips_fault": "",
    }
    return page(request, "record-recipe.html", status, **(values | faults))


def _wording(look: Brand) -> str:
    return look.consent or takes.CONSENT


def _mark(wording: str) -> str:
    """So that nobody accepts a wording that they have not seen, where it changed meanwhile."""
    return hashlib.sha256(wording.encode()).hexdigest()[:16]


def _slots(incoming: Incoming, recipe: Recipe, person: str, last: HandIn | None) -> list[Slot]:
    """A place for each prompt, and one for a clip more; what was sent last for a place is there."""
    prompts = [*(recipe.prompts or ("Your clip",)), "What there is to add"]
    sent = {upload.slot: upload for upload in incoming.of(person, recipe.slug)}
    made = []
    for number, prompt in enumerate(prompts, start=1):
        upload = sent.get(number)
        made.append(Slot(number, prompt, upload, incoming.there(upload) if upload else 0, _fault(last, upload)))
    return made


def _fault(last: HandIn | None, upload: Upload | None) -> CandidError | None:
    """What was found wrong with this very clip."""
    if last is None or upload is None or not last.at or last.clips[last.at - 1].upload != upload.id:
        return None
    return CandidError(last.what, last.do)


# --- hand in ----------------------------------------------------------------------------------------------------------


@doors.at("/record/{recipe}", Need.PERSON, "POST", largest=None, rate="60/minute")
async def hand_in(request: Request, recipe: str) -> Response:
    """Takes the clips, those that come with the form as well, and has them become a take."""
    incoming, person = incoming_of(request), visitor_of(request).person
    await run_in_threadpool(_load, site_of(request), recipe)
    try:
        like = Upload(person=person, length=_announced(request), recipe=recipe)
        filled = await _Filled(incoming, like).read(request)
    except NoRoomError as fault:
        return await run_in_threadpool(_recorder, request, recipe, 413, clips_fault=str(fault))
    return await run_in_threadpool(_handed_in, request, recipe, filled)


def _handed_in(request: Request, slug: str, filled: _Filled) -> Response:
    site, incoming, person = site_of(request), incoming_of(request), visitor_of(request).person
    if "remove" in filled.texts:
        gone = incoming.find(filled.texts["remove"])
        if gone is not None and gone.person == person:
            incoming.remove(gone)
        return on(f"/record/{slug}")
    wording = _wording(brand.load(site.space.brand(_load(site, slug).brand)))
    uploads = [upload for _, upload in sorted(_chosen(incoming, person, filled).items())]
    faults: dict[str, str] = {}
    if not uploads:
        faults["clips_fault"] = "Record or choose at least one clip."
    elif not all(map(incoming.complete, uploads)):
        faults["clips_fault"] = "One of the clips has not arrived whole: wait for it, or choose the same file again."
    if filled.texts.get("consent") != _mark(wording):
        faults["consent_fault"] = "Without this nothing is handed in. Read it, and tick the box if you agree."
    if faults:
        return _recorder(request, slug, 422, **faults)
    clips = tuple(Sent(upload=each.id, name=each.name, slot=each.slot) for each in uploads)
    wanted = HandIn(person=person, recipe=slug, consent=wording, clips=clips, again="again" in filled.texts)
    return on(f"/hand-in/{hand_ins_of(site).add(wanted, incoming).id}")


def _chosen(incoming: Incoming, person: str, filled: _Filled) -> dict[int, Upload]:
    """By slot, the clip that came with the form, else the upload that the form names and that is the visitor's."""
    chosen: dict[int, Upload] = {}
    for slot in range(1, _MOST_SLOTS + 1):
        found = filled.uploads.get(slot) or incoming.find(filled.texts.get(f"upload-{slot}", ""))
        if found is not None and found.person == person:
            chosen[slot] = found.model_copy(update={"slot": slot})
    return chosen


class _Filled:
    """The form as it is sent: texts, and by slot the clips that come with it, which go to the disk as they come."""

    def __init__(self, incoming: Incoming, like: Upload) -> None:
        self.texts: dict[str, str] = {}
        self.uploads: dict[int, Upload] = {}
        self._incoming, self._like = incoming, like
        self._file: _File | None = None
        self._field, self._text = "", b""

    async def read(self, request: Request) -> _Filled:
        try:
            async with aclosing(multipart.events(request)) as events:
                async for event in events:
                    await self._take(event)
        finally:
            if self._file is not None:  # the connection was lost
                await on_disk(self._file.drop)
        return self

    async def _take(self, event: Event) -> None:
        if isinstance(event, Begins):
            await self._begin(event)
        elif event is None:
            await self._end()
        elif self._file is not None:
            await self._file.write(event)
        else:
            self._text = (self._text + event)[:_LONGEST_TEXT]

    async def _begin(self, field: Begins) -> None:
        self._field, self._text, slot = field.name, b"", _FIELD.fullmatch(field.name)
        if field.file and slot:
            wanted = self._like.model_copy(update={"name": shown(field.file), "slot": int(slot[1])})
            self._file = await on_disk(_File, self._incoming, wanted)

    async def _end(self) -> None:
        if self._file is None:
            self.texts[self._field] = self._text.decode("utf-8", "replace")
            return
        kept = await on_disk(self._file.end)
        self._file = None
        if kept is not None:
            self.uploads[kept.slot] = kept


class _File:
    """A file that comes with a form. How long it is, is known at its end."""

    _BLOCK = 1 << 20

    def __init__(self, incoming: Incoming, wanted: Upload) -> None:
        self._incoming = incoming
        self._upload = incoming.create(wanted)
        self._file = incoming.open(self._upload)
        self._waiting = bytearray()
        self._length = 0

    async def write(self, block: bytes) -> None:
        self._waiting += block
        self._length += len(block)
        if self._length > LARGEST:
            raise NoRoomError(f"A clip may have {LARGEST >> 30} GB at most.", "Export it smaller, or cut it in two.")
        if len(self._waiting) >= self._BLOCK:
            whole, self._waiting = self._waiting, bytearray()
            await on_disk(self._file.write, whole)

    def end(self) -> Upload | None:
        """The upload; None where the file was empty."""
        self._file.write(self._waiting)
        settle(self._file)
        self._file.close()
        if not self._length:
            self._incoming.remove(self._upload)
            return None
        return self._incoming.shorten(self._upload, self._length)

    def drop(self) -> None:
        self._file.close()
        self._incoming.remove(self._upload)


def _announced(request: Request) -> int:
    """How long a file of this form can be at most."""
    told = request.headers.get("content-length", "")
    return min(int(told), LARGEST) if told.isdecimal() and len(told) < 16 else LARGEST


# --- what comes of it -------------------------------------------------------------------------------------------------


@doors.at("/hand-in/{handin}", Need.OWNER, owned="handin")
def handed_in(request: Request, handin: str) -> Response:
    """Waits until the clips have been looked at; then on to the take, or back to what is wrong with them."""
    found = hand_ins_of(site_of(request)).find(handin)
    if found is None:
        raise HTTPException(404)
    if found.waits:
        return page(request, "record-wait.html", handed=found)
    return on(f"/takes/{found.take}" if found.take else f"/record/{found.recipe}")


@doors.at("/hand-in/{handin}/waits", Need.OWNER, owned="handin")
def still_waits(request: Request, handin: str) -> dict[str, bool]:
    """Whether it is still being looked at, and whether it became a take."""
    found = hand_ins_of(site_of(request)).find(handin)
    return {"waits": found is not None and found.waits, "taken": found is not None and bool(found.take)}
