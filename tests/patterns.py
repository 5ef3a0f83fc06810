"""Clips in which every picture names itself and every stretch of sound can be found again.

A picture carries its number as sixteen black and white blocks; the sound is seeded noise. So a finished video says,
frame by frame, which source moment it shows and plays: finer than flash and beep.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (320, 240)
BITS = 16
RATE = 48000
_COLUMNS = 4


def constant(fps: Fraction, seconds: float) -> list[Fraction]:
    """The times of pictures at a constant rate."""
    return [n / fps for n in range(int(seconds * fps))]


def variable(seconds: float, seed: int = 7) -> list[Fraction]:
    """The times of pictures as a phone makes them:

    about 30 a second, with jitter and gaps up to 200 ms, in 1/90000 s.
    """
    chance = random.Random(seed)
    times, now = [], Fraction(0)
    while now < seconds:
        times.append(now)
        step = 0.2 if chance.random() < 0.03 else 1 / 30 + chance.uniform(-0.008, 0.008)
        now += Fraction(round(step * 90000), 90000)
    return times


def write(
    path: Path,
    times: Sequence[Fraction],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    picture_late: Fraction = Fraction(0),
    sound_late: Fraction = Fraction(0),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip with a picture at each of `times` and noise as long as they last."""
    with av.open(str(path), "w", options=container_options or {}) as target:
        picture = target.add_stream(codec, rate=30, options=options or {"preset": "ultrafast", "crf": "18"})
        picture.width, picture.height = SIZE
        picture.pix_fmt = pixel_format
        picture.codec_context.time_base = Fraction(1, 90000)
        sound = target.add_stream("aac", rate=RATE, layout="stereo", options={"b": "256k"})
        for number, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(_drawn(number), format="gray").reformat(format=pixel_format)
            frame.pts = round((at + picture_late) * 90000)
            frame.time_base = Fraction(1, 90000)
            target.mux(picture.encode(frame))
        target.mux(picture.encode(None))
        for frame in _sound_frames(noise(float(times[-1]) + 1 / 30), sound_late):
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    return path


FLASH_EVERY = Fraction(3, 10)  # seconds
_BEEP_SECONDS = 0.03


def write_flashes(path: Path, times: Sequence[Fraction]) -> list[Fraction]:
    """A clip with a picture at each of `times`; every 0.3 s one is white, and a beep starts with it. Returns when."""
    flashes = _first_at_or_after([n * FLASH_EVERY for n in range(1, int(times[-1] / FLASH_EVERY))], times)
    with av.open(str(path), "w") as target:
        picture = target.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "18"})
        picture.width, picture.height = SIZE
        picture.pix_fmt = "yuv420p"
        picture.codec_context.time_base = Fraction(1, 90000)
        sound = target.add_stream("aac", rate=RATE, layout="stereo", options={"b": "256k"})
        for at in times:
            shade = np.full((SIZE[1], SIZE[0]), 230 if at in flashes else 30, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(at * 90000), Fraction(1, 90000)
            target.mux(picture.encode(frame))
        target.mux(picture.encode(None))
        for frame in _sound_frames(_beeps(flashes, float(times[-1]) + 1 / 30), Fraction(0)):
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    return sorted(flashes)


def _first_at_or_after(moments: Sequence[Fraction], times: Sequence[Fraction]) -> set[Fraction]:
    return {next(at for at in times if at >= moment) for moment in moments}


def _beeps(starts: set[Fraction], seconds: float) -> np.ndarray:
    samples = np.zeros(int(seconds * RATE), np.float32)
    beep = 0.7 * np.sin(2 * np.pi * 1000 * np.arange(int(_BEEP_SECONDS * RATE)) / RATE)
    for at in starts:
        first = round(at * RATE)
        samples[first : first + len(beep)] = beep[: len(samples) - first]
    return np.stack([samples, samples], axis=1)


def _drawn(number: int) -> np.ndarray:
    bits = np.array([(number >> bit) & 1 for bit in range(BITS)], dtype=np.uint8).reshape(-1, _COLUMNS)
    return np.kron(np.where(bits, 220, 30).astype(np.uint8), np.ones((SIZE[1] // 4, SIZE[0] // _COLUMNS), np.uint8))


def number_in(gray: np.ndarray) -> int:
    """The number that a picture carries, wherever it is shown full frame."""
    height, width = gray.shape
    cells = gray.reshape(4, height // 4, _COLUMNS, width // _COLUMNS)
    inner = cells[:, height // 16 : -height // 16, :, width // 16 : -width // 16]
    values = inner.mean(axis=(1, 3)).ravel() > 125
    return int(sum(1 << bit for bit, value in enumerate(values) if value))


def noise(seconds: float, seed: int = 11) -> np.ndarray:
    """Seeded noise, two equal channels, float32, shape (samples, 2). Band-limited, so that AAC keeps its shape."""
    chance = np.random.default_rng(seed)
    white = chance.standard_normal(int(seconds * RATE) + 64).astype(np.float32)
    smooth = np.convolve(white, np.hanning(16) / np.hanning(16).sum(), mode="same")[: int(seconds * RATE)]
    mono = (0.1 * smooth / np.abs(smooth).std()).astype(np.float32)
    return np.stack([mono, mono], axis=1)


def _sound_frames(samples: np.ndarray, late: Fraction) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), 1024):
        block = np.ascontiguousarray(samples[start : start + 1024].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = start + round(late * RATE)
        yield frame


def numbers_of(path: Path) -> list[int]:
    """What every picture of a video names."""
    with av.open(str(path)) as container:
        return [number_in(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def shown_on_grid(times: Sequence[Fraction], fps: Fraction, frames: int) -> list[int]:
    """Which picture each grid frame shows: the last one whose nearest grid slot is not later."""
    slots = [round_half_up(at * fps) for at in times]
    result, current = [], 0
    for grid in range(frames):
        while current + 1 < len(slots) and slots[current + 1] <= grid:
            current += 1
        result.append(current)
    return result


def round_half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))
