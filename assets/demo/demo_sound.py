"""The sound of the demo clip: what the robot says, and what happens to the server.

The voice is flite's "rms", made at Carnegie Mellon University, free to use for any purpose (CMU ARCTIC, BSD-like
licence). All noises are computed here. Samples are mono, -1..1, at 48 kHz; times are in seconds.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float64]

RATE = 48_000
SCRIPT = (  # what is said, and the silence behind it; DESTRUCTION stands for itself
    ("You asked for the most creative way to destroy a server.", 2.0),
    ("Um.", 1.5),
    ("This one is twelve years old.", 0.5),
    ("Today, we pour coffee on it.", 0.45),
    ("No, wait.", 0.4),
    ("We drop the piano on it.", 0.7),
    ("DESTRUCTION", 1.9),
    ("That was overdue.", 0.5),
    ("Tell us what we should destroy next.", 0.7),
)
SILENT_START = 0.7
DESTRUCTION_SECONDS = 4.2
LANDS, COLLAPSES, SPARKS, SPLITS, SETTLES = 0.55, 1.35, 2.05, 2.9, 3.5  # since the rope gave way
BANGS = ((LANDS, 1.0), (COLLAPSES, 0.6), (SPARKS, 0.75), (SPLITS, 0.5), (SETTLES, 0.65))  # when, and how hard
_PIECES = 46  # that clatter to the floor
_ROOM = 0.0009  # -61 dBFS, as in a quiet room


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and when it is spoken."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Track:
    """The whole sound, what is said when, and when the rope gives way."""

    samples: Samples
    said: tuple[Said, ...]
    destruction: float

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    def voice(self, at: float) -> float:
        """How loud the voice is, 0..1: the mouth opens by it."""
        if not any(said.start <= at <= said.end for said in self.said):
            return 0.0
        near = self.samples[max(0, int((at - 0.025) * RATE)) : int((at + 0.025) * RATE)]
        return min(1.0, 5.0 * _level(near)) if len(near) else 0.0


def track(seed: int) -> Track:
    chance = np.random.default_rng(seed)
    parts, said, at, destruction = [np.zeros(int(SILENT_START * RATE))], [], SILENT_START, 0.0
    for text, pause in SCRIPT:
        if text == "DESTRUCTION":
            destruction, sound = at, noises(chance)
        else:
            sound = speak(text)
            said.append(Said(text, at, at + len(sound) / RATE))
        parts += [sound, np.zeros(int(pause * RATE))]
        at += len(sound) / RATE + pause
    samples = np.concatenate(parts)
    samples += chance.normal(0, _ROOM, len(samples))
    return Track(np.clip(samples, -0.98, 0.98), tuple(said), destruction)


# --- the voice --------------------------------------------------------------------------------------------------------


def speak(text: str) -> Samples:
    """One sentence, without the silence around it, at -20 dBFS."""
    rate, samples = _flite(text)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    spoken = samples[max(0, loud[0] - rate // 50) : loud[-1] + rate // 20]
    smooth = _resampled(spoken, rate)
    return smooth * 0.1 / _level(smooth)


def _flite(text: str) -> tuple[int, Samples]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", "rms", "--setf", "duration_stretch=1.04", "-t", text, "-o", str(path)]
        subprocess.run(command, check=True)
        with wave.open(str(path)) as file:
            return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def _resampled(samples: Samples, rate: int) -> Samples:
    """At 48 kHz: nothing is heard above what the voice had, and its hiss is softened, as in a room."""
    length = len(samples) * RATE // rate
    padded = np.concatenate([samples, np.zeros(rate // 10)])
    wanted = len(padded) * RATE // rate
    spectrum = np.zeros(wanted // 2 + 1, complex)
    found = np.fft.rfft(padded)
    spectrum[: len(found)] = found * np.sinc(np.linspace(0, 0.5, len(found))) ** 2
    return np.asarray(np.fft.irfft(spectrum, wanted)[:length] * wanted / len(padded))


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples**2)))


# --- the destruction --------------------------------------------------------------------------------------------------


def noises(chance: np.random.Generator) -> Samples:
    """A piano meets a server: thuds, a chord that nobody wrote, metal, and what falls off afterwards."""
    length = int(DESTRUCTION_SECONDS * RATE)
    out = np.zeros(length + 3 * RATE)
    for at, force in BANGS:
        _add(out, at, 0.75 * force * thud(chance))
        _add(out, at, 0.5 * force * chord(chance))
        _add(out, at, 0.35 * force * clang(chance))
    for at in chance.uniform(LANDS + 0.1, DESTRUCTION_SECONDS - 0.4, _PIECES):
        _add(out, at, chance.uniform(0.04, 0.2) * clang(chance)[: RATE // 5])
    _add(out, SPARKS, 0.3 * crackle(chance))
    out = out[:length]
    out[-RATE // 2 :] *= np.linspace(1, 0, RATE // 2)
    return np.asarray(out * 0.9 / np.abs(out).max())


def _add(out: Samples, at: float, sound: Samples) -> None:
    first = int(at * RATE)
    out[first : first + len(sound)] += sound


def thud(chance: np.random.Generator) -> Samples:
    """Wood on wood: a low knock that drops in pitch, under a short roar."""
    time = _time(0.7)
    roar = np.convolve(chance.normal(0, 1, len(time)), np.hanning(60) / 30, mode="same")
    knock = np.sin(2 * np.pi * (52 * time + 2.2 * (1 - np.exp(-22 * time))))
    return np.asarray(np.exp(-7 * time) * (0.6 * roar + knock))


def chord(chance: np.random.Generator) -> Samples:
    """Nine strings struck at once. The overtones of a stiff string lie a little too high, and die first."""
    time = _time(2.2)
    notes = 82 * 2 ** (chance.integers(0, 40, 9) / 12)
    return _sum(_string(float(note), time) for note in notes) / 6


def _string(note: float, time: Samples) -> Samples:
    overtones = ((n, note * n * np.sqrt(1 + 0.0006 * n * n)) for n in range(1, 6))
    return _sum(np.sin(2 * np.pi * pitch * time) * np.exp(-(1.6 + 0.7 * n) * time) / n for n, pitch in overtones)


def clang(chance: np.random.Generator) -> Samples:
    time = _time(0.6)
    return _sum(np.sin(2 * np.pi * pitch * time) * np.exp(-9 * time) for pitch in chance.uniform(900, 5200, 7)) / 4


def crackle(chance: np.random.Generator) -> Samples:
    """Sparks: short bursts of hiss, fewer and fewer."""
    out = np.zeros(RATE)
    for at in chance.exponential(0.2, 40):
        burst = chance.normal(0, 1, RATE // 200) * np.linspace(1, 0, RATE // 200)
        if at < 0.9:
            _add(out, float(at), burst)
    return out


def _time(seconds: float) -> Samples:
    return np.arange(int(seconds * RATE)) / RATE


def _sum(sounds: Iterable[Samples]) -> Samples:
    return np.asarray(np.sum(list(sounds), axis=0))
