"""PURE: what Whisper models invent is taken out, and words are brought into order.

Nothing is decoded where nobody speaks (stretches.py), which is what guards best: over silence, tones and noise a model
says "I'm sorry" or "You" with a probability of .8. This is the second belt; its thresholds are OpenAI's own.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.model import Word, joined, spaceless
from pipeline.transcribers.listening import Phrase

_NO_SPEECH = 0.6
_COMPRESSED = 2.4  # text that compresses better goes round in circles
_LEAST_SURE = 0.001  # 0 means that a word could not be placed by its sound
_LONGEST_PHRASE = 8  # words
_TWICE_IS_SAID = 3  # "no, no, no" is said by people; more is a model in a loop


def spoken(phrases: Iterable[Phrase]) -> list[Word]:
    """The words of those phrases in which somebody speaks."""
    return [word for phrase in phrases if phrase.no_speech < _NO_SPEECH for word in whole_words(phrase.words)]


def in_circles(words: Sequence[Word]) -> bool:
    """Whether a text repeats itself as nobody does."""
    text = joined(word.text.strip() for word in words).encode()
    return bool(text) and len(text) / len(zlib.compress(text)) > _COMPRESSED


def whole_words(words: Iterable[Word]) -> list[Word]:
    """Words as they are written: an engine parts "end-to-end" and "50%", and marks where a word begins by a space."""
    whole: list[Word] = []
    for word in words:
        begins = not word.text.strip() or word.text[0].isspace() or spaceless(word.text[0])
        if begins or not whole:
            whole.append(word)
        else:
            before = whole.pop()
            sure = min(before.confidence, word.confidence)
            whole.append(replace(before, text=before.text + word.text, end_ms=word.end_ms, confidence=sure))
    return whole


def without_loops(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, with a phrase that is repeated more than three times in a row said once."""
    kept: list[Word] = []
    at = 0
    while at < len(words):
        length, times = _loop(words, at)
        if times > _TWICE_IS_SAID:
            kept += words[at : at + length]
            at += length * times
        else:
            kept.append(words[at])
            at += 1
    return tuple(kept)


def _loop(words: Sequence[Word], at: int) -> tuple[int, int]:
    """The length of the phrase at `at` that is repeated most often, and how often it stands there in a row."""
    found = (1, 1)
    for length in range(1, _LONGEST_PHRASE + 1):
        phrase = _plain(words[at : at + length])
        times = 1
        while phrase == _plain(words[at + times * length : at + (times + 1) * length]):
            times += 1
        if times > _TWICE_IS_SAID and times * length > found[0] * found[1]:
            found = (length, times)
    return found


def _plain(words: Sequence[Word]) -> list[str]:
    return ["".join(c for c in word.text.lower() if c.isalnum()) for word in words]


def in_order(words: Iterable[Word], end_ms: int) -> tuple[Word, ...]:
    """The words inside the sound and one after another: each ends where the next one begins, none is without length."""
    ordered: list[Word] = []
    for word in words:
        earliest = ordered[-1].start_ms + 1 if ordered else 0
        start = min(max(word.start_ms, earliest), max(earliest, end_ms - 1))
        end = min(max(word.end_ms, start + 1), end_ms)
        if not word.text.strip() or end <= start:
            continue
        if ordered and ordered[-1].end_ms > start:
            ordered[-1] = replace(ordered[-1], end_ms=start)
        sure = round(min(1.0, max(_LEAST_SURE, word.confidence)), 3)
        ordered.append(replace(word, text=word.text.strip(), start_ms=start, end_ms=end, confidence=sure))
    return tuple(ordered)
