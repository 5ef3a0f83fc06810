"""Fillers that Whisper lays words over, or leaves out: found by ear and by sound, without touching what was heard.

Whisper was taught on texts without "um": in the middle of a talk it writes "Oh" there, or the first word of what comes
next. But a sound that is cut out and heard alone is written as what it is. So sounds that stand alone and steady are
laid end to end, with silence between, and heard once more, without any prompt: what is nothing but a filler then, and
covers no word, is one. A filler beside or inside a phrase is known by its sound alone, since nobody holds a vowel still
for as long in the middle of speech, and is only offered.

The thresholds were set on spliced talks of seven speakers (tests/splice.py, 2026-11-30); tests/bench has six others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline import media
from pipeline.model import Activity, Offer, Sound, Span, Word
from pipeline.transcribers import stretches
from pipeline.transcribers.stretches import Part, Window
from pipeline.trim import is_filler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.transcribers.listening import Listener

    Floats = NDArray[np.float32]

STEP_MS = 10

_OVER_FLOOR_DB, _UNDER_SPEECH_DB = 12, 12  # what is louder than the floor by this, or nearly as loud as speech, sounds
_DIP_STEPS, _BLIP_STEPS = 7, 4  # a shorter silence lies inside a sound, a shorter sound is a click
_ISLAND_STEPS = range(11, 91)  # how long a filler that stands alone is
_ALONE_STEPS = 15  # silence on both sides of it: trim.py asks for as much before it cuts
_QUIET_ROOM_DB = 35  # speech over the floor: in more noise real words were heard as fillers

# How steady a sound is, by frames 60 ms apart: change of its spectrum in nepers, and voicing 0..1.
_ISLAND_CHANGE, _ISLAND_VOICED, _ISLAND_LEAST_VOICED = 1.7, 0.84, 0.68
_STILL_CHANGE = 1.1  # who changes this little is listened to twice
_ONSET_STEPS, _ONSET_VOICED = 6, 0.5  # "um" begins with voice, "Hamm" and "Herr" with breath
_HELD_CHANGE, _HELD_USUAL_CHANGE, _HELD_VOICED, _HELD_STEPS = 1.0, 0.6, 0.8, 10
_LONGEST_STEPS = 3000  # that are looked at in one go

_PAD_MS, _BETWEEN_MS = 60, 600  # around each sound that is heard alone: with less, some are passed over
_AT_ONCE = 8  # of them: the longest ones take 13 s
_FAR_MS = 1000
_MOST_WORDS = 4  # a sound: who writes more goes round in circles
_HEARD_SURE = 0.2  # how likely a filler has to be that a word was heard over, in the talk
_SHARE = 0.5  # of the shorter one, by which a word and a sound lie over each other

# As Whisper writes them, each letter once -> as trim.py knows them.
_SPELLED = {"um": "um", "uhm": "um", "uh": "uh", "er": "er", "erm": "erm", "eh": "eh", "hm": "hmm", "m": "hmm"}
_SIGHS = frozenset(["oh", "ah", "ooh"])  # what it writes over a filler when it wants a word


@dataclass(frozen=True, slots=True)
class Fillers:
    """`words` are the words that were heard, without those that lay over a sure filler, and with the sure ones."""

    sure: tuple[Word, ...]
    offered: tuple[Offer, ...]
    words: tuple[Word, ...]


def find(sound: Sound, words: Sequence[Word], activity: Activity, language: str, listener: Listener) -> Fillers:
    """The fillers of a clip. `sound` has 16 kHz and one channel; `words` are those that `listener` heard in it.

    Sure are only those that stand alone, in English, in a quiet room. Hears nothing again where nothing stands alone
    and steady. Memory does not grow with the clip, but for its words.
    """
    levels = np.array(activity.levels, np.int16)
    sounds = _sounds(levels, activity)
    alone = _islands(sounds)
    taken = list(_taken(sound, alone, words, language, listener))
    sure: list[Word] = []
    quiet_english = language == "en" and activity.speech_dbfs - activity.floor_dbfs >= _QUIET_ROOM_DB
    if quiet_english:
        survived = _survivors(sound, words, taken, activity, language, listener)
        sure = [word for word in taken if word in survived]
    offers = [Offer(w.text, w.start_ms, w.end_ms, f'sounds like "{w.text}"') for w in taken if w not in sure]
    far = _far_from_all(words) if quiet_english else set()
    offers += [
        Offer(word.text, word.start_ms, word.end_ms, f'sounds like "{_plain(word.text)}"')
        for word in words
        if is_filler(word.text, language) and word not in far and not any(_over(word, other) for other in taken)
    ]
    for held in _held(sound, sounds, alone):
        if not any(min(held.end_ms, o.end_ms) > max(held.start_ms, o.start_ms) for o in offers):
            covered = any(min(held.end_ms, w.end_ms) > max(held.start_ms, w.start_ms) for w in words)
            offers.append(Offer("", held.start_ms, held.end_ms, _REASONS[covered]))
    offers.sort(key=lambda offer: offer.start_ms)
    return Fillers(tuple(sure), tuple(offers), _corrected(words, sure, sounds))


def _far_from_all(words: Sequence[Word]) -> set[Word]:
    """The words with a second of silence on both sides: an "um" that Whisper writes there by itself is one."""
    ends = [-_FAR_MS, *(word.end_ms for word in words)]
    starts = [*(word.start_ms for word in words[1:]), 10**9]
    around = zip(words, ends, starts, strict=False)
    return {word for word, end, start in around if min(word.start_ms - end, start - word.end_ms) >= _FAR_MS}


_REASONS = {True: "a drawn-out sound", False: "voice without a word"}


# --- where something sounds -------------------------------------------------------------------------------------------


def _sounds(levels: NDArray[np.int16], activity: Activity) -> list[Span]:
    """The stretches that are louder than the room, in order, with silence between; clicks do not count."""
    least = min(activity.floor_dbfs + _OVER_FLOOR_DB, activity.speech_dbfs - _UNDER_SPEECH_DB)
    runs = _runs(levels > least, _DIP_STEPS)
    return [Span(first * STEP_MS, last * STEP_MS) for first, last in runs if last - first >= _BLIP_STEPS]


def _islands(sounds: Sequence[Span]) -> list[Span]:
    """The sounds that stand alone, and are as long as a filler."""
    far = 10**9
    edges = [Span(-far, -far), *sounds, Span(far, far)]
    return [
        span
        for before, span, after in zip(edges, edges[1:], edges[2:], strict=False)
        if span.ms // STEP_MS in _ISLAND_STEPS
        and min(span.start_ms - before.end_ms, after.start_ms - span.end_ms) >= _ALONE_STEPS * STEP_MS
    ]


def _runs(flags: NDArray[np.bool_], dip: int) -> list[tuple[int, int]]:
    """First and last (exclusive) of the runs that are set; shorter gaps than `dip` are closed."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and first - runs[-1][1] < dip:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


# --- how it sounds ----------------------------------------------------------------------------------------------------

_SPECTRUM, _PITCHED = 512, 800  # samples of a frame at 16 kHz: 32 ms for its spectrum, 50 ms for its pitch
_PITCH_HZ = (75, 320)
_BANDS, _BANDS_HZ = 20, (100.0, 4000.0)
_APART = 3  # steps to both sides of a frame, between which its change is measured
_SMOOTH = 5


def _bank(rate: int) -> Floats:
    """Triangular bands, evenly spaced in mel, shape (frequencies, bands)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in _BANDS_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    at = np.fft.rfftfreq(_SPECTRUM, 1 / rate)[:, None]
    rising, falling = (at - edges[:-2]) / np.diff(edges[:-1]), (edges[2:] - at) / np.diff(edges[1:])
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def _frames(samples: Floats, step: int, size: int) -> Floats:
    """Frames of `size` samples around every step, shape (steps, size)."""
    padded = np.pad(samples, ((size - step) // 2, size))
    frames: Floats = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(samples) // step * step : step]
    return frames


def _looks(sound: Sound, span: Span) -> tuple[Floats, Floats]:
    """Of every 10 ms of a span: the change of its spectrum (nepers, mean of the bands), and how voiced it is (0..1)."""
    rate, step = sound.rate, sound.rate * STEP_MS // 1000
    samples = media.samples(sound, span.start_ms * rate // 1000, span.end_ms * rate // 1000)[:, 0]
    windowed = _frames(samples, step, _SPECTRUM) * np.hanning(_SPECTRUM).astype(np.float32)
    bands = np.log(np.abs(np.fft.rfft(windowed, axis=1)) ** 2 @ _bank(rate) + 1e-9)
    inner = np.abs(bands[2 * _APART :] - bands[: -2 * _APART]).mean(axis=1)
    change = np.pad(inner, _APART, mode="edge") if len(inner) else np.full(len(bands), np.inf)
    pitched = _frames(samples, step, _PITCHED)
    pitched = pitched - pitched.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(pitched, 2 * 1024, axis=1)) ** 2
    shortest, longest = rate // _PITCH_HZ[1], rate // _PITCH_HZ[0] + 1
    alike = np.fft.irfft(power, axis=1)[:, :longest] / (1 - np.arange(longest) / _PITCHED)
    voiced = alike[:, shortest:].max(axis=1) / np.maximum(alike[:, 0], 1e-9)
    return change.astype(np.float32), voiced.astype(np.float32)


def _steady(sound: Sound, span: Span) -> float:
    """How much a sound changes that is voiced as a whole and changes little, a hum or a held vowel; 0 for others."""
    change, voiced = _looks(sound, span)
    inner = voiced[2:-2]
    steady = (
        np.median(change) < _ISLAND_CHANGE
        and np.median(inner) >= _ISLAND_VOICED
        and np.percentile(inner, 20) >= _ISLAND_LEAST_VOICED
        and np.median(voiced[:_ONSET_STEPS]) >= _ONSET_VOICED
    )
    return float(np.median(change)) if steady else 0.0


def _held(sound: Sound, sounds: Sequence[Span], alone: Sequence[Span]) -> Iterator[Span]:
    """Where a sound is held still for longer than speech does, in what does not stand alone."""
    islands = set(alone)
    for span in (part for sound_ in sounds if sound_ not in islands for part in _parts(sound_)):
        change, voiced = _looks(sound, span)
        smooth = np.convolve(np.pad(change, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1 / _SMOOTH), "valid")
        for first, last in _runs((smooth < _HELD_CHANGE) & (voiced > _HELD_VOICED), 3):
            if last - first >= _HELD_STEPS and np.median(change[first:last]) < _HELD_USUAL_CHANGE:
                yield Span(span.start_ms + first * STEP_MS, span.start_ms + last * STEP_MS)


def _parts(span: Span) -> Iterator[Span]:
    """A span in parts that are short enough to be looked at in one go."""
    longest = _LONGEST_STEPS * STEP_MS
    for start in range(span.start_ms, span.end_ms, longest):
        yield Span(start, min(start + longest, span.end_ms))


# --- what it is -------------------------------------------------------------------------------------------------------


def _taken(
    sound: Sound, alone: Sequence[Span], words: Sequence[Word], language: str, listener: Listener
) -> Iterator[Word]:
    """The sounds that are heard as a filler, alone or, where they change hardly at all, in the talk."""
    change = {span: changing for span in alone if (changing := _steady(sound, span))}
    heard = dict(zip(change, _heard_alone(sound, list(change), language, listener), strict=True))
    missed = [span for span, (text, _) in heard.items() if not text and change[span] < _STILL_CHANGE]
    heard |= zip(missed, _heard_alone(sound, missed, language, listener), strict=True)
    for span, (text, confidence) in heard.items():
        found = Word(text, span.start_ms, span.end_ms, confidence)
        over = [word for word in words if _over(word, found)]
        if text:
            yield found
        elif over and change[span] < _STILL_CHANGE and all(_is_filler(word.text) for word in over):
            yield replace(found, text=_spelled(over[0].text), confidence=over[0].confidence)


def _heard_alone(
    sound: Sound, spans: Sequence[Span], language: str, listener: Listener, at_once: int = _AT_ONCE
) -> Iterator[tuple[str, float]]:
    """What each sound is heard as, by itself: a filler and how sure that is, or "" for anything else.

    Who hears one "um" after the other may go round in circles: fewer are then heard at once.
    """
    end_ms = sound.samples * 1000 // sound.rate
    for first in range(0, len(spans), at_once):
        some = spans[first : first + at_once]
        padded = [Span(max(0, span.start_ms - _PAD_MS), min(end_ms, span.end_ms + _PAD_MS)) for span in some]
        starts = accumulate((span.ms + _BETWEEN_MS for span in padded[:-1]), initial=0)
        window = Window(tuple(Part(at, span) for at, span in zip(starts, padded, strict=True)))
        phrases = listener.phrases(window.samples(sound), language, alone=True)
        said = [word for phrase in phrases for word in phrase.words if _plain(word.text)]
        if len(said) > _MOST_WORDS * len(some):
            fewer = _heard_alone(sound, some, language, listener, at_once // 2)
            yield from fewer if at_once > 1 else [("", 0.0)]
            continue
        placed = list(window.placed(said, listener.lead_ms, padded))
        for span in padded:
            here = [word for word in placed if span.start_ms <= word.start_ms < span.end_ms]
            filler = bool(here) and all(_is_filler(word.text) for word in here)
            yield (_spelled(here[0].text), here[0].confidence) if filler else ("", 0.0)


def _is_filler(text: str) -> bool:
    return bool(_spelled(text))


def _spelled(text: str) -> str:
    """The usual spelling of a filler, however long Whisper draws it out ("Uhhh", "Ummm"); "" for a word."""
    return _SPELLED.get("".join(letter for letter, _ in groupby(_plain(text))), "")


def _survivors(
    sound: Sound,
    words: Sequence[Word],
    taken: Sequence[Word],
    activity: Activity,
    language: str,
    listener: Listener,
) -> set[Word]:
    """The fillers that pass the silence test: muted, and what is said around them heard again, no word is gone."""
    laid = {filler: [word for word in words if _over(word, filler) and _says_something(word)] for filler in taken}
    doubtful = [filler for filler in taken if laid[filler] and filler.confidence >= _HEARD_SURE]
    lost = {filler for filler in taken if laid[filler] and filler.confidence < _HEARD_SURE}
    end_ms = sound.samples * 1000 // sound.rate
    for window in stretches.windows(stretches.stretches(activity.speech, end_ms, activity.levels) if doubtful else ()):
        here = [f for f in doubtful if any(_within(f, part.span) for part in window.parts)]
        if not here:
            continue
        samples = window.samples(sound)
        for filler in here:
            part = next(part for part in window.parts if _within(filler, part.span))
            first = (filler.start_ms - part.span.start_ms + part.at_ms) * sound.rate // 1000
            samples[max(0, first) : first + (filler.end_ms - filler.start_ms) * sound.rate // 1000] = 0
        again = [word for phrase in listener.phrases(samples, language) for word in phrase.words]
        before = [word for word in words if any(_within(word, part.span) for part in window.parts)]
        matcher = SequenceMatcher(
            None, [_plain(w.text) for w in before], [_plain(w.text) for w in again], autojunk=False
        )
        kept = {before[b.a + n] for b in matcher.get_matching_blocks() for n in range(b.size)}
        lost |= {filler for filler in here if not kept.issuperset(laid[filler])}
    return set(taken) - lost


def _within(word: Word, span: Span) -> bool:
    return span.start_ms <= (word.start_ms + word.end_ms) // 2 < span.end_ms


def _says_something(word: Word) -> bool:
    return not _is_filler(word.text) and _plain(word.text) not in _SIGHS and bool(_plain(word.text))


def _over(word: Word, other: Word) -> bool:
    both = min(word.end_ms, other.end_ms) - max(word.start_ms, other.start_ms)
    return both > _SHARE * min(word.end_ms - word.start_ms, other.end_ms - other.start_ms)


def _corrected(words: Sequence[Word], sure: Sequence[Word], sounds: Sequence[Span]) -> tuple[Word, ...]:
    """The words with the sure fillers among them, and none over one.

    A real word that lay over a filler, too, ends with the sound before it, or begins with the next one.
    """
    kept: list[Word] = []
    for word, following in pairwise([*words, Word("", 10**9, 10**9)]):
        under = next((filler for filler in sure if _over(word, filler)), None)
        if under is None:
            kept.append(word)
        elif _says_something(word) and word.start_ms < under.start_ms - _PAD_MS:
            end = max((sound.end_ms for sound in sounds if sound.start_ms < under.start_ms), default=under.start_ms)
            kept.append(replace(word, end_ms=max(word.start_ms + STEP_MS, min(word.end_ms, end))))
        elif _says_something(word):
            start = next((sound.start_ms for sound in sounds if sound.start_ms >= under.end_ms), under.end_ms)
            end = max(word.end_ms, min(following.start_ms, start + word.end_ms - word.start_ms), start + STEP_MS)
            kept.append(replace(word, start_ms=start, end_ms=end))
    return tuple(sorted([*kept, *sure], key=lambda word: (word.start_ms, word.end_ms)))


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
