"""How loud a clip is, in short steps: the level of its speech, and of the noise between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import media
from pipeline.model import Sound, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_MS = 20
SILENCE_DBFS = -120.0
NO_LEVELS: NDArray[np.float32] = np.empty(0, np.float32)

_BLOCK = 1500  # steps read at once: half a minute, 2 MB
_FLOOR_PERCENTILE = 30  # of what is heard between the speech; a cough there does not move it
_FLOOR_PERCENTILE_IN_SPEECH = 5  # where nobody ever pauses: of everything
_REVERB_MS = 300  # behind speech a room still rings, and is not yet at its floor
_LOUD_SYLLABLES_PERCENTILE, _OVER_LOUD_SYLLABLES_DB = 90, 12.0  # no louder than this is any syllable
_ENOUGH_STEPS = 25  # half a second of pauses tells the floor


@dataclass(frozen=True, slots=True)
class Heard:
    """RMS levels in dBFS; -120 is silence, or nobody who speaks."""

    speech_dbfs: float
    floor_dbfs: float


def levels(sound: Sound, step_ms: int = STEP_MS) -> NDArray[np.float32]:
    """The level of every step in dBFS (RMS), shape (steps,).

    In steps of 20 ms, what is below 50 Hz, such as wind and a constant offset, hardly counts.
    """
    step = sound.rate * step_ms // 1000
    found = [NO_LEVELS]
    for start in range(0, sound.samples, step * _BLOCK):
        count = min(_BLOCK, -(-(sound.samples - start) // step))
        block = media.samples(sound, start, start + count * step).mean(axis=1).reshape(count, step)
        found.append(_decibels(block.var(axis=1)))
    return np.concatenate(found)


def _decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    quietest = np.float32(10 ** (SILENCE_DBFS / 10))
    return (10 * np.log10(np.maximum(power, quietest))).astype(np.float32)


def loudness(steps: NDArray[np.float32], speech: Sequence[Span]) -> Heard:
    """The level of the speech, and of the noise where nobody speaks (in the stops of speech, where it never pauses)."""
    if not steps.size:
        return Heard(SILENCE_DBFS, SILENCE_DBFS)
    spoken = inside(len(steps), speech)
    quiet = steps[~inside(len(steps), speech, _REVERB_MS)]
    pauses = len(quiet) >= _ENOUGH_STEPS
    floor = np.percentile(quiet, _FLOOR_PERCENTILE) if pauses else np.percentile(steps, _FLOOR_PERCENTILE_IN_SPEECH)
    level = _speech_level(steps[spoken]) if spoken.any() else SILENCE_DBFS
    return Heard(round(level, 1), round(float(floor), 1))


def _speech_level(steps: NDArray[np.float32]) -> float:
    """The RMS level of speech. A bang in the middle of it counts no more than a loud syllable."""
    syllable = np.percentile(steps, _LOUD_SYLLABLES_PERCENTILE) + _OVER_LOUD_SYLLABLES_DB
    return float(10 * np.log10(np.mean(10 ** (np.minimum(steps, syllable) / 10))))


def inside(steps: int, spans: Sequence[Span], margin_ms: int = 0) -> NDArray[np.bool_]:
    """Which of so many steps touch one of the spans, widened by a margin."""
    found = np.zeros(steps, np.bool_)
    for span in spans:
        first = max(0, span.start_ms - margin_ms) // STEP_MS
        found[first : -(-(span.end_ms + margin_ms) // STEP_MS)] = True
    return found
