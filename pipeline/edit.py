"""PURE: edit.md, the words as the editing surface: sentences with ticks <-> what somebody decided by hand.

`sheet` lays out what a take says, `written` puts it into text, `read` compares an edited text with the sheet that it
came from. What was decided is kept as stretches of clip time, so that it outlives a change of engine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise

from rapidfuzz.distance import Levenshtein

from pipeline.model import Piece, Span, Transcript, TrimRules, Word, joined, separator, spaceless
from pipeline.trim import ByHand, Slip
from pipeline.wording import laid, likeness, plain

_UNSURE = 0.5  # confidence; a word below it is marked
_MARK = "(?)"
_LONGEST_LINE = 40  # words; who never ends a sentence gets a line break
_SLIVER_MS = 100  # what is left of a stretch and shorter than this was nobody's wish
_SHORTEST_WORD_MS = 40
_LETTERS_A_SECOND = 45  # nobody speaks faster
_ALIKE = 0.8  # of the letters: the same sentence, moved and mended
_SAID, _SAID_IN_DRAFT = 0.4, 0.25  # of the letters: less has nothing to do with what was heard
_FEW_WORDS = 4  # of fewer, likeness says nothing
_ENDS = re.compile(r"[.!?…。！？؟।][\"'”’»)\]」』]*$")
_ABBREVIATED = frozenset(["mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "no.", "e.g.", "i.e.", "z.b.", "ca."])


# --- what was decided -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ruling:
    """A stretch of a clip (its sha256) that was kept or cut by hand, in milliseconds."""

    clip: str
    start_ms: int
    end_ms: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Text:
    """What is really said in a stretch of a clip. `fresh` are the places of words that were not timed by sound yet."""

    clip: str
    start_ms: int
    end_ms: int
    words: tuple[Word, ...]
    fresh: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        return joined(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Edits:
    """All that was decided by hand about a take. None leaves a text to the recipe."""

    title: str | None = None
    description: str | None = None
    rulings: tuple[Ruling, ...] = ()
    texts: tuple[Text, ...] = ()

    def by_hand(self, clip: str) -> ByHand:
        """The stretches of one clip, for trimming."""
        own = [ruling for ruling in self.rulings if ruling.clip == clip]
        return ByHand(
            tuple(Span(each.start_ms, each.end_ms) for each in own if not each.keep),
            tuple(Span(each.start_ms, each.end_ms) for each in own if each.keep),
        )

    def corrected(self, transcript: Transcript, clip: str) -> Transcript:
        """The transcript of a clip with its corrected texts."""
        words = list(transcript.words)
        for text in (text for text in self.texts if text.clip == clip):
            words = [word for word in words if not _within(word, text.start_ms, text.end_ms)]
            words = sorted([*words, *text.words], key=lambda word: (word.start_ms, word.end_ms))
        return replace(transcript, words=tuple(words))

    def ruled(self, clip: str, start_ms: int, end_ms: int, keep: bool | None) -> Edits:
        """With a stretch cut or kept; None leaves it to the rules again."""
        rest = [part for ruling in self.rulings for part in _outside(ruling, clip, start_ms, end_ms)]
        new = [] if keep is None else [Ruling(clip, start_ms, end_ms, keep)]
        return replace(self, rulings=tuple(sorted([*rest, *new], key=lambda each: (each.clip, each.start_ms))))

    def told(self, clip: str, start_ms: int, end_ms: int, text: Text | None) -> Edits:
        """With a stretch that says something else; None leaves it as it was heard."""
        rest = [part for old in self.texts for part in _parts(old, clip, start_ms, end_ms)]
        new = [] if text is None else [text]
        return replace(self, texts=tuple(sorted([*rest, *new], key=lambda each: (each.clip, each.start_ms))))


def _within(word: Word, start_ms: int, end_ms: int) -> bool:
    return start_ms <= (word.start_ms + word.end_ms) / 2 <= end_ms


def _outside(ruling: Ruling, clip: str, start_ms: int, end_ms: int) -> Iterator[Ruling]:
    """What of a ruling lies outside a stretch."""
    if ruling.clip != clip or ruling.end_ms <= start_ms or end_ms <= ruling.start_ms:
        yield ruling
        return
    for start, end in ((ruling.start_ms, start_ms), (end_ms, ruling.end_ms)):
        if end - start >= _SLIVER_MS:
            yield replace(ruling, start_ms=start, end_ms=end)


def _parts(text: Text, clip: str, start_ms: int, end_ms: int) -> Iterator[Text]:
    """What of a corrected text lies outside a stretch."""
    if text.clip != clip or text.end_ms <= start_ms or end_ms <= text.start_ms:
        yield text
        return
    fresh = {id(text.words[number]) for number in text.fresh}
    for start, end in ((text.start_ms, start_ms), (end_ms, text.end_ms)):
        words = tuple(w for w in text.words if start <= (w.start_ms + w.end_ms) / 2 <= end)
        if words and end > start:
            marked = tuple(number for number, word in enumerate(words) if id(word) in fresh)
            yield Text(clip, start, end, words, marked)


# --- the sheet --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, or a part of one that goes alone. `default` is its tick as the rules have it.

    `pause_ms` is the length of the pause behind it, where that is shortened or would be; 0: none.
    """

    clip: int
    words: tuple[Word, ...]
    heard: str
    ticked: bool = True
    default: bool = True
    reason: str = ""
    pause_ms: int = 0
    pause_kept: bool = False

    @property
    def start_ms(self) -> int:
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        return max(word.end_ms for word in self.words)

    @property
    def text(self) -> str:
        return joined(_clean(word.text) for word in self.words)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that edit.md shows of a take. `clips` are the sha256 and the name of each."""

    take: str
    title: str
    description: str
    draft: bool
    clips: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One clip, as the sheet needs it: what was heard, what it says with all corrections, what the rules leave out.

    `unedited` are its pieces as they would be if nobody had decided anything by hand.
    """

    sha256: str
    name: str
    heard: Transcript
    said: Transcript
    slips: tuple[Slip, ...]
    unedited: tuple[Piece, ...]


def sheet(take: str, title: str, sides: Sequence[Side], edits: Edits, rules: TrimRules, fps: Fraction) -> Sheet:
    """The sheet of a take."""
    return Sheet(
        take=take,
        title=title,
        description=edits.description or "",
        draft=any(side.said.draft and side.said.words for side in sides),
        clips=tuple((side.sha256, side.name) for side in sides),
        lines=tuple(
            line
            for number, side in enumerate(sides)
            for line in _lines(number, side, edits.by_hand(side.sha256), rules, fps)
        ),
    )


def _lines(clip: int, side: Side, by_hand: ByHand, rules: TrimRules, fps: Fraction) -> list[Line]:
    stretches = list(_stretches(_asked(side.said.words, rules), side.slips, by_hand, rules))
    lines = [_line(clip, words, side, by_hand, fps) for words in stretches]
    return [
        _with_pause(line, following, side, by_hand, rules, fps) for line, following in pairwise([*lines, None]) if line
    ]


def _asked(words: Sequence[Word], rules: TrimRules) -> list[Word]:
    """The words inside the part of the clip that was asked for, in order."""
    first, last = rules.start_ms or 0, rules.end_ms
    inside = [word for word in words if word.end_ms > first and (last is None or word.start_ms < last)]
    return sorted(inside, key=lambda word: (word.start_ms, word.end_ms))


def _stretches(
    words: Sequence[Word], slips: Sequence[Slip], by_hand: ByHand, rules: TrimRules
) -> Iterator[tuple[Word, ...]]:
    """The words by sentence; what goes or stays for a reason of its own has a line of its own."""
    slip_of = {word: number for number, slip in enumerate(slips) for word in slip.words}
    keys = [(slip_of.get(word), _ruled(word, by_hand)) for word in words]
    start = 0
    for number, word in enumerate(words, start=1):
        last = number == len(words)
        pause = 0 if last else words[number].start_ms - word.end_ms
        other = not last and keys[number] != keys[number - 1]
        if last or other or pause > _long(rules) or _ends(word.text) or number - start >= _LONGEST_LINE:
            yield tuple(words[start:number])
            start = number


def _ends(text: str) -> bool:
    return bool(_ENDS.search(text)) and text.lower() not in _ABBREVIATED


def _long(rules: TrimRules) -> int:
    return max(rules.join_ms, rules.pause_ms)


def _ruled(word: Word, by_hand: ByHand) -> bool | None:
    if any(_within(word, span.start_ms, span.end_ms) for span in by_hand.cut):
        return False
    return True if any(_within(word, span.start_ms, span.end_ms) for span in by_hand.kept) else None


def _line(clip: int, words: tuple[Word, ...], side: Side, by_hand: ByHand, fps: Fraction) -> Line:
    ruled = _ruled(words[0], by_hand)
    slip = next((slip for slip in side.slips if words[0] in slip.words), None)
    default = slip is None or _kept_at((words[0].start_ms + words[-1].end_ms) / 2, side.unedited, fps)
    ticked = default if ruled is None else ruled
    reason = "" if ticked or slip is None else slip.told
    if ruled is not None:
        reason = "kept in edit.md" if ruled else "cut in edit.md"
    end = max(word.end_ms for word in words)
    heard = [_clean(word.text) for word in side.heard.words if _within(word, words[0].start_ms, end)]
    return Line(clip, words, joined(heard), ticked, default, reason if ticked != default or not ticked else "")


def _with_pause(
    line: Line, following: Line | None, side: Side, by_hand: ByHand, rules: TrimRules, fps: Fraction
) -> Line:
    if following is None:
        return line
    start, end = line.end_ms, following.start_ms
    first, last = float(start * fps / 1000), float(end * fps / 1000)
    shortened = any(not piece.kept and piece.start < last and first < piece.end for piece in side.unedited)
    if end - start <= _long(rules) or not shortened:
        return line
    kept = any(span.start_ms <= (start + end) / 2 < span.end_ms for span in by_hand.kept)
    return replace(line, pause_ms=end - start, pause_kept=kept)


def _kept_at(ms: float, pieces: Sequence[Piece], fps: Fraction) -> bool:
    frame = float(ms * fps / 1000)
    return any(piece.kept and piece.start <= frame < piece.end for piece in pieces)


# --- out --------------------------------------------------------------------------------------------------------------

_HELP = """\
> Edit this file with any editor, save it, then: candid render {take}
> - [x] keeps a sentence, - [ ] cuts it. Correct the words as you like; (?) marks what may be misheard.
> [pause 2.1 s] is shortened; write [keep] in its place to keep it as it was.
> What would change: candid words check {take}"""
_DRAFT = """\
>
> THIS IS A DRAFT by the embedded engine, which mishears much: good enough to cut by, not to publish unread."""


def written(sheet: Sheet) -> str:
    """The text of edit.md."""
    told = [f"title: {_clean(sheet.title)}".rstrip(), f"description: {_harmless(sheet.description)}".rstrip(), ""]
    told += [_HELP.format(take=sheet.take), *([_DRAFT] if sheet.draft else [])]
    for number, (_, name) in enumerate(sheet.clips):
        told += ["", *([f"## {number + 1}. {_clean(name)}", ""] if len(sheet.clips) > 1 else [])]
        for line in (line for line in sheet.lines if line.clip == number):
            told.append(_told(line))
            if line.pause_ms:
                told.append(f"[{'keep' if line.pause_kept else 'pause'} {line.pause_ms / 1000:.1f} s]")
    return "\n".join(told) + "\n"


def _told(line: Line) -> str:
    words = [_clean(word.text) for word in line.words]
    spaces = ["", *(separator(left, right) for left, right in pairwise(words))]
    marks = [_MARK if word.confidence < _UNSURE else "" for word in line.words]
    text = "".join(space + word + mark for space, word, mark in zip(spaces, words, marks, strict=True))
    reason = f" <!-- {line.reason} -->" if line.reason else ""
    return f"- [{'x' if line.ticked else ' '}] {clock(line.start_ms)} {text}{reason}"


def clock(ms: int) -> str:
    """Clip time as edit.md has it: minutes, seconds, tenths."""
    tenths = max(0, ms) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def _clean(text: str) -> str:
    """A word that cannot break the file: one line, no comment, nothing that UTF-8 cannot hold."""
    shown = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cs", "Co"} or c.isspace())
    return _one_line(_harmless(shown))


def _harmless(text: str) -> str:
    """A text that opens and closes no comment."""
    return text.replace("<!--", "< !--").replace("-->", "-- >")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- in ---------------------------------------------------------------------------------------------------------------


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
    """A line of the text. `kind` is "line", "pause" or "keep"; a tick or a time of None was not given."""

    number: int
    kind: str
    clip: int | None = None
    tick: bool | None = None
    tenths: int | None = None
    text: str = ""


@dataclass(slots=True)
class _Parsed:
    title: str | None = None
    description: str | None = None
    entries: list[_Entry] = field(default_factory=list)


_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TITLE = re.compile(r"\s*(title|description)\s*:(.*)", re.IGNORECASE)
_NOTE = re.compile(r"\s*>")
_HEADING = re.compile(r"\s*#+\s+(?:(\d+)\.)?")
_PAUSE = re.compile(r"\s*(?:[-*+•]\s*)?\[\s*(pause|keep)\b[^\]]*\]\s*", re.IGNORECASE)
_TICK = re.compile(r"\s*(?:[-*+•]\s*)?\[\s*([xX✓✔✗]?)\s*\](.*)")
_TIME = re.compile(r"\s*(?:[-*+•]\s*)?(?:(\d+):)?(\d+):(\d\d)[.,](\d)\d*(?!\d)(.*)")


def read(text: str, sheet: Sheet, edits: Edits, now: Sequence[str] | None = None) -> Reading:
    """What an edited text changes about `edits`. `sheet` is what the text was written from, `edits` what held then.

    `now` are the sha256 of the take's clips as they are; None: those of the sheet.
    """
    theirs, ours = _parsed(text), _parsed(written(sheet))
    own = [entry for entry in ours.entries if entry.kind == "line"]
    matched, strangers = _matched(theirs.entries, own)
    work = _Work(sheet, edits, tuple(sha for sha, _ in sheet.clips) if now is None else tuple(now))
    work.texts(theirs, ours)
    for number, entry in sorted(matched.items(), key=lambda pair: pair[1].number):
        work.sentence(sheet.lines[number], entry, own[number].text)
    work.pauses(theirs.entries, {id(entry): number for number, entry in matched.items()})
    work.problems += strangers
    work.missing([number for number in range(len(sheet.lines)) if number not in matched])
    return Reading(work.edits, tuple(work.changes), tuple(sorted(work.problems, key=lambda each: each.line)))


def _parsed(text: str) -> _Parsed:
    plain = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")))
    parsed, clip = _Parsed(), None
    head: dict[str, list[str]] = {}
    open_text = ""
    for number, line in enumerate(plain.split("\n"), start=1):
        entry = _entry(number, line, clip)
        heading = _HEADING.match(line)
        if heading or entry is not None or _NOTE.match(line):
            open_text = ""
        if heading:
            clip = int(heading[1]) - 1 if heading[1] else clip
        elif entry is not None:
            parsed.entries.append(entry)
        elif not parsed.entries and (found := _TITLE.fullmatch(line)):
            open_text = found[1].lower()
            head[open_text] = [found[2].strip()]
        elif _NOTE.match(line):
            continue
        elif open_text == "description":
            head[open_text].append(line.rstrip())
        elif line.strip():
            _on(parsed, number, line, clip)
    if "title" in head:
        parsed.title = _one_line(head["title"][0])
    if "description" in head:
        parsed.description = "\n".join(head["description"]).strip()
    return parsed


def _entry(number: int, line: str, clip: int | None) -> _Entry | None:
    """The line, if it has a tick, a time, or is a pause."""
    if pause := _PAUSE.fullmatch(line):
        return _Entry(number, pause[1].lower(), clip)
    tick = _TICK.fullmatch(line)
    rest = tick[2] if tick else line
    time = _TIME.fullmatch(rest)
    if tick is None and time is None:
        return None
    tenths = None if time is None else int(time[1] or 0) * 36000 + int(time[2]) * 600 + int(time[3]) * 10 + int(time[4])
    ticked = None if tick is None else bool(tick[1])
    return _Entry(number, "line", clip, ticked, tenths, _words_of(time[5] if time else rest))


def _on(parsed: _Parsed, number: int, line: str, clip: int | None) -> None:
    """A line without tick and time: indented it goes on with the one before, as an editor that wraps has it."""
    last = parsed.entries[-1] if parsed.entries else None
    if line[:1].isspace() and last is not None and last.kind == "line":
        parsed.entries[-1] = replace(last, text=_one_line(f"{last.text} {_words_of(line)}"))
    else:
        parsed.entries.append(_Entry(number, "line", clip, text=_words_of(line)))


def _words_of(text: str) -> str:
    return _one_line(text.replace(_MARK, "").replace("<!--", "").replace("-->", ""))


def _matched(theirs: Sequence[_Entry], ours: Sequence[_Entry]) -> tuple[dict[int, _Entry], list[Problem]]:
    """Which line of the sheet each entry is: by its time first, then by its words. What is left is a problem."""
    free = dict(enumerate(ours))
    matched: dict[int, _Entry] = {}
    left = [entry for entry in theirs if entry.kind == "line"]
    for test in (_same, _same_time, _same_time_elsewhere, _same_words, _like_words):
        rest = []
        for entry in left:
            number = next((number for number, own in free.items() if test(entry, own)), None)
            if number is None:
                rest.append(entry)
            else:
                matched[number] = entry
                del free[number]
        left = rest
    taken = {(ours[number].clip, ours[number].tenths): entry.number for number, entry in matched.items()}
    return matched, [Problem(entry.number, _strange(entry, taken, ours)) for entry in left]


def _same(entry: _Entry, own: _Entry) -> bool:
    return _same_time(entry, own) and entry.text == own.text


def _same_time(entry: _Entry, own: _Entry) -> bool:
    return entry.tenths is not None and (entry.clip, entry.tenths) == (own.clip, own.tenths)


def _same_time_elsewhere(entry: _Entry, own: _Entry) -> bool:
    """Moved below another clip: only with nearly its own words."""
    return entry.tenths is not None and entry.tenths == own.tenths and _like_words(entry, own)


def _same_words(entry: _Entry, own: _Entry) -> bool:
    return bool(entry.text) and plain(entry.text) == plain(own.text)


def _like_words(entry: _Entry, own: _Entry) -> bool:
    return bool(entry.text) and likeness(entry.text, own.text) >= _ALIKE


def _strange(entry: _Entry, taken: Mapping[tuple[int | None, int | None], int], ours: Sequence[_Entry]) -> str:
    twice = taken.get((entry.clip, entry.tenths)) if entry.tenths is not None else None
    if twice is not None:
        return f"This sentence stands in line {twice} already; that one counts."
    return (
        f'Nobody says "{_short(entry.text)}" there, so it cannot be shown. Correct the sentence that you mean instead.'
    )


@dataclass(slots=True)
class _Work:
    """Collects what a text changes."""

    sheet: Sheet
    edits: Edits
    now: tuple[str, ...]
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def texts(self, theirs: _Parsed, ours: _Parsed) -> None:
        if theirs.title is not None and theirs.title != ours.title:
            self.edits = replace(self.edits, title=theirs.title or None)
            self.changes.append(Change(1, f'the title: "{theirs.title}"' if theirs.title else "the recipe's title"))
        if theirs.description is not None and theirs.description != ours.description:
            self.edits = replace(self.edits, description=theirs.description or None)
            told = (
                f'the description: "{_short(theirs.description)}"' if theirs.description else "the recipe's description"
            )
            self.changes.append(Change(2, told))

    def sentence(self, line: Line, entry: _Entry, was: str) -> None:
        ticked = entry.tick is not None and entry.tick != line.ticked
        mended = entry.text != was
        if (ticked or mended) and self._gone(line, entry):
            return
        sha, at = self.sheet.clips[line.clip][0], clock(line.start_ms)
        if ticked:
            keep = None if entry.tick == line.default else entry.tick
            self.edits = self.edits.ruled(sha, line.start_ms, line.end_ms, keep)
            verb = "kept" if entry.tick else "cut"
            self.changes.append(Change(entry.number, f'{at} is {verb}: "{_short(line.text)}"'))
        if mended and self._said(line, entry):
            heard = entry.text == _words_of(line.heard)
            text = None if heard else _text(sha, line, entry.text)
            self.edits = self.edits.told(sha, line.start_ms, line.end_ms, text)
            says = f'{at} says "{_short(entry.text)}" instead of "{_short(line.text)}"'
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
                before = lines.get(id(entry), before)
                continue
            line = self.sheet.lines[before] if before is not None else None
            if line is None or not line.pause_ms or before in seen:
                if entry.kind == "keep":
                    self.problems.append(Problem(entry.number, "There is no shortened pause here that could be kept."))
                continue
            seen.add(before if before is not None else -1)
            if (entry.kind == "keep") != line.pause_kept and not self._gone(line, entry):
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


def _short(text: str) -> str:
    text = _one_line(text)
    return text if len(text) <= 60 else f"{text[:59]}…"


# --- corrected texts --------------------------------------------------------------------------------------------------


def _text(clip: str, line: Line, told: str) -> Text:
    """A corrected line: words that stay keep their times, the others share the time between them."""
    tokens, words = _tokens(told), line.words
    made: list[Word] = []
    fresh: list[int] = []
    codes = Levenshtein.opcodes([_clean(word.text) for word in words], tokens)
    for same, run in groupby(codes, key=lambda each: each.tag == "equal"):
        group = list(run)
        first, last = group[0].src_start, group[-1].src_end
        if same:
            made += (replace(word, confidence=1.0) for word in words[first:last])
        else:
            new = tokens[group[0].dest_start : group[-1].dest_end]
            fresh += range(len(made), len(made) + len(new))
            made += laid(new, *_room(words, first, last))
    return Text(clip, line.start_ms, line.end_ms, tuple(made), tuple(fresh))


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
    """The text with its fresh words where the aligner heard them, between the words that stay."""
    if len(aligned) != len(text.words):
        return replace(text, fresh=())
    words, fresh = list(text.words), set(text.fresh)
    for number in text.fresh:
        low = max((words[n].end_ms for n in range(number)), default=text.start_ms)
        high = min((words[n].start_ms for n in range(number, len(words)) if n not in fresh), default=text.end_ms)
        start = min(max(aligned[number].start_ms, low), high)
        end = min(max(aligned[number].end_ms, start), high)
        if end - start >= _SHORTEST_WORD_MS:
            words[number] = replace(words[number], start_ms=start, end_ms=end)
    return replace(text, words=tuple(words), fresh=())


def unsure(line: Line) -> Iterator[str]:
    """The words of a line that may be misheard."""
    return (_clean(word.text) for word in line.words if word.confidence < _UNSURE)


def learned(changes: Iterable[Change], lines: Iterable[Line]) -> tuple[str, ...]:
    """Names that corrections brought: words that were not heard before, and capitalized words inside a sentence."""
    heard = {plain(word) for line in lines for word in line.heard.split()}
    found: dict[str, None] = {}
    for change in changes:
        before = set(map(_bare, change.before.split()))
        for number, token in enumerate(change.after.split()):
            word = _bare(token)
            if len(word) < 2 or word in before or not any(c.isalpha() for c in word):
                continue
            capital = number > 0 and word[0].isupper()
            if capital or plain(word) not in heard:
                found[word] = None
    return tuple(found)


def _bare(token: str) -> str:
    """A word without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", token)
