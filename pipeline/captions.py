"""PURE: words -> cues that hold the standards; writers for ASS (burnt in), SRT and VTT (beside the video).

Where to break is found by dynamic programming over a table of costs: every break costs what it hurts (an article torn
from its noun, a word left alone, text that is faster than people read), and the cheapest whole is taken. What still
cannot be kept is listed by rule. Times are frames of the finished video.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from pipeline.colors import TEXT_CONTRAST, contrast
from pipeline.model import (
    Brand,
    CaptionRules,
    Cue,
    CueWord,
    FontMetrics,
    Format,
    Rect,
    Violation,
    joined,
    separator,
    spaceless,
)

if TYPE_CHECKING:
    from pysubs2 import SSAStyle

# --- language: where a line may break ---------------------------------------------------------------------------------

# Never last in a line: articles and other words that lean on the next one.
_LEANING = {
    "en": "a an the my your his her its our their this that these those no every each some any very i we you he she",
    "de": "der die das den dem des ein eine einen einem einer eines mein meine sein unser kein keine sehr ich wir",
    "fr": "le la les l' un une des du de au aux mon ma mes ton ta tes son sa ses notre votre leur ce cet cette ces",
    "es": "el la los las un una unos unas del al mi mis tu tus su sus este esta estos estas ese esa muy",
    "it": "il lo la i gli le un uno una del della dei al alla mio mia suo sua questo questa",
    "pt": "o a os as um uma uns umas do da dos das no na meu minha seu sua este esta",
}
# Better first in a line than last: conjunctions and prepositions.
_OPENING = {
    "en": "and or but nor so because that which who when while where if than as though although until unless "
    "to of in on at for with from by about into over under after before between through without like",
    "de": "und oder aber denn weil dass wenn als ob während damit obwohl "
    "von vom zu zum zur in im an am auf aus bei beim mit nach für über unter um durch ohne gegen vor seit",
    "fr": "et ou mais donc car que qui quand si parce lorsque à en dans sur sous pour avec par sans chez vers entre",
    "es": "y e o u pero que porque cuando si como aunque en con por para sin sobre entre hasta desde hacia",
    "it": "e o ma che perché quando se come di in con su per tra fra da",
    "pt": "e ou mas que porque quando se como em com por para sem sobre entre até desde",
}
_ABBREVIATED = "mr. mrs. ms. dr. prof. st. vs. no. nr. e.g. i.e. etc. z.b. d.h. u.a. ca. bzw. mme. sr. sra."
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_LEANS = frozenset(word for words in _LEANING.values() for word in words.split())
_OPENS = frozenset(word for words in _OPENING.values() for word in words.split())
_CLOSERS = "\"'”’»›)]}」』）"  # what may stand behind the punctuation of a sentence
_SENTENCE = frozenset(".?!…。！？؟।")
_CLAUSE = frozenset(",;:–—、，；：،؛")
_VOWELS = "aeiouyäöüáéíóúàèìòùâêîôûåæøœãõ"
_ONE_SOUND = frozenset(["ch", "ck", "ph", "th", "sh", "qu"])
_SYLLABLE = re.compile(f"(?:sch|ch|ph|th|sh|qu|[^{_VOWELS}])[{_VOWELS}]")

# --- costs: what a break or a cue hurts, in one unit of our own -------------------------------------------------------

_A_CUE = 3.0  # each cue, so that there are few
_NO_PUNCTUATION = 6.0  # a cue that ends in the middle of a clause
_LINE_IN_CLAUSE = 3.0  # a line that does
_AT_CLAUSE = 1.5  # a cue that ends at a comma
_AT_PAUSE = 2.0  # a cue that ends where the speaker pauses, or at a cut
_BEFORE_OPENING = -2.0  # a break before a conjunction or preposition
_AFTER_LEANING = 9.0  # a break after an article, a conjunction or a preposition
_IN_NAME = 6.0  # between first and last name
_IN_WORD = 15.0  # a cue that ends within a word
_INNER_SENTENCE = 5.0  # a sentence that ends inside a cue
_INNER_CUT = 1.0  # a cut inside a cue
_INNER_PAUSE = 8.0  # a second of silence inside a cue
_ALONE = 6.0  # an almost empty cue that is no sentence
_UNEVEN = 10.0  # lines of unequal length
_BROKEN = 40.0  # a rule of the standards that is not held
_TOO_FAST = 9.0  # text as fast as the limit allows; in proportion from the reading speed on
_IMPOSSIBLE = 10_000.0

_FEW_SECONDS = 12 / 17  # a cue that is read in less is almost empty
_PAUSE_SECONDS = Fraction(35, 100)  # a silence that is heard as a pause
_LINGER = 6  # frames that a word stays lit after it was spoken


def cues(
    words: Sequence[CueWord],
    rules: CaptionRules,
    *,
    fps: Fraction,
    frames: int,
    breaks: Sequence[int],
    fits: Callable[[str], bool],
) -> tuple[tuple[Cue, ...], tuple[Violation, ...]]:
    """Words as cues within frames 0..frames, and the rules that could not be kept.

    `rules` are those of the format and the language (`caption_rules.spoken`). `breaks` are the frames where a cut lies;
    `fits` says whether a line is narrow enough. Violations name their rule: lines, line_length (characters),
    min_duration and max_duration (ms), reading_speed (characters a second), gap (to the cue before), in_time and
    out_time (frames).

    Between two cues are at least 2 frames, and a gap shorter than half a second is closed to 2: the earlier cue runs
    on, past the 12 frames that it may linger, but never past 7 s. Where words follow each other without a pause, the
    earlier cue ends 2 frames before its last word does, which is no violation.
    Source: Netflix Timed Text Style Guide, general requirements (215758617) and timing guidelines (360051554394).
    """
    clean = _clean(words)
    if not clean or frames < 1:
        return (), ()
    script = _Script.of(clean, rules, fps=fps, frames=frames, breaks=breaks, fits=fits)
    groups = _cheapest(script)
    made = tuple(
        Cue(start, end, _lines(script, first, last))
        for (first, last), (start, end) in zip(groups, _times(script, groups), strict=True)
        if start < end
    )
    return made, tuple(_violations(made, rules, fps, fits))


# --- words as they may be shown ---------------------------------------------------------------------------------------


def _clean(words: Sequence[CueWord]) -> list[CueWord]:
    """Words of which something can be seen, one by one where several came as one, in the order of their start."""
    found = (part for word in words for part in _parts(word, _printable(word.text).split()))
    return sorted((word for word in found if any(map(_drawn, word.text))), key=lambda word: word.start)


def _printable(text: str) -> str:
    """Composed characters; what cannot be written as UTF-8 or shown (controls, surrogates) is left out."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if c.isspace() or unicodedata.category(c) not in {"Cc", "Cs", "Co"})


def _parts(word: CueWord, texts: Sequence[str]) -> Iterator[CueWord]:
    """A word as several, each with its share of the time."""
    total = max(1, sum(len(text) for text in texts))
    done = 0
    for text in texts:
        start = word.start + (word.end - word.start) * done // total
        done += len(text)
        yield CueWord(text, start, word.start + (word.end - word.start) * done // total)


def _own_frames(words: Sequence[CueWord], frames: int) -> list[CueWord]:
    """Every word inside the video, on a frame of its own where there are as many, and over when the next one begins."""
    starts = [min(max(0, word.start), max(0, frames - 1)) for word in words]
    for k in range(1, len(starts)):
        starts[k] = max(starts[k], starts[k - 1] + 1)
    for k in range(len(starts) - 1, -1, -1):
        starts[k] = max(0, min(starts[k], frames - (len(starts) - k)))
    ends = [*starts[1:], frames]
    return [
        CueWord(word.text, start, max(start + 1, min(word.end, end)))
        for word, start, end in zip(words, starts, ends, strict=True)
    ]


def _length(text: str, rules: CaptionRules) -> float:
    """Characters as the language's limits count them."""
    if text.isascii():
        return len(text) * rules.narrow
    return sum(rules.wide if unicodedata.east_asian_width(c) in "WF" else rules.narrow for c in text if _drawn(c))


def _drawn(char: str) -> bool:
    """Whether a character takes a place of its own, not over another one or none at all."""
    return char.isascii() or unicodedata.category(char) not in {"Mn", "Me", "Cf"}


# --- words that are wider than a line ---------------------------------------------------------------------------------


def _narrow(word: CueWord, ok: Callable[[str], bool]) -> list[CueWord]:
    """A word wider than a line as parts that are not: cut behind a hyphen or slash, else hyphenated near a syllable."""
    texts = []
    rest = word.text
    while not ok(rest) and (cut := _cut_position(rest, ok)):
        head = rest[:cut]
        texts.append(head + _hyphen(head, rest[cut:]))
        rest = rest[cut:]
    return list(_parts(word, [*texts, rest]))


def _cut_position(text: str, ok: Callable[[str], bool]) -> int:
    """Where to cut, so that the first part fits and the parts come out about equal; 0 where nothing can be cut."""
    positions = [n for n in range(1, len(text)) if _may_cut(text, n)]
    fitting = [n for n in positions if ok(text[:n] + _hyphen(text[:n], text[n:]))]
    if not fitting:
        return 0
    lines = math.ceil(len(text) / max(fitting))
    return max(fitting, key=lambda n: _cut_quality(text, n) - abs(n - len(text) / lines))


def _may_cut(text: str, n: int) -> bool:
    """Whether position n lies between two characters that are drawn apart."""
    joined_up = unicodedata.category(text[n])[0] == "M" or unicodedata.category(text[n]) in {"Cf", "Sk"}
    return not joined_up and unicodedata.category(text[n - 1]) != "Cf"


def _cut_quality(text: str, n: int) -> int:
    """How good a place to cut is: behind a hyphen, slash or dot; else where letters look like a new syllable."""
    left, right = text[:n].casefold(), text[n:].casefold()
    if not left[-1].isalnum():
        return 14
    if min(len(left), len(right)) < 3 or not left[-1].isalpha() or left[-1] + right[0] in _ONE_SOUND:
        return 0
    begins = _SYLLABLE.match(right) and any(c in _VOWELS for c in left) and not (left[-1] == "s" and right[:2] == "ch")
    return 8 if begins else 0


def _hyphen(left: str, right: str) -> str:
    return "-" if left[-1].isalpha() and right[0].isalpha() and not (spaceless(left[-1]) or spaceless(right[0])) else ""


# --- where to break ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Script:
    """The words, and what is known of every boundary k (before word k) and every run of words, as tables."""

    words: Sequence[CueWord]
    rules: CaptionRules
    fps: Fraction
    frames: int
    breaks: Sequence[int]
    reach: Sequence[int]  # by word: the boundary up to which words fit into the line that it begins
    chars: Sequence[float]  # by boundary: characters before it, without separators
    separators: Sequence[float]  # by boundary: characters of the separators up to it
    cue_breaks: Sequence[float]  # by boundary: what ending a cue there costs
    line_breaks: Sequence[float]  # by boundary: what ending a line there costs
    inner: Sequence[float]  # by boundary: what the boundaries up to it cost where they lie inside a cue

    @staticmethod
    def of(
        words: Sequence[CueWord],
        rules: CaptionRules,
        *,
        fps: Fraction,
        frames: int,
        breaks: Sequence[int],
        fits: Callable[[str], bool],
    ) -> _Script:
        def ok(text: str) -> bool:
            return _length(text, rules) <= rules.max_chars and fits(text)

        parts = [_narrow(word, ok) for word in words]
        whole = set(accumulate(len(word) for word in parts))
        narrow = _own_frames([part for word in parts for part in word], frames)
        inside = frozenset(range(1, len(narrow))) - whole
        cut = {_first_at(narrow, at) for at in breaks}
        grammar = [_grammar(a.text, b.text) for a, b in pairwise(narrow)]
        edges = range(1, len(narrow))
        pauses = [max(0.0, float((b.start - a.end) / fps)) for a, b in pairwise(narrow)]
        gaps = [_length(separator(a.text, b.text), rules) for a, b in pairwise(narrow)]
        return _Script(
            words=narrow,
            rules=rules,
            fps=fps,
            frames=frames,
            breaks=sorted(breaks),
            reach=_reach(narrow, inside, ok),
            chars=[0.0, *accumulate(_length(word.text, rules) for word in narrow)],
            separators=[0.0, *accumulate(gaps)],
            cue_breaks=[0.0, *(_cue_break(grammar[k - 1], pauses[k - 1], k in cut, k in inside) for k in edges), 0.0],
            line_breaks=[0.0, *(0.0 if k in inside else _line_break(grammar[k - 1]) for k in edges), 0.0],
            inner=[0.0, *accumulate(_inner(grammar[k - 1], pauses[k - 1], k in cut) for k in edges)],
        )

    def width(self, first: int, last: int) -> float:
        """Characters of words first..last as one line."""
        return self.chars[last] - self.chars[first] + self.separators[last - 1] - self.separators[first]

    def fills(self, first: int, lines: int) -> int:
        """The boundary up to which words fit into so many lines."""
        for _ in range(lines):
            if first < len(self.words):
                first = self.reach[first]
        return first


def _first_at(words: Sequence[CueWord], frame: int) -> int:
    return bisect_left(words, frame, key=lambda word: word.start)


def _reach(words: Sequence[CueWord], inside: frozenset[int], ok: Callable[[str], bool]) -> list[int]:
    """By word, how far the line goes that it begins: at least one word, and never past the hyphen inside a word."""
    reach = []
    end = 0
    for first in range(len(words)):
        end = max(end, first + 1)
        while end < len(words) and end not in inside and ok(joined(word.text for word in words[first : end + 1])):
            end += 1
        reach.append(end)
    return reach


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What a boundary between two words is, as far as spelling shows it."""

    sentence: bool
    clause: bool
    leaning: bool
    opening: bool
    name: bool


def _grammar(left: str, right: str) -> _Grammar:
    bare = left.rstrip(_CLOSERS)
    last = bare[-1:]
    sentence = last in _SENTENCE and last != "" and not _abbreviated(bare)
    after, before = _plain(left), _plain(right)
    return _Grammar(
        sentence=sentence,
        clause=last != "" and last in _CLAUSE,
        leaning=after in _LEANS or after in _OPENS,
        opening=before in _OPENS,
        name=left[:1].isupper() and right[:1].isupper() and left[-1:].isalpha() and after not in _LEANS | _OPENS,
    )


def _abbreviated(word: str) -> bool:
    return word.casefold() in _ABBREVIATIONS or (len(word) == 2 and word[0].isupper())


def _plain(word: str) -> str:
    return word.strip("\"'“”‘’«»‹›()[]{}¿¡.,;:?!…").casefold()


def _cue_break(grammar: _Grammar, pause: float, cut: bool, inside: bool) -> float:
    if inside:
        return _IN_WORD
    if grammar.sentence:
        return 0.0
    cost = _AT_CLAUSE if grammar.clause else _NO_PUNCTUATION + _hurt(grammar)
    return min(cost, _AT_PAUSE) if cut or pause >= _PAUSE_SECONDS else cost


def _line_break(grammar: _Grammar) -> float:
    return 0.0 if grammar.sentence or grammar.clause else max(0.0, _LINE_IN_CLAUSE + _hurt(grammar))


def _hurt(grammar: _Grammar) -> float:
    """What a break without punctuation tears apart."""
    if grammar.leaning:
        return _AFTER_LEANING
    if grammar.opening:
        return _BEFORE_OPENING
    return _IN_NAME if grammar.name else 0.0


def _inner(grammar: _Grammar, pause: float, cut: bool) -> float:
    cost = _INNER_SENTENCE if grammar.sentence else 0.0
    cost += _INNER_CUT if cut else 0.0
    return cost + (_INNER_PAUSE * pause if pause >= _PAUSE_SECONDS else 0.0)


def _cheapest(script: _Script) -> list[tuple[int, int]]:
    """The words as runs first..last, each a cue, so that all costs together are least."""
    count = len(script.words)
    best = [0.0] * (count + 1)
    ends = [count] * count
    for first in range(count - 1, -1, -1):
        best[first], ends[first] = min(
            (_cost(script, first, last) + best[last], last) for last in _candidates(script, first)
        )
    runs, at = [], 0
    while at < count:
        runs.append((at, ends[at]))
        at = ends[at]
    return runs


def _candidates(script: _Script, first: int) -> Iterator[int]:
    """Where a cue that begins with word `first` may end: as far as its lines reach, and within twice its time."""
    longest = script.words[first].start + 2 * script.rules.max_ms * script.fps / 1000
    for last in range(first + 1, script.fills(first, script.rules.max_lines) + 1):
        if last > first + 1 and script.words[last - 1].end > longest:
            return
        yield last


def _cost(script: _Script, first: int, last: int) -> float:
    cost = _A_CUE + script.cue_breaks[last] + script.inner[last - 1] - script.inner[first]
    chars = script.width(first, last)
    few = _FEW_SECONDS * script.rules.chars_per_second
    if chars < few and (script.cue_breaks[first] > 0 or script.cue_breaks[last] > 0):
        cost += _ALONE * (1 - chars / few)
    return cost + _line_cost(script, first, last) + _time_cost(script, first, last, chars)


def _time_cost(script: _Script, first: int, last: int, chars: float) -> float:
    rules, words = script.rules, script.words
    fps = float(script.fps)
    start, said = words[first].start, words[last - 1].end
    room = (words[last].start - rules.gap_frames if last < len(words) else script.frames) - start
    shown = min(
        room, max(said - start + rules.tail_frames, rules.min_ms * fps / 1000, chars * fps / rules.chars_per_second)
    )
    if shown <= 0:
        return _IMPOSSIBLE
    cost = 0.0
    if shown * 1000 < rules.min_ms * fps:
        cost += _BROKEN * (1.5 - shown * 1000 / (rules.min_ms * fps))
    if (said - start) * 1000 > rules.max_ms * fps:
        cost += _BROKEN * (said - start) * 1000 / (rules.max_ms * fps)
    elif (start + room - said) * 1000 < rules.close_ms * fps and room * 1000 > rules.max_ms * fps:
        cost += _BROKEN  # a gap that would have to be closed, and cannot
    speed = chars * fps / shown
    if speed > rules.chars_per_second:
        aim, limit = rules.chars_per_second, rules.chars_per_second_limit
        cost += _TOO_FAST * (speed - aim) / (limit - aim)
    return cost + (_BROKEN / 2 if speed > rules.chars_per_second_limit else 0.0)


# --- lines ------------------------------------------------------------------------------------------------------------


def _line_cost(script: _Script, first: int, last: int) -> float:
    """What the best lines of words first..last cost; one line that fits costs nothing."""
    if last <= script.reach[first]:
        return 0.0
    cost, ends = _best_lines(script, first, last, script.rules.max_lines)
    even = script.width(first, last) ** 2 / (len(ends) * script.rules.max_chars**2)
    return cost - _UNEVEN * even


def _best_lines(script: _Script, first: int, last: int, lines: int) -> tuple[float, tuple[int, ...]]:
    """The cheapest way to break words first..last into at most so many lines: its cost, and where each line ends.

    Squares make even lines cheap; a first line counts a little more, so that the longer one comes to lie below.
    """
    if last <= script.reach[first] or lines == 1:
        return _UNEVEN * (script.width(first, last) / script.rules.max_chars) ** 2, (last,)
    best: tuple[float, tuple[int, ...]] = (math.inf, (last,))
    for end in range(min(script.reach[first], last - 1), first, -1):
        if script.fills(end, lines - 1) < last:
            break
        rest, ends = _best_lines(script, end, last, lines - 1)
        own = 1.05 * _UNEVEN * (script.width(first, end) / script.rules.max_chars) ** 2
        best = min(best, (own + script.line_breaks[end] + rest, (end, *ends)))
    return best


def _lines(script: _Script, first: int, last: int) -> tuple[tuple[CueWord, ...], ...]:
    _, ends = _best_lines(script, first, last, script.rules.max_lines)
    return tuple(tuple(script.words[start:end]) for start, end in pairwise((first, *ends)))


# --- times ------------------------------------------------------------------------------------------------------------


def _times(script: _Script, groups: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """When each cue is shown: first where all begin, then where each ends, which the next one's start decides."""
    needs = [_needs(script, first, last) for first, last in groups]
    starts = _starts(script, groups, [least for least, _ in needs])
    return [
        (start, _end(script, script.words[last - 1].end, start, following, least, wanted))
        for (_, last), start, following, (least, wanted) in zip(groups, starts, [*starts[1:], None], needs, strict=True)
    ]


def _starts(script: _Script, groups: Sequence[tuple[int, int]], least: Sequence[int]) -> list[int]:
    """Where each cue begins: with its first word.

    One that is too short begins earlier, once the cue before it is said and read, or the next one later, both by the 3
    frames that the rules allow.
    """
    rules, words = script.rules, script.words
    spoken = [words[first].start for first, _ in groups]
    over_by = [*(start - rules.gap_frames for start in spoken[1:]), script.frames]
    starts: list[int] = []
    read = said = 0  # from where on the cue before leaves room
    for k, (_, last) in enumerate(groups):
        lack = max(0, spoken[k] + least[k] - over_by[k])
        earlier = max(spoken[k] - min(lack, rules.lead_frames), min(said, spoken[k]))
        latest = max(spoken[k], min(spoken[k] + rules.lead_frames, script.frames - len(groups) + k))
        starts.append(min(max(earlier, read), latest))
        read = starts[-1] + least[k] + rules.gap_frames
        said = words[last - 1].end + rules.gap_frames
    return starts


def _end(script: _Script, said: int, start: int, following: int | None, least: int, wanted: int) -> int:
    """Where a cue ends whose last word ends at `said`, before the cue that starts at `following`."""
    rules, fps = script.rules, script.fps
    longest = start + int(rules.max_ms * fps / 1000)
    end = min(_at_cut(script, max(said + rules.tail_frames, start + wanted), max(said, start + wanted)), longest)
    if following is None:
        return min(end, script.frames)
    closed = max(start + 1, following - rules.gap_frames)
    if end >= closed or not _short(following - end, rules, fps):
        return min(end, closed)
    if closed <= longest:
        return closed
    apart = following - math.ceil(rules.close_ms * fps / 1000)  # the last frame from which no gap has to be closed
    return apart if apart >= max(said, start + least) else end


def _short(gap: int, rules: CaptionRules, fps: Fraction) -> bool:
    """Whether a gap has to be closed."""
    return gap > rules.gap_frames and gap * 1000 < rules.close_ms * fps


def _needs(script: _Script, first: int, last: int) -> tuple[int, int]:
    """Frames that a cue needs at least, and to be read at ease."""
    rules, chars = script.rules, script.width(first, last)
    shortest = math.ceil(rules.min_ms * script.fps / 1000)
    speeds = (rules.chars_per_second_limit, rules.chars_per_second)
    least, ease = (math.ceil(Fraction(chars) * script.fps / Fraction(speed)) for speed in speeds)
    return max(shortest, least), max(shortest, ease)


def _at_cut(script: _Script, end: int, least: int) -> int:
    """A cue that may be over by then goes with the picture: it ends at the cut instead of a little behind it."""
    found = bisect_left(script.breaks, least)
    return min(end, script.breaks[found]) if found < len(script.breaks) else end


# --- what could not be kept -------------------------------------------------------------------------------------------


def _violations(
    made: Sequence[Cue], rules: CaptionRules, fps: Fraction, fits: Callable[[str], bool]
) -> Iterator[Violation]:
    around = zip([None, *made[:-1]], made, [*made[1:], None], strict=True)
    for number, (before, cue, after) in enumerate(around, start=1):
        found = (_text_measures(cue, rules, fps, fits), _time_measures(cue, before, after, rules, fps))
        for rule, value, broken in chain(*found):
            if broken:
                yield Violation(number, rule, round(float(value), 2))


# Each rule with what was measured, and whether that breaks it.
_Measures = Iterator[tuple[str, float | Fraction, bool]]


def _text_measures(cue: Cue, rules: CaptionRules, fps: Fraction, fits: Callable[[str], bool]) -> _Measures:
    lines = cue.text.split("\n")
    widest = max(_length(line, rules) for line in lines)
    speed = Fraction(_length(" ".join(lines), rules)) * fps / (cue.end - cue.start)
    yield "lines", len(lines), len(lines) > rules.max_lines
    yield "line_length", widest, widest > rules.max_chars or not all(fits(line) for line in lines)
    yield "reading_speed", speed, speed > rules.chars_per_second_limit


def _time_measures(cue: Cue, before: Cue | None, after: Cue | None, rules: CaptionRules, fps: Fraction) -> _Measures:
    shown = cue.end - cue.start
    ms = shown * 1000 / fps
    yield "min_duration", ms, ms < rules.min_ms
    yield "max_duration", ms, ms > rules.max_ms
    if before is not None:
        gap = cue.start - before.end
        yield "gap", gap, gap < rules.gap_frames or _short(gap, rules, fps)
    early = cue.start - cue.words[0].start
    yield "in_time", early, abs(early) > rules.lead_frames
    late = cue.end - cue.words[-1].end
    closed = after is not None and after.start - cue.end == rules.gap_frames
    chars = Fraction(_length(cue.text.replace("\n", " "), rules))
    needed = max(rules.min_ms * fps / 1000, chars * fps / Fraction(rules.chars_per_second))
    lingers = late > rules.tail_frames and shown >= needed + 1
    yield "out_time", late, late < -rules.gap_frames or (not closed and (late < 0 or lingers))


# --- how captions look ------------------------------------------------------------------------------------------------

_CHAR_EM = 0.45  # the average width of a bold letter, as a share of the line height
_EDGE = (0, 0, 0)
_INSET = 0.22  # between the text and the edge of its room, as a share of the line height: outline, descenders


@dataclass(frozen=True, slots=True)
class Style:
    """How captions are burnt in. Colors are sRGB; lengths are pixels of a frame of width x height.

    The text is centered on x `center`, and the lowest line's bottom lies on y `bottom`.
    """

    width: int
    height: int
    family: str
    size: int  # of a line, ascender to descender
    text: tuple[int, int, int]
    accent: tuple[int, int, int]  # of the word that is being spoken
    edge: tuple[int, int, int]
    outline: float
    blur: float
    center: int
    bottom: int

    def within(self, part: Rect) -> Style:
        """The same look, drawn on a part of the frame."""
        return replace(
            self, width=part.width, height=part.height, center=self.center - part.x, bottom=self.bottom - part.y
        )


def style(shape: Format, brand: Brand) -> Style:
    """The captions of a format, in the brand's font and accent color, as large as full lines fit into their room."""
    room, rules = shape.captions, shape.rules
    across = room.width / (rules.max_chars * _CHAR_EM + 2 * _INSET)
    down = room.height / (rules.max_lines + 2 * _INSET)
    size = max(1, int(min(across, down)))
    return Style(
        width=shape.width,
        height=shape.height,
        family=brand.font,
        size=size,
        text=(255, 255, 255),
        accent=_readable(brand.colors.accent),
        edge=_EDGE,
        outline=round(size * 0.07, 1),
        blur=round(size * 0.04, 1),
        center=room.x + room.width // 2,
        bottom=room.bottom - round(size * _INSET),
    )


def _readable(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """The color, lightened until it stands out from the dark edge around it."""
    for tenths in range(10):
        red, green, blue = (round(part + (255 - part) * tenths / 10) for part in color)
        if contrast((red, green, blue), _EDGE) >= TEXT_CONTRAST:
            break
    return red, green, blue


def fits(metrics: FontMetrics, shape: Format) -> Callable[[str], bool]:
    """Whether a line of text, burnt in, stays inside the format's room for captions."""
    size = style(shape, Brand(name="")).size
    em = size * metrics.units_per_em / metrics.line_height  # libass scales ascender to descender to the size
    widest = (shape.captions.width - 2 * size * _INSET) / em
    return lambda text: metrics.width(text) <= widest


# --- burnt in ---------------------------------------------------------------------------------------------------------

_ROOM = 600  # frames by which the encoder moves captions, so that times half a frame early stay above zero
_WORD_JOINER = "\N{WORD JOINER}"
_TAG = re.compile(r"<([^<>]*)>")
_BREAK = re.compile(r"\\(?=[Nnh])")
_BRACES = str.maketrans("{}", "｛｝")
_RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT MARK}"


def ass(cues: Sequence[Cue], style: Style, *, fps: Fraction, first: int, frames: int, highlight: bool = True) -> str:
    """The captions of frames first..first+frames as an ASS file: an event for each state of a cue, "" where none shows.

    Times are relative to `first`, clipped to the stretch (what lies outside changes nothing), moved by 600 frames, and
    half a frame early, so that rounding to centiseconds cannot move them to another frame. `highlight` lights the word
    that is being spoken.
    """
    states = _shown(cues, first, frames, highlight)
    return _ass_file(states, style, fps) if states else ""


def changes(cues: Sequence[Cue], *, first: int, frames: int, highlight: bool = True) -> tuple[int, ...]:
    """The frames, relative to `first`, at which the captions look different from the frame before; 0 is among them."""
    states = _shown(cues, first, frames, highlight)
    return tuple(sorted({0, *(at for start, end, _, _ in states for at in (start, end) if at < frames)}))


def band(shape: Format) -> Rect:
    """The part of the frame that captions are drawn on: all its width, and more than their room in height."""
    room, more = shape.captions, shape.captions.height // 2
    top, bottom = max(0, room.y - more) // 2 * 2, min(shape.height, room.bottom + more) // 2 * 2
    return Rect(0, top, shape.width, bottom - top)


def _shown(cues: Sequence[Cue], first: int, frames: int, highlight: bool) -> list[tuple[int, int, Cue, CueWord | None]]:
    """The states of frames first..first+frames: start and end relative to `first`, the cue, the word that is lit."""
    return [
        (max(0, start - first), min(frames, end - first), cue, lit)
        for cue in cues
        if cue.start < first + frames and first < cue.end
        for start, end, lit in (_states(cue) if highlight else [(cue.start, cue.end, None)])
        if start < first + frames and first < end
    ]


def _states(cue: Cue) -> Iterator[tuple[int, int, CueWord | None]]:
    """A cue's frames start..end with the word that is lit then: until the next one, or a little after its end."""
    at = cue.start
    for word, following in zip(cue.words, [*(word.start for word in cue.words[1:]), cue.end], strict=True):
        start, end = max(at, word.start), min(following, word.end + _LINGER, cue.end)
        if start < end:
            if at < start:
                yield at, start, None
            yield start, end, word
            at = end
    if at < cue.end:
        yield at, cue.end, None


def _ass_file(states: Sequence[tuple[int, int, Cue, CueWord | None]], style: Style, fps: Fraction) -> str:
    from pysubs2 import SSAEvent, SSAFile

    file = SSAFile()
    file.info |= {
        "PlayResX": str(style.width),
        "PlayResY": str(style.height),
        "WrapStyle": "2",
        "ScaledBorderAndShadow": "yes",
        "Kerning": "yes",
        "YCbCr Matrix": "TV.709",
    }
    file.styles = {"Default": _ass_style(style)}
    for start, end, cue, lit in states:
        text = _event_text(cue, lit, style)
        file.events.append(SSAEvent(_milliseconds(start, fps), _milliseconds(end, fps), text))
    return file.to_string("ass")


def _milliseconds(frame: int, fps: Fraction) -> int:
    """Half a frame early, in whole centiseconds, which is what ASS can say."""
    return 10 * round((frame + _ROOM - Fraction(1, 2)) * 100 / fps)


def _ass_style(style: Style) -> SSAStyle:
    from pysubs2 import Alignment, Color, SSAStyle

    return SSAStyle(
        fontname=style.family,
        fontsize=style.size,
        bold=True,
        primarycolor=Color(*style.text),
        outlinecolor=Color(*style.edge),
        outline=style.outline,
        shadow=0,  # behind the outline nobody sees one, and libass would draw it anew in every frame
        alignment=Alignment.BOTTOM_CENTER,
        marginl=0,
        marginr=0,
        marginv=0,
        encoding=-1,  # libass finds the direction of the writing by itself, and orders words across our tags
    )


def _event_text(cue: Cue, lit: CueWord | None, style: Style) -> str:
    lines = (_direction(cue.text) + _line_text(line, lit, style) for line in cue.lines)
    return rf"{{\pos({style.center},{style.bottom})\blur{style.blur}}}" + r"\N".join(lines)


def _direction(text: str) -> str:
    """A mark that makes a line run from right to left, even if it begins with a foreign name; "" for other scripts."""
    classes = [unicodedata.bidirectional(char) for char in text]
    return _RIGHT_TO_LEFT if sum(each in {"R", "AL"} for each in classes) > classes.count("L") else ""


def _line_text(line: Sequence[CueWord], lit: CueWord | None, style: Style) -> str:
    """The words of a line, each in its color; and what stands between them in another one, which nobody sees.

    libass sets letters of one color together. If only the lit word had one of its own, kerning would come and go at its
    edges, and the line would shake as the light moves on.
    """
    text = ""
    for k, word in enumerate(line):
        between = separator(line[k - 1].text, word.text) if k else ""
        text += _colored(between, style.edge) if between else ""
        text += _colored(_escaped(word.text), style.accent if word is lit else style.text)
    return text


def _colored(text: str, color: tuple[int, int, int]) -> str:
    return rf"{{\1c{_color(color)}}}{text}"


def _color(rgb: tuple[int, int, int]) -> str:
    red, green, blue = rgb
    return f"&H{blue:02X}{green:02X}{red:02X}&"


def _escaped(text: str) -> str:
    """Text that can say nothing to libass: a backslash is parted from what follows, and braces are quoted."""
    apart = text.replace("\\", "\\" + _WORD_JOINER)
    return apart.replace("{", r"\{").replace("}", r"\}")


# --- beside the video -------------------------------------------------------------------------------------------------


def srt(cues: Sequence[Cue], fps: Fraction) -> str:
    """Whole cues as SubRip."""
    return "".join(
        f"{number}\n{_clock(cue.start, fps, ',')} --> {_clock(cue.end, fps, ',')}\n{_only_text(cue.text)}\n\n"
        for number, cue in enumerate(cues, start=1)
    )


def vtt(cues: Sequence[Cue], fps: Fraction, language: str) -> str:
    """Whole cues as WebVTT; `language` is written behind the signature where it is known.

    Lines of their own ("Language: en"), as some services write them, are no WebVTT: a blank line has to follow the
    first. Source: W3C WebVTT, "file structure"; w3c/webvtt.js issue 32 (read 2026-11-30).
    """
    tag = "".join(c for c in language if c.isascii() and (c.isalnum() or c == "-"))
    head = "WEBVTT Kind: captions" + (f"; Language: {tag}" if tag else "") + "\n"
    return head + "".join(
        f"\n{number}\n{_clock(cue.start, fps, '.')} --> {_clock(cue.end, fps, '.')}\n{_quoted(cue.text)}\n"
        for number, cue in enumerate(cues, start=1)
    )


def _only_text(text: str) -> str:
    """Text without what players of SubRip take for tags, styles, line breaks or times, many of them those of ASS, too.

    SubRip has no way to quote a letter, so one that looks like it takes its place.
    """
    apart = _BREAK.sub("\\\\" + _WORD_JOINER, text)
    return _TAG.sub(r"‹\1›", apart).replace("<", "‹").replace("-->", "--›").translate(_BRACES)


def _quoted(text: str) -> str:
    """Text of WebVTT; for players that obey styles of ASS in there, other braces."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").translate(_BRACES)


def _clock(frame: int, fps: Fraction, point: str) -> str:
    """A frame's time as hours, minutes, seconds and milliseconds."""
    ms = round(frame * 1000 / fps)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
