"""PURE: where words that a brand would rather keep out are said. It informs and never blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction

from pipeline.model import CueWord, Word
from pipeline.wording import clock

_POSSESSIVE = re.compile(r"['’]s\b", re.IGNORECASE)


def notes(words: Sequence[Word], listed: Sequence[str]) -> tuple[str, ...]:
    """A sentence for every entry of the list that is said, with the times of the finished video."""
    found: dict[str, list[str]] = {}
    for entry, at_ms in said(words, listed):
        found.setdefault(entry, []).append(clock(at_ms / 1000))
    return tuple(
        f"You say '{entry}' at {_enumerated(tuple(dict.fromkeys(times)))}; the brand's list asks to keep it out."
        for entry, times in found.items()
    )


def said(words: Sequence[Word], listed: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Which entry of the list is said when: (entry, at_ms), in the order of the words.

    Case, accents, punctuation, hyphens, a possessive 's and a plural s make no difference; only whole words count.
    """
    wanted = _wanted(listed)
    longest = max(map(len, wanted), default=0)
    heard = [(part, word.start_ms) for word in words for part in _parts(word.text)]
    found: list[tuple[str, int]] = []
    for first, (_, at_ms) in enumerate(heard):
        run, here = "", set()
        for part, _ in heard[first:]:
            run += part  # "Big Corp", "Big-Corp" and "Bigcorp" all become the same run of letters
            if len(run) > longest:
                break
            if run in wanted:
                here.add(wanted[run])
        found += ((entry, at_ms) for entry in listed if entry in here)
    return tuple(dict.fromkeys(found))


def in_video(words: Sequence[CueWord], opening: int, fps: Fraction) -> tuple[Word, ...]:
    """Words of the kept timeline, in milliseconds of the finished video. `opening` is the bumper's length in frames."""
    return tuple(
        Word(word.text, round((word.start + opening) * 1000 / fps), round((word.end + opening) * 1000 / fps))
        for word in words
    )


def _wanted(listed: Sequence[str]) -> dict[str, str]:
    """The entries by every run of letters that means them. Of entries that mean the same, the first counts."""
    wanted: dict[str, str] = {}
    for entry in listed:
        if run := "".join(_parts(entry)):
            for form in (run, f"{run}s", _singular(run)):
                wanted.setdefault(form, entry)
    return wanted


def _singular(run: str) -> str:
    return run[:-1] if len(run) > 3 and run.endswith("s") and not run.endswith("ss") else run  # "AWS" is no plural


def _parts(text: str) -> list[str]:
    """The words inside a text, without case, accents, punctuation and possessives."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", _POSSESSIVE.sub(" ", text)).casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in letters).split()


def _enumerated(times: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(times[:-1]), times[-1])))
