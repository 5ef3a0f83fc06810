"""PURE: what whisper models invent is taken out: text over silence, and phrases that go round in circles."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.model import Span, Word

_NEAR_SPEECH_MS = 500  # word times are rough; further than this from all speech, nobody said it
_LONGEST_PHRASE = 8  # words
_TWICE_IS_SAID = 3  # "no, no, no" is said by people; more is a model in a loop


def over_speech(words: Sequence[Word], speech: Sequence[Span]) -> tuple[Word, ...]:
    """The words that lie where somebody speaks; all of them where nothing is known about that."""
    if not speech:
        return tuple(words)
    return tuple(word for word in words if any(_near(word, span) for span in speech))


def _near(word: Word, span: Span) -> bool:
    return word.end_ms > span.start_ms - _NEAR_SPEECH_MS and word.start_ms < span.end_ms + _NEAR_SPEECH_MS


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


def in_order(words: Sequence[Word], end_ms: int) -> tuple[Word, ...]:
    """The words inside the sound, none beginning before the one ahead of it, none without length."""
    ordered: list[Word] = []
    earliest = 0
    for word in words:
        start = min(max(word.start_ms, earliest), max(0, end_ms - 1))
        end = min(max(word.end_ms, start + 1), end_ms)
        if word.text.strip() and end > start:
            ordered.append(Word(word.text.strip(), start, end, round(min(1.0, max(0.0, word.confidence)), 3)))
            earliest = start
    return tuple(ordered)
