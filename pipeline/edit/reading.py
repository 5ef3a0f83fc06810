"""PURE: an edited text, compared with the sheet that it came from: what is clear is decided, the rest is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from pipeline.edit.corrected import corrected
from pipeline.edit.matching import joined_there, match, rejoin
from pipeline.edit.parsing import Entry, Head, parse, words_of
from pipeline.edit.sheets import Edits, Line, Sheet, Text, clean, clock, one_line, together, written
from pipeline.wording import likeness, plain

_LETTERS_A_SECOND = 45  # nobody speaks faster
_SAID, _SAID_UNSURE = 0.4, 0.25  # of the letters: less has nothing to do with what was heard; with an unsure sentence
_SHOWN = 60  # letters of a sentence, where it is told
_SAME_LINE = 0.6  # of the letters: less, with another tick, may be a line of another take
_FEW_WORDS = 4  # of fewer, likeness says nothing
_SAME_PAUSE_S = 0.3  # so much longer or shorter it may have become by a correction beside it
_PAUSE_INSIDE = re.compile(r"\[\s*(?:pause|keep)\b", re.IGNORECASE)


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


def read(text: str, sheet: Sheet, edits: Edits, now: Sequence[str] | None = None) -> Reading:
    """What an edited text changes about `edits`. `sheet` is what the text was written from, `edits` what held then.

    `now` are the sha256 of the take's clips as they are; None: those of the sheet.
    """
    theirs, ours = parse(text, sheet), parse(written(sheet), sheet)
    own = [entry for entry in ours.entries if entry.kind == "line"]
    matched, strangers = match(theirs.entries, own)
    strangers, torn = rejoin(theirs.entries, matched, strangers, own)
    shas = tuple(sha for sha, _ in sheet.clips)
    work = _Work(sheet, edits, shas if now is None else tuple(now), {clock(line.start_ms) for line in sheet.lines})
    work.problems += [*map(_torn, torn), *_strange(strangers, matched, own)]
    known_words = (likeness(entry.text, own[number].text) >= _SAME_LINE for number, entry in matched.items())
    if not strangers or not own or any(known_words):  # else it is the file of another take
        work.texts(theirs.head, ours.head)
    last: dict[int, int] = {}
    found, known = set[int](), set(matched)
    for number, entry in sorted(matched.items(), key=lambda pair: pair[1].number):
        numbers = joined_there(number, entry.text, known, own)
        was = one_line(" ".join(own[each].text for each in numbers))
        lines = [sheet.lines[each] for each in numbers]
        work.sentence(sheet.lines[number], lines, entry, was, sum(own[each].marks for each in numbers))
        last[entry.number] = numbers[-1]
        found.update(numbers)
        known.update(numbers)
    work.pauses(theirs.entries, last)
    work.missing([number for number in range(len(sheet.lines)) if number not in found])
    return Reading(work.edits, tuple(work.changes), tuple(sorted(work.problems, key=lambda each: each.line)))


def _torn(half: Entry) -> Problem:
    says = "A sentence is kept or cut as a whole, so this half of one does what the half before it does."
    return Problem(half.number, says)


def _strange(strangers: Sequence[Entry], matched: Mapping[int, Entry], ours: Sequence[Entry]) -> Iterator[Problem]:
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

    def texts(self, theirs: Head, ours: Head) -> None:
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

    def sentence(self, line: Line, lines: Sequence[Line], entry: Entry, was: str, marks: int) -> None:
        """`line` is the one that was matched, `lines` are all that stand in the entry.

        `was` is their text, and `marks` how many (?) stood in it.
        """
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
        whole = together(lines)
        if mended and self._said(whole, entry):
            self._mend(whole, entry)
        elif not mended:
            self._look(lines, entry, marks)

    def _look(self, lines: Sequence[Line], entry: Entry, marks: int) -> None:
        """Without its marks an unsure sentence is right as it was heard; with a mark again it is unsure again."""
        unsure = [line for line in lines if line.unsure]
        ours = sum(len(line.doubts) for line in unsure)
        if unsure and entry.marks <= marks - ours:  # what else looks like a mark was said so
            for line in unsure if not self._gone(lines[0], entry) else ():
                text = Text(self.sheet.clips[line.clip][0], line.from_ms, line.to_ms, line.words)
                self.edits = self.edits.found_right(text)
                self._told_right(line, entry, "right as it was heard")
        elif entry.marks > marks and not self._gone(lines[0], entry):
            for line in (line for line in lines if line.confirmed):
                self.edits = self.edits.unsure_again(self.sheet.clips[line.clip][0], line.from_ms, line.to_ms)
                self._told_right(line, entry, "unsure again")

    def _told_right(self, line: Line, entry: Entry, what: str) -> None:
        self.changes.append(Change(entry.number, f'{clock(line.start_ms)} is {what}: "{_short(line.text)}"'))

    def _tick(self, line: Line, entry: Entry) -> None:
        keep = None if entry.tick == line.default else entry.tick
        sha = self.sheet.clips[line.clip][0]
        self.edits = self.edits.ruled(sha, line.from_ms, line.to_ms, keep, sound=line.offer)
        verb = "kept" if entry.tick else "cut"
        self.changes.append(Change(entry.number, f'{clock(line.start_ms)} is {verb}: "{_short(line.text)}"'))

    def _mend(self, line: Line, entry: Entry) -> None:
        sha = self.sheet.clips[line.clip][0]
        self.edits = self._as_heard(line, entry) or self.edits.told(
            sha, line.from_ms, line.to_ms, corrected(sha, line, entry.text)
        )
        if not entry.tick and not line.ticked:  # by a rule, which does not cut what somebody wrote
            self.edits = self.edits.ruled(sha, line.from_ms, line.to_ms, False)
        after, before = _around(entry.text, line.text), _around(line.text, entry.text)
        says = f'{clock(line.start_ms)} says "{after}" instead of "{before}"'
        self.changes.append(Change(entry.number, says, line.text, entry.text))

    def _as_heard(self, line: Line, entry: Entry) -> Edits | None:
        """Without the correction of a line that says what was heard; None where it does not.

        One that is shared with the line beside it is not taken back by half: it may begin in the middle of a word.
        """
        without = self.edits.told(self.sheet.clips[line.clip][0], line.from_ms, line.to_ms, None)
        whole = set(self.edits.texts).issuperset(without.texts)
        return without if whole and entry.text == words_of(line.heard) else None

    def _gone(self, line: Line, entry: Entry) -> bool:
        sha, name = self.sheet.clips[line.clip]
        if sha not in self.now:
            says = f"This sentence is in {name} as it was before; that clip is another one now. Take this change back"
            says += " and make the video again: then its own sentences stand here."
            self.problems.append(Problem(entry.number, says))
        return sha not in self.now

    def _said(self, line: Line, entry: Entry) -> bool:
        """Whether the corrected text can be what is said there."""
        words, seconds = entry.text.split(), max(1, line.to_ms - line.from_ms) / 1000
        alike = max(likeness(entry.text, line.text), likeness(entry.text, line.heard))
        says = ""
        if not plain(entry.text):
            says = "This sentence has no words. To cut it, take the x out of its [x]."
        elif any(word in self.clocks for word in set(words) - set(line.text.split())):
            says = "More than one line stands here. Give each sentence a line of its own again."
        elif _PAUSE_INSIDE.search(entry.text) and not _PAUSE_INSIDE.search(line.text):
            says = "A pause has a line of its own, below its sentence: move [keep] there."
        elif len(plain(entry.text)) > _LETTERS_A_SECOND * seconds and len(words) > len(line.words):
            says = f"{len(words)} words cannot be said in {seconds:.1f} s, so the sentence stays as it was heard."
        elif len(words) >= _FEW_WORDS and alike < (_SAID_UNSURE if line.doubts else _SAID):
            says = f'Nobody says "{_short(entry.text)}" there. What was heard: "{_short(line.heard or line.text)}"'
        if says:
            self.problems.append(Problem(entry.number, says))
        return not says

    def pauses(self, entries: Sequence[Entry], lines: Mapping[int, int]) -> None:
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

    def _pause(self, line: Line, entry: Entry) -> None:
        keep = entry.kind == "keep"
        start, end = line.to_ms, line.to_ms + line.pause_ms
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
