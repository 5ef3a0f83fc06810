"""PURE: which sentences are unsure, and which of their words may be misheard. docs/unsure.md tells how it was tuned."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.model import Word

_IN_A_ROW = 4  # words: a sentence is as sure as the weakest so many of it, however long it is
_SENTENCE = 0.70  # a sentence that is less sure than this is unsure
_WORD = 0.60  # in an unsure sentence, words less sure than this are marked
_LEAST = 0.001  # a confidence of 0 has no logarithm


def confidence(words: Sequence[Word]) -> float:
    """How sure a sentence is, 0..1: the geometric mean of the confidence of its weakest four words in a row."""
    logs = [math.log(max(_LEAST, word.confidence)) for word in words]
    runs = [logs[first : first + _IN_A_ROW] for first in range(max(1, len(logs) - _IN_A_ROW + 1))]
    return math.exp(min((sum(run) / len(run) for run in runs if run), default=0.0))


def doubts(words: Sequence[Word]) -> tuple[int, ...]:
    """The places of the words of a sentence that may be misheard; () where the sentence is sure."""
    if confidence(words) >= _SENTENCE:
        return ()
    return tuple(number for number, word in enumerate(words) if word.confidence < _WORD)
