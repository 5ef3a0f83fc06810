"""PURE: what is to be said of words that are missing: no engine could listen, or somebody speaks and no word was
understood.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from pipeline.model import Span, Transcript, Word
from pipeline.wording import clock

_WORTH_A_NOTE_MS = 4000  # shorter stretches between words are breath, laughter and names that nobody knows
_CURE = "A larger model may understand it: candid models download small"
_NOBODY = Transcript().engine
NO_CAPTIONS = "There are no captions, since no speech model is here. Fetch one: candid models download"

Side = tuple[
    Sequence[Span], Transcript
]  # where somebody speaks in a clip, and the words as they were heard, if any was


def notes(sides: Sequence[Side]) -> tuple[str, ...]:
    """A sentence for each of these that is so; none where nobody speaks."""
    spoken = [words for speech, words in sides if speech]
    if spoken and all(words.engine == _NOBODY and not words.words for words in spoken):
        return (NO_CAPTIONS,)
    told = []
    for number, (speech, words) in enumerate(sides, start=1):
        if missed := [span for span in without_words(speech, words.words) if span.ms >= _WORTH_A_NOTE_MS]:
            where = f" of clip {number}" if len(sides) > 1 else ""
            times = ", ".join(f"{clock(span.start_ms / 1000)} to {clock(span.end_ms / 1000)}" for span in missed)
            told.append(
                f"Somebody seems to speak at {times}{where}, and no word was understood: it has no captions. {_CURE}"
            )
    return tuple(told)


def without_words(speech: Sequence[Span], words: Sequence[Word]) -> Iterator[Span]:
    """The stretches of speech between the words. Both are in order."""
    for span in speech:
        at = span.start_ms
        first = bisect_right(words, at, key=lambda word: word.end_ms)
        past = bisect_left(words, span.end_ms, key=lambda word: word.start_ms)
        for word in words[first:past]:
            if word.start_ms > at:
                yield Span(at, word.start_ms)
            at = word.end_ms
        if at < span.end_ms:
            yield Span(at, span.end_ms)
