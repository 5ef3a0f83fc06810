"""PURE: what somebody decided by hand, the sheet that shows it, and the sheet as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from pipeline.model import Piece, Span, Transcript, TrimRules, Word, joined, separator
from pipeline.trim import ByHand, Slip

_UNSURE = 0.4  # confidence; below it lie six of ten misheard words of recorded speech, and one in eight of the others
MARK = "(?)"
_LONGEST_LINE = 40  # words; who never ends a sentence gets a line break
_SLIVER_MS = 100  # what is left of a stretch and shorter than this was nobody's wish
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
        return joined(clean(word.text) for word in self.words)


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
    heard = [clean(word.text) for word in side.heard.words if _within(word, words[0].start_ms, end)]
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
    return replace(line, pause_ms=end - start, pause_kept=_pause_kept(start, end - start, by_hand))


def _pause_kept(start: int, length: int, by_hand: ByHand) -> bool:
    return bool(length) and any(span.start_ms <= start + length / 2 < span.end_ms for span in by_hand.kept)


def _kept_at(ms: float, pieces: Sequence[Piece], fps: Fraction) -> bool:
    frame = float(ms * fps / 1000)
    return any(piece.kept and piece.start <= frame < piece.end for piece in pieces)


# --- out --------------------------------------------------------------------------------------------------------------

_HELP = """\
> Edit this file with any editor, save it, then make the video again as before: candid render {take}
> - [x] keeps a sentence, - [ ] cuts it. Correct the words as you like; (?) marks what may be misheard.
> [pause 2.1 s] is shortened; write [keep] in its place to keep it as it was.
> What would change: candid words check {take}"""
_DRAFT = """\
>
> THIS IS A DRAFT by the embedded engine, which mishears much: good enough to cut by, not to publish unread."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a line: whether it is kept, what it says, and whether the pause behind it is kept."""

    keep: bool
    text: str
    pause: bool = False


def wishes(sheet: Sheet, before: Edits, after: Edits) -> tuple[Wish, ...]:
    """What `after` asks of each line of a sheet that was made while `before` held."""
    return tuple(_wish(line, sheet.clips[line.clip][0], before, after) for line in sheet.lines)


def _wish(line: Line, clip: str, before: Edits, after: Edits) -> Wish:
    by_hand = after.by_hand(clip)
    ruled = _ruled(line.words[0], by_hand)
    told = _texts_in(line, clip, after)
    text = line.text
    if told != _texts_in(line, clip, before):
        words = after.corrected(Transcript(line.words), clip).words if told else ()
        inside = (clean(word.text) for word in words if _within(word, line.start_ms, line.end_ms))
        text = joined(inside) or line.heard
    return Wish(line.default if ruled is None else ruled, text, _pause_kept(line.end_ms, line.pause_ms, by_hand))


def _texts_in(line: Line, clip: str, edits: Edits) -> tuple[Text, ...]:
    own = (text for text in edits.texts if text.clip == clip)
    return tuple(text for text in own if text.start_ms < line.end_ms and line.start_ms < text.end_ms)


def written(sheet: Sheet) -> str:
    """The text of edit.md."""
    own = [Wish(line.ticked, line.text, line.pause_kept) for line in sheet.lines]
    return asking(sheet, own, sheet.title, sheet.description)[0]


def asking(sheet: Sheet, asked: Sequence[Wish], title: str, description: str) -> tuple[str, tuple[int, ...]]:
    """The text of edit.md in which somebody asks this of its lines; and in which line (from 1) each of them stands."""
    told = [f"title: {clean(title)}".rstrip(), f"description: {_harmless(description)}".rstrip(), ""]
    text, places = "\n".join([*told, *notes(sheet)]), []
    for number, (_, name) in enumerate(sheet.clips):
        text += f"\n\n## {number + 1}. {clean(name)}\n" if len(sheet.clips) > 1 else "\n"
        for line, wish in ((line, wish) for line, wish in zip(sheet.lines, asked, strict=True) if line.clip == number):
            text += f"\n{_told(line, wish)}"
            places.append(text.count("\n") + 1)
            if line.pause_ms:
                text += f"\n[{'keep' if wish.pause else 'pause'} {line.pause_ms / 1000:.1f} s]"
    return text + "\n", tuple(places)


def notes(sheet: Sheet) -> list[str]:
    """The lines of edit.md that explain it. Whoever rewords all of them makes older files read them as quotations."""
    return [*_HELP.format(take=sheet.take).splitlines(), *(_DRAFT.splitlines() if sheet.draft else ())]


def _told(line: Line, wish: Wish) -> str:
    text = _marked(line) if one_line(wish.text) == line.text else clean(wish.text)
    reason = f" <!-- {line.reason} -->" if line.reason and wish.keep == line.ticked else ""
    return f"- [{'x' if wish.keep else ' '}] {clock(line.start_ms)} {text}{reason}"


def _marked(line: Line) -> str:
    words = [clean(word.text) for word in line.words]
    spaces = ["", *(separator(left, right) for left, right in pairwise(words))]
    marks = [MARK if doubtful(word) else "" for word in line.words]
    return "".join(space + word + mark for space, word, mark in zip(spaces, words, marks, strict=True))


def clock(ms: int) -> str:
    """Clip time as edit.md has it: minutes, seconds, tenths."""
    tenths = max(0, ms) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def clean(text: str) -> str:
    """A word that cannot break the file: one line, no comment, nothing that UTF-8 cannot hold."""
    shown = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cs", "Co"} or c.isspace())
    return one_line(_harmless(shown))


def _harmless(text: str) -> str:
    """A text that opens and closes no comment."""
    return text.replace("<!--", "< !--").replace("-->", "-- >")


def one_line(text: str) -> str:
    return " ".join(text.split())


def doubtful(word: Word) -> bool:
    """Whether a word may be misheard."""
    return word.confidence < _UNSURE
