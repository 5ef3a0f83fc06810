"""PURE: the words of a corrected sentence, and when each of them is said."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from pipeline.edit.sheets import Line, Text, clean
from pipeline.model import Span, Word, separator
from pipeline.wording import SHORTEST_WORD_MS, laid, settled


def corrected(clip: str, line: Line, told: str) -> Text:
    """A line as `told`: words that stay keep their times, the others share the time between them."""
    tokens, words = _tokens(told), line.words
    stays = _staying(line, tokens)
    made: list[Word] = []
    fresh: list[int] = []
    for number, old in [*stays.items(), (len(tokens), len(words))]:
        new = tokens[len(made) : number]
        if new:
            fresh += range(len(made), number)
            made += laid(new, *_room(line, stays.get(len(made) - 1, -1) + 1, old))
        if old < len(words):
            fresh += [len(made)] if words[old].confidence == 0 else []  # it could not be placed by its sound before
            made.append(replace(words[old], confidence=1.0))
    return Text(clip, line.from_ms, line.to_ms, _in_order(made), tuple(fresh))


def _staying(line: Line, tokens: Sequence[str]) -> dict[int, int]:
    """Which tokens are words that were heard, and where.

    Beside new words for which there is no room, a word gives up its time to share it with them.
    """
    codes = Levenshtein.opcodes([clean(word.text) for word in line.words], tokens)
    same = (code for code in codes if code.tag == "equal")
    stays = {code.dest_start + n: code.src_start + n for code in same for n in range(code.src_end - code.src_start)}
    for equal, run in groupby(codes, key=lambda code: code.tag == "equal"):
        group = [] if equal else list(run)
        new = group[-1].dest_end - group[0].dest_start if group else 0
        start, end = _room(line, group[0].src_start, group[-1].src_end) if new else (0, 0)
        if end - start < new * SHORTEST_WORD_MS:
            stays.pop(group[0].dest_start - 1, None)
            stays.pop(group[-1].dest_end, None)
    return stays


def _tokens(text: str) -> list[str]:
    """The words of a text; where a script has no spaces, its characters, each with its marks.

    Joined again they are the text: no token ends where a space would be put.
    """
    found: list[str] = []
    for part in text.split():
        begun = len(found)
        for char in part:
            marks = unicodedata.category(char).startswith("M")
            if len(found) > begun and (marks or separator(found[-1], char)):
                found[-1] += char
            else:
                found.append(char)
    return found


def _room(line: Line, first: int, last: int) -> tuple[int, int]:
    """The time of words first..last of a line; where there are none, the gap between their neighbors."""
    words = line.words
    if first < last:
        return words[first].start_ms, max(word.end_ms for word in words[first:last])
    start = words[first - 1].end_ms if first else line.from_ms
    return start, max(start, words[first].start_ms if first < len(words) else line.to_ms)


@dataclass(frozen=True, slots=True)
class Gap:
    """Fresh words first..last of a text, and the time between the words around them that stay."""

    first: int
    last: int
    room: Span


def gaps(text: Text) -> Iterator[Gap]:
    """The runs of words that were not timed by their sound yet."""
    words, fresh = text.words, set(text.fresh)
    for isfresh, run in groupby(range(len(words)), key=lambda number: number in fresh):
        numbers = list(run)
        if isfresh:
            first, last = numbers[0], numbers[-1] + 1
            low = words[first - 1].end_ms if first else text.start_ms
            high = words[last].start_ms if last < len(words) else text.end_ms
            yield Gap(first, last, Span(low, max(low, high)))


def timed(text: Text, aligned: Sequence[Word], speech: Sequence[Span] = ()) -> Text:
    """The text with its fresh words where the aligner heard them, between the words that stay.

    Words that were heard too close together share the room that there is. Those that were not heard at all (confidence
    0) keep that confidence, and share what is left of the speech there; of the room where nobody speaks in it.
    """
    if len(aligned) != len(text.words):
        return replace(text, fresh=())
    words = list(text.words)
    for gap in gaps(text):
        low, high = gap.room.start_ms, gap.room.end_ms
        told = zip(text.words[gap.first : gap.last], aligned[gap.first : gap.last], strict=True)
        heard = [replace(at, text=word.text, confidence=min(word.confidence, at.confidence)) for word, at in told]
        near = [Span(max(span.start_ms, low), min(span.end_ms, high)) for span in speech]
        heard = settled(heard, [span for span in near if span.ms > 0] or [gap.room])
        words[gap.first : gap.last] = _between(heard, low, high)
    return replace(text, words=tuple(_sure(text.words, _in_order(words))), fresh=())


def _sure(words: Sequence[Word], timed: Sequence[Word]) -> Iterator[Word]:
    """The words at their times; as sure as they were, but for those that have no place."""
    for word, at in zip(words, timed, strict=True):
        yield replace(at, confidence=word.confidence if at.confidence else 0.0)


def _between(words: Sequence[Word], low: int, high: int) -> list[Word]:
    """The words moved between two times, in their order, each of them as long as a word has to be if there is room."""
    high = max(low, high)
    least = min(SHORTEST_WORD_MS, (high - low) // len(words))
    moved: list[Word] = []
    for left, word in zip(range(len(words) - 1, -1, -1), words, strict=True):
        latest = high - least * left
        start = min(max(word.start_ms, low), latest - least)
        low = min(max(word.end_ms, start + least), latest)
        moved.append(replace(word, start_ms=start, end_ms=low))
    return moved


def _in_order(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words one after another, also where those that stay were heard over each other."""
    found: list[Word] = []
    for word in words:
        start = max(word.start_ms, found[-1].end_ms) if found else word.start_ms
        found.append(replace(word, start_ms=start, end_ms=max(start, word.end_ms)))
    return tuple(found)
