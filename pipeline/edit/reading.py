"""PURE: an edited text, compared with the sheet that it came from: what is clear is decided, the rest is answered."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import groupby

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel, Levenshtein

from pipeline.edit.sheets import MARK, Edits, Line, Sheet, Text, clean, clock, doubtful, ends, notes, one_line, written
from pipeline.model import Word, spaceless
from pipeline.wording import laid, likeness, plain

_LETTERS_A_SECOND = 45  # nobody speaks faster
_ALIKE = 0.8  # of the letters: the same sentence, moved and mended
_SAID, _SAID_IN_DRAFT = 0.4, 0.25  # of the letters: less has nothing to do with what was heard
_SHOWN = 60  # letters of a sentence, where it is told
_SAME_LINE = 0.6  # of the letters: less, with another tick, may be a line of another take
_FEW_WORDS = 4  # of fewer, likeness says nothing
_SAME_PAUSE_S = 0.3  # so much longer or shorter it may have become by a correction beside it
_NEAR_TENTHS = 5  # a corrected line may begin so much earlier or later than it did when a file was opened
_SHORTEST_WORD_MS = 40
_OUR_NOTE, _FEW_LETTERS = 80, 12  # percent of a line's letters that stand in our notes in that order; of fewer, chance


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of edit.md (from 1) that cannot be obeyed, and why, as a sentence."""

    line: int
    says: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a line of edit.md (from 1) changes, as a sentence. `before` and `after` are its words, where they differ."""

    line: int
    says: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an edited text asks for."""

    edits: Edits
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the text. `kind` is "line", "pause" or "keep"; a tick or a time of None was not given.

    `torn`: it begins with what is left of a tick or a time. The `text` of a pause is its length.
    """

    number: int
    kind: str
    clip: int | None = None
    tick: bool | None = None
    tenths: int | None = None
    text: str = ""
    torn: bool = False


@dataclass(slots=True)
class _Head:
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
class _Parsed:
    head: _Head = field(default_factory=_Head)
    entries: list[_Entry] = field(default_factory=list)


_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TITLE = re.compile(r"\s*(title|description)\s*:(.*)", re.IGNORECASE)
_NOTE = re.compile(r"\s*>")
_HEADING = re.compile(r"\s*#+\s+(?:(\d+)\.)?")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*")
_LIST = r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s*)?"
_CLOCK = r"(?:\d+:)?\d+:\d\d?(?:[.,]\d*)?"
_PAUSE = re.compile(rf"{_LIST}\[\s*(pause|keep)\b([^\]]*)\]\s*", re.IGNORECASE)
_PAUSE_INSIDE = re.compile(r"\[\s*(?:pause|keep)\b", re.IGNORECASE)
_TICK = re.compile(rf"{_LIST}\[\s*([xX✓✔✗]?)\s*\](.*)")
_TIME = re.compile(rf"{_LIST}(?:(\d+):)?(\d+):(\d\d)[.,](\d)\d*(?!\d)(.*)")
_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_I = re.compile(r"I(?![^\W_])")  # and I'm, I'll: no names
_TORN = re.compile(rf"{_LIST}(?:(\[.?\ufe0f?\])\s+(?:({_CLOCK})\s)?|\[?.?\]?\s*({_CLOCK})\s)(.*)")


def read(text: str, sheet: Sheet, edits: Edits, now: Sequence[str] | None = None) -> Reading:
    """What an edited text changes about `edits`. `sheet` is what the text was written from, `edits` what held then.

    `now` are the sha256 of the take's clips as they are; None: those of the sheet.
    """
    explained = _unquoted("\n".join(notes(sheet)))
    described = set(map(str.rstrip, sheet.description.split("\n")))
    theirs, ours = _parsed(text, explained, described), _parsed(written(sheet), explained, described)
    own = [entry for entry in ours.entries if entry.kind == "line"]
    matched, strangers = _matched(theirs.entries, own)
    strangers, problems = _rejoined(theirs.entries, matched, strangers, own)
    shas = tuple(sha for sha, _ in sheet.clips)
    work = _Work(sheet, edits, shas if now is None else tuple(now), {clock(line.start_ms) for line in sheet.lines})
    work.problems += [*problems, *_strange(strangers, matched, own)]
    known_words = (likeness(entry.text, own[number].text) >= _SAME_LINE for number, entry in matched.items())
    if not strangers or not own or any(known_words):  # else it is the file of another take
        work.texts(theirs.head, ours.head)
    last: dict[int, int] = {}
    found, known = set[int](), set(matched)
    for number, entry in sorted(matched.items(), key=lambda pair: pair[1].number):
        numbers = _joined_there(number, entry.text, known, own)
        was = one_line(" ".join(own[each].text for each in numbers))
        work.sentence(sheet.lines[number], [sheet.lines[each] for each in numbers], entry, was)
        last[entry.number] = numbers[-1]
        found.update(numbers)
        known.update(numbers)
    work.pauses(theirs.entries, last)
    work.missing([number for number in range(len(sheet.lines)) if number not in found])
    return Reading(work.edits, tuple(work.changes), tuple(sorted(work.problems, key=lambda each: each.line)))


def _parsed(text: str, explained: str, described: Set[str]) -> _Parsed:
    """What a text says. Lines that begin with ">" are notes and passed over, but for those of the description.

    `explained` is what our own notes say, `described` are the lines of the description that was there: none of them is
    a sentence, whatever it looks like.
    """
    whole = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    lines = _controlled(_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), whole)).split("\n")
    quoted = _quoted(lines, explained)
    parsed, clip = _Parsed(), None
    head, begun = parsed.head, False
    for number, line in enumerate(lines, start=1):
        if head.open == "description" and line.rstrip() in described and head.takes(number, line, begun):
            continue
        entry = _entry(number, line, clip)
        heading = _HEADING.match(line)
        if heading and not heading[1] and head.open == "description":
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


def _entry(number: int, line: str, clip: int | None) -> _Entry | None:
    """The line, if it has a tick, a time, or is a pause; also with a strange mark in its tick."""
    if pause := _PAUSE.fullmatch(line):
        return _Entry(number, pause[1].lower(), clip, text=pause[2].strip())
    tick = _TICK.fullmatch(line)
    rest = tick[2] if tick else line
    time = _TIME.fullmatch(rest)
    if tick is None and time is None:
        torn = _TORN.fullmatch(line)
        return _untimed(number, clip, line) if torn and torn[1] and torn[2] else None
    ticked = None if tick is None else bool(tick[1])
    if time:
        return _Entry(number, "line", clip, ticked, _tenths(time), _words_of(time[5]))
    return replace(_untimed(number, clip, f"- {rest}"), tick=ticked)  # a number behind a tick is a word


def _tenths(time: re.Match[str]) -> int:
    return int(time[1] or 0) * 36000 + int(time[2]) * 600 + int(time[3]) * 10 + int(time[4])


def _untimed(number: int, clip: int | None, text: str) -> _Entry:
    """A line without a time of its own: its words without what is left of its tick and time, if there is any."""
    if torn := _TORN.fullmatch(text):
        time = _TIME.fullmatch(torn[2] or torn[3] or "")
        return _Entry(number, "line", clip, None, _tenths(time) if time else None, _words_of(torn[4]), torn=True)
    return _Entry(number, "line", clip, text=_words_of(_BULLET.sub("", text, count=1)))


def _on(parsed: _Parsed, number: int, line: str, clip: int | None) -> None:
    """A line without tick and time: indented it goes on with the one before, as an editor that wraps has it."""
    last = parsed.entries[-1] if parsed.entries else None
    if line[:1].isspace() and last is not None and last.kind == "line":
        parsed.entries[-1] = replace(last, text=one_line(f"{last.text} {_words_of(line)}"))
    else:
        parsed.entries.append(_untimed(number, clip, line))


def _words_of(text: str) -> str:
    return one_line(text.replace(MARK, "").replace("<!--", "").replace("-->", ""))


def _matched(theirs: Sequence[_Entry], ours: Sequence[_Entry]) -> tuple[dict[int, _Entry], list[_Entry]]:
    """Which line of the sheet each entry is: by its time first, then by its words, then by about its time.

    Also returns what is left.
    """
    matched: dict[int, _Entry] = {}
    left = [entry for entry in theirs if entry.kind == "line"]
    for found_in in (_same, _same_time, _same_time_elsewhere, _same_words, _like_words, _near_time):
        free = {number: own for number, own in enumerate(ours) if number not in matched}
        found = found_in(left, free) if left and free else {}
        matched |= found
        taken = {entry.number for entry in found.values()}
        left = [entry for entry in left if entry.number not in taken]
    return matched, left


def _by(
    key: Callable[[_Entry], Hashable | None],
    left: Iterable[_Entry],
    free: Mapping[int, _Entry],
    test: Callable[[_Entry, _Entry], bool] = lambda entry, own: True,
) -> dict[int, _Entry]:
    """Each entry with the first line that has the same key and stands the test; a key of None is none."""
    waiting: dict[Hashable, list[int]] = {}
    for number, own in free.items():
        waiting.setdefault(key(own), []).append(number)
    found: dict[int, _Entry] = {}
    for entry in left:
        asked = key(entry)
        numbers = [] if asked is None else waiting.get(asked, [])
        place = next((place for place, number in enumerate(numbers) if test(entry, free[number])), None)
        if place is not None:
            found[numbers.pop(place)] = entry
    return found


def _rejoined(
    theirs: Sequence[_Entry], matched: dict[int, _Entry], left: Sequence[_Entry], ours: Sequence[_Entry]
) -> tuple[list[_Entry], list[Problem]]:
    """Gives the second half of a sentence that was broken in two back to the first.

    Returns what is still left, and which halves were to be cut.
    """
    numbers = {entry.number: number for number, entry in matched.items()}
    halves = {entry.number for entry in left}
    strangers, problems = [], []
    before: int | None = None
    for entry in (entry for entry in theirs if entry.kind == "line"):
        before = numbers.get(entry.number, before)
        if entry.number not in halves:
            continue
        whole = None if before is None or entry.torn else one_line(f"{matched[before].text} {entry.text}")
        if before is None or not whole or not _closer(whole, matched[before].text, ours[before].text):
            strangers.append(entry)
            continue
        if entry.tick not in {None, matched[before].tick}:
            says = "A sentence is kept or cut as a whole, so this half of one does what the half before it does."
            problems.append(Problem(entry.number, says))
        matched[before] = replace(matched[before], text=whole)
    return strangers, problems


def _joined_there(number: int, text: str, known: Set[int], ours: Sequence[_Entry]) -> list[int]:
    """The line that a text was matched with, and those beside it that have no line of their own and stand in it."""
    first = last = number
    was = ours[number].text
    while last + 1 < len(ours) and last + 1 not in known and ours[last + 1].clip == ours[number].clip:
        if not _closer(f"{was} {ours[last + 1].text}", was, text):
            break
        was, last = f"{was} {ours[last + 1].text}", last + 1
    while first > 0 and first - 1 not in known and ours[first - 1].clip == ours[number].clip:
        if not _closer(f"{ours[first - 1].text} {was}", was, text):
            break
        was, first = f"{ours[first - 1].text} {was}", first - 1
    return list(range(first, last + 1))


def _closer(one: str, other: str, to: str) -> bool:
    """Whether the first of two texts is more like a third."""
    return likeness(one, to) > likeness(other, to)


def _same(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    return _by(lambda entry: None if entry.tenths is None else (entry.clip, entry.tenths, entry.text), left, free)


def _same_time(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    return _by(lambda entry: None if entry.tenths is None else (entry.clip, entry.tenths), left, free)


def _same_time_elsewhere(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    """Moved below another clip: only with nearly its own words."""
    return _by(lambda entry: entry.tenths, left, free, lambda entry, own: likeness(entry.text, own.text) >= _ALIKE)


def _same_words(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    return _by(lambda entry: plain(entry.text) if entry.text else None, left, free)


def _like_words(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    """Each entry with the line that is most like it, where one is like it at all."""
    waiting = {number: said for number, own in free.items() if (said := plain(own.text))}
    found: dict[int, _Entry] = {}
    for entry in left:
        said = plain(entry.text)
        best = process.extractOne(said, waiting, scorer=Indel.normalized_similarity, score_cutoff=_ALIKE)
        if said and best:
            found[best[2]] = entry
            del waiting[best[2]]
    return found


def _near_time(left: Sequence[_Entry], free: Mapping[int, _Entry]) -> dict[int, _Entry]:
    """Each entry with the only line that begins about then, where no other entry could be that one.

    A correction can move the time of its line, and whoever has the file open still has the one from before.
    """
    waiting = sorted((own.clip or 0, own.tenths, number) for number, own in free.items() if own.tenths is not None)
    found: dict[int, list[_Entry]] = {}
    for entry, tenths in ((entry, entry.tenths) for entry in left if entry.tenths is not None):
        first = bisect_left(waiting, (entry.clip or 0, tenths - _NEAR_TENTHS, 0))
        last = bisect_left(waiting, (entry.clip or 0, tenths + _NEAR_TENTHS + 1, 0))
        if last - first == 1:
            found.setdefault(waiting[first][2], []).append(entry)
    return {number: entries[0] for number, entries in found.items() if len(entries) == 1}


def _strange(strangers: Sequence[_Entry], matched: Mapping[int, _Entry], ours: Sequence[_Entry]) -> Iterator[Problem]:
    taken = {(ours[number].clip, ours[number].tenths): entry.number for number, entry in matched.items()}
    for entry in strangers:
        twice = taken.get((entry.clip, entry.tenths)) if entry.tenths is not None else None
        if twice is not None:
            says = f"This sentence stands in line {twice} already; that one counts."
        else:
            says = f'Nobody says "{_short(entry.text)}" there, so it cannot be shown. Correct the sentence that you'
            says += " mean instead."
        yield Problem(entry.number, says)


@dataclass(slots=True)
class _Work:
    """Collects what a text changes."""

    sheet: Sheet
    edits: Edits
    now: tuple[str, ...]
    clocks: Set[str]  # at which its lines begin
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def texts(self, theirs: _Head, ours: _Head) -> None:
        for number, kind in theirs.twice.items():
            says = (
                f"A second {kind} stands here, so the {kind} stays as it was. Take away the one that you do not mean."
            )
            self.problems.append(Problem(number, says))
        if theirs.title is not None and theirs.title != ours.title:
            own = "" if theirs.title == clean(self.sheet.usual) else theirs.title
            told = f'the title: "{theirs.title}"' if theirs.title else "the recipe's title"
            self.edits = replace(self.edits, title=own or None, instead=self.sheet.usual if own else None)
            self.changes.append(Change(theirs.places["title"], told))
        if theirs.description is not None and theirs.description != ours.description:
            self.edits = replace(self.edits, description=theirs.description or None)
            told = (
                f'the description: "{_short(theirs.description)}"' if theirs.description else "the recipe's description"
            )
            self.changes.append(Change(theirs.places["description"], told))

    def sentence(self, line: Line, lines: Sequence[Line], entry: _Entry, was: str) -> None:
        """`line` is the one that was matched, `lines` are all that stand in the entry; `was` is their text."""
        if entry.torn:
            says = f"A sentence begins with - [x] or - [ ] and its time, {clock(line.start_ms)}. What stands here"
            self.problems.append(Problem(entry.number, f"{says} is neither, so the sentence stays as it was."))
            return
        ticked = entry.tick is not None and entry.tick != line.ticked
        mended = entry.text != was
        if (ticked or mended) and self._gone(line, entry):
            return
        if ticked and mended and plain(entry.text) and likeness(entry.text, was) < _SAME_LINE:
            says = f'What is said at {clock(line.start_ms)} is "{_short(was)}". Here both the words and the tick are'
            says += " others, so the sentence stays as it was. Change one of the two, make the video, then the other."
            self.problems.append(Problem(entry.number, says))
            return
        for each in lines if ticked else ():
            self._tick(each, entry)
        whole = replace(
            line,
            words=tuple(word for each in lines for word in each.words),
            heard=one_line(" ".join(each.heard for each in lines)),
        )
        if mended and self._said(whole, entry):
            self._mend(whole, entry)

    def _tick(self, line: Line, entry: _Entry) -> None:
        keep = None if entry.tick == line.default else entry.tick
        self.edits = self.edits.ruled(self.sheet.clips[line.clip][0], line.start_ms, line.end_ms, keep)
        verb = "kept" if entry.tick else "cut"
        self.changes.append(Change(entry.number, f'{clock(line.start_ms)} is {verb}: "{_short(line.text)}"'))

    def _mend(self, line: Line, entry: _Entry) -> None:
        sha = self.sheet.clips[line.clip][0]
        heard = entry.text == _words_of(line.heard)
        text = None if heard else _text(sha, line, entry.text)
        self.edits = self.edits.told(sha, line.start_ms, line.end_ms, text)
        after, before = _around(entry.text, line.text), _around(line.text, entry.text)
        says = f'{clock(line.start_ms)} says "{after}" instead of "{before}"'
        self.changes.append(Change(entry.number, says, line.text, entry.text))

    def _gone(self, line: Line, entry: _Entry) -> bool:
        sha, name = self.sheet.clips[line.clip]
        if sha not in self.now:
            says = f"This sentence is in {name} as it was before; that clip is another one now."
            self.problems.append(Problem(entry.number, says))
        return sha not in self.now

    def _said(self, line: Line, entry: _Entry) -> bool:
        """Whether the corrected text can be what is said there."""
        words, seconds = entry.text.split(), max(1, line.end_ms - line.start_ms) / 1000
        says = ""
        if not plain(entry.text):
            says = "This sentence has no words. To cut it, take the x out of its [x]."
        elif any(word in self.clocks for word in set(words) - set(line.text.split())):
            says = "More than one line stands here. Give each sentence a line of its own again."
        elif _PAUSE_INSIDE.search(entry.text) and not _PAUSE_INSIDE.search(line.text):
            says = "A pause has a line of its own, below its sentence: move [keep] there."
        elif len(plain(entry.text)) > _LETTERS_A_SECOND * seconds and len(words) > len(line.words):
            says = f"{len(words)} words cannot be said in {seconds:.1f} s, so the sentence stays as it was heard."
        elif len(words) >= _FEW_WORDS and likeness(entry.text, line.text) < (
            _SAID_IN_DRAFT if self.sheet.draft else _SAID
        ):
            says = f'Nobody says "{_short(entry.text)}" there. What was heard: "{_short(line.text)}"'
        if says:
            self.problems.append(Problem(entry.number, says))
        return not says

    def pauses(self, entries: Sequence[_Entry], lines: Mapping[int, int]) -> None:
        """A pause belongs to the sentence before it."""
        before: int | None = None
        seen: set[int] = set()
        for entry in entries:
            if entry.kind == "line":
                before = lines.get(entry.number, before)
                continue
            line = self.sheet.lines[before] if before is not None else None
            if line is None or not line.pause_ms or before in seen:
                if entry.kind == "keep":
                    self.problems.append(Problem(entry.number, "There is no shortened pause here that could be kept."))
                continue
            seen.add(before if before is not None else -1)
            if _other_length(entry.text, line.pause_ms):
                says = "A pause is shortened, or kept as it was by [keep]; another length cannot be asked for here."
                self.problems.append(Problem(entry.number, says))
            elif (entry.kind == "keep") != line.pause_kept and not self._gone(line, entry):
                self._pause(line, entry)

    def _pause(self, line: Line, entry: _Entry) -> None:
        keep = entry.kind == "keep"
        start, end = line.end_ms, line.end_ms + line.pause_ms
        self.edits = self.edits.ruled(self.sheet.clips[line.clip][0], start, end, True if keep else None)
        verb = "is kept" if keep else "is shortened"
        self.changes.append(Change(entry.number, f"the pause of {line.pause_ms / 1000:.1f} s at {clock(start)} {verb}"))

    def missing(self, numbers: Sequence[int]) -> None:
        lines = [self.sheet.lines[number] for number in numbers]
        if lines and len(lines) == len(self.sheet.lines):
            self.problems.append(
                Problem(1, "None of the sentences stands here any more, so all of them stay as they were.")
            )
            return
        for line in lines:
            says = f'The sentence at {clock(line.start_ms)} has lost its line and stays: "{_short(line.text)}"'
            self.problems.append(Problem(1, f"{says}. To cut it, put the line back without its x."))


def _other_length(told: str, pause_ms: int) -> bool:
    seconds = re.search(r"\d+(?:[.,]\d+)?", told)
    return seconds is not None and abs(float(seconds[0].replace(",", ".")) - pause_ms / 1000) > _SAME_PAUSE_S


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _around(text: str, other: str) -> str:
    """What of a long text is different in another, with two words on each side; a short one as a whole."""
    if max(len(text), len(other)) <= _SHOWN:
        return text
    words, others = text.split(), other.split()
    first = _same_words_first(words, others)
    last = len(words) - _same_words_first(words[first:][::-1], others[first:][::-1])
    start, end = max(0, first - 2), last + 2
    dots = "… " if start else "", " …" if end < len(words) else ""
    return dots[0] + _short(" ".join(words[start:end])) + dots[1]


def _same_words_first(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words two texts begin with alike."""
    pairs = enumerate(zip(words, others, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(words), len(others)))


# --- corrected texts --------------------------------------------------------------------------------------------------


def _text(clip: str, line: Line, told: str) -> Text:
    """A corrected line: words that stay keep their times, the others share the time between them."""
    tokens, words = _tokens(told), line.words
    stays = _staying(words, tokens)
    made: list[Word] = []
    fresh: list[int] = []
    for number, old in [*stays.items(), (len(tokens), len(words))]:
        new = tokens[len(made) : number]
        if new:
            fresh += range(len(made), number)
            made += laid(new, *_room(words, stays.get(len(made) - 1, -1) + 1, old))
        if old < len(words):
            made.append(replace(words[old], confidence=1.0))
    return Text(clip, line.start_ms, line.end_ms, _in_order(made), tuple(fresh))


def _staying(words: Sequence[Word], tokens: Sequence[str]) -> dict[int, int]:
    """Which tokens are words that were heard, and where.

    Beside new words for which there is no room, a word gives up its time to share it with them.
    """
    codes = Levenshtein.opcodes([clean(word.text) for word in words], tokens)
    same = (code for code in codes if code.tag == "equal")
    stays = {code.dest_start + n: code.src_start + n for code in same for n in range(code.src_end - code.src_start)}
    for equal, run in groupby(codes, key=lambda code: code.tag == "equal"):
        group = [] if equal else list(run)
        new = group[-1].dest_end - group[0].dest_start if group else 0
        start, end = _room(words, group[0].src_start, group[-1].src_end) if new else (0, 0)
        if end - start < new * _SHORTEST_WORD_MS:
            stays.pop(group[0].dest_start - 1, None)
            stays.pop(group[-1].dest_end, None)
    return stays


def _tokens(text: str) -> list[str]:
    """The words of a text; where a script has no spaces, its characters."""
    runs = ((spaceless(token[0]), token) for part in text.split() for token in _by_script(part))
    return [word for single, token in runs for word in (token if single else [token])]


def _by_script(part: str) -> Iterator[str]:
    return ("".join(run) for _, run in groupby(part, key=spaceless))


def _room(words: Sequence[Word], first: int, last: int) -> tuple[int, int]:
    """The time of words first..last; where there are none, the gap between their neighbors."""
    if first < last:
        return words[first].start_ms, max(word.end_ms for word in words[first:last])
    start = words[first - 1].end_ms if first else words[0].start_ms
    return start, max(start, words[first].start_ms if first < len(words) else start)


def timed(text: Text, aligned: Sequence[Word]) -> Text:
    """The text with its fresh words where the aligner heard them, between the words that stay.

    Words that were heard too close together share the room that there is.
    """
    if len(aligned) != len(text.words):
        return replace(text, fresh=())
    words, fresh = list(text.words), set(text.fresh)
    for isfresh, run in groupby(range(len(words)), key=lambda number: number in fresh):
        if isfresh:
            numbers = list(run)
            low = words[numbers[0] - 1].end_ms if numbers[0] else text.start_ms
            high = words[numbers[-1] + 1].start_ms if numbers[-1] + 1 < len(words) else text.end_ms
            words[numbers[0] : numbers[-1] + 1] = _between([aligned[number] for number in numbers], low, high)
    times = zip(text.words, _in_order(words), strict=True)
    told = (replace(word, start_ms=at.start_ms, end_ms=at.end_ms) for word, at in times)
    return replace(text, words=tuple(told), fresh=())


def _between(words: Sequence[Word], low: int, high: int) -> list[Word]:
    """The words moved between two times, in their order, each of them as long as a word has to be if there is room."""
    high = max(low, high)
    least = min(_SHORTEST_WORD_MS, (high - low) // len(words))
    moved: list[Word] = []
    for left, word in zip(range(len(words) - 1, -1, -1), words, strict=True):
        latest = high - least * left
        start = min(max(word.start_ms, low), latest - least)
        low = min(max(word.end_ms, start + least), latest)
        moved.append(replace(word, start_ms=start, end_ms=low))
    return moved


def _in_order(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words one after another, also where those that stay were heard over each other."""
    found: list[Word] = []
    for word in words:
        start = max(word.start_ms, found[-1].end_ms) if found else word.start_ms
        found.append(replace(word, start_ms=start, end_ms=max(start, word.end_ms)))
    return tuple(found)


def unsure(line: Line) -> Iterator[str]:
    """The words of a line that may be misheard."""
    return (clean(word.text) for word in line.words if doubtful(word))


def learned(
    changes: Iterable[Change], lines: Sequence[Line], common: Callable[[str], bool] = lambda word: False
) -> tuple[str, ...]:
    """Names that corrections brought, those of `changes` and those that the lines hold already.

    A name is capitalized where no sentence begins, or was never heard and is no `common` word.
    """
    heard = {plain(word) for line in lines for word in line.heard.split()}
    kept = ((line.heard, line.text) for line in lines if line.heard != line.text)
    found: dict[str, str] = {}
    for before, after in [*((change.before, change.after) for change in changes), *kept]:
        for word in _names(after.split(), {_bare(token) for token in before.split()}, heard, common):
            found.setdefault(plain(word), word)
    return tuple(found.values())


def _names(tokens: Sequence[str], before: Set[str], heard: Set[str], common: Callable[[str], bool]) -> Iterator[str]:
    for number, token in enumerate(tokens):
        word = _bare(token)
        if len(word) < 2 or word in before or not any(c.isalpha() for c in word):
            continue
        inside = number > 0 and not ends(tokens[number - 1])
        capital = inside and word[0].isupper() and not _I.match(word)
        if capital or (plain(word) not in heard and not common(word.lower())):
            yield word


def _bare(token: str) -> str:
    """A word without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", token)
