"""Correcting a take: its words beside its picture, which plays at once and leaves out what is cut.

The page is edit.md as a form: what is saved here is written there, by the same rooms that obey an editor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from pipeline import corrections, edit, report
from pipeline.corrections import Opened
from pipeline.edit import Line, Reading, Wish
from pipeline.model import Plan, Take
from pipeline.shelf import Shelf, fingerprint
from pipeline.web import events, media_files, playing
from pipeline.web.doors import Doors
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of
from pipeline.wording import laid

doors = Doors()

_LARGEST = 2 << 20  # bytes: the words of some hours, as a form sends them
_EMPTY = "This sentence has no words. To cut it, untick it."
_NONE_LEFT = "All sentences are unticked, so there would be no video. Keep at least one."
_UNREADABLE = "This cannot be kept as it stands: begin no line with [, and leave out title: and <!--."


@dataclass(frozen=True, slots=True)
class Said:
    """A word on the page: when it is said, in seconds of its clip, and whether it may be misheard."""

    text: str
    start: float
    end: float
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence as the page shows it. `planned` are its tick, words and pause in the video as it is."""

    key: str
    clip: int
    at: str
    start: float
    end: float
    wish: Wish
    planned: Wish
    words: tuple[Said, ...]
    heard: str
    reason: str
    pause: float  # seconds of the pause behind it that is or would be shortened
    doubtful: bool = False  # some of its words may be misheard
    fault: str = ""
    meanwhile: Wish | None = None  # what somebody else made of it in the meantime

    @property
    def unsure(self) -> bool:
        """Whether somebody should look at it: it is in the video, and nobody found it right."""
        return self.doubtful and self.wish.keep and not self.wish.right


@dataclass(frozen=True, slots=True)
class Gap:
    """A piece without words that is cut, and why."""

    clip: int
    at: str
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form."""

    title: str
    description: str
    thumbnail: str
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is to say about a form that was sent: by line of the sheet, by field, and in all."""

    lines: Mapping[int, str]
    fields: Mapping[str, str]
    conflict: bool = False
    lost: tuple[str, ...] = ()  # what was written to sentences that are no more
    meanwhile: tuple[Wish, ...] = ()


_NOTHING_TO_SAY = Answer({}, {})


async def _form(request: Request) -> FormData:
    return await request.form(max_fields=20_000)


@doors.at("/takes/{take}/correct", Need.OWNER)
def correct(request: Request, take: str, saved: str = "") -> Response:
    """The words of a take beside its picture; until they are known, what is being done about it."""
    site = site_of(request)
    found = site.take(take)
    opened = corrections.opened(_shelf(site, found), found.sha256)
    if opened is None:
        return _waiting(request, found)
    return _shown(request, found, opened, _draft(site, found, opened), _NOTHING_TO_SAY, 200, saved)


@doors.at("/takes/{take}/correct", Need.OWNER, "POST", largest=_LARGEST)
def save(request: Request, take: str, form: Annotated[FormData, Depends(_form)]) -> Response:
    """Saves edit.md; where something in it is not clear, or it changed meanwhile, says so and saves nothing."""
    site = site_of(request)
    found = site.take(take)
    shelf = _shelf(site, found)
    opened = corrections.opened(shelf, found.sha256)
    if opened is None:
        return on(f"/takes/{take}/correct")
    now = _draft(site, found, opened)
    sent = _sent(form, opened, now)
    if form.get("version") != _version(opened, now) and sent != replace(now, thumbnail=sent.thumbnail):
        return _shown(request, found, opened, sent, _conflict(form, opened, now), 409)
    text, places = edit.asking(opened.kept.sheet, sent.wishes, sent.title, sent.description)
    told = edit.read(text, opened.kept.sheet, opened.kept.edits, found.sha256)
    answer = _answer(opened, sent, told, places)
    if answer != _NOTHING_TO_SAY:
        return _shown(request, found, opened, sent, answer, 422)
    if text != opened.text and not corrections.save(shelf, text, opened.text):
        return save(request, take, form)  # somebody saved it this moment
    if sent.thumbnail != now.thumbnail:
        corrections.choose(shelf, sent.thumbnail)
    if form.get("then") == "make":
        site.store.enqueue(take)
    return on(f"/takes/{take}/correct?saved={'make' if form.get('then') == 'make' else 'yes'}")


def _shelf(site: Site, take: Take) -> Shelf:
    return Shelf(site.space.output / take.id)


# --- what stands in the form ------------------------------------------------------------------------------------------


def _draft(site: Site, take: Take, opened: Opened) -> Draft:
    """What edit.md asks for, as it is."""
    title, description = _texts(opened, opened.asked)
    return Draft(title, description, corrections.chosen(_shelf(site, take)), _wishes(opened, opened.asked))


def _wishes(opened: Opened, asked: Reading) -> tuple[Wish, ...]:
    return edit.wishes(opened.kept.sheet, opened.kept.edits, asked.edits)


def _texts(opened: Opened, asked: Reading) -> tuple[str, str]:
    """Title and description. A title that was taken back is the recipe's again."""
    before, after = opened.kept.edits.title, asked.edits.title
    sheet = opened.kept.sheet
    title = after if after is not None else sheet.usual if before is not None else sheet.title
    return title, asked.edits.description or ""


def _version(opened: Opened, draft: Draft) -> str:
    """A mark of all that the form shows: where it is another one, somebody changed it meanwhile."""
    return fingerprint([_keys(opened), draft.title, draft.description, draft.wishes])


def _keys(opened: Opened) -> list[str]:
    """A name for each line by its clip and time, so that it is found again after others changed."""
    seen = Counter[str]()
    keys = []
    for line in opened.kept.sheet.lines:
        key = f"{line.clip}-{line.start_ms}"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return keys


def _sent(form: FormData, opened: Opened, now: Draft) -> Draft:
    """What the form says; of lines that it did not show, what is."""
    wishes = [
        _sent_wish(form, key, wish, line) if f"text-{key}" in form else wish
        for key, wish, line in zip(_keys(opened), now.wishes, opened.kept.sheet.lines, strict=True)
    ]
    return Draft(
        title=_one_line(_text(form, "title")),
        description="\n".join(line.rstrip() for line in _text(form, "description").splitlines()).strip(),
        thumbnail=_text(form, "thumbnail") or now.thumbnail,
        wishes=tuple(wishes),
    )


def _sent_wish(form: FormData, key: str, now: Wish, line: Line) -> Wish:
    """Words that differ in nothing but their spaces are the same; those of another text are nobody's doubt."""
    sent = _one_line(_text(form, f"text-{key}"))
    text = now.text if sent == _one_line(now.text) else sent
    pause, right = bool(line.pause_ms) and f"pause-{key}" in form, bool(line.doubts) and f"right-{key}" in form
    return Wish(f"keep-{key}" in form, text, pause, right and text == line.text)


def _text(form: FormData, name: str) -> str:
    told = form.get(name)
    return told if isinstance(told, str) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- what there is to say about it ------------------------------------------------------------------------------------


def _answer(opened: Opened, sent: Draft, told: Reading, places: Sequence[int]) -> Answer:
    """What cannot be obeyed, beside the sentence or the field that it is about."""
    lines = {number: _EMPTY for number, wish in enumerate(sent.wishes) if not wish.text}
    for problem in told.problems:
        number = max((n for n, place in enumerate(places) if place <= problem.line), default=0)
        lines.setdefault(number, problem.says)
    fields = {}
    title, description = _texts(opened, told)
    wanted = sent.title or opened.kept.sheet.usual
    if (title, description) != (wanted, sent.description):
        fields["title" if title != wanted else "description"] = _UNREADABLE
    if sent.wishes and not any(wish.keep for wish in sent.wishes):
        fields["words"] = _NONE_LEFT
    return Answer(lines, fields)


def _conflict(form: FormData, opened: Opened, now: Draft) -> Answer:
    """Both sides: what was sent stays in the fields, what is there now stands beside it."""
    known = {f"text-{key}" for key in _keys(opened)}
    lost = tuple(
        str(value) for name, value in form.multi_items() if name.startswith("text-") and name not in known and value
    )
    fields = {}
    if _one_line(_text(form, "title")) != now.title:
        fields["title"] = f"Meanwhile it was changed to “{now.title}”."
    if _sent(form, opened, now).description != now.description:
        fields["description"] = f"Meanwhile it was changed to “{now.description}”."
    return Answer({}, fields, conflict=True, lost=lost, meanwhile=now.wishes)


# --- shown ------------------------------------------------------------------------------------------------------------


def _shown(
    request: Request, take: Take, opened: Opened, draft: Draft, answer: Answer, status: int, saved: str = ""
) -> Response:
    site = site_of(request)
    shelf, state = _shelf(site, take), events.state(site, take)
    plan = playing.plan_of(shelf)
    rows = _rows(opened, draft, answer)
    if not state["plays"]:
        playing.ask(site.store, take.id)
    now = _draft(site, take, opened)
    return page(
        request,
        "correct.html",
        status,
        take=take,
        state=state,
        unplayable=playing.fault(site.space, take),
        draft=draft,
        answer=answer,
        unclear=opened.asked.problems,
        unsure=sum(row.unsure for row in rows),
        doubtful=any(row.doubtful for row in rows),
        unheard=opened.kept.sheet.unheard,
        version=_version(opened, now),
        clips=_by_clip(rows, _gaps(opened, plan), opened),
        shape=plan.variants[0].format.name if plan else "landscape",
        fit=plan.fit if plan else "blur",
        layers=[layer.kind for layer in plan.variants[0].layers] if plan else [],
        language=plan.language if plan else "",
        playing=_for_player(plan, rows),
        thumbnails=[name for name in media_files.files(site, take) if name.endswith(".jpg")],
        changed=bool(report.pending(shelf, opened.asked).changes),
        saved=saved,
    )


def _waiting(request: Request, take: Take) -> Response:
    site = site_of(request)
    state = events.state(site, take)
    if not state["plays"]:
        playing.ask(site.store, take.id)
    return page(request, "correct-waiting.html", take=take, state=state, unplayable=playing.fault(site.space, take))


def _rows(opened: Opened, draft: Draft, answer: Answer) -> list[Row]:
    rows = []
    for number, (key, line) in enumerate(zip(_keys(opened), opened.kept.sheet.lines, strict=True)):
        wish, meanwhile = draft.wishes[number], answer.meanwhile[number] if answer.meanwhile else None
        rows.append(
            Row(
                key=key,
                clip=line.clip,
                at=edit.clock(line.start_ms),
                start=line.from_ms / 1000,
                end=line.to_ms / 1000,
                wish=wish,
                planned=Wish(line.ticked, line.text, line.pause_kept, line.confirmed),
                words=_words(line, wish),
                heard=line.heard,
                reason=line.reason if wish.keep == line.ticked else "",
                pause=line.pause_ms / 1000,
                doubtful=bool(line.doubts) and wish.text == line.text,
                fault=answer.lines.get(number, ""),
                meanwhile=meanwhile if meanwhile != wish else None,
            )
        )
    return rows


def _words(line: Line, wish: Wish) -> tuple[Said, ...]:
    if wish.text == line.text:
        return tuple(
            Said(word.text, word.start_ms / 1000, word.end_ms / 1000, number in line.doubts)
            for number, word in enumerate(line.words)
        )
    fresh = laid(wish.text.split(), line.from_ms, line.to_ms)
    return tuple(Said(word.text, word.start_ms / 1000, word.end_ms / 1000) for word in fresh)


def _gaps(opened: Opened, plan: Plan | None) -> Iterator[Gap]:
    """Pieces that are cut and that neither a sentence nor a pause of the sheet speaks of."""
    lines = opened.kept.sheet.lines
    spoken = [(line.clip, line.from_ms, line.to_ms + line.pause_ms) for line in lines]
    for piece in plan.pieces if plan else ():
        start, end = (round(frame * 1000 / plan.fps) for frame in (piece.start, piece.end)) if plan else (0, 0)
        middle = (start + end) / 2
        if not piece.kept and not any(clip == piece.clip and a <= middle < b for clip, a, b in spoken):
            yield Gap(piece.clip, edit.clock(start), start / 1000, end / 1000, piece.reason)


def _by_clip(rows: Sequence[Row], gaps: Iterator[Gap], opened: Opened) -> list[tuple[str, list[Row | Gap]]]:
    """The clips by name, and what is said and cut in each, in order."""
    every: list[Row | Gap] = [*rows, *gaps]
    every.sort(key=lambda each: each.start)
    return [(name, [each for each in every if each.clip == n]) for n, (_, name) in enumerate(opened.kept.sheet.clips)]


def _for_player(plan: Plan | None, rows: Sequence[Row]) -> dict[str, Any]:
    lines = [
        {
            "key": row.key,
            "clip": row.clip,
            "start": row.start,
            "end": row.end,
            "words": [[word.text, word.start, word.end, word.unsure] for word in row.words],
            "planned": {"keep": row.planned.keep, "text": row.planned.text, "pause": row.planned.pause},
            "pause": row.pause,
        }
        for row in rows
    ]
    return {"plan": playing.timeline(plan) if plan else None, "lines": lines}
