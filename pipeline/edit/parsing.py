"""PURE: the lines of an edited text: sentences, pauses, title and description, whatever an editor made of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rapidfuzz import fuzz

from pipeline.edit.sheets import Sheet, headings, notes, one_line

_OUR_NOTE, _FEW_LETTERS = 80, 12  # percent of a line's letters that stand in our notes in that order; of fewer, chance

_MARK = re.compile(r"\(\?\)|（？）")  # an editor for Chinese or Japanese may write wide ones
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TITLE = re.compile(r"\s*(title|description)\s*:(.*)", re.IGNORECASE)
_NOTE = re.compile(r"\s*>")
_HEADING = re.compile(r"\s*#+\s+(?:(\d+)\.)?")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*")
_LIST = r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s*)?"
_CLOCK = r"(?:\d+:)?\d+:\d\d?(?:[.,]\d*)?"
_PAUSE = re.compile(rf"{_LIST}\[\s*(pause|keep)\b([^\]]*)\]\s*", re.IGNORECASE)
_TICK = re.compile(rf"{_LIST}\[\s*([xX✓✔✗]?)\s*\](.*)")
_TIME = re.compile(rf"{_LIST}(?:(\d+):)?(\d+):(\d\d)[.,](\d)\d*(?!\d)(.*)")
_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_TORN = re.compile(rf"{_LIST}(?:(\[.?\ufe0f?\])\s+(?:({_CLOCK})\s)?|\[?.?\]?\s*({_CLOCK})\s)(.*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the text. `kind` is "line", "pause" or "keep"; a tick or a time of None was not given.

    `torn`: it begins with what is left of a tick or a time. The `text` of a pause is its length. `marks`: its (?).
    """

    number: int
    kind: str
    clip: int | None = None
    tick: bool | None = None
    tenths: int | None = None
    text: str = ""
    torn: bool = False
    marks: int = 0

    @classmethod
    def said(cls, number: int, clip: int | None, tick: bool | None, tenths: int | None, text: str) -> Entry:
        """A line of words."""
        return cls(number, "line", clip, tick, tenths, words_of(text), marks=marks_of(text))


@dataclass(slots=True)
class Head:
    """Title and description, as they stand above the sentences. `twice` are the lines (from 1) of second ones."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    twice: dict[int, str] = field(default_factory=dict)
    open: str = ""
    fenced: bool = False

    def takes(self, number: int, line: str, begun: bool) -> bool:
        """Whether a line is part of it. `begun`: sentences stand above, so that no title begins here."""
        found = None if begun else _TITLE.fullmatch(line)
        if found and found[1].lower() not in self.texts:
            self.open = found[1].lower()
            self.texts[self.open], self.places[self.open] = [found[2].strip()], number
            return True
        if _RULE.fullmatch(line) and (self.fenced or self.open != "description"):
            self.fenced = not self.texts  # the lines around it, as front matter has them
            self.open = ""
            return True
        described = self.open == "description" and any(self.texts["description"])
        if found and self.open and not described:  # else it is a line of the description
            self.twice[number] = found[1].lower()
        elif self.open == "title" and not line.strip():
            self.open = ""
        elif self.open:
            self.texts[self.open].append(line.rstrip())
        return bool(self.open) or not line.strip()

    @property
    def title(self) -> str | None:
        return one_line(" ".join(self.texts["title"])) if self._once("title") else None

    @property
    def description(self) -> str | None:
        return "\n".join(self.texts["description"]).strip() if self._once("description") else None

    def _once(self, kind: str) -> bool:
        return kind in self.texts and kind not in self.twice.values()


@dataclass(slots=True)
class Parsed:
    """What a text says: what stands above the sentences, and its lines from there on, in their order."""

    head: Head = field(default_factory=Head)
    entries: list[Entry] = field(default_factory=list)


def parse(text: str, sheet: Sheet) -> Parsed:
    """What a text says that was written from a sheet.

    Lines that begin with ">" are notes and passed over, but for those of the description. No line of the description
    that was there is a sentence, whatever it looks like, and only our own headings end one.
    """
    described = set(map(str.rstrip, sheet.description.split("\n")))
    whole = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    lines = _controlled(_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), whole)).split("\n")
    quoted = _quoted(lines, _unquoted("\n".join(notes(sheet))))
    parsed, clip = Parsed(), None
    head, begun = parsed.head, False
    for number, line in enumerate(lines, start=1):
        if head.open == "description" and line.rstrip() in described and head.takes(number, line, begun):
            continue
        entry = _entry(number, line, clip)
        heading = _HEADING.match(line)
        if heading and head.open == "description" and line.strip() not in headings(sheet):
            heading = None  # one of the description's own
        note = _NOTE.match(line) and not (number in quoted and head.open == "description")
        if heading or entry is not None or note:
            head.open = ""
        if heading:
            clip = int(heading[1]) - 1 if heading[1] else clip
        elif entry is not None:
            parsed.entries.append(entry)
            begun = True
        elif not note and not head.takes(number, line, begun):
            _on(parsed, number, line, clip)
    return parsed


def _controlled(text: str) -> str:
    """A text without control characters, which would speak to whatever shows it."""
    return "".join(char for char in text if char.isspace() or unicodedata.category(char) != "Cc")


def _quoted(lines: Sequence[str], explained: str) -> set[int]:
    """The numbers (from 1) of lines that begin with ">" and are no part of our notes, however an editor wrapped them.

    A line of few letters goes with the one before it, as the rest of what was wrapped.
    """
    found: set[int] = set()
    own = False
    for number, line in enumerate(lines, start=1):
        if not _NOTE.match(line):
            own = False
            continue
        said = _unquoted(line)
        if len(said) >= _FEW_LETTERS:
            own = len(said) <= len(explained) and fuzz.partial_ratio(said, explained) >= _OUR_NOTE
        if not own:
            found.add(number)
    return found


def _unquoted(text: str) -> str:
    return one_line(re.sub(r"^\s*>", "", text, flags=re.MULTILINE))


def _entry(number: int, line: str, clip: int | None) -> Entry | None:
    """The line, if it has a tick, a time, or is a pause; also with a strange mark in its tick."""
    if pause := _PAUSE.fullmatch(line):
        return Entry(number, pause[1].lower(), clip, text=pause[2].strip())
    tick = _TICK.fullmatch(line)
    rest = tick[2] if tick else line
    time = _TIME.fullmatch(rest)
    if tick is None and time is None:
        torn = _TORN.fullmatch(line)
        return _untimed(number, clip, line) if torn and torn[1] and torn[2] else None
    ticked = None if tick is None else bool(tick[1])
    if time:
        return Entry.said(number, clip, ticked, _tenths(time), time[5])
    return replace(_untimed(number, clip, f"- {rest}"), tick=ticked)  # a number behind a tick is a word


def _tenths(time: re.Match[str]) -> int:
    return int(time[1] or 0) * 36000 + int(time[2]) * 600 + int(time[3]) * 10 + int(time[4])


def _untimed(number: int, clip: int | None, text: str) -> Entry:
    """A line without a time of its own: its words without what is left of its tick and time, if there is any."""
    if torn := _TORN.fullmatch(text):
        time = _TIME.fullmatch(torn[2] or torn[3] or "")
        return replace(Entry.said(number, clip, None, _tenths(time) if time else None, torn[4]), torn=True)
    return Entry.said(number, clip, None, None, _BULLET.sub("", text, count=1))


def _on(parsed: Parsed, number: int, line: str, clip: int | None) -> None:
    """A line without tick and time: indented it goes on with the one before, as an editor that wraps has it."""
    last = parsed.entries[-1] if parsed.entries else None
    if line[:1].isspace() and last is not None and last.kind == "line":
        whole, marks = one_line(f"{last.text} {words_of(line)}"), last.marks + marks_of(line)
        parsed.entries[-1] = replace(last, text=whole, marks=marks)
    else:
        parsed.entries.append(_untimed(number, clip, line))


def words_of(text: str) -> str:
    return one_line(_MARK.sub("", text).replace("<!--", "").replace("-->", ""))


def marks_of(text: str) -> int:
    return len(_MARK.findall(text))
