"""Splice truth: talks whose every border is known to the sample, since they were laid there one piece after the other.

A piece is a word, a phrase or a filler, spoken by espeak-ng or cut from recorded speech at its silences; between the
pieces and under them lies faint noise. What an engine hears can so be held against where it really is: times of words,
fillers, clipped words. Spliced silence is cleaner than that of a room, and espeak-ng is no person: the figures are
those of these talks, and no promise for every voice.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.model import Sound, Word

RATE = 16_000
LOUD = 0.08  # RMS of a phrase: -22 dBFS
KINDS = ("um", "uh", "er", "hmm")
NEAR = ("isolated", "after", "before", "inside")  # where a filler stands: alone, or beside a phrase, or within one
SHORT = ("no", "yeah", "oh", "right", "okay", "so", "well")
LIKE_FILLERS = ("Uma", "Herr", "Emma", "Hamm", "Irma")

Wave = NDArray[np.float32]  # mono, 16 kHz, -1..1

_EDGE = RATE // 200  # 5 ms, by which a piece is faded in and out
_STEP = RATE // 100
_AUDIBLE_DB = -36  # against the loudest 10 ms of a piece: what is quieter is its silence


def lacks() -> str:
    """Why no talk can be spliced on this machine; "" where it can."""
    return "" if shutil.which("espeak-ng") else "espeak-ng is not installed (apt-get install espeak-ng)"


@dataclass(frozen=True, slots=True)
class Placed:
    """What was laid, and where (samples, end exclusive). Inside a phrase of several words no border is known."""

    text: str
    start: int
    end: int
    kind: str  # "word" | "filler"
    near: str  # of a filler: one of NEAR; of a word: "alone" for one between two pauses, else "talk"

    @property
    def start_ms(self) -> int:
        return round(self.start * 1000 / RATE)

    @property
    def end_ms(self) -> int:
        return round(self.end * 1000 / RATE)


@dataclass(frozen=True, slots=True)
class Talk:
    """A spliced talk: its samples (int16, mono, 16 kHz) and the truth about them, in order."""

    samples: NDArray[np.int16]
    placed: tuple[Placed, ...]

    @property
    def minutes(self) -> float:
        return len(self.samples) / RATE / 60

    @property
    def fillers(self) -> tuple[Placed, ...]:
        return tuple(placed for placed in self.placed if placed.kind == "filler")

    @property
    def words(self) -> tuple[Placed, ...]:
        return tuple(placed for placed in self.placed if placed.kind == "word")

    def sound(self, path: Path) -> Sound:
        """The talk on disk, as clips are listened to."""
        self.samples.astype("<i2").tofile(path)
        return Sound(path, RATE, 1, len(self.samples), "<i2")


# --- who speaks -------------------------------------------------------------------------------------------------------


class Speaker(Protocol):
    """Somebody whose words can be laid."""

    def phrases(self, rng: np.random.Generator) -> Iterator[tuple[str, Wave]]:
        """Phrases without end, never the same one twice in a row."""

    def word(self, text: str) -> Wave:
        """One word, spoken alone."""

    def filler(self, kind: str, ms: int) -> Wave:
        """A filler of about that length."""


@dataclass(frozen=True, slots=True)
class Robot:
    """A voice of espeak-ng (`espeak-ng --voices`), with its speed (words a minute) and pitch (0..99)."""

    voice: str = "en-us"
    speed: int = 165
    pitch: int = 50

    @property
    def language(self) -> str:
        return self.voice[:2]

    def phrases(self, rng: np.random.Generator) -> Iterator[tuple[str, Wave]]:
        texts = PHRASES[self.language]
        while True:
            for number in rng.permutation(len(texts)):
                yield texts[number], _spoken(texts[number], self.voice, self.speed, self.pitch)

    def word(self, text: str) -> Wave:
        return _spoken(text, self.voice, self.speed, self.pitch)

    def filler(self, kind: str, ms: int) -> Wave:
        tried = [
            _spoken(_SOUNDS[self.language][kind], self.voice, speed, self.pitch)
            for speed in (80, 100, 130, 165, 210, 280, 360)
        ]
        nearest = min(tried, key=lambda wave: abs(len(wave) * 1000 / RATE - ms))
        return _closed(nearest, 0.0) if kind == "hmm" else nearest


@dataclass(frozen=True, slots=True)
class Recorded:
    """A person in a recording. Half of the fillers are a vowel of their own, held; "um" and "hmm" close the mouth.

    What cannot be cut out of the recording, a robot says: single words, and the other fillers.
    """

    path: Path
    robot: Robot = Robot("en-us+f2")

    def phrases(self, rng: np.random.Generator) -> Iterator[tuple[str, Wave]]:
        pieces = cut_at_silences(self.path)
        while True:
            for number in rng.permutation(len(pieces)):
                yield pieces[number]

    def word(self, text: str) -> Wave:
        return self.robot.word(text)

    def filler(self, kind: str, ms: int) -> Wave:
        if ms % 2:
            return self.robot.filler(kind, ms)
        vowels = _vowels(self.path)
        held = _held(vowels[(ms + len(kind) * KINDS.index(kind)) % len(vowels)], ms)
        return _closed(held, 0.0 if kind == "hmm" else 0.55) if kind in {"um", "hmm"} else held


# Phonemes or text for espeak-ng. Its own "hmm" is the word "hum": a vowel with the mouth closed makes a better one.
_SOUNDS = {
    "en": {"um": "[[V:m]]", "uh": "[[V:]]", "er": "[[3:]]", "hmm": "[[V:]]"},
    "de": {"um": "ähm", "uh": "äh", "er": "öh", "hmm": "äh"},
    "fr": {"um": "euhm", "uh": "euh", "er": "euh", "hmm": "euh"},
}
PHRASES = {
    "en": (
        "we moved the service to the new cluster last week", "the old one could not keep up with the load",
        "most of our customers are in three countries", "that took about two months of work",
        "the first thing you notice is the speed", "people ask me this question all the time",
        "a backup is worth nothing until you have restored it", "let me show you how it looks on the screen",
        "the button on the left starts a new project", "every change is tested before it is released",
        "you can see the result in a few seconds", "there are many ways to solve this problem",
        "my favorite part is the part that nobody sees", "it began as an experiment on a friday afternoon",
        "we learned a lot from the mistakes that we made", "the team in the north had a different idea",
        "it costs less than a cup of coffee a day", "nobody wants to wait for a page to load",
        "the answer depends on what you want to do", "in the morning we look at the numbers together",
        "this is the moment when everything goes dark", "the second server takes over at once",
        "I started here five years ago as a student", "there is a book about it on my desk",
        "the hard part is to know when to stop", "we wrote the whole thing again from the beginning",
        "a good name is shorter than a sentence", "after that the rest was easy",
        "the light turns green when it is ready", "you never need to log in again",
        "what happens next is the interesting part", "we have been doing this since the first day",
        "the data never leaves the building", "a small mistake can become a big one",
        "it works the same way on every machine", "thank you for all of your questions",
    ),
    "de": (
        "wir haben den dienst in der letzten woche umgezogen", "die meisten unserer kunden kommen aus drei ländern",
        "das hat ungefähr zwei monate gedauert", "er steht auf dem tisch neben dem fenster",
        "jede änderung wird vorher geprüft", "es geht um die sicherheit der daten",
        "am anfang war es nur ein versuch", "danach war der rest ganz einfach",
    ),
    "fr": (
        "nous avons changé de serveur la semaine dernière", "la plupart de nos clients sont en europe",
        "cela nous a pris environ deux mois", "chaque modification est vérifiée avant",
        "au début ce n'était qu'un essai", "la réponse dépend de ce que vous voulez",
    ),
}  # fmt: skip


@cache
def _spoken(text: str, voice: str, speed: int, pitch: int) -> Wave:
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), "-p", str(pitch), text]
    made = subprocess.run(command, capture_output=True, check=True)
    return _audible(_decoded(io.BytesIO(made.stdout)))


def _decoded(file: io.BytesIO | str) -> Wave:
    with av.open(file) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


# What is said in the recordings of ../shared/media, silence by silence.
PIECES = {
    "two-cities.wav": (
        "it was the best of times", "it was the worst of times", "it was the age of wisdom",
        "it was the age of foolishness", "it was the epoch of belief", "it was the epoch of incredulity",
        "it was the season of light", "it was the season of darkness", "it was the spring of hope",
        "it was the winter of despair", "we had everything before us we had nothing before us",
        "we were all going direct to heaven", "we were all going direct the other way", "in short",
        "the period was so far like the present period",
        "that some of its noisiest authorities insisted on its being received", "for good", "or for evil",
        "in the superlative degree of comparison only",
    ),
    "jfk.flac": (
        "and so my fellow americans", "ask not",
        "what your country can do for you ask what you can do for your country",
    ),
    "spoken-timer.mp4": (
        "hello", "this is an example video for your convenience and pleasure",
        "you are allowed to use this voice for any purpose including commercial uses",
        "on the bottom right you can see the time", "when the time reaches forty seconds", "i will say banana",
        "banana",
    ),
}  # fmt: skip


# --- recorded speech --------------------------------------------------------------------------------------------------

_PAUSE_MS = 150  # a shorter silence lies inside a word
_ROOM_DB = -30  # against the loudest 10 ms of a recording: what is quieter is its room
_SHORTEST_VOWEL = 6  # steps of 10 ms that sound alike


@cache
def cut_at_silences(path: Path) -> tuple[tuple[str, Wave], ...]:
    """The phrases of a recording between its silences, and what is said in them ("" where PIECES does not know it)."""
    wave = _decoded(str(path))
    loud = _decibels(wave) > _decibels(wave).max() + _ROOM_DB
    runs = [run for run in _joined(_runs(loud), _PAUSE_MS // 10) if run[1] - run[0] >= 30]
    texts = PIECES.get(path.name, ("",) * len(runs))
    return tuple((text, wave[a * _STEP : b * _STEP]) for text, (a, b) in zip(texts, runs, strict=True))


@cache
def _vowels(path: Path) -> tuple[Wave, ...]:
    """One period after the other of the steadiest vowels of a recording: 60 ms of each."""
    wave = _decoded(str(path))
    levels, length = _decibels(wave), _SHORTEST_VOWEL * _STEP
    found: list[tuple[float, int]] = []
    for step in np.flatnonzero(levels > levels.max() - 15)[:-_SHORTEST_VOWEL]:
        part = wave[step * _STEP : step * _STEP + length]
        lag, alike = _period(part)
        if lag and alike > 0.9:
            found.append((alike, int(step)))
    apart: list[int] = []
    for _, step in sorted(found, reverse=True):
        if all(abs(step - other) > 50 for other in apart):
            apart.append(step)
    return tuple(wave[step * _STEP : step * _STEP + length] for step in apart[:8])


def _period(wave: Wave) -> tuple[int, float]:
    """The period of a voiced sound in samples, and how alike two of them are (0..1)."""
    lags = range(RATE // 320, RATE // 75)
    alike = [float(np.corrcoef(wave[:-lag], wave[lag:])[0, 1]) for lag in lags]
    best = int(np.argmax(alike))
    return lags[best], alike[best]


def _held(vowel: Wave, ms: int) -> Wave:
    """A vowel held for that long: its periods over one another, with the small unsteadiness of a voice."""
    rng = np.random.default_rng(len(vowel) + ms)
    lag = _period(vowel)[0]
    grain = 2 * lag
    window = np.hanning(grain).astype(np.float32)
    wanted = ms * RATE // 1000
    held = np.zeros(wanted + grain, np.float32)
    at = 0.0
    while at < wanted:
        first = int(rng.integers(0, max(1, (len(vowel) - grain) // lag + 1))) * lag
        held[int(at) : int(at) + grain] += window * vowel[first : first + grain] * rng.normal(1, 0.03)
        at += lag * (1 + rng.normal(0, 0.006) + 0.08 * at / wanted)  # the pitch sinks a little
    return held[:wanted] * np.interp(np.arange(wanted), [0, 0.1 * wanted, 0.7 * wanted, wanted], [0.3, 1, 0.9, 0.25])


def _closed(wave: Wave, share: float) -> Wave:
    """The mouth closes after a share of the sound: what follows hums, with little above 500 Hz."""
    closes = np.clip((np.arange(len(wave)) / len(wave) - share) * 8, 0, 1).astype(np.float32)
    spectrum, at = np.fft.rfft(wave), np.fft.rfftfreq(len(wave), 1 / RATE)
    hum = np.fft.irfft(spectrum / (1 + (at / 400) ** 3), len(wave)).astype(np.float32)
    return wave * (1 - closes) + hum * closes


# --- laid one after the other -----------------------------------------------------------------------------------------


def talk(
    speaker: Speaker,
    seed: int,
    *,
    fillers: Mapping[str, int] | None = None,
    short: Sequence[str] = (),
    phrases: int = 0,
    apart: float = 0.0,
    noise_db: float = 42,
) -> Talk:
    """A talk, always the same for the same arguments.

    `fillers` says how many stand in each neighborhood of NEAR, kinds in turn, 150 to 700 ms long; `short` are words
    that stand alone between two pauses; `phrases` are laid on top of those that the others need. A share `apart` of
    them is spoken word by word, with pauses of 80 to 300 ms. The noise lies `noise_db` under the voice.
    """
    rng = np.random.default_rng(seed)
    tape, said = _Tape(rng), speaker.phrases(rng)
    wanted = [(near, KINDS[n % 4]) for near, count in (fillers or {}).items() for n in range(count)]
    items = [*wanted, *(("alone", text) for text in short), *(("talk", "") for _ in range(phrases))]
    for number in rng.permutation(len(items)):
        near, text = items[number]
        tape.pause(250, 900)
        if near in {"isolated", "alone"}:
            phrase = next(said)
            tape.lay(*phrase, "word", "talk")
            tape.pause(250, 900)
        if near == "alone":
            tape.lay(text, speaker.word(text), "word", "alone")
        elif near == "talk":
            _phrase(tape, speaker, *next(said), word_by_word=rng.random() < apart)
        else:
            filler = text, speaker.filler(text, int(rng.integers(150, 700))), "filler", near
            if near in {"after", "inside"}:
                tape.lay(*next(said), "word", "talk")
                tape.pause(0, 60)
            tape.lay(*filler, softer_db=float(rng.uniform(0, 6)))
            if near in {"before", "inside"}:
                tape.pause(0, 60)
                tape.lay(*next(said), "word", "talk")
    tape.pause(500, 900)
    return tape.over_noise(noise_db)


def _phrase(tape: _Tape, speaker: Speaker, text: str, wave: Wave, *, word_by_word: bool) -> None:
    if not (word_by_word and text):
        tape.lay(text, wave, "word", "talk")
        return
    for number, word in enumerate(text.split()):
        if number:
            tape.pause(80, 300)
        tape.lay(word, speaker.word(word), "word", "talk")


class _Tape:
    """What was laid so far."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._waves: list[Wave] = []
        self._placed: list[Placed] = []
        self._at = 0

    def pause(self, least_ms: int, most_ms: int) -> None:
        self._append(np.zeros(int(self._rng.integers(least_ms, most_ms + 1)) * RATE // 1000, np.float32))

    def lay(self, text: str, wave: Wave, kind: str, near: str, *, softer_db: float = 0.0) -> None:
        loud = LOUD * 10 ** (-softer_db / 20) / np.sqrt(np.mean(wave**2))
        ramp = np.minimum(1, np.minimum(np.arange(len(wave)), np.arange(len(wave))[::-1]) / _EDGE)
        self._placed.append(Placed(text, self._at, self._at + len(wave), kind, near))
        self._append((wave * ramp * loud).astype(np.float32))

    def over_noise(self, noise_db: float) -> Talk:
        noise = self._rng.normal(0, LOUD * 10 ** (-noise_db / 20), self._at)
        laid = np.clip(np.concatenate(self._waves) + noise, -1, 1)
        return Talk(np.round(laid * 32767).astype(np.int16), tuple(self._placed))

    def _append(self, wave: Wave) -> None:
        self._waves.append(wave)
        self._at += len(wave)


def _decibels(wave: Wave) -> Wave:
    """The level of every 10 ms."""
    steps = wave[: len(wave) // _STEP * _STEP].reshape(-1, _STEP)
    return (10 * np.log10(np.maximum(np.mean(steps**2, axis=1), 1e-12))).astype(np.float32)


def _audible(wave: Wave) -> Wave:
    """A sound without the silence before and after it, to 2 ms."""
    step = RATE // 500
    steps = wave[: len(wave) // step * step].reshape(-1, step)
    levels = 10 * np.log10(np.maximum(np.mean(steps**2, axis=1), 1e-12))
    heard = np.flatnonzero(levels > levels.max() + _AUDIBLE_DB)
    return wave[heard[0] * step : (heard[-1] + 1) * step]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(runs: Sequence[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        if joined and start - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


# --- what was heard, held against the truth ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Errors:
    """How far times of words are off (ms): median and 90 %. `found` is the share of borders that had a word."""

    start_median: float
    start_90: float
    end_median: float
    end_90: float
    found: float


def error(words: Sequence[Word], truth: Sequence[Placed]) -> Errors:
    """How far the words that were heard lie from those that were laid."""
    starts, ends = offsets(words, truth)
    if not starts or not ends:
        raise ValueError("none of the words that were laid was heard")
    first, last = np.abs(starts), np.abs(ends)
    figures = (float(np.percentile(each, share)) for each in (first, last) for share in (50, 90))
    asked = 2 * sum(placed.kind == "word" for placed in truth)
    return Errors(*figures, found=(len(starts) + len(ends)) / asked)


def offsets(words: Sequence[Word], truth: Sequence[Placed]) -> tuple[list[int], list[int]]:
    """By how many ms the starts and the ends of words are late; negative: early.

    A text is matched word by word, and known borders are those of its first and last words. Where no text is known, the
    border is that of the word which lies 100 ms inside of it.
    """
    starts, ends = _by_text(words, [placed for placed in truth if placed.text and placed.kind == "word"])
    for placed in truth:
        if placed.kind == "word" and not placed.text:
            starts += [word.start_ms - placed.start_ms for word in words if _holds(word, placed.start_ms + 100)][:1]
            ends += [word.end_ms - placed.end_ms for word in words if _holds(word, placed.end_ms - 100)][:1]
    return starts, ends


def _by_text(words: Sequence[Word], truth: Sequence[Placed]) -> tuple[list[int], list[int]]:
    laid = [(plain, placed) for placed in truth for plain in placed.text.split()]
    first = {sum(len(p.text.split()) for p in truth[:n]): placed for n, placed in enumerate(truth)}
    last = {at + len(placed.text.split()) - 1: placed for at, placed in first.items()}
    matcher = SequenceMatcher(None, [_plain(text) for text, _ in laid], [_plain(w.text) for w in words], autojunk=False)
    starts: list[int] = []
    ends: list[int] = []
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            at, word = block.a + offset, words[block.b + offset]
            starts += [word.start_ms - first[at].start_ms] if at in first else []
            ends += [word.end_ms - last[at].end_ms] if at in last else []
    return starts, ends


def _holds(word: Word, at_ms: int) -> bool:
    return word.start_ms <= at_ms < word.end_ms


def _plain(text: str) -> str:
    return re.sub(r"[^\w]", "", text.lower())
