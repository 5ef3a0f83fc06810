"""PURE: small things about words and how they are told, which several rooms need."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rapidfuzz.distance import Indel

from pipeline.model import Word

if TYPE_CHECKING:
    from pathlib import Path


def plain(text: str) -> str:
    """A text as it is compared: only letters and digits, without regard to case and to where words end."""
    return "".join(c for c in unicodedata.normalize("NFKC", text.casefold()) if c.isalnum())


def likeness(one: str, other: str) -> float:
    """How alike two texts are written, 0 to 1; 0 where one has no letters."""
    a, b = plain(one), plain(other)
    return Indel.normalized_similarity(a, b) if a and b else 0.0


def laid(tokens: Sequence[str], start_ms: int, end_ms: int, confidence: float = 1.0) -> list[Word]:
    """Words that share a stretch of time by their length."""
    letters, at = sum(map(len, tokens)), 0
    words = []
    for token in tokens:
        first = start_ms + (end_ms - start_ms) * at // letters
        at += len(token)
        words.append(Word(token, first, start_ms + (end_ms - start_ms) * at // letters, confidence))
    return words


def counted(number: int, what: str) -> str:
    """So many of something: 1 piece, 1,200 pieces."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """A time as people write it: 0:41, 1:02:07."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def printable(path: Path) -> str:
    """A file's name that cannot play with the terminal."""
    return "".join(c if c.isprintable() else "?" for c in path.name) or str(path)
