"""Looks at finished videos as a viewer does: frames as pixels, sound as loudness."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline import ffmpeg
from pipeline.model import Rect


def frames(path: Path, wanted: set[int]) -> dict[int, np.ndarray]:
    """The wanted frames by number, RGB, shape (height, width, 3)."""
    with av.open(str(path)) as container:
        return {
            number: frame.to_ndarray(format="rgb24")
            for number, frame in enumerate(container.decode(video=0))
            if number in wanted
        }


def count(path: Path) -> tuple[int, Fraction]:
    """How many frames are decoded, and their rate."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        return sum(1 for _ in container.decode(video=0)), Fraction(rate)


def sound_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def loudness(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP of the file, as ffmpeg's ebur128 measures them."""
    said = ffmpeg.run(["-i", str(path), "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-"], log="info")
    summary = said.rpartition("Summary:")[2]
    return _figure(summary, "I:"), _figure(summary, "Peak:")


def _figure(text: str, name: str) -> float:
    return float(text.partition(name)[2].split()[0])


def part(picture: np.ndarray, rect: Rect) -> np.ndarray:
    return picture[rect.y : rect.bottom, rect.x : rect.right]


def bright(picture: np.ndarray, rect: Rect) -> float:
    """The share of nearly white pixels in a part of a picture."""
    return float((part(picture, rect).min(axis=2) > 225).mean())


def differs(a: np.ndarray, b: np.ndarray, rect: Rect) -> float:
    """The share of pixels of a part that are clearly different in two pictures."""
    return float((np.abs(part(a, rect).astype(int) - part(b, rect)).max(axis=2) > 40).mean())
