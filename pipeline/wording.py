"""PURE: small things about words and how they are told, which several rooms need."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from rapidfuzz.distance import Indel

from pipeline.model import Span, Word

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST_WORD_MS = 40


def plain(text: str) -> str:
    """A text as it is compared: only letters and digits, without regard to case and to where words end."""
    return "".join(c for c in unicodedata.normalize("NFKC", text.casefold()) if c.isalnum())


def likeness(one: str, other: str) -> float:
    """How alike two texts are written, 0 to 1; 0 where one has no letters."""
    a, b = plain(one), plain(other)
    return Indel.normalized_similarity(a, b) if a and b else 0.0


def laid(tokens: Sequence[str], start_ms: int, end_ms: int, confidence: float = 1.0) -> list[Word]:
    """Words that share a stretch of time by their length."""
    letters, at = sum(map(len, tokens)), 0
    words = []
    for token in tokens:
        first = start_ms + (end_ms - start_ms) * at // letters
        at += len(token)
        words.append(Word(token, first, start_ms + (end_ms - start_ms) * at // letters, confidence))
    return words


def settled(words: Sequence[Word], spans: Sequence[Span]) -> list[Word]:
    """Words of which some have no place (confidence 0): those share what their neighbors leave of the spans.

    They share it by their length, and none lies between two spans. Where their neighbors leave them less than a word
    needs, these share their own time with them.
    """
    told, last = list(words), 0
    while lost := [number for number in range(last, len(told)) if told[number].confidence == 0]:
        first, last = _lost(told, lost[0], lost[0])
        room = _between(spans, told, first, last)
        while _ms(room) < SHORTEST_WORD_MS * (last - first) and (first, last) != (0, len(told)):
            first, last = _lost(told, max(0, first - 1), min(len(told), last + 1))
            room = _between(spans, told, first, last)
        places = _over([word.text for word in told[first:last]], room)
        told[first:last] = [
            replace(word, start_ms=place.start_ms, end_ms=place.end_ms)
            for word, place in zip(told[first:last], places, strict=True)
        ]
    return told


def _lost(words: Sequence[Word], first: int, last: int) -> tuple[int, int]:
    """first..last and the words without a place around them."""
    while first > 0 and words[first - 1].confidence == 0:
        first -= 1
    while last < len(words) and words[last].confidence == 0:
        last += 1
    return first, last


def _ms(spans: Sequence[Span]) -> int:
    return sum(span.ms for span in spans)


def _between(spans: Sequence[Span], words: Sequence[Word], first: int, last: int) -> list[Span]:
    """What of the spans words first..last have; a moment where that is nothing.

    It goes up to their neighbors; where a word at an end has a place itself, to the edge of that.
    """
    low = words[first - 1].end_ms if first else spans[0].start_ms
    high = words[last].start_ms if last < len(words) else spans[-1].end_ms
    low = words[first].start_ms if words[first].confidence else low
    high = words[last - 1].end_ms if words[last - 1].confidence else high
    inside = (Span(max(span.start_ms, low), min(span.end_ms, high)) for span in spans)
    return [span for span in inside if span.ms > 0] or [Span(low, low)]


def _over(tokens: Sequence[str], spans: Sequence[Span]) -> list[Span]:
    """Tokens laid over spans by their length, as if these lay end to end; each in the one that has most of it."""
    begins = [0, *accumulate(span.ms for span in spans)]
    places = []
    for word in laid(tokens, 0, _ms(spans)):
        shares = [min(word.end_ms, b) - max(word.start_ms, a) for a, b in pairwise(begins)]
        span, begin = spans[shares.index(max(shares))], begins[shares.index(max(shares))]
        start, end = (min(max(ms - begin, 0), span.ms) + span.start_ms for ms in (word.start_ms, word.end_ms))
        places.append(Span(start, end))
    return places


def counted(number: int, what: str) -> str:
    """So many of something: 1 piece, 1,200 pieces."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """A time as people write it: 0:41, 1:02:07."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def printable(path: Path) -> str:
    """A file's name that cannot play with the terminal."""
    return "".join(c if c.isprintable() else "?" for c in path.name) or str(path)
