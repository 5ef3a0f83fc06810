"""PURE: a script that was to be read, against what was heard. Where they differ, what was really said wins.

The script gives the spelling; what was heard decides which words were said. A draft mishears every third word, so it
only judges whole sentences: which were left out, and what was said besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from pipeline.model import Span, Transcript, Word
from pipeline.wording import laid, likeness, plain

_ALIKE_WHOLE, _ALIKE = 0.7, 0.6  # of the letters: the engine wrote the same sounds in another way
_BESIDES_WORDS = 4  # fewer heard words that are not in the script are misheard, not said besides
_GAP_MS = 700
_SAID_SHARE = 0.5  # of a sentence's words: something has to be heard in their place


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
    for equal, theirs, ours in _regions(tokens, heard.words):
        if equal:
            words += [replace(word, text=token) for token, word in zip(theirs, ours, strict=True)]
        else:
            words += _reconciled(theirs, ours)
    return replace(heard, words=tuple(words))


def _regions(tokens: Sequence[str], words: Sequence[Word]) -> Iterator[tuple[bool, Sequence[str], Sequence[Word]]]:
    """Stretches in which both are equal, and what lies between these as one."""
    for equal, steps in groupby(_compared(tokens, words), key=lambda step: step[0] == "equal"):
        first, *_, last = [*steps] * 2  # the same one where it is alone
        yield equal, tokens[first[1] : last[2]], words[first[3] : last[4]]


def _reconciled(tokens: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The script's words in place of those heard words that sound like them; what was heard where none do."""
    if _likeness(tokens, words) >= _ALIKE_WHOLE:
        return _laid(tokens, words)
    runs = [(k, m) for k in range(len(words)) for m in range(k + 1, len(words) + 1)] if tokens else []
    k, m = max(runs, key=lambda run: _likeness(tokens, words[slice(*run)]), default=(0, 0))
    if m == 0 or _likeness(tokens, words[k:m]) < _ALIKE:
        return list(words)
    return [*words[:k], *_laid(tokens, words[k:m]), *words[m:]]


def judged(script: str, draft: Transcript) -> Judged:
    """Which sentences of the script were said, by a draft of what was heard, and what was said besides."""
    tokens = script.split()
    paired = _paired(tokens, draft.words)
    said = [
        token
        for start, end in _sentences(tokens)
        if sum(paired[start:end]) >= _SAID_SHARE * (end - start)
        for token in tokens[start:end]
    ]
    if not said:
        return Judged(tuple(tokens), ())  # the draft heard nothing of it: it cannot judge
    return Judged(tuple(said), tuple(_besides(said, draft.words)))


def together(aligned: Transcript, besides: Sequence[Word], draft: bool) -> Transcript:
    """The script's words with their times, and what was said besides, in the order of time."""
    words = sorted([*aligned.words, *besides], key=lambda word: (word.start_ms, word.end_ms))
    return replace(aligned, words=tuple(words), draft=draft and bool(besides))


def _compared(tokens: Sequence[str], words: Sequence[Word]) -> Iterator[tuple[str, int, int, int, int]]:
    """What became of the script's words i..j and the heard words k..m: equal | replace | delete | insert.

    By the fewest changes (Levenshtein), so that misheard words stand for those that were said.
    """
    theirs, ours = list(map(plain, tokens)), [plain(word.text) for word in words]
    for each in Levenshtein.opcodes(theirs, ours):
        yield each.tag, each.src_start, each.src_end, each.dest_start, each.dest_end


def _paired(tokens: Sequence[str], words: Sequence[Word]) -> list[bool]:
    """For each word of the script whether something was heard in its place."""
    paired = [False] * len(tokens)
    for kind, i, j, _, _ in _compared(tokens, words):
        paired[i:j] = [kind in {"equal", "replace"}] * (j - i)
    return paired


def _sentences(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for number, token in enumerate(tokens, start=1):
        if re.search(r"[.!?…。！？][\"'”’)\]]*$", token) or number == len(tokens):
            yield start, number
            start = number


def _besides(said: Sequence[str], words: Sequence[Word]) -> Iterator[Word]:
    """Runs of heard words for which the script has none."""
    for kind, _, _, k, m in _compared(said, words):
        if kind == "insert" and m - k >= _BESIDES_WORDS:
            yield from words[k:m]


def _likeness(tokens: Sequence[str], words: Sequence[Word]) -> float:
    return likeness("".join(tokens), "".join(word.text for word in words))


def _laid(tokens: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The script's words over the time of those that were heard."""
    return laid(tokens, words[0].start_ms, words[-1].end_ms, min(word.confidence for word in words))


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
