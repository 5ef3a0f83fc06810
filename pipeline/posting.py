"""PURE: whether texts hold a service's rules, what exceeds by how much, and a mended proposal.

Nothing here changes what goes out by itself: a proposal is shown, and the speaker takes it or writes something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.model import Post
from pipeline.wording import clock, counted

_ELLIPSIS = "…"
_UNTITLED = "Untitled"
_LIKE = {"<": "‹", ">": "›"}  # what stands for a character that a service forbids
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # a name could look like another one
_FEWEST_CHAPTERS, _SHORTEST_CHAPTER_S = 3, 10  # STANDARDS, "YouTube text"
_CHAPTER = re.compile(r"[ \t]*((?:([0-9]{1,2}):)?([0-9]{1,2}):([0-9]{2}))(?=[ \t]+\S)")
_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a service asks of the texts beside a video. None: it says nothing about it."""

    title: tuple[int, int] = (1, 255)  # characters, at least and at most
    description_chars: tuple[int, int] | None = None  # at least (where there is one) and at most
    description_bytes: int | None = None  # at most, in UTF-8
    forbidden: str = ""  # characters that neither title nor description may contain
    tags: int | None = None  # how many
    tag_chars: tuple[int, int] | None = None  # of each
    tags_chars: int | None = (
        None  # of all together, as YouTube counts: commas between, two more where a space is inside
    )
    chapters: bool = True  # it makes chapters of lines that begin with a time


@dataclass(frozen=True, slots=True)
class Excess:
    """What of a post a service would refuse. `part` is title, description, tags or playlist."""

    part: str
    says: str  # a sentence


def excesses(post: Post, rules: Rules) -> tuple[Excess, ...]:
    """Everything in which a post does not hold the rules of a service, by how much; () where it holds them all."""
    return (
        *(Excess("title", says) for says in _of_title(post.title, rules)),
        *(Excess("description", says) for says in _of_description(post.description, rules)),
        *(Excess("tags", says) for says in _of_tags(post.tags, rules)),
        *(Excess("playlist", says) for says in _unwritable("playlist", post.playlist, "")),
    )


def mended(post: Post, rules: Rules) -> Post:
    """A proposal that holds the rules: what holds them stays as it is.

    Too long texts are cut at a word, with an ellipsis; tags are dropped from the end; < and > become ‹ and ›; lines
    that would not be taken as chapters go.
    """
    title, description, tags = post.title, post.description, post.tags
    if any(_of_title(title, rules)):
        title = _mended_title(title, rules)
    if any(_of_description(description, rules)):
        description = _mended_description(description, rules)
    if any(_of_tags(tags, rules)):
        tags = _mended_tags(tags, rules)
    return replace(post, title=title, description=description, tags=tags, playlist=_writable(post.playlist, ""))


# --- what exceeds -----------------------------------------------------------------------------------------------------


def _of_title(title: str, rules: Rules) -> Iterator[str]:
    yield from _unwritable("title", title, "")
    yield from _forbidden("title", title, rules)
    least, most = rules.title
    if len(title) > most or len(title.strip()) < least:
        yield _measured("The title has", len(title) if len(title) > most else len(title.strip()), rules.title)


def _of_description(text: str, rules: Rules) -> Iterator[str]:
    yield from _unwritable("description", text, "\n\t")
    yield from _forbidden("description", text, rules)
    if text and rules.description_chars and _outside(len(text), rules.description_chars):
        yield _measured("The description has", len(text), rules.description_chars)
    if rules.description_bytes is not None and _bytes(text) > rules.description_bytes:
        over = _bytes(text) - rules.description_bytes
        yield (
            f"The description has {counted(_bytes(text), 'byte')}, {over:,} too many: "
            "letters with accents take 2, most other scripts 2 or 3, an emoji 4 or more."
        )
    if rules.chapters:
        yield from _of_chapters(text)


def _of_chapters(text: str) -> Iterator[str]:
    starts = [seconds for _, seconds in _chapters(text)]
    if not starts:
        return
    if starts[0]:
        yield f"The chapters begin at {clock(starts[0])}; the first has to be at 0:00."
    if len(starts) < _FEWEST_CHAPTERS:
        yield f"There are {counted(len(starts), 'chapter')}, {_FEWEST_CHAPTERS - len(starts)} too few."
    for one, following in pairwise(starts):
        if following - one < _SHORTEST_CHAPTER_S:
            yield (
                f"The chapter at {clock(one)} ends at {clock(following)}: "
                f"a chapter is {_SHORTEST_CHAPTER_S} seconds or longer."
            )


def _of_tags(tags: Sequence[str], rules: Rules) -> Iterator[str]:
    for tag in tags:
        yield from _unwritable(f"tag “{_shown(tag)}”", tag, "")
        if rules.tag_chars and _outside(len(tag), rules.tag_chars):
            yield _measured(f"The tag “{_shown(tag)}” has", len(tag), rules.tag_chars)
    if rules.tags is not None and len(tags) > rules.tags:
        yield f"There are {counted(len(tags), 'tag')}, {len(tags) - rules.tags} too many."
    if rules.tags_chars is not None and _together(tags) > rules.tags_chars:
        yield (
            f"The tags have {counted(_together(tags), 'character')} together, "
            f"{_together(tags) - rules.tags_chars:,} too many: "
            "commas between them count, and a tag with a space counts 2 more."
        )


def _unwritable(what: str, text: str, allowed: str) -> Iterator[str]:
    """Control characters and halves of characters, and what turns the direction of writing."""
    wrong = dict.fromkeys(char for char in text if _is_unwritable(char, allowed))
    if wrong:
        named = ", ".join(f"U+{ord(char):04X}" for char in wrong)
        yield f"The {what} contains what cannot be shown, or turns the direction of writing: {named}."


def _is_unwritable(char: str, allowed: str) -> bool:
    return char not in allowed and (unicodedata.category(char) in ("Cc", "Cs") or char in _TURNING)


def _forbidden(what: str, text: str, rules: Rules) -> Iterator[str]:
    wrong = dict.fromkeys(char for char in text if char in rules.forbidden)
    if wrong:
        yield f"The {what} contains {' and '.join(wrong)}, which may not stand there."


def _outside(amount: int, limits: tuple[int, int]) -> bool:
    return not limits[0] <= amount <= limits[1]


def _measured(begin: str, amount: int, limits: tuple[int, int]) -> str:
    least, most = limits
    over = f"{amount - most:,} too many" if amount > most else f"{least - amount:,} too few"
    return f"{begin} {counted(amount, 'character')}, {over}."


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _together(tags: Sequence[str]) -> int:
    """Characters of all tags, as YouTube counts: as if those with a space stood in quotes, with commas between."""
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(0, len(tags) - 1)


def _shown(text: str) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= 40 else f"{plain[:39]}{_ELLIPSIS}"


# --- chapters, as people write them -----------------------------------------------------------------------------------


def _chapters(text: str) -> list[tuple[int, int]]:
    """The lines that are meant as chapters, with their seconds.

    One time alone points at a moment; it is a list where one of them is 0:00, or there are three.
    """
    found = [
        (number, _seconds(match)) for number, line in enumerate(text.split("\n")) if (match := _CHAPTER.match(line))
    ]
    meant = len(found) >= _FEWEST_CHAPTERS or any(seconds == 0 for _, seconds in found)
    return found if meant else []


def _seconds(match: re.Match[str]) -> int:
    return int(match[2] or 0) * 3600 + int(match[3]) * 60 + int(match[4])


def _with_chapters(text: str) -> str:
    """The text with chapters that are taken: the first at 0:00, without those that are too short; else with none."""
    found = _chapters(text)
    kept: list[int] = []
    last = 0
    for number, seconds in found:
        if not kept or seconds - last >= _SHORTEST_CHAPTER_S:
            last = seconds if kept else 0
            kept.append(number)
    if len(kept) < _FEWEST_CHAPTERS:
        kept = []
    gone = {number for number, _ in found} - set(kept)
    lines = [line for number, line in enumerate(_from_zero(text, kept)) if number not in gone]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() if gone else "\n".join(lines)


def _from_zero(text: str, kept: Sequence[int]) -> list[str]:
    lines = text.split("\n")
    if kept:
        lines[kept[0]] = _CHAPTER.sub("0:00", lines[kept[0]], count=1)
    return lines


# --- a proposal -------------------------------------------------------------------------------------------------------


def _mended_title(title: str, rules: Rules) -> str:
    least, most = rules.title
    plain = " ".join(_allowed(_writable(title, " "), rules).split())
    return _padded(_cut(plain or _UNTITLED, most), least)


def _mended_description(text: str, rules: Rules) -> str:
    least, most = rules.description_chars or (0, None)
    plain = _allowed(_writable(re.sub(r"\r\n?", "\n", text), "", "\n\t"), rules)
    if rules.chapters:
        plain = _with_chapters(plain)
    short = _cut(plain, most, rules.description_bytes)
    if rules.chapters:
        short = _with_chapters(short)  # the last of them may have been cut off
    return _padded(short, least) if short else ""


def _mended_tags(tags: Sequence[str], rules: Rules) -> tuple[str, ...]:
    plain = [_writable(tag, "").strip() for tag in tags]
    fitting = [tag for tag in plain if tag and not (rules.tag_chars and _outside(len(tag), rules.tag_chars))]
    kept = fitting[: rules.tags]
    while rules.tags_chars is not None and _together(kept) > rules.tags_chars:
        kept.pop()
    return tuple(kept)


def _writable(text: str, instead: str, allowed: str = "") -> str:
    return "".join(instead if _is_unwritable(char, allowed) else char for char in text)


def _allowed(text: str, rules: Rules) -> str:
    return "".join(_LIKE.get(char, "") if char in rules.forbidden else char for char in text)


def _padded(text: str, least: int) -> str:
    return text + _ELLIPSIS * (least - len(text))


def _cut(text: str, chars: int | None, size: int | None = None) -> str:
    """The text within so many characters and bytes: cut at a word, where that leaves half of it or more."""
    if (chars is None or len(text) <= chars) and (size is None or _bytes(text) <= size):
        return text
    room = text if chars is None else text[: chars - 1]
    if size is not None:
        room = room.encode()[: max(0, size - _bytes(_ELLIPSIS))].decode("utf-8", "ignore")
    whole = _at_a_word(text, len(room)) or _at_a_character(text, len(room))
    return whole.rstrip(" \n\t,;:-–—") + _ELLIPSIS


def _at_a_word(text: str, end: int) -> str:
    """The words that end before `end`; "" where they are less than half of what there is room for."""
    ends = [match.start() for match in re.finditer(r"\s", text[: end + 1])]
    return text[: ends[-1]] if ends and ends[-1] * 2 >= end else ""


def _at_a_character(text: str, end: int) -> str:
    """What stands before `end`, and no half of what people see as one character."""
    while end > 0 and _one(text, end):
        end -= 1
    return text[:end]


def _one(text: str, at: int) -> bool:
    """Whether the characters before and at a place are seen as one: accents, joined emoji, skin tones, flags."""
    left, right = text[at - 1], text[at]
    if right == _JOINER or left == _JOINER or unicodedata.category(right)[0] == "M":
        return True
    if 0x1F3FB <= ord(right) <= 0x1F3FF or 0xE0020 <= ord(right) <= 0xE007F:
        return True
    flags = re.search("[\U0001f1e6-\U0001f1ff]*$", text[:at])
    return "\U0001f1e6" <= right <= "\U0001f1ff" and flags is not None and len(flags[0]) % 2 == 1
