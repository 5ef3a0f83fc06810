"""PURE: words and activity -> kept and dropped pieces, each with its reason.

Speech and action are kept with some air around them, pauses are shortened to a breath, fillers go where nobody misses
them. What is found out comes in milliseconds and is put on the frame grid first, rounded outwards, so that no word is
clipped; all that is decided is decided in frames.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, groupby, pairwise

from pipeline.model import LEVEL_MS, Activity, Offer, Piece, Span, TrimRules, Word

_FILLERS = frozenset(["umm", "uhm", "uh", "uhh", "erm", "hm", "hmm", "äh", "ähm", "öh", "öhm", "euh", "eh", "ehm"])
_FILLERS_IN_ENGLISH = frozenset(["um", "er"])  # "um" is a word in German and Portuguese, "er" in German
_FILLER_AIR_MS = 30  # cut around a filler, as far as its neighbors allow
_STANDS_ALONE_MS = 150  # a filler with less silence on a side belongs to its neighbor's breath
_LONG_FILLER_MS = 1500  # nobody says "um" for longer: there are pauses around it
_CRUMB_MS = 250
_BREATH_MS = 300  # around a sentence that was cut by hand
_QUIETER_MS = 150  # a cut for a filler or by hand moves so far at most, to where it is quietest
_CLIPPED_MS = 40  # of a kept word, at most, may be lost by that (STANDARDS, "Words and their times")
_STARTS = ("a false start", "begun twice")
_LONGEST_START = 6  # words that are said again at once
_SHORT_WORD = 4  # letters; a longer word that is said twice is mostly meant
_START_AGAIN_MS = 1500  # nobody thinks longer and then begins with the same word
_SMALL_PAUSE_MS = 100  # somebody who starts again hesitates
_CHANT = 4  # who says it more often means it
_SAID_FOR_WEIGHT = (
    "very really so no yes yeah ha hey bye far more much many long that had is again never ever now well okay wait "
    "sehr ja nein viel ganz die das muy si très oui non"
)
_MEANT_TWICE = frozenset(_SAID_FOR_WEIGHT.split())
_QUOTED_WORDS = 5
_HALF_MS = Fraction(1, 2)  # times are rounded: one that stands on the border between two frames belongs there
_FAR = 10**9

Run = tuple[int, int]  # frames start..end of the clip's grid, end exclusive


@dataclass(frozen=True, slots=True)
class ByHand:
    """Stretches of a clip that somebody cut or kept in edit.md, and those whose words somebody wrote there.

    `sounds` are cut, too, and exactly: an engine may have laid a word over them.
    """

    cut: tuple[Span, ...] = ()
    kept: tuple[Span, ...] = ()
    written: tuple[Span, ...] = ()
    sounds: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches in order, so that a question takes no look at each of them. `ends`: the latest end up to each."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, stretches: Iterable[tuple[int, int]]) -> Stretches:
        found = sorted(stretches)
        return cls(tuple(start for start, _ in found), tuple(accumulate((end for _, end in found), max)))

    @classmethod
    def of_spans(cls, spans: Iterable[Span]) -> Stretches:
        return cls.of((span.start_ms, span.end_ms) for span in spans)

    def hold(self, at: float) -> bool:
        """Whether one of them holds this moment."""
        found = bisect_right(self.starts, at)
        return found > 0 and self.ends[found - 1] >= at

    def touch(self, start: float, end: float) -> bool:
        """Whether one of them has something of start..end."""
        found = bisect_left(self.starts, end)
        return found > 0 and self.ends[found - 1] > start


@dataclass(frozen=True, slots=True)
class Slip:
    """Words that are left out, and the stretch to cut out for them, which reaches into no other word."""

    words: tuple[Word, ...]
    start_ms: int
    end_ms: int
    told: str


def pieces(
    words: Sequence[Word],
    activity: Activity,
    rules: TrimRules,
    *,
    fps: Fraction,
    frames: int,
    clip: int,
    language: str = "",
    by_hand: ByHand = ByHand(),
    heard: Sequence[Word] | None = None,
    offers: Sequence[Offer] = (),
) -> tuple[Piece, ...]:
    """The pieces of one clip of `frames` grid frames, end to end: what is kept, what is dropped, and why.

    `language` is that of the words ("de"), where it is known: what is a filler in one is a word in another. What was
    decided by hand stands above all rules; where it cuts everything, nothing is kept. `heard` are the words before they
    were corrected, None for these: fillers are looked for there, so that a correction cuts and brings back nothing.
    `offers` are sounds of which nobody is sure that they are fillers: "gentle" does not cut them.
    """
    grid = _Grid(fps, frames, activity.levels)
    slips = (
        []
        if rules.keep_everything
        else _slips(words if heard is None else heard, rules, language, grid, by_hand, offers)
    )
    holes = _cut_by_hand(words, by_hand.cut, grid)
    gone = Stretches.of_spans(hole.span for hole in holes)
    holes = sorted([*holes, *_sounds(by_hand.sounds, grid)], key=lambda hole: hole.start_ms)
    spoken = [word for word in words if not gone.hold(_middle(word))]
    events = _events(spoken, activity, rules, slips, holes, by_hand.kept, grid)
    asked = _asked(rules, grid)
    kept, why = _kept(events, slips, holes, rules, grid, asked)
    ends = list(accumulate((event.end for event in events), max))
    closed = Stretches.of((hole.start_ms, hole.end_ms) for hole in holes)
    told = _Telling(events, ends, slips, closed, rules, grid, asked, why)
    return tuple(_end_to_end(kept, clip, told))


def slips(
    words: Sequence[Word],
    rules: TrimRules,
    *,
    fps: Fraction,
    frames: int,
    language: str = "",
    by_hand: ByHand = ByHand(),
    offers: Sequence[Offer] = (),
) -> tuple[Slip, ...]:
    """The fillers and false starts that the rules leave out, in order."""
    return () if rules.keep_everything else tuple(_slips(words, rules, language, _Grid(fps, frames), by_hand, offers))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The frames of a clip, and which of them a time falls on."""

    fps: Fraction
    frames: int
    levels: Sequence[int] = ()  # dBFS of every 10 ms

    def quietest(self, at_ms: int, low_ms: int, high_ms: int) -> int:
        """The frame border, as a time in ms, at which it is quietest: at most 150 ms from `at_ms`, within low..high.

        The level at a border is that of the 10 ms around it. Of equal ones the nearest; without levels `at_ms`.
        """
        low, high = max(low_ms, at_ms - _QUIETER_MS, 0), min(high_ms, at_ms + _QUIETER_MS)
        first, last = math.ceil(low * self.fps / 1000), math.floor(high * self.fps / 1000)
        borders = [round(self.ms(frame)) for frame in range(first, last + 1)]
        known = [border for border in borders if border // LEVEL_MS < len(self.levels)]
        return min(known, key=lambda border: (self._level(border), abs(border - at_ms)), default=at_ms)

    def _level(self, at_ms: int) -> int:
        """Of the 10 ms around a time: that of the louder of the two steps that they touch."""
        return max(self.levels[max(0, at_ms - LEVEL_MS // 2) // LEVEL_MS], self.levels[at_ms // LEVEL_MS])

    def nearest(self, ms: int) -> int:
        return min(max(0, round(ms * self.fps / 1000)), self.frames)

    def around(self, start_ms: int, end_ms: int) -> Run:
        """All frames that a stretch touches, at least one where it lies in the clip; empty where it does not."""
        start = math.floor((start_ms + _HALF_MS) * self.fps / 1000)
        end = max(start + 1, math.ceil((end_ms - _HALF_MS) * self.fps / 1000))
        return min(max(0, start), self.frames), min(max(0, end), self.frames)

    def inside(self, start_ms: int, end_ms: int) -> Run:
        """The frames that lie in a stretch as a whole."""
        start = math.ceil((start_ms - _HALF_MS) * self.fps / 1000)
        end = math.floor((end_ms + _HALF_MS) * self.fps / 1000)
        return min(max(0, start), self.frames), min(max(0, end), self.frames)

    def count(self, ms: int) -> int:
        return math.ceil(ms * self.fps / 1000)

    def ms(self, frames: int) -> float:
        return float(frames * 1000 / self.fps)


def _asked(rules: TrimRules, grid: _Grid) -> Run:
    """The part of the clip that is looked at at all. Bounds that leave nothing are not obeyed."""
    first = grid.nearest(rules.start_ms or 0)
    last = grid.frames if rules.end_ms is None else grid.nearest(rules.end_ms)
    return (first, last) if first < last else (0, grid.frames)


# --- what is wanted ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    """A stretch that is wanted: "speech" or "action", and what of it can be told."""

    start: int
    end: int
    kind: str
    told: str


def _events(
    words: Sequence[Word],
    activity: Activity,
    rules: TrimRules,
    slips: Sequence[Slip],
    holes: Sequence[_Hole],
    kept: Sequence[Span],
    grid: _Grid,
) -> list[_Event]:
    """Everything worth keeping, in order.

    What the detector hears as speech counts even where no word was understood. What was cut by hand counts for nothing.
    """
    cut = {id(word) for slip in slips for word in slip.words}
    found = [(w.start_ms, w.end_ms, "speech", w.text) for w in words if id(w) not in cut]
    found += [(s.start_ms, s.end_ms, "speech", "") for s in _heard(activity.speech, [*slips, *holes])]
    found += [(span.start_ms, span.end_ms, "asked", "") for span in kept]
    if rules.keep_action:
        found += [(span.start_ms, span.end_ms, "action", "something loud happens") for span in activity.impacts]
        found += [(span.start_ms, span.end_ms, "action", "something moves") for span in activity.motion]
    closed = _merged(grid.around(hole.start_ms, hole.end_ms) for hole in holes)
    return [
        _Event(*run, kind, told)
        for start, end, kind, told in sorted(found)
        for run in _outside(grid.around(start, end), closed)
    ]


def _heard(speech: Sequence[Span], gone: Sequence[Slip | _Hole]) -> Iterator[Span]:
    """What the detector heard besides what goes. It hears a little around that, too, and that is no speech."""
    holes = _merged((each.start_ms, each.end_ms) for each in gone)
    for span in speech:
        left = list(_outside((span.start_ms, span.end_ms), holes))
        whole = left == [(span.start_ms, span.end_ms)]
        yield from (Span(start, end) for start, end in left if whole or end - start >= _CRUMB_MS)


def _kept(
    events: Sequence[_Event],
    slips: Sequence[Slip],
    cut: Sequence[_Hole],
    rules: TrimRules,
    grid: _Grid,
    asked: Run,
) -> tuple[list[Run], str]:
    """What to keep; and the one reason for all of it, where there is one."""
    closed = [grid.around(hole.start_ms, hole.end_ms) for hole in cut]
    if rules.keep_everything:
        return _without([asked], closed), "everything is kept, as asked for"
    busy = _merged(_clipped(((event.start, event.end) for event in events), asked))
    if not busy:
        return ([], "") if cut else ([asked], "nothing stands out, so all of it is kept")
    holes = [grid.inside(slip.start_ms, slip.end_ms) for slip in slips]
    left = _without(_with_air(busy, rules, grid), [*_without(holes, busy), *closed])
    spoken = [run for run in left if _touches(run, busy)]
    return _without(_whole(list(_clipped(spoken, asked)), rules, grid, asked), closed), ""


def _with_air(busy: Sequence[Run], rules: TrimRules, grid: _Grid) -> list[Run]:
    """The busy runs with air around them. A long pause keeps half of its new length on each side, a short one stays."""
    air, pad = grid.count(_air_ms(rules)), grid.count(rules.pad_ms)
    kept = [(busy[0][0] - pad, busy[0][1])]
    for (_, before), (start, end) in pairwise(busy):
        pause = start - before
        if grid.ms(pause) > max(rules.join_ms, rules.pause_ms) and pause - 2 * air >= grid.count(rules.min_cut_ms):
            kept[-1] = (kept[-1][0], before + air)
            kept.append((start - air, end))
        else:
            kept[-1] = (kept[-1][0], end)
    kept[-1] = (kept[-1][0], kept[-1][1] + pad)
    return kept


def _air_ms(rules: TrimRules) -> int:
    return max(rules.pad_ms, rules.pause_ms // 2)


def _whole(runs: Sequence[Run], rules: TrimRules, grid: _Grid, asked: Run) -> list[Run]:
    """The runs, none shorter than what may be kept, and nothing cut out of them that is shorter than a cut may be."""
    first, last = asked
    grown = _merged(_grown(run, grid.count(rules.min_keep_ms), asked) for run in runs)
    shortest = grid.count(rules.min_cut_ms)
    whole = [(first, first)] if grown[0][0] - first < shortest else []
    for start, end in grown:
        if whole and start - whole[-1][1] < shortest:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    if last - whole[-1][1] < shortest:
        whole[-1] = (whole[-1][0], last)
    return whole


def _grown(run: Run, least: int, asked: Run) -> Run:
    """The run, made longer on both sides until it is long enough, as far as what was asked for goes."""
    start, end = run
    lack = max(0, least - (end - start))
    start = max(asked[0], min(start - lack // 2, asked[1] - least))
    return start, max(end, min(asked[1], start + least))


# --- runs of frames ---------------------------------------------------------------------------------------------------


def _merged(runs: Iterable[Run]) -> list[Run]:
    """Runs in order, those that touch as one."""
    merged: list[Run] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _clipped(runs: Iterable[Run], asked: Run) -> Iterator[Run]:
    inside = ((max(start, asked[0]), min(end, asked[1])) for start, end in runs)
    return (run for run in inside if run[0] < run[1])


def _without(runs: Iterable[Run], holes: Iterable[Run]) -> list[Run]:
    """What is left of the runs outside the holes."""
    gaps = _merged(holes)
    return [part for run in runs for part in _outside(run, gaps)]


def _outside(run: Run, gaps: Sequence[Run]) -> Iterator[Run]:
    """What is left of one run outside gaps that are merged."""
    at, gap = run[0], bisect_right(gaps, run[0], key=lambda other: other[1])
    while gap < len(gaps) and gaps[gap][0] < run[1]:
        if at < gaps[gap][0]:
            yield at, gaps[gap][0]
        at, gap = gaps[gap][1], gap + 1
    if at < run[1]:
        yield at, run[1]


def _touches(run: Run, busy: Sequence[Run]) -> bool:
    """Whether a run holds any of the busy runs, which are in order and apart."""
    found = bisect_right(busy, run[0], key=lambda other: other[1])
    return found < len(busy) and busy[found][0] < run[1]


# --- slips: fillers and false starts ----------------------------------------------------------------------------------


def is_filler(text: str, language: str = "") -> bool:
    """Whether a word only fills time. Where the language is not known it is taken for English."""
    plain = "".join(c for c in text.lower() if c.isalpha())
    return plain in _FILLERS or (plain in _FILLERS_IN_ENGLISH and language.lower()[:2] in {"", "en"})


def _slips(
    words: Sequence[Word],
    rules: TrimRules,
    language: str,
    grid: _Grid,
    by_hand: ByHand,
    offers: Sequence[Offer],
) -> list[Slip]:
    """What is left out, in order, but for what was kept by hand. What somebody wrote is meant as it is written."""
    if rules.fillers == "off":
        return []
    meant = Stretches.of_spans([*by_hand.kept, *by_hand.written])
    doubtful = Stretches.of((offer.start_ms, offer.end_ms) for offer in offers if rules.fillers == "gentle")
    fillers = _fillers(words, rules, language, grid)
    fillers = [slip for slip in fillers if not doubtful.touch(slip.words[0].start_ms, slip.words[-1].end_ms)]
    found = [*fillers, *_false_starts(words, rules, language, grid)]
    found.sort(key=lambda slip: slip.start_ms)
    return [slip for slip in found if not meant.touch(slip.words[0].start_ms, slip.words[-1].end_ms)]


def _fillers(words: Sequence[Word], rules: TrimRules, language: str, grid: _Grid) -> list[Slip]:
    """The fillers that are to go: where enough can be cut out for them, and for "gentle" where they stand alone."""
    others = sorted((word for word in words if not is_filler(word.text, language)), key=lambda word: word.start_ms)
    starts = [word.start_ms for word in others]
    ends = [-_FAR, *accumulate((word.end_ms for word in others), max)]
    found: list[Slip] = []
    for word in words:
        after = bisect_left(starts, max(word.end_ms, word.start_ms + 1))
        before, following = ends[after], starts[after] if after < len(starts) else _FAR
        alone = min(word.start_ms - before, following - word.end_ms) >= _STANDS_ALONE_MS
        if is_filler(word.text, language) and before <= word.start_ms and (alone or rules.fillers == "tight"):
            told = f'the filler "{word.text.strip()}"' + (" between two pauses" if rules.fillers == "gentle" else "")
            found += _slip((word,), before, following, told, rules, grid)
    return found


def _slip(
    words: tuple[Word, ...], before: int, following: int, told: str, rules: TrimRules, grid: _Grid
) -> Iterator[Slip]:
    """The slip between the end of the word before and the start of the one that follows, if enough can be cut out."""
    first, last = words[0].start_ms, words[-1].end_ms
    air = max(_FILLER_AIR_MS, math.ceil((rules.min_cut_ms - last + first) / 2 + grid.ms(1)))
    start = grid.quietest(max(first - air, before), before - _CLIPPED_MS, first)
    end = grid.quietest(min(last + air, following), last, following + _CLIPPED_MS)
    inside = grid.inside(start, end)
    if inside[0] < inside[1] and inside[1] - inside[0] >= grid.count(rules.min_cut_ms):
        yield Slip(words, start, end, told)


def _false_starts(words: Sequence[Word], rules: TrimRules, language: str, grid: _Grid) -> Iterator[Slip]:
    """Words that are said again at once: the first time goes. "gentle" takes only what the speaker broke off."""
    said = [number for number, word in enumerate(words) if not is_filler(word.text, language)]
    plain = [_plain(words[number].text) for number in said]
    at, before, seen = 0, -_FAR, 0
    while at < len(said):
        length, times = _repeated(plain, at)
        for first in range(at, at + length * (times - 1), length) if times <= _CHANT else ():
            run, again = said[first : first + length], words[said[first + length]]
            before = max(before, *(word.end_ms for word in words[seen : run[0]]), -_FAR)
            seen = run[0]
            whole = tuple(words[run[0] : run[-1] + 1])
            in_order = before <= whole[0].start_ms and whole[-1].end_ms <= again.start_ms
            if in_order and _broken_off([words[n] for n in run], again, rules):
                yield from _slip(whole, before, again.start_ms, _STARTS[length > 1], rules, grid)
        at += length * max(1, times - (times <= _CHANT))


def _repeated(plain: Sequence[str], at: int) -> tuple[int, int]:
    """How many words from `at` on are said again at once, and how often in all: (1, 1) for none."""
    for length in range(min(_LONGEST_START, (len(plain) - at) // 2), 0, -1):
        run = plain[at : at + length]
        times = 1
        while plain[at + length * times : at + length * (times + 1)] == run:
            times += 1
        if times > 1 and all(run) and (length == 1 or len(set(run)) > 1):
            return length, times
    return 1, 1


def _broken_off(run: Sequence[Word], again: Word, rules: TrimRules) -> bool:
    """Whether a run that is said again is a slip, and not meant: "very very good", "Stop. Stop." """
    text = run[-1].text.rstrip()
    if text.endswith((".", "!", "?")) and not text.endswith(("...", "..")):
        return False
    if len(run) == 1 and (_plain(text) in _MEANT_TWICE or not _plain(text).isalpha()):
        return False
    if again.start_ms - run[-1].end_ms > _START_AGAIN_MS:
        return False
    short = len(run) > 1 or len(_plain(text)) <= _SHORT_WORD
    heard = again.start_ms - run[-1].end_ms >= _SMALL_PAUSE_MS or text.endswith((",", "-", "–", "—", "…", "..."))
    return rules.fillers == "tight" or (short and heard)


def _middle(word: Word) -> float:
    return (word.start_ms + word.end_ms) / 2


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


# --- cut by hand ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hole:
    """A stretch that was cut by hand, with the breath around it that belongs to nobody else."""

    span: Span
    start_ms: int
    end_ms: int


def _cut_by_hand(words: Sequence[Word], spans: Sequence[Span], grid: _Grid) -> list[_Hole]:
    """Each stretch reaches about halfway to the words beside it, to where it is quiet. Parts of kept words stay."""
    holes = []
    ordered = sorted(words, key=_middle)
    middles = [_middle(word) for word in ordered]
    ends = [-_FAR, *accumulate((word.end_ms for word in ordered), max)]
    starts = [*accumulate((word.start_ms for word in reversed(ordered)), min, initial=_FAR)][::-1]
    for span in spans:
        before = ends[bisect_left(middles, span.start_ms)]
        after = starts[bisect_right(middles, span.end_ms)]
        if before > span.end_ms or after < span.start_ms:
            continue  # another's word lies over all of it
        start = max((before + span.start_ms) // 2, span.start_ms - _BREATH_MS)
        end = min((after + span.end_ms) // 2, span.end_ms + _BREATH_MS)
        start = grid.quietest(start, before - _CLIPPED_MS, span.start_ms)
        end = grid.quietest(end, span.end_ms, after + _CLIPPED_MS)
        if end > start:
            holes.append(_Hole(span, start, end))
    return holes


def _sounds(spans: Sequence[Span], grid: _Grid) -> Iterator[_Hole]:
    """Sounds that were cut by hand: each goes from where it is quiet before it to where it is quiet behind."""
    for span in spans:
        middle = (span.start_ms + span.end_ms) // 2
        start = grid.quietest(span.start_ms, span.start_ms - _QUIETER_MS, middle)
        end = grid.quietest(span.end_ms, middle, span.end_ms + _QUIETER_MS)
        if end > start:
            yield _Hole(span, start, end)


# --- reasons ----------------------------------------------------------------------------------------------------------


def _end_to_end(kept: Sequence[Run], clip: int, told: _Telling) -> Iterator[Piece]:
    at = 0
    for start, end in kept:
        yield from (Piece(clip, first, last, False, told.dropped(first, last)) for first, last in told.parts(at, start))
        yield from (Piece(clip, first, last, True, reason) for first, last, reason in told.kept(start, end))
        at = end
    rest = told.parts(at, told.grid.frames)
    yield from (Piece(clip, first, last, False, told.dropped(first, last)) for first, last in rest)


@dataclass(frozen=True, slots=True)
class _Telling:
    """Puts what was decided into words. `why` stands for all that is kept, where there is one reason for all of it."""

    events: Sequence[_Event]
    ends: Sequence[int]  # the latest end of the events up to each
    slips: Sequence[Slip]
    holes: Stretches
    rules: TrimRules
    grid: _Grid
    asked: Run
    why: str

    def kept(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """The frames start..end, split where speech turns into action or back, each part with its reason."""
        inside = [] if self.why else self._within(start, end)
        groups = [(kind, list(group)) for kind, group in groupby(_loudest(inside), key=lambda event: event.kind)]
        if len(groups) < 2:
            yield start, end, self.why or self._told(groups[0] if groups else None)
            return
        at = start
        for (kind, group), (_, following) in pairwise(groups):
            turn = (max(event.end for event in group) + following[0].start) // 2
            if at < turn < end:
                yield at, turn, self._told((kind, group))
                at = turn
        yield at, end, self._told(groups[-1])

    def _within(self, start: int, end: int) -> list[_Event]:
        first = bisect_right(self.ends, start)
        last = bisect_left(self.events, end, key=lambda event: event.start)
        return [event for event in self.events[first:last] if event.end > start]

    def _told(self, group: tuple[str, list[_Event]] | None) -> str:
        if group is None:
            return "next to something that is kept"
        kind, events = group
        told = [event.told for event in events if event.told]
        if kind == "asked":
            return "kept in edit.md"
        if kind == "action":
            return f"action: {', '.join(dict.fromkeys(told))}"
        quoted = " ".join(told[:_QUOTED_WORDS]) + (" …" if len(told) > _QUOTED_WORDS else "")
        return f'speech: "{quoted}"' if told else "speech"

    def parts(self, start: int, end: int) -> Iterator[Run]:
        """The frames start..end, split where what was asked for begins and ends."""
        edges = [start, *(edge for edge in self.asked if start < edge < end), end]
        return (part for part in pairwise(edges) if part[0] < part[1])

    def dropped(self, start: int, end: int) -> str:
        if end <= self.asked[0]:
            return "before the start that was asked for"
        if start >= self.asked[1]:
            return "after the end that was asked for"
        first, last = self.grid.ms(start), self.grid.ms(end)
        if self.holes.touch(first, last):
            return "cut in edit.md"
        slips = [slip for slip in self.slips if slip.start_ms < last and first < slip.end_ms]
        if slips and (last - first < _LONG_FILLER_MS or slips[0].told in _STARTS):
            return slips[0].told
        if start == self.asked[0]:
            return "nothing happens yet"
        if end == self.asked[1]:
            return "nothing happens any more"
        air = 2 * _air_ms(self.rules)
        within = " with a filler in it" if slips else ""
        return f"a pause of {(last - first + air) / 1000:.1f} s{within}, shortened to {air / 1000:.1f} s"


def _loudest(events: Sequence[_Event]) -> list[_Event]:
    """The events, action left out where somebody speaks over it."""
    speech = _merged((event.start, event.end) for event in events if event.kind == "speech")
    return [event for event in events if event.kind == "speech" or any(_outside((event.start, event.end), speech))]
