"""Stretches of speech -> windows that an engine hears in one go, and its words back into clip time.

Whisper hears 30 s at a time, and most of its cost is that of a window, however little is said in it. Given a whole
file it drops sentences and invents others over silence. So only speech is decoded: the detector's spans, joined over
short pauses, laid end to end into windows. Numbers measured 2026-11: with less than 400 ms of nothing between two
stretches, now and then a word at a seam was placed in its neighbor, one to two seconds wrong; with 400 ms never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline import media
from pipeline.model import LEVEL_MS, Sound, Span, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

JOIN_MS = 600  # a shorter pause lies inside a stretch
PAD_MS = 200  # on both sides: the detector cuts soft first and last sounds off
WINDOW_MS = 28_500  # of the 30 s that Whisper hears at once
BETWEEN_MS = 400
_TOUCHED_MS = 40  # of a word: less is the error of its times
_CLAUSE_END = re.compile(r"[.,;:!?…。，、！？；：؟،؛।]\W*$")
_LONG_PAUSE_MS = 3000  # a longer one divides sentences no better
_QUIET_FRAMES = 20  # a long stretch is divided in the quietest fifth of a second


_Way = tuple[int, int, int]  # from a stretch on: how many windows, minus the pauses between them, end of the first


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch in its place in a window: `at_ms` is where it begins there, `span` where it lies in the clip."""

    at_ms: int
    span: Span

    @property
    def end_ms(self) -> int:
        return self.at_ms + self.span.ms


@dataclass(frozen=True, slots=True)
class Window:
    """What an engine hears in one go: stretches of speech with silence between them."""

    parts: tuple[Part, ...]

    @property
    def ms(self) -> int:
        return self.parts[-1].end_ms

    def samples(self, sound: Sound) -> NDArray[np.float32]:
        """The sound of the window: float32 in -1..1, mono, at the rate of `sound`."""
        heard = np.zeros(self.ms * sound.rate // 1000, np.float32)
        for part in self.parts:
            first, at = part.span.start_ms * sound.rate // 1000, part.at_ms * sound.rate // 1000
            count = min(part.span.ms * sound.rate // 1000, len(heard) - at)
            heard[at : at + count] = media.samples(sound, first, first + count)[:, 0]
        return heard

    def placed(self, words: Iterable[Word], lead_ms: int, speech: Sequence[Span]) -> Iterator[Word]:
        """Words with times in the window -> the same words in clip time, none of them outside of speech.

        `lead_ms` is by how much the engine times words too early (negative: too late). A word belongs to the stretch
        that holds most of it, and there to the span of speech that does. One that follows the end of a clause and
        reaches over a pause begins behind it: engines stretch the first word of a sentence, too, back to the last one.
        """
        clause_ended = False
        for word in words:
            start, end = word.start_ms + lead_ms, word.end_ms + lead_ms
            places = [Span(part.at_ms, part.end_ms) for part in self.parts]
            part = self.parts[_holder(start, end, places, clause_ended)]
            moved = part.span.start_ms - part.at_ms
            inside = [span for span in speech if _touch(span, part.span)]
            span = (inside or [part.span])[_holder(start + moved, end + moved, inside or [part.span], clause_ended)]
            first = min(max(start + moved, span.start_ms), span.end_ms - 1)
            yield replace(word, start_ms=first, end_ms=min(max(end + moved, first + 1), span.end_ms))
            clause_ended = bool(_CLAUSE_END.search(word.text))


def _holder(start: int, end: int, spans: Sequence[Span], clause_ended: bool) -> int:
    """Which span holds most of start..end; the nearest where none does."""
    held = [min(end, span.end_ms) - max(start, span.start_ms) for span in spans]
    last = max((number for number, ms in enumerate(held) if ms > _TOUCHED_MS), default=0)
    return last if clause_ended and held[last] > _TOUCHED_MS else held.index(max(held))


def stretches(speech: Sequence[Span], end_ms: int, levels: Sequence[int] = ()) -> tuple[Span, ...]:
    """Spans of speech joined over short pauses and padded into the silence around them, in order, none overlapping.

    None is longer than a window: a longer one is divided where it is quietest, by `levels` (dBFS of every 10 ms).
    """
    joined: list[Span] = []
    for span in speech:
        if joined and span.start_ms - joined[-1].end_ms <= JOIN_MS:
            joined[-1] = Span(joined[-1].start_ms, span.end_ms)
        else:
            joined.append(span)
    edges = [0, *((a.end_ms + b.start_ms) // 2 for a, b in pairwise(joined)), end_ms]
    padded = [
        Span(max(span.start_ms - PAD_MS, edges[n]), min(span.end_ms + PAD_MS, edges[n + 1]))
        for n, span in enumerate(joined)
    ]
    parts = (part for span in padded for part in _divided(span, levels))
    return tuple(part for part in parts if any(_touch(part, span) for span in speech))


def _touch(one: Span, other: Span) -> bool:
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms


def _divided(span: Span, levels: Sequence[int]) -> Iterator[Span]:
    while span.ms > WINDOW_MS:
        at = _quietest(Span(span.start_ms + WINDOW_MS // 2, span.start_ms + WINDOW_MS), levels)
        yield Span(span.start_ms, at)
        span = Span(at, span.end_ms)
    yield span


def _quietest(span: Span, levels: Sequence[int]) -> int:
    """The middle of the quietest fifth of a second in a span; its end where no level is known."""
    first = span.start_ms // LEVEL_MS
    within = np.array(levels[first : span.end_ms // LEVEL_MS], np.float32)
    if len(within) <= _QUIET_FRAMES:
        return span.end_ms
    loud = np.convolve(within, np.ones(_QUIET_FRAMES), mode="valid")
    return (first + int(loud.argmin()) + _QUIET_FRAMES // 2) * LEVEL_MS


def windows(found: Sequence[Span]) -> tuple[Window, ...]:
    """Stretches in order, laid end to end into as few windows as hold them, divided at the longest pauses."""
    count = len(found)
    best: list[_Way] = [(0, 0, 0)] * (count + 1)
    for first in range(count - 1, -1, -1):
        best[first] = min(_from(last, found, best) for last in _fitting(first, found))
    made, at = [], 0
    while at < count:
        last = best[at][2]
        made.append(_window(found[at:last]))
        at = last
    return tuple(made)


def _fitting(first: int, found: Sequence[Span]) -> Iterator[int]:
    """Where a window that begins with a stretch may end."""
    ms = -BETWEEN_MS
    for last in range(first, len(found)):
        ms += BETWEEN_MS + found[last].ms
        if last > first and ms > WINDOW_MS:
            return
        yield last + 1


def _from(last: int, found: Sequence[Span], best: Sequence[_Way]) -> _Way:
    pause = found[last].start_ms - found[last - 1].end_ms if last < len(found) else 0
    return best[last][0] + 1, best[last][1] - min(pause, _LONG_PAUSE_MS), last


def _window(found: Sequence[Span]) -> Window:
    starts = accumulate((span.ms + BETWEEN_MS for span in found[:-1]), initial=0)
    return Window(tuple(Part(at, span) for at, span in zip(starts, found, strict=True)))
