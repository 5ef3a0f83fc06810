"""PURE: what somebody decided by hand, the sheet that shows it, and the sheet as text."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TypeVar

from pipeline.edit.doubts import doubts
from pipeline.model import Piece, Span, Transcript, TrimRules, Word, joined, separator
from pipeline.trim import ByHand, Slip, Stretches, is_filler
from pipeline.wording import counted, plain

MARK = "(?)"
_A_SOUND = "(a sound)"  # of which nobody knows what it is like
_LONGEST_LINE = 40  # words; who never ends a sentence gets a line break
_BESIDE_MS = 250  # two engines hear a word at most so far from each other
_SLIVER_MS = 100  # what is left of a stretch and shorter than this was nobody's wish
_ENDS = re.compile(r"[.!?…。！？؟।][\"'”’»)\]」』]*$")
_ABBREVIATED = frozenset(["mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "no.", "e.g.", "i.e.", "z.b.", "ca."])


# --- what was decided -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ruling:
    """A stretch of a clip (its sha256) that was kept or cut by hand, in milliseconds.

    `sound`: it is a sound that may be a filler, and goes whatever words an engine laid over it.
    """

    clip: str
    start_ms: int
    end_ms: int
    keep: bool
    sound: bool = False


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
    """All that was decided by hand about a take. None leaves a text to the recipe.

    `instead` is the title that there was when somebody decided another one. `confirmed` are unsure sentences that
    somebody found right, with the words and times that were heard: these change nothing, and they hold where another
    engine hears something else.
    """

    title: str | None = None
    description: str | None = None
    rulings: tuple[Ruling, ...] = ()
    texts: tuple[Text, ...] = ()
    instead: str | None = None
    confirmed: tuple[Text, ...] = ()

    def over(self, title: str) -> Iterator[str]:
        """What is to be told where this is the title besides edit.md now, and another one than it stood above."""
        if self.title is not None and self.instead is not None and title not in {self.instead, self.title}:
            says = f'The title is "{self.title}", which stands in edit.md, and not "{title}".'
            yield f"{says} For that one, empty the line title: in edit.md."

    def by_hand(self, clip: str) -> ByHand:
        """The stretches of one clip, for trimming."""
        own = [ruling for ruling in self.rulings if ruling.clip == clip]
        return ByHand(
            tuple(Span(each.start_ms, each.end_ms) for each in own if not each.keep and not each.sound),
            tuple(Span(each.start_ms, each.end_ms) for each in own if each.keep),
            tuple(Span(text.start_ms, text.end_ms) for text in self.texts if text.clip == clip),
            tuple(Span(each.start_ms, each.end_ms) for each in own if not each.keep and each.sound),
        )

    def corrected(self, transcript: Transcript, clip: str) -> Transcript:
        """The transcript of a clip with its corrected texts, the words of each as they were written.

        Another engine may hear the words at the edges of a text a little beside it: they are said once.
        """
        known = {_place(word) for word in transcript.words}
        confirmed = [text for text in self.confirmed if text.clip == clip]
        missing = [text for text in confirmed if not known.issuperset(map(_place, text.words))]
        words = _with(transcript.words, missing) if missing else transcript.words
        return replace(transcript, words=_with(words, [text for text in self.texts if text.clip == clip]))

    def right(self, clip: str) -> frozenset[Place]:
        """The words of a clip that somebody found right."""
        return frozenset(_place(word) for text in self.confirmed if text.clip == clip for word in text.words)

    def ruled(self, clip: str, start_ms: int, end_ms: int, keep: bool | None, *, sound: bool = False) -> Edits:
        """With a stretch cut or kept; None leaves it to the rules again. A sound and the words over it go apart."""
        new = [] if keep is None else [Ruling(clip, start_ms, end_ms, keep, sound)]
        others = tuple(each for each in self.rulings if each.sound != sound)
        same = tuple(each for each in self.rulings if each.sound == sound)
        ruled = (*others, *_replaced(same, clip, start_ms, end_ms, _outside, new))
        return replace(self, rulings=tuple(sorted(ruled, key=lambda each: (each.clip, each.start_ms))))

    def told(self, clip: str, start_ms: int, end_ms: int, text: Text | None) -> Edits:
        """With a stretch that says something else; None leaves it as it was heard. Nothing in it is confirmed then."""
        new = [] if text is None else [text]
        texts = _replaced(self.texts, clip, start_ms, end_ms, _parts, new)
        return replace(self, texts=texts, confirmed=self._unconfirmed(clip, start_ms, end_ms))

    def found_right(self, text: Text) -> Edits:
        """With an unsure sentence that is right as it was heard."""
        rest = self._unconfirmed(text.clip, text.start_ms, text.end_ms)
        return replace(self, confirmed=tuple(sorted([*rest, text], key=lambda each: (each.clip, each.start_ms))))

    def unsure_again(self, clip: str, start_ms: int, end_ms: int) -> Edits:
        """Without what was found right in a stretch."""
        return replace(self, confirmed=self._unconfirmed(clip, start_ms, end_ms))

    def _unconfirmed(self, clip: str, start_ms: int, end_ms: int) -> tuple[Text, ...]:
        """The confirmed sentences elsewhere. Their words may overlap those of their neighbors: the middles decide."""

        def elsewhere(text: Text) -> bool:
            inside = start_ms <= (text.start_ms + text.end_ms) / 2 <= end_ms
            return text.clip != clip or not (inside or text.start_ms <= (start_ms + end_ms) / 2 <= text.end_ms)

        return tuple(filter(elsewhere, self.confirmed))


def _with(heard: Sequence[Word], texts: Sequence[Text]) -> tuple[Word, ...]:
    """The words of a clip with those of texts in the place of what was heard there."""
    own = sorted(texts, key=lambda text: text.start_ms)
    taken = Stretches.of((text.start_ms, text.end_ms) for text in own)
    words: list[Word] = []
    told = 0
    for word in sorted(heard, key=lambda word: (word.start_ms, word.end_ms)):
        while told < len(own) and own[told].end_ms < _middle(word):
            words += own[told].words
            told += 1
        beside = (*own[told - 1 : told], *own[told : told + 1]) if told else own[:1]
        if not taken.hold(_middle(word)) and not any(_at_an_edge(word, text) for text in beside):
            words.append(word)
    words += (word for text in own[told:] for word in text.words)
    return tuple(words)


Place = tuple[str, int, int]  # what a word says, and when


def _place(word: Word) -> Place:
    return word.text, word.start_ms, word.end_ms


_Stretch = TypeVar("_Stretch", bound=Ruling | Text)


def _replaced(
    old: Sequence[_Stretch],
    clip: str,
    start_ms: int,
    end_ms: int,
    outside: Callable[[_Stretch, int, int], Iterable[_Stretch]],
    new: Sequence[_Stretch],
) -> tuple[_Stretch, ...]:
    """Stretches in order, with another one in the place of what they have of start..end of a clip."""
    first = bisect_right(old, (clip, start_ms), key=lambda each: (each.clip, each.end_ms))
    last = max(first, bisect_left(old, (clip, end_ms), key=lambda each: (each.clip, each.start_ms)))
    rest = [part for each in old[first:last] for part in outside(each, start_ms, end_ms)]
    return (*old[:first], *sorted([*rest, *new], key=lambda each: each.start_ms), *old[last:])


def _at_an_edge(word: Word, text: Text) -> bool:
    """Whether a word is the first or the last of a text, heard a little earlier or later."""
    ends = ((text.start_ms, text.words[0]), (text.end_ms, text.words[-1]))
    return any(
        word.start_ms < at < word.end_ms
        and abs(word.start_ms - other.start_ms) <= _BESIDE_MS
        and plain(word.text) == plain(other.text)
        for at, other in ends
    )


def _middle(word: Word) -> float:
    return (word.start_ms + word.end_ms) / 2


def _outside(ruling: Ruling, start_ms: int, end_ms: int) -> Iterator[Ruling]:
    """What of a ruling lies outside a stretch."""
    for start, end in ((ruling.start_ms, start_ms), (end_ms, ruling.end_ms)):
        if end - start >= _SLIVER_MS:
            yield replace(ruling, start_ms=start, end_ms=end)


def _parts(text: Text, start_ms: int, end_ms: int) -> Iterator[Text]:
    """What of a corrected text lies outside a stretch."""
    fresh = {id(text.words[number]) for number in text.fresh}
    for start, end in ((text.start_ms, start_ms), (end_ms, text.end_ms)):
        words = tuple(word for word in text.words if start <= _middle(word) <= end)
        if words and end > start:
            marked = tuple(number for number, word in enumerate(words) if id(word) in fresh)
            yield Text(text.clip, start, end, words, marked)


# --- the sheet --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, or a part of one that goes alone. `default` is its tick as the rules have it.

    `pause_ms` is the length of the pause behind it, where that is shortened or would be; 0: none. `lead_ms` and
    `tail_ms` are heard before and behind its words, where a correction took words away. `doubts` are the places of the
    words that may be misheard, as edit.md marks them; `confirmed`: somebody looked at them, and they are right.
    `offer`: it is no sentence, but a sound that may be a filler.
    """

    clip: int
    words: tuple[Word, ...]
    heard: str
    ticked: bool = True
    default: bool = True
    reason: str = ""
    pause_ms: int = 0
    pause_kept: bool = False
    lead_ms: int = 0
    tail_ms: int = 0
    doubts: tuple[int, ...] = ()
    confirmed: bool = False
    offer: bool = False

    @property
    def unsure(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.doubts) and not self.confirmed

    @property
    def start_ms(self) -> int:
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        return max(word.end_ms for word in self.words)

    @property
    def from_ms(self) -> int:
        return self.start_ms - self.lead_ms

    @property
    def to_ms(self) -> int:
        return self.end_ms + self.tail_ms

    @property
    def text(self) -> str:
        return joined(clean(word.text) for word in self.words)


def together(lines: Sequence[Line]) -> Line:
    """Lines that follow each other, as one; ticks and pauses are those of the first."""
    words = tuple(word for line in lines for word in line.words)
    whole = replace(lines[0], words=words, heard=joined(line.heard for line in lines if line.heard))
    starts = accumulate((len(line.words) for line in lines), initial=0)
    places = tuple(start + number for start, line in zip(starts, lines, strict=False) for number in line.doubts)
    return replace(whole, tail_ms=max(0, max(line.to_ms for line in lines) - whole.end_ms), doubts=places)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that edit.md shows of a take. `clips` are the sha256 and the name of each.

    `usual` is the title where nobody decides one. `unheard` are sentences about words that are missing.
    """

    take: str
    title: str
    description: str
    clips: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    usual: str = ""
    unheard: tuple[str, ...] = ()

    @property
    def unsure(self) -> tuple[Line, ...]:
        """The sentences of the video that somebody should look at."""
        return tuple(line for line in self.lines if line.ticked and line.unsure)


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


def sheet(
    take: str,
    title: str,
    sides: Sequence[Side],
    edits: Edits,
    rules: TrimRules,
    fps: Fraction,
    unheard: Sequence[str] = (),
) -> Sheet:
    """The sheet of a take. `title` is the recipe's, which holds where nobody decided another one."""
    return Sheet(
        take=take,
        title=edits.title or title,
        usual=title,
        description=edits.description or "",
        clips=tuple((side.sha256, side.name) for side in sides),
        unheard=tuple(map(clean, unheard)),
        lines=tuple(
            line for number, side in enumerate(sides) for line in _lines(_View.of(number, side, edits, rules, fps))
        ),
    )


@dataclass(frozen=True, slots=True)
class _View:
    """One clip and what was decided about it, so prepared that a question about a line takes no look at all of it."""

    clip: int
    side: Side
    rules: TrimRules
    fps: Fraction
    cut: Stretches
    kept: Stretches
    sounds: Stretches
    written: Stretches
    slips: Mapping[Word, Slip]
    begun: Mapping[Word, int]  # where the corrected text begins of which this is the first word
    ended: Mapping[Word, int]  # where the one ends of which this is the last
    heard: Sequence[int]  # the places of the words, by their middles
    middles: Sequence[float]
    starts: Sequence[int]  # of the pieces
    dropped: Stretches  # the pieces that are not kept, in frames
    right: frozenset[Place]  # words that somebody found right

    @classmethod
    def of(cls, clip: int, side: Side, edits: Edits, rules: TrimRules, fps: Fraction) -> _View:
        words, pieces = side.heard.words, side.unedited
        by_hand, texts = edits.by_hand(side.sha256), [text for text in edits.texts if text.clip == side.sha256]
        heard = sorted(range(len(words)), key=lambda number: _middle(words[number]))
        return cls(
            clip=clip,
            side=side,
            rules=rules,
            fps=fps,
            cut=Stretches.of_spans(by_hand.cut),
            kept=Stretches.of_spans(by_hand.kept),
            sounds=Stretches.of_spans(by_hand.sounds),
            written=Stretches.of_spans(by_hand.written),
            slips={word: slip for slip in reversed(side.slips) for word in slip.words},
            begun={text.words[0]: text.start_ms for text in texts if text.words},
            ended={text.words[-1]: text.end_ms for text in texts if text.words},
            heard=heard,
            middles=[_middle(words[number]) for number in heard],
            starts=[piece.start for piece in pieces],
            dropped=Stretches.of((piece.start, piece.end) for piece in pieces if not piece.kept),
            right=edits.right(side.sha256),
        )

    def ruled(self, word: Word) -> bool | None:
        return _ruled(word, self.cut, self.kept)

    def heard_in(self, start_ms: int, end_ms: int) -> str:
        first, last = bisect_left(self.middles, start_ms), bisect_right(self.middles, end_ms)
        return joined(clean(self.side.heard.words[number].text) for number in sorted(self.heard[first:last]))

    def kept_at(self, ms: float) -> bool:
        """Whether the rules keep what is there."""
        frame = float(ms * self.fps / 1000)
        found = bisect_right(self.starts, frame) - 1
        return found >= 0 and self.side.unedited[found].kept and frame < self.side.unedited[found].end

    def shortened(self, start_ms: int, end_ms: int) -> bool:
        """Whether the rules cut something out of a pause."""
        return self.dropped.touch(float(start_ms * self.fps / 1000), float(end_ms * self.fps / 1000))


def _lines(view: _View) -> list[Line]:
    lines = [_line(words, view) for words in _stretches(_asked(view.side.said.words, view.rules), view)]
    told = [_with_pause(line, following, view) for line, following in pairwise([*lines, None]) if line]
    alone = [line for line in told if all(is_filler(word.text, view.side.said.language) for word in line.words)]
    offers = [o for o in _offers(view) if not any(o.start_ms < a.end_ms and a.start_ms < o.end_ms for a in alone)]
    return sorted([*told, *offers], key=lambda line: line.start_ms) if offers else told


def _offers(view: _View) -> Iterator[Line]:
    """The sounds that may be fillers, but for those of which somebody wrote what is said there."""
    for offer in view.side.heard.offers if view.rules.fillers != "off" else ():
        word = Word(offer.text or _A_SOUND, offer.start_ms, offer.end_ms)
        if _asked([word], view.rules) and not view.written.touch(offer.start_ms, offer.end_ms):
            cut = view.sounds.hold(_middle(word))
            told = "cut in edit.md" if cut else f"{offer.reason}; to cut it, take the x out"
            yield Line(view.clip, (word,), clean(word.text), not cut, True, told, offer=True)


def _asked(words: Sequence[Word], rules: TrimRules) -> list[Word]:
    """The words inside the part of the clip that was asked for."""
    first, last = rules.start_ms or 0, rules.end_ms
    return [word for word in words if word.end_ms > first and (last is None or word.start_ms < last)]


def _stretches(words: Sequence[Word], view: _View) -> Iterator[tuple[Word, ...]]:
    """The words by sentence; what goes or stays for a reason of its own has a line of its own."""
    keys = [(view.slips.get(word), view.ruled(word)) for word in words]
    start = 0
    for number, word in enumerate(words, start=1):
        last = number == len(words)
        pause = 0 if last else words[number].start_ms - word.end_ms
        other = not last and keys[number] != keys[number - 1]
        if last or other or pause > _long(view.rules) or ends(word.text) or number - start >= _LONGEST_LINE:
            yield tuple(words[start:number])
            start = number


def ends(text: str) -> bool:
    """Whether a sentence ends with this word."""
    return bool(_ENDS.search(text)) and text.lower() not in _ABBREVIATED


def _long(rules: TrimRules) -> int:
    return max(rules.join_ms, rules.pause_ms)


def _ruled(word: Word, cut: Stretches, kept: Stretches) -> bool | None:
    if cut.hold(_middle(word)):
        return False
    return True if kept.hold(_middle(word)) else None


def _line(words: tuple[Word, ...], view: _View) -> Line:
    ruled, slip = view.ruled(words[0]), view.slips.get(words[0])
    default = slip is None or view.kept_at((words[0].start_ms + words[-1].end_ms) / 2)
    ticked = default if ruled is None else ruled
    reason = "" if ticked or slip is None else slip.told
    if ruled is not None:
        reason = "kept in edit.md" if ruled else "cut in edit.md"
    line = Line(view.clip, words, "", ticked, default, reason if ticked != default or not ticked else "")
    lead = line.start_ms - view.begun.get(words[0], line.start_ms)
    tail = view.ended.get(words[-1], line.end_ms) - line.end_ms
    line = replace(line, lead_ms=max(0, lead), tail_ms=max(0, tail))
    found = doubts(words)
    right = bool(found) and all(_place(words[number]) in view.right for number in found)
    return replace(line, heard=view.heard_in(line.from_ms, line.to_ms), doubts=found, confirmed=right)


def _with_pause(line: Line, following: Line | None, view: _View) -> Line:
    if following is None:
        return line
    start, end = line.to_ms, following.from_ms
    if end - start <= _long(view.rules) or not view.shortened(start, end):
        return line
    return replace(line, pause_ms=end - start, pause_kept=_pause_kept(start, end - start, view.kept))


def _pause_kept(start: int, length: int, kept: Stretches) -> bool:
    return bool(length) and kept.hold(start + length / 2)


# --- out --------------------------------------------------------------------------------------------------------------

_HELP = """\
> Edit this file with any editor, save it, then make the video again as before: candid render {take}
> - [x] keeps a sentence, - [ ] cuts it. Correct the words as you like; (?) marks what may be misheard.
> [pause 2.1 s] is shortened; write [keep] in its place to keep it as it was.
> What would change: candid words check {take}"""
_LOOK = f"""\
> {{sentences}} unsure: look at the words marked {MARK}. Correct them, or take the {MARK} away where they are right."""
_HARD_TO_HEAR = """\
> That is more than half of it, so read it all. A larger model may hear more: candid models download small"""
_HALF_OF = 4  # sentences; of fewer it says nothing about the sound


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a line: whether it is kept, what it says, and whether the pause behind it is kept.

    `right`: its unsure words are right as they were heard.
    """

    keep: bool
    text: str
    pause: bool = False
    right: bool = False


def wishes(sheet: Sheet, before: Edits, after: Edits) -> tuple[Wish, ...]:
    """What `after` asks of each line of a sheet that was made while `before` held."""
    views = [(_Told.of(before, clip), _Told.of(after, clip)) for clip, _ in sheet.clips]
    return tuple(_wish(line, sheet.clips[line.clip][0], *views[line.clip]) for line in sheet.lines)


@dataclass(frozen=True, slots=True)
class _Told:
    """What was decided about one clip, prepared as in `_View`."""

    cut: Stretches
    kept: Stretches
    sounds: Stretches
    texts: Sequence[Text]
    starts: Sequence[int]
    ends: Sequence[int]  # the latest end of the texts up to each
    right: frozenset[Place]

    @classmethod
    def of(cls, edits: Edits, clip: str) -> _Told:
        by_hand = edits.by_hand(clip)
        texts = sorted((text for text in edits.texts if text.clip == clip), key=lambda text: text.start_ms)
        ends = [*accumulate((text.end_ms for text in texts), max)]
        cut, kept, sounds = map(Stretches.of_spans, (by_hand.cut, by_hand.kept, by_hand.sounds))
        return cls(cut, kept, sounds, texts, [text.start_ms for text in texts], ends, edits.right(clip))

    def texts_in(self, line: Line) -> tuple[Text, ...]:
        found = self.texts[bisect_right(self.ends, line.from_ms) : bisect_left(self.starts, line.to_ms)]
        return tuple(text for text in found if text.end_ms > line.from_ms)


def _wish(line: Line, clip: str, before: _Told, after: _Told) -> Wish:
    ruled = _ruled(line.words[0], after.sounds if line.offer else after.cut, after.kept)
    told = after.texts_in(line)
    text = line.text
    if told != before.texts_in(line):
        words = Edits(texts=told).corrected(Transcript(line.words), clip).words if told else ()
        inside = (clean(word.text) for word in words if line.from_ms <= _middle(word) <= line.to_ms)
        text = joined(inside) or line.heard
    pause = _pause_kept(line.to_ms, line.pause_ms, after.kept)
    right = bool(line.doubts) and all(_place(line.words[number]) in after.right for number in line.doubts)
    return Wish(line.default if ruled is None else ruled, text, pause, right)


def written(sheet: Sheet) -> str:
    """The text of edit.md."""
    own = [Wish(line.ticked, line.text, line.pause_kept, line.confirmed) for line in sheet.lines]
    return asking(sheet, own, sheet.title, sheet.description)[0]


def asking(sheet: Sheet, asked: Sequence[Wish], title: str, description: str) -> tuple[str, tuple[int, ...]]:
    """The text of edit.md in which somebody asks this of its lines; and in which line (from 1) each of them stands."""
    told = [f"title: {clean(title)}".rstrip(), f"description: {_harmless(description)}".rstrip(), ""]
    parts, places = ["\n".join([*told, *notes(sheet)])], []
    at = parts[0].count("\n") + 1
    for number, heading in enumerate(headings(sheet)):
        parts.append(f"\n\n{heading}\n" if heading else "\n")
        at += parts[-1].count("\n")
        for line, wish in ((line, wish) for line, wish in zip(sheet.lines, asked, strict=True) if line.clip == number):
            pause = f"\n[{'keep' if wish.pause else 'pause'} {line.pause_ms / 1000:.1f} s]" if line.pause_ms else ""
            parts.append(f"\n{_told(line, wish)}{pause}")
            places.append(at + 1)
            at += parts[-1].count("\n")
    return "".join(parts) + "\n", tuple(places)


def headings(sheet: Sheet) -> list[str]:
    """What stands above the sentences of each clip; "" where there is only one."""
    names = [clean(name) for _, name in sheet.clips]
    return [f"## {number}. {name}" if len(names) > 1 else "" for number, name in enumerate(names, start=1)]


def notes(sheet: Sheet) -> list[str]:
    """The lines of edit.md that explain it. Whoever rewords all of them makes older files read them as quotations."""
    told, unsure = _HELP.format(take=sheet.take).splitlines(), len(sheet.unsure)
    if unsure:
        told += [">", _LOOK.format(sentences=f"{counted(unsure, 'sentence')} {'is' if unsure == 1 else 'are'}")]
        said = sum(line.ticked for line in sheet.lines)
        told += [_HARD_TO_HEAR] if _HALF_OF <= said < 2 * unsure else []
    return told + [line for note in sheet.unheard for line in (">", f"> {note}")]


def _told(line: Line, wish: Wish) -> str:
    text = _marked(line, wish.right) if one_line(wish.text) == one_line(line.text) else clean(wish.text)
    reason = f" <!-- {line.reason} -->" if line.reason and wish.keep == line.ticked else ""
    return f"- [{'x' if wish.keep else ' '}] {clock(line.start_ms)} {text}{reason}"


def _marked(line: Line, right: bool) -> str:
    words = [clean(word.text) for word in line.words]
    spaces = ["", *(separator(left, right) for left, right in pairwise(words))]
    marks = [MARK if number in line.doubts and not right else "" for number in range(len(words))]
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


def unsure(line: Line) -> list[str]:
    """The words of a line that somebody should look at."""
    return [clean(line.words[number].text) for number in line.doubts] if line.unsure else []
