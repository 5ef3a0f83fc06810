"""How loud it is, step by step, and how loud voice and background are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline import media
from pipeline.model import Sound, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_MS = 20
SILENCE = -90.0  # dBFS; digital silence and what comes near it
_FLOOR_PERCENT = 20  # of the steps in which nobody speaks are no louder than the background
_MINUTE = 60_000 // STEP_MS


def levels(sound: Sound) -> NDArray[np.float32]:
    """RMS in dBFS of every 20 ms, -90 at least."""
    step = sound.rate * STEP_MS // 1000
    count = sound.samples // step
    found = [_rms(sound, first, min(count, first + _MINUTE), step) for first in range(0, count, _MINUTE)]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _rms(sound: Sound, first: int, last: int, step: int) -> NDArray[np.float32]:
    block = media.samples(sound, first * step, last * step).mean(axis=1).reshape(-1, step)
    power = np.square(block).mean(axis=1)
    return np.maximum(SILENCE, 10 * np.log10(power + 1e-12)).astype(np.float32)


def inside(spans: Sequence[Span], count: int, pad_ms: int = 0) -> NDArray[np.bool_]:
    """Which of `count` steps lie in the spans, or within `pad_ms` of one."""
    mask = np.zeros(count, bool)
    for span in spans:
        mask[max(0, (span.start_ms - pad_ms) // STEP_MS) : -(-(span.end_ms + pad_ms) // STEP_MS)] = True
    return mask


def voice(levels: NDArray[np.float32], talk: Sequence[Span]) -> float:
    """The level of the speech in dBFS."""
    spoken = levels[inside(talk, len(levels))]
    return float(10 * np.log10(np.mean(10 ** (spoken / 10)))) if spoken.size else SILENCE


def floor(levels: NDArray[np.float32], talk: Sequence[Span]) -> float:
    """The level of the background in dBFS: where nobody speaks, and nothing bangs."""
    quiet = levels[~inside(talk, len(levels), pad_ms=100)]
    return (
        float(np.percentile(quiet if quiet.size >= _FLOOR_PERCENT else levels, _FLOOR_PERCENT))
        if levels.size
        else SILENCE
    )
