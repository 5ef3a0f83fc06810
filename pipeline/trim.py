"""PURE: words and activity -> kept and dropped pieces, each with its reason.

Speech and action are kept with some air around them, pauses are shortened to a breath, fillers go where nobody misses
them. What is decided is decided in milliseconds and only then put on the frame grid, rounded so that no word is
clipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

from pipeline.model import Activity, Piece, Span, TrimRules, Word

_FILLERS = frozenset(
    ["um", "umm", "uhm", "uh", "uhh", "er", "erm", "hm", "hmm", "mhm", "äh", "ähm", "öh", "öhm", "euh", "eh", "ehm"]
)
_FILLER_AIR_MS = 30  # cut around a filler, as far as its neighbors allow
_STANDS_ALONE_MS = 150  # a filler with less silence on a side belongs to its neighbor's breath
_LONG_FILLER_MS = 1500  # nobody says "um" for longer: there are pauses around it
_CRUMB_MS = 250
_QUOTED_WORDS = 5


@dataclass(frozen=True, slots=True)
class _Event:
    """A stretch that is wanted: "speech" or "action", and what of it can be told."""

    start_ms: int
    end_ms: int
    kind: str
    told: str


def pieces(
    words: Sequence[Word], activity: Activity, rules: TrimRules, *, fps: Fraction, frames: int, clip: int
) -> tuple[Piece, ...]:
    """The pieces of one clip of `frames` grid frames, end to end: what is kept, what is dropped, and why."""
    end_ms = math.ceil(frames * 1000 / fps)
    first, last = _asked(rules, end_ms)
    words = [word for word in words if word.start_ms < end_ms and word.end_ms > 0]
    if rules.keep_everything:
        kept, why = [Span(first, last)], "everything is kept, as asked for"
    else:
        kept, why = _wanted(words, activity, rules, first, last), ""
        if not kept:
            kept, why = [Span(first, last)], "nothing stands out, so all of it is kept"
    fillers = [] if why else list(_fillers(words, rules))
    spans = [part for span in kept for part in _without(span, fillers, words, rules)] or [Span(first, last)]
    grid = _on_grid(spans, fps, frames)
    events = _events(words, activity, rules, fillers)
    told = _Telling(events, fillers, rules, fps, (first, last), why)
    return tuple(_end_to_end(grid, frames, clip, told))


def _asked(rules: TrimRules, end_ms: int) -> tuple[int, int]:
    """The part of the clip that is looked at at all. Bounds that leave nothing are not obeyed."""
    first, last = rules.start_ms or 0, end_ms if rules.end_ms is None else min(rules.end_ms, end_ms)
    return (first, last) if first < last else (0, end_ms)


# --- what is wanted ---------------------------------------------------------------------------------------------------


def _events(words: Sequence[Word], activity: Activity, rules: TrimRules, fillers: Sequence[Span]) -> list[_Event]:
    """Everything worth keeping, in order.

    What the detector hears as speech counts even where no word was understood.
    """
    spoken = [_Event(w.start_ms, w.end_ms, "speech", w.text) for w in words if not _inside(w, fillers)]
    heard = [_Event(s.start_ms, s.end_ms, "speech", "") for span in activity.speech for s in _heard(span, fillers)]
    events = spoken + heard
    if rules.keep_action:
        events += [_Event(span.start_ms, span.end_ms, "action", "something loud happens") for span in activity.impacts]
        events += [_Event(span.start_ms, span.end_ms, "action", "something moves") for span in activity.motion]
    return sorted(events, key=lambda event: (event.start_ms, event.end_ms))


def _heard(span: Span, fillers: Sequence[Span]) -> list[Span]:
    """What the detector heard besides fillers. It hears a little around them, too, and that is no speech."""
    left = _cut(span, fillers)
    return left if left == [span] else [part for part in left if part.ms >= _CRUMB_MS]


def _wanted(words: Sequence[Word], activity: Activity, rules: TrimRules, first: int, last: int) -> list[Span]:
    """The stretches to keep. A pause keeps half of its new length on each side; a short one stays as it is."""
    fillers = list(_fillers(words, rules))
    busy = _merged(Span(e.start_ms, e.end_ms) for e in _events(words, activity, rules, fillers))
    busy = [Span(max(span.start_ms, first), min(span.end_ms, last)) for span in busy]
    busy = [span for span in busy if span.ms > 0]
    if not busy:
        return []
    air = max(rules.pad_ms, rules.pause_ms // 2)
    least = max(rules.join_ms, rules.pause_ms, 2 * air + rules.min_cut_ms - 1)
    kept = [Span(max(first, busy[0].start_ms - rules.pad_ms), busy[0].end_ms)]
    for before, span in pairwise(busy):
        if span.start_ms - before.end_ms <= least:
            kept[-1] = Span(kept[-1].start_ms, span.end_ms)
        else:
            kept[-1] = Span(kept[-1].start_ms, before.end_ms + air)
            kept.append(Span(span.start_ms - air, span.end_ms))
    kept[-1] = Span(kept[-1].start_ms, min(last, kept[-1].end_ms + rules.pad_ms))
    return kept


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_ms <= merged[-1].end_ms:
            merged[-1] = Span(merged[-1].start_ms, max(merged[-1].end_ms, span.end_ms))
        else:
            merged.append(span)
    return merged


# --- fillers ----------------------------------------------------------------------------------------------------------


def is_filler(text: str) -> bool:
    return "".join(c for c in text.lower() if c.isalpha()) in _FILLERS


def _fillers(words: Sequence[Word], rules: TrimRules) -> Iterator[Span]:
    """What to cut out for fillers, never reaching into another word."""
    if rules.fillers == "off":
        return
    others = [word for word in words if not is_filler(word.text)]
    for word in words:
        if is_filler(word.text) and not any(_overlap(word, other) for other in others):
            before = max((other.end_ms for other in others if other.end_ms <= word.start_ms), default=-(10**9))
            after = min((other.start_ms for other in others if other.start_ms >= word.end_ms), default=10**9)
            alone = word.start_ms - before >= _STANDS_ALONE_MS and after - word.end_ms >= _STANDS_ALONE_MS
            start = max(word.start_ms - _FILLER_AIR_MS, before)
            end = min(word.end_ms + _FILLER_AIR_MS, after)
            if (alone or rules.fillers == "tight") and end - start >= rules.min_cut_ms:
                yield Span(start, end)


def _overlap(word: Word, other: Word) -> bool:
    return word.start_ms < other.end_ms and other.start_ms < word.end_ms


def _inside(word: Word, fillers: Sequence[Span]) -> bool:
    return any(span.start_ms <= word.start_ms and word.end_ms <= span.end_ms for span in fillers)


def _cut(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of a span outside the holes."""
    left = [span]
    for hole in holes:
        left = (
            [
                part
                for old in left
                for part in (
                    Span(old.start_ms, min(old.end_ms, hole.start_ms)),
                    Span(max(old.start_ms, hole.end_ms), old.end_ms),
                )
                if part.ms > 0
            ]
            if any(old.start_ms < hole.end_ms and hole.start_ms < old.end_ms for old in left)
            else left
        )
    return left


def _without(span: Span, fillers: Sequence[Span], words: Sequence[Word], rules: TrimRules) -> list[Span]:
    """What is left of a kept span without its fillers: crumbs go, unless they hold a word; nothing is too short."""
    left = _cut(span, fillers)
    if left != [span]:
        left = [part for part in left if part.ms >= rules.min_keep_ms or any(_touches(word, part) for word in words)]
    return [_at_least(part, rules.min_keep_ms) for part in left]


def _touches(word: Word, span: Span) -> bool:
    return word.start_ms < span.end_ms and span.start_ms < word.end_ms and not is_filler(word.text)


def _at_least(span: Span, ms: int) -> Span:
    more = max(0, ms - span.ms)
    return Span(span.start_ms - more // 2, span.end_ms + more - more // 2)


# --- on the grid ------------------------------------------------------------------------------------------------------


def _on_grid(spans: Sequence[Span], fps: Fraction, frames: int) -> list[tuple[int, int]]:
    """Frames start..end of each span, rounded outwards; what touches becomes one."""
    grid: list[tuple[int, int]] = []
    for span in spans:
        start = min(max(0, math.floor(span.start_ms * fps / 1000)), frames - 1)
        end = min(max(start + 1, math.ceil(span.end_ms * fps / 1000)), frames)
        if grid and start <= grid[-1][1]:
            grid[-1] = (grid[-1][0], max(grid[-1][1], end))
        else:
            grid.append((start, end))
    return grid


def _end_to_end(grid: Sequence[tuple[int, int]], frames: int, clip: int, told: _Telling) -> Iterator[Piece]:
    at = 0
    for start, end in grid:
        if start > at:
            yield Piece(clip, at, start, False, told.dropped(at, start, frames))
        for first, last, reason in told.kept(start, end):
            yield Piece(clip, first, last, True, reason)
        at = end
    if at < frames:
        yield Piece(clip, at, frames, False, told.dropped(at, frames, frames))


# --- reasons ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Telling:
    """Puts what was decided into words. `why` stands for all that is kept, where there is one reason for all of it."""

    events: Sequence[_Event]
    fillers: Sequence[Span]
    rules: TrimRules
    fps: Fraction
    asked: tuple[int, int]
    why: str

    def kept(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """The frames start..end, split where speech turns into action or back, each part with its reason."""
        inside = [] if self.why else self._within(start, end)
        groups = [(kind, list(group)) for kind, group in groupby(_loudest(inside), key=lambda event: event.kind)]
        if len(groups) < 2:
            yield start, end, self.why or self._told(groups[0] if groups else None)
            return
        at = start
        for (kind, group), (_, following) in pairwise(groups):
            turn = (max(event.end_ms for event in group) + following[0].start_ms) // 2
            frame = round(turn * self.fps / 1000)
            if at < frame < end:
                yield at, frame, self._told((kind, group))
                at = frame
        yield at, end, self._told(groups[-1])

    def _within(self, start: int, end: int) -> list[_Event]:
        first, last = start * 1000 / self.fps, end * 1000 / self.fps
        return [event for event in self.events if event.start_ms < last and event.end_ms > first]

    def _told(self, group: tuple[str, list[_Event]] | None) -> str:
        if group is None:
            return "next to something that is kept"
        kind, events = group
        told = [event.told for event in events if event.told]
        if kind == "action":
            return f"action: {', '.join(dict.fromkeys(told))}"
        quoted = " ".join(told[:_QUOTED_WORDS]) + (" …" if len(told) > _QUOTED_WORDS else "")
        return f'speech: "{quoted}"' if told else "speech"

    def dropped(self, start: int, end: int, frames: int) -> str:
        first, last = start * 1000 / self.fps, end * 1000 / self.fps
        if last <= self.asked[0] + 1000 / self.fps:
            return "before the start that was asked for"
        if first >= self.asked[1] - 1000 / self.fps:
            return "after the end that was asked for"
        filler = any(span.start_ms < last and span.end_ms > first for span in self.fillers)
        if filler and last - first < _LONG_FILLER_MS:
            return "a filler between two pauses" if self.rules.fillers == "gentle" else "a filler"
        if start == 0:
            return "nothing happens yet"
        if end == frames:
            return "nothing happens any more"
        air = 2 * max(self.rules.pad_ms, self.rules.pause_ms // 2)
        within = " with a filler in it" if filler else ""
        return f"a pause of {float(last - first + air) / 1000:.1f} s{within}, shortened to {air / 1000:.1f} s"


def _loudest(events: Sequence[_Event]) -> list[_Event]:
    """The events, action left out where somebody speaks over it."""
    speech = [event for event in events if event.kind == "speech"]
    return [
        event
        for event in events
        if event.kind == "speech"
        or not any(other.start_ms <= event.start_ms and event.end_ms <= other.end_ms for other in speech)
    ]
