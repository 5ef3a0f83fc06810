"""PURE: how a written word is said: its spoken words, and by rule the sounds of one that no dictionary knows.

Rough on purpose: a name that is sounded out wrongly still lands in the right place, since its neighbors hold it there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LARGE = ((1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_SIGNS = {"%": "percent", "&": "and", "+": "plus", "@": "at", "=": "equals"}

# Letters -> ARPAbet, the longest match first.
_SOUNDS = {
    "tch": "CH", "sch": "SH", "igh": "AY", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K",
    "ng": "NG", "qu": "K W", "kn": "N", "wr": "R", "ee": "IY", "ea": "IY", "ie": "IY", "ei": "AY", "oo": "UW",
    "ou": "AW", "ow": "OW", "oa": "OW", "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "eu": "Y UW", "oi": "OY",
    "oy": "OY", "er": "ER", "ar": "AA R", "or": "AO R", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F",
    "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K",
    "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_ANY = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))


def spoken(token: str) -> tuple[str, ...]:
    """The words that are heard for a written token: ("forty",) for "40,"; none for a dash."""
    found: list[str] = []
    for part in re.findall(r"[0-9][0-9,]*|[%&+@=]|[^\W\d_]+(?:['’][^\W\d_]+)*", token.lower()):
        if part[0] in "0123456789":
            found += number(int(part.replace(",", "")))
        else:
            found.append(_SIGNS.get(part, part.replace("’", "'")))
    return tuple(found)


def number(value: int) -> Iterator[str]:
    """A number in words; from a thousand million on, digit by digit."""
    if value >= 1_000_000_000:
        yield from (_SMALL[int(digit)] for digit in str(value))
    elif value < 20:
        yield _SMALL[value]
    elif value < 100:
        yield _TENS[value // 10]
        if value % 10:
            yield _SMALL[value % 10]
    else:
        unit, name = next((unit, name) for unit, name in _LARGE if value >= unit)
        yield from number(value // unit)
        yield name
        if value % unit:
            yield from number(value % unit)


def phones(word: str) -> str:
    """The sounds of a word by rule, in ARPAbet. A word without any Latin letter is said as a vowel."""
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    found = [_SOUNDS[match] for match in _ANY.findall(re.sub(r"(.)\1", r"\1", plain))]
    return " ".join(found) or "AH"
