"""PURE: reading speed and line length by language: one table, each row with its source and the day it was read.

Captions of what is said, in the language in which it is said, are what the Netflix guides call SDH. A row aims at the
reading speed of subtitles for adults, which is the slower one, and its limit is that of SDH for adults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pipeline.model import CaptionRules

_GUIDE = "Netflix Timed Text Style Guide, "
_CHECKED = "; speeds as checked in SubtitleEdit pull request 13347 (2026-08-07)"


@dataclass(frozen=True, slots=True)
class Row:
    """What a language's readers can follow, in characters as its guide counts them.

    Marks that are drawn over another character never count. `wide` is what a full-width (CJK) character counts, and
    `narrow` what any other does. Chinese counts each as one. Japanese and Korean count half for what is half as wide:
    Latin letters, spaces, their punctuation. Elsewhere a full-width character takes the room of two letters.
    """

    chars: int  # a line, in 16:9
    chars_per_second: float  # to be read at ease
    limit: float  # characters a second, at most
    source: str
    read: str  # the day
    wide: float = 2.0
    narrow: float = 1.0


_ALL_OTHERS = Row(42, 17, 20, _GUIDE + "most languages" + _CHECKED, "2026-11-30")

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        # The guide for English has gone from 17 to 20 since; 17 stays what we aim at, as STANDARDS has it.
        "en": Row(42, 17, 20, _GUIDE + "English (219375728; 217350977 for SDH)" + _CHECKED, "2026-11-30"),
        "ar": Row(42, 20, 23, _GUIDE + "Arabic (215517947)" + _CHECKED, "2026-11-30"),
        "hi": Row(42, 22, 25, _GUIDE + "Hindi" + _CHECKED, "2026-11-30"),
        # 13 is the line of subtitles; SDH may have a few more, and the narrower one holds for both.
        "ja": Row(13, 4, 7, _GUIDE + "Japanese (215767517)" + _CHECKED, "2026-11-30", wide=1, narrow=0.5),
        "ko": Row(16, 12, 14, _GUIDE + "Korean (216001127)" + _CHECKED, "2026-11-30", wide=1, narrow=0.5),
        "th": Row(35, 17, 20, _GUIDE + "Thai (220448308)" + _CHECKED, "2026-11-30"),
        "zh": Row(16, 9, 11, _GUIDE + "Simplified Chinese (215986007)" + _CHECKED, "2026-11-30", wide=1, narrow=1),
    }
)
_WRITTEN_AS = {"yue": "zh"}  # Cantonese


def row(language: str) -> Row:
    """The row of a language, by its code with or without a region ("pt-BR"); that of all others where it has none."""
    code = re.split("[-_]", language.casefold())[0]
    return ROWS.get(_WRITTEN_AS.get(code, code), _ALL_OTHERS)


def spoken(shape: CaptionRules, language: str) -> CaptionRules:
    """The rules of a format, for what is said in a language.

    `shape` is the format's own, for a language of 42 characters a line. A narrower format keeps its share of the line:
    24 characters of 42 in vertical video are 9 of 16 in Chinese.
    """
    found = row(language)
    return replace(
        shape,
        max_chars=shape.max_chars * found.chars // _ALL_OTHERS.chars,
        chars_per_second=found.chars_per_second,
        chars_per_second_limit=found.limit,
        wide=found.wide,
        narrow=found.narrow,
    )
