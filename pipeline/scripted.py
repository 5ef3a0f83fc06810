"""PURE: a script that was to be read, against what was heard. Where they differ, what was really said wins.

The script gives the spelling; what was heard decides which words were said. A draft mishears every third word, so it
only judges whole sentences: which were left out, and what was said besides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from pipeline.model import Span, Transcript, Word

_ALIKE = 0.6  # of the letters: the engine wrote the same sounds in another way
_BESIDES_WORDS = 4  # fewer heard words that are not in the script are misheard, not said besides
_GAP_MS = 700
_SAID_SHARE = 0.4  # of a sentence's words have to be heard, in whatever words, where it should be


@dataclass(frozen=True, slots=True)
class Judged:
    """`said`: the words of the script that were said. `besides`: what was heard that is not in it."""

    said: tuple[str, ...]
    besides: tuple[Word, ...]

    def without_besides(self, speech: Sequence[Span]) -> tuple[Span, ...]:
        """The stretches of speech in which the script's words are."""
        spans = tuple(speech)
        for run in _runs(self.besides):
            spans = tuple(part for span in spans for part in _minus(span, run))
        return spans


def spelled(script: str, heard: Transcript) -> Transcript:
    """What an engine heard that can be trusted, spelled as in the script where that is what it heard."""
    tokens = script.split()
    words: list[Word] = []
    for kind, i, j, k, m in _compared(tokens, heard.words):
        theirs, ours = tokens[i:j], heard.words[k:m]
        if kind == "equal" and len(theirs) == len(ours):
            words += [replace(word, text=token) for token, word in zip(theirs, ours, strict=True)]
        elif kind == "replace" and _sounds_alike(theirs, ours):
            words += _laid(theirs, ours)
        else:
            words += ours
    return replace(heard, words=tuple(words))


def judged(script: str, draft: Transcript) -> Judged:
    """Which sentences of the script were said, by a draft of what was heard, and what was said besides."""
    tokens = script.split()
    place = _places(tokens, draft.words)
    said: list[str] = []
    for start, end in _sentences(tokens):
        known = sum(place[n] is not None for n in range(start, end))
        first, last = _window(place, start, end, len(draft.words))
        if known or last - first >= _SAID_SHARE * (end - start):
            said += tokens[start:end]
    if not said:
        return Judged(tuple(tokens), ())  # the draft heard nothing of it: it cannot judge
    return Judged(tuple(said), tuple(_besides(said, draft.words)))


def together(aligned: Transcript, besides: Sequence[Word], draft: bool) -> Transcript:
    """The script's words with their times, and what was said besides, in the order of time."""
    words = sorted([*aligned.words, *besides], key=lambda word: (word.start_ms, word.end_ms))
    return replace(aligned, words=tuple(words), draft=draft and bool(besides))


def _compared(tokens: Sequence[str], words: Sequence[Word]) -> Sequence[tuple[str, int, int, int, int]]:
    ours = [_plain(word.text) for word in words]
    return SequenceMatcher(None, list(map(_plain, tokens)), ours, autojunk=False).get_opcodes()


def _places(tokens: Sequence[str], words: Sequence[Word]) -> list[int | None]:
    """For each word of the script which heard word it is; None where it was not heard."""
    place: list[int | None] = [None] * len(tokens)
    for kind, i, j, k, _ in _compared(tokens, words):
        if kind == "equal":
            place[i:j] = range(k, k + j - i)
    return place


def _sentences(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for number, token in enumerate(tokens, start=1):
        if re.search(r"[.!?…。！？][\"'”’)\]]*$", token) or number == len(tokens):
            yield start, number
            start = number


def _window(place: Sequence[int | None], start: int, end: int, heard: int) -> tuple[int, int]:
    """The heard words among which a sentence should be: between those of the script before and after it."""
    before = next((at for at in reversed(place[:start]) if at is not None), -1)
    after = next((at for at in place[end:] if at is not None), heard)
    return before + 1, after


def _besides(said: Sequence[str], words: Sequence[Word]) -> Iterator[Word]:
    """Runs of heard words for which the script has no words at that place."""
    for kind, i, j, k, m in _compared(said, words):
        surplus = (m - k) - (j - i)
        if kind in {"insert", "replace"} and surplus >= _BESIDES_WORDS and (j - i) <= _SAID_SHARE * (m - k):
            yield from words[k:m] if kind == "insert" else words[k + (j - i) : m]


def _sounds_alike(tokens: Sequence[str], words: Sequence[Word]) -> bool:
    one, other = "".join(map(_plain, tokens)), "".join(_plain(word.text) for word in words)
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _laid(tokens: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The script's words over the time of those that were heard, by their length."""
    start, end = words[0].start_ms, words[-1].end_ms
    letters = sum(map(len, tokens))
    sure = min(word.confidence for word in words)
    laid, at = [], 0
    for token in tokens:
        first = start + (end - start) * at // letters
        at += len(token)
        laid.append(Word(token, first, max(first + 1, start + (end - start) * at // letters), sure))
    return laid


def _runs(words: Sequence[Word]) -> Iterator[Span]:
    """The stretches that the words take, with the short gaps between them."""
    spans: list[Span] = []
    for word in words:
        if spans and word.start_ms - spans[-1].end_ms <= _GAP_MS:
            spans[-1] = Span(spans[-1].start_ms, word.end_ms)
        else:
            spans.append(Span(word.start_ms, word.end_ms))
    yield from spans


def _minus(span: Span, hole: Span) -> Iterator[Span]:
    if hole.end_ms <= span.start_ms or span.end_ms <= hole.start_ms:
        yield span
        return
    if span.start_ms < hole.start_ms:
        yield Span(span.start_ms, hole.start_ms)
    if hole.end_ms < span.end_ms:
        yield Span(hole.end_ms, span.end_ms)


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())
