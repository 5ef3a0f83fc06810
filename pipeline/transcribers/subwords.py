"""PURE: what a model says about its own pieces of a text -> where the words are, as they were written, and whether
they are said there at all.

A model divides a text in its own way: a rare name into four pieces, two Chinese characters into one, an emoji into
bytes. So a word is found by its place in the text, in bytes of UTF-8, and never by how the model splits.

Whether a word is said is judged by two probabilities of each piece: with the sound, and with nothing to hear. A name
that the model would not have written has a small probability (.018 for "Kubernetes"), yet the sound makes it 500 times
as likely as silence does; a word that is not said becomes less likely. Measured 2026-11 with Whisper base on recorded
and synthetic speech; the numbers below were chosen on one speaker, and English, German and Japanese by espeak-ng; they
were tested on four other speakers, and English, French, Arabic and Chinese by espeak-ng:

| | chosen on | tested on |
| --- | --- | --- |
| right words taken for wrong (English, German, French) | 0 of 152 | 0 of 133 |
| right words taken for wrong beside one that is wrong | 13 of 1776 | 19 of 1472 |
| one wrong word in a right text, found | 48 of 48 | 76 of 78 |
| words of another stretch, found | 188 of 192 | 467 of 487 |
| nonsense; a right text over noise: found | 150 of 152; all | 133 of 133; all |

In scripts without spaces single characters are judged by their neighbors, too: of right ones 1 of 26 (kana) and 1 of 13
(Chinese) were taken for wrong, of one wrong character among right ones 9 of 11 and 6 of 11 were found. Of synthetic
Arabic, of which the model understands little, 3 of 11 right words were taken for wrong.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipeline.model import separator, spaceless

_LIKELY = 0.3  # with the sound: such a word is said, though its context alone would have told it ("of" in "bit of")
_BY_THE_SOUND = 1.0  # in nats: the sound makes the word at least 2.7 times as likely
_COMPANY = 3  # words on each side: where most of these are not said, one that seems to be is chance
_LEAST = 1e-9  # of a probability, so that it has a logarithm
_UNSAID = {"So", "Sk", "Cs", "Co", "Cn", "Cc"}  # emoji, and what is no character at all
_SIGNS = "%‰&@#°"  # punctuation that is read aloud, as currencies and mathematical signs are


@dataclass(frozen=True, slots=True)
class Subword:
    """A piece of text as a model divides it.

    `size` in bytes of UTF-8, times in ms; `heard` and `unheard` are how likely it is after what stands before it, with
    the sound and without.
    """

    size: int
    start_ms: int
    end_ms: int
    heard: float
    unheard: float


@dataclass(frozen=True, slots=True)
class _Said:
    """A token that is read aloud: how likely it is (natural logarithm), and how much of that the sound has added."""

    number: int
    start_ms: int
    end_ms: int
    heard: float
    gained: float


def text(tokens: Sequence[str]) -> str:
    """The tokens as the text that a model gets: joined, and with a space before a word of a script with spaces."""
    return "".join(before + token for before, token in _spaced(tokens))


def _spaced(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each token as the model gets it, and what stands before it: without emoji, which would take time from words."""
    left = ""
    for token in tokens:
        plain = "".join(char for char in token if is_said(char) or unicodedata.category(char) not in _UNSAID)
        first = "" if plain and spaceless(plain[0]) else " "
        yield (separator(left, plain) if left else first) if plain else "", plain
        left = plain or left


def timed(tokens: Sequence[str], subwords: Sequence[Subword]) -> list[tuple[int, int, float]]:
    """Start and end (ms) of each token, and how likely it is that it is said there; 0 for one that is not.

    The subwords are those of `text(tokens)`. A token that says nothing (a dash) has no length and probability 0, and
    stands where the one before it ends.
    """
    said = list(_said(tokens, subwords))
    sure = dict(zip((each.number for each in said), _sure(tokens, said), strict=True))
    places = {each.number: each for each in said}
    times, at = [], 0
    for number in range(len(tokens)):
        place = places.get(number)
        start, at = (place.start_ms, place.end_ms) if place else (at, at)
        times.append((start, at, sure.get(number, 0.0)))
    return times


def is_said(char: str) -> bool:
    """Whether a character is read aloud."""
    kind = unicodedata.category(char)
    return kind[0] in "LN" or kind in {"Sc", "Sm"} or char in _SIGNS


def _aloud(token: str) -> tuple[int, int]:
    """First and last character, exclusive, of what is read aloud in a token, with the marks on it; 0, 0 for none."""
    places = [place for place, char in enumerate(token) if is_said(char)]
    if not places:
        return 0, 0
    last = places[-1] + 1
    while last < len(token) and unicodedata.category(token[last]).startswith("M"):
        last += 1
    return places[0], last


def _said(tokens: Sequence[str], subwords: Sequence[Subword]) -> Iterator[_Said]:
    whole = text(tokens).encode()
    edges = [0, *accumulate(each.size for each in subwords)]
    at = 0
    for number, (before, token) in enumerate(_spaced(tokens)):
        at += len(before)
        first, last = (at + len(token[:place].encode()) for place in _aloud(token))
        at += len(token.encode())
        if first < last:
            begin, end = bisect_right(edges, first) - 1, bisect_right(edges, last - 1) - 1
            parts = subwords[begin : end + 1]
            heard, unheard = (_mean(sure) for sure in zip(*((part.heard, part.unheard) for part in parts), strict=True))
            start = _time(subwords[begin], edges[begin], first, whole)
            yield _Said(number, start, _time(subwords[end], edges[end], last, whole), heard, heard - unheard)


def _mean(sure: Sequence[float]) -> float:
    """The mean of the logarithms of probabilities."""
    return sum(math.log(max(each, _LEAST)) for each in sure) / len(sure)


def _time(subword: Subword, at: int, byte: int, whole: bytes) -> int:
    """When this byte of a subword that begins at `at` is said: words that share one share its time by their length."""
    end = at + subword.size
    begin = at + (whole[at : at + 1] == b" ")
    share = min(1.0, max(0.0, (byte - begin) / (end - begin))) if end > begin else 0.0
    return round(subword.start_ms + share * (subword.end_ms - subword.start_ms))


def _sure(tokens: Sequence[str], said: Sequence[_Said]) -> list[float]:
    """How likely it is that each word is said; 0 where it is not."""
    fits, likely = [], []
    for place, each in enumerate(said):
        near = [other for other in said[max(0, place - 1) : place + 2] if _touch(tokens, each.number, other.number)]
        heard = sum(other.heard for other in near) / len(near)
        gained = sum(other.gained for other in near) / len(near)
        fits.append((gained >= _BY_THE_SOUND or heard >= math.log(_LIKELY)) and each.end_ms > each.start_ms)
        likely.append(max(math.exp(heard), 1 / (1 + math.exp(-gained))))
    company = [fits[max(0, place - _COMPANY) : place + _COMPANY + 1] for place in range(len(said))]
    return [
        sure if fit and 2 * sum(around) >= len(around) else 0.0
        for fit, sure, around in zip(fits, likely, company, strict=True)
    ]


def _touch(tokens: Sequence[str], one: int, other: int) -> bool:
    """Whether they are one token, or neighbors without a space between them: single characters are judged together."""
    left, right = sorted((one, other))
    return one == other or (right - left == 1 and separator(tokens[left], tokens[right]) == "")
