"""The sound of a video in one piece: what is kept, cut without clicks, gently denoised, at the loudness that is
promised.

All of it streams: the kept pieces go one after the other into a raw file in the work folder, whose length in samples
follows from the plan's frames, so that hundreds of cuts cannot make sound and picture drift apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pipeline import ffmpeg, media
from pipeline.model import Activity, Loudness, Piece, Plan, Recipe, Sound, Span, Variant
from pipeline.shelf import Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 48000
_VERSION = 1  # of what is done here; a new one makes every sound anew
_FADE = RATE // 100  # 10 ms at a cut: half of it on each side
_BLOCK = 10 * RATE

# STANDARDS, "Sound"
_TARGET_LUFS = -14.0
_TOLERANCE = 0.3  # promised is 0.5
_PEAK_DBTP = -1.0
_CEILING_DBTP = -1.5  # before the encoder, which adds to it
_PASSES = 5
_MOST_GAIN = 40.0  # dB; a recording that wants more is silence with noise
_INAUDIBLE = -69.0  # LUFS: what ebur128 says of silence, or of less than 0.4 s

_NOISY_DBFS = -55.0  # from this background level on it is worth denoising
_CLEAR = 12.0  # dB that the voice has to stand above the background, or denoising would eat it
_AFFTDN_DELAY = RATE // 40  # samples by which ffmpeg's afftdn is late, and does not say so
_ACTION_PAD = RATE // 5
_AAC = ["-c:a", "aac", "-b:a", "256k", "-ac", "2"]
_AAC += ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
_MOST_MATCHING = 12.0  # dB by which the clips of one video are brought to one loudness


@dataclass(frozen=True, slots=True)
class Finished:
    """The finished sound: an .m4a on the shelf, what it was made from, and how loud it came out."""

    path: Path
    causes: object
    loudness: Loudness


def make(
    plan: Plan,
    variant: Variant,
    sounds: Sequence[Callable[[], Sound | None]],
    activities: Sequence[Activity],
    recipe: Recipe,
    shelf: Shelf,
) -> Finished:
    """The sound of a variant; variants of the same length share it.

    `sounds` decode each clip's sound if it has to be made.
    """
    opening = variant.opening.frames if variant.opening else 0
    causes = [
        _VERSION,
        ffmpeg.version(),
        [clip.sha256 for clip in plan.clips],
        [(piece.clip, piece.start, piece.end) for piece in plan.kept],
        (plan.fps, opening, variant.frames),
        recipe.denoise,
        activities if recipe.denoise else None,
    ]
    name = "sound.m4a" if variant.branded else "sound-unbranded.m4a"
    path, measured = shelf.path(name), f"{Path(name).stem}.json"
    made: list[Loudness] = []
    shelf.keep(
        name,
        causes,
        lambda out: made.append(_track(plan, opening, variant.frames, sounds, activities, recipe, shelf, out)),
    )
    loudness = shelf.value(measured, causes, Loudness, lambda: made[0] if made else _measured(path))
    return Finished(path, causes, loudness)


def _track(
    plan: Plan,
    opening: int,
    frames: int,
    sounds: Sequence[Callable[[], Sound | None]],
    activities: Sequence[Activity],
    recipe: Recipe,
    shelf: Shelf,
    out: Path,
) -> Loudness:
    heard = [sound() for sound in sounds]
    if recipe.denoise:
        heard = [_cleaned(sound, activity) for sound, activity in zip(heard, activities, strict=True)]
    raw = shelf.work / f"{out.name}.raw"
    _assemble(plan, opening, frames, heard, raw)
    loudness = _encode(raw, out)
    raw.unlink()
    return loudness


# --- the kept pieces, end to end --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Samples of the finished sound that come from one stretch of one clip:

    `start` in the clip, `at`..`at + count` there.
    """

    clip: int
    start: int
    at: int
    count: int


def _stretches(kept: Sequence[Piece], fps: Fraction, opening: int) -> list[_Stretch]:
    """Where every kept piece lies.

    Neighbors that follow each other in the clip become one, so nothing is faded there.
    """
    found: list[_Stretch] = []
    at, before = opening, None
    for piece in kept:
        first, last = _samples(at, fps), _samples(at + piece.frames, fps)
        if before is not None and (before.clip, before.end) == (piece.clip, piece.start):
            found[-1] = _Stretch(piece.clip, found[-1].start, found[-1].at, last - found[-1].at)
        else:
            found.append(_Stretch(piece.clip, _samples(piece.start, fps), first, last - first))
        at, before = at + piece.frames, piece
    return found


def _samples(frames: int, fps: Fraction) -> int:
    return round(frames * RATE / fps)


def _assemble(plan: Plan, opening: int, frames: int, sounds: Sequence[Sound | None], out: Path) -> None:
    """Writes the whole track, raw stereo float, silence where no clip sounds."""
    stretches = _stretches(plan.kept, plan.fps, opening)
    gains = _matching(stretches, sounds)
    total, half = _samples(frames, plan.fps), _FADE // 2
    with out.open("wb") as file:
        tail = np.zeros((0, 2), np.float32)  # what the piece before leaves under the next one's fade
        at = 0
        for stretch in stretches:
            first = max(0, stretch.at - half)
            _write(file, tail, first - at)
            tail = _faded(file, stretch, sounds[stretch.clip], gains[stretch.clip], tail[max(0, first - at) :], total)
            at = min(total, stretch.at + stretch.count - half)
        _write(file, tail, total - at)


def _write(file: BinaryIO, samples: NDArray[np.float32], count: int) -> None:
    """Writes `count` samples: these, then silence."""
    file.write(samples[:count].tobytes())
    for missing in _blocks(count - len(samples)):
        file.write(np.zeros((missing, 2), np.float32).tobytes())


def _blocks(count: int) -> Iterator[int]:
    while count > 0:
        yield min(count, _BLOCK)
        count -= _BLOCK


def _faded(
    file: BinaryIO, stretch: _Stretch, sound: Sound | None, gain: float, under: NDArray[np.float32], total: int
) -> NDArray[np.float32]:
    """Writes a stretch from half a fade before its place, with `under` mixed in, and returns the last fade of it,
    unwritten.

    The ramps are sine squared: two of them sum to one, so equal sound on both sides of a cut keeps its level.

    """
    half, ramp = _FADE // 2, _ramp()
    done, last = max(-half, -stretch.at), min(total - stretch.at, stretch.count + half)
    rising, tail = True, np.zeros((0, 2), np.float32)
    while done < last:
        end = last if last - done < _BLOCK + 2 * _FADE else done + _BLOCK
        block = _read(sound, stretch.start + done, stretch.start + end) * gain
        if rising:
            block[:_FADE] *= ramp[: len(block), None]
            block[: len(under)] += under[: len(block)]
            rising = False
        if end == last:
            block[-_FADE:] *= ramp[::-1][-len(block) :, None]
            kept = min(len(block), stretch.count - half - done)
            block, tail = block[:kept], block[kept:]
        file.write(block.astype(np.float32).tobytes())
        done = end
    return tail


def _ramp() -> NDArray[np.float32]:
    return np.square(np.sin(np.linspace(0, math.pi / 2, _FADE))).astype(np.float32)


def _read(sound: Sound | None, start: int, stop: int) -> NDArray[np.float32]:
    return media.samples(sound, start, stop) if sound is not None else np.zeros((stop - start, 2), np.float32)


def _matching(stretches: Sequence[_Stretch], sounds: Sequence[Sound | None]) -> list[float]:
    """A gain a clip that brings all to the level of the loudest; 1 for each where there is one clip only."""
    levels = [_level(stretches, clip, sound) for clip, sound in enumerate(sounds)]
    heard = [level for level in levels if level is not None]
    loudest = max(heard, default=0.0)
    return [1.0 if level is None else 10 ** (min(_MOST_MATCHING, loudest - level) / 20) for level in levels]


def _level(stretches: Sequence[_Stretch], clip: int, sound: Sound | None) -> float | None:
    """The level in dB of what a clip contributes, its pauses aside; None where that is silence."""
    if sound is None or len({stretch.clip for stretch in stretches}) < 2:
        return None
    powers: list[NDArray[np.float32]] = []
    step = RATE // 10
    for stretch in stretches:
        if stretch.clip == clip:
            for start in range(stretch.start, stretch.start + stretch.count - step, _BLOCK):
                count = min(_BLOCK, stretch.start + stretch.count - start) // step
                block = media.samples(sound, start, start + count * step)
                powers.append(np.square(block).mean(axis=1).reshape(count, step).mean(axis=1))
    power = np.concatenate(powers) if powers else np.zeros(0, np.float32)
    loud = power[power > max(1e-7, power.mean() / 10)] if power.size else power
    return float(10 * np.log10(loud.mean())) if loud.size else None


# --- denoising --------------------------------------------------------------------------------------------------------


def _cleaned(sound: Sound | None, activity: Activity) -> Sound | None:
    return _denoised(sound, activity) if sound is not None and _is_noisy(activity) else sound


def _is_noisy(activity: Activity) -> bool:
    voice = activity.speech_dbfs
    return bool(activity.speech) and activity.floor_dbfs > _NOISY_DBFS and voice - activity.floor_dbfs > _CLEAR


def _denoised(sound: Sound, activity: Activity) -> Sound:
    """Less noise in speech and pauses; what bangs stays as it was recorded."""
    wet_path = sound.path.with_suffix(".denoised")
    floor = max(-80.0, min(-20.0, activity.floor_dbfs))
    pad = f"apad=pad_len={_AFFTDN_DELAY}"
    cut = f"atrim=start_sample={_AFFTDN_DELAY},asetpts=PTS-STARTPTS"
    raw = ["-f", "f32le", "-ar", str(RATE), "-ac", "2"]
    chain = f"{pad},afftdn=nr=10:nf={floor:.0f}:tn=1,{cut}"
    ffmpeg.run([*raw, "-i", f"file:{sound.path}", "-af", chain, *raw, f"file:{wet_path}"])
    wet = Sound(wet_path, sound.rate, sound.channels, sound.samples, sound.dtype)
    out = sound.path.with_suffix(".clean")
    with out.open("wb") as file:
        for start in range(0, sound.samples, _BLOCK):
            stop = min(sound.samples, start + _BLOCK)
            dry_part = _dryness(activity.impacts, start, stop)[:, None]
            mixed = media.samples(wet, start, stop) * (1 - dry_part) + media.samples(sound, start, stop) * dry_part
            file.write(mixed.astype(np.float32).tobytes())
    wet_path.unlink()
    return Sound(out, sound.rate, sound.channels, sound.samples, sound.dtype)


def _dryness(impacts: Sequence[Span], start: int, stop: int) -> NDArray[np.float32]:
    """How much of the recorded sound is taken, 0..1 a sample:

    all of it at an impact, with slopes of 0.2 s around it.
    """
    at = np.arange(start, stop, dtype=np.float64)
    share = np.zeros(stop - start)
    for span in impacts:
        first, last = span.start_ms * RATE / 1000, span.end_ms * RATE / 1000
        if first - _ACTION_PAD < stop and last + _ACTION_PAD > start:
            near = np.minimum((at - first) / _ACTION_PAD + 1, (last - at) / _ACTION_PAD + 1)
            share = np.maximum(share, np.clip(near, 0, 1))
    return share.astype(np.float32)


# --- loudness ---------------------------------------------------------------------------------------------------------


def _encode(raw: Path, out: Path) -> Loudness:
    """Encodes the track at its loudness; corrects gain and ceiling until the encoded file, measured, is right."""
    source = ["-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", f"file:{raw}"]
    lufs, _ = _ebur128(source)
    if lufs <= _INAUDIBLE:
        return _encode_unmeasured(source, raw, out)
    wanted = _TARGET_LUFS - lufs
    gain, ceiling = min(wanted, _MOST_GAIN), _CEILING_DBTP
    tries: list[tuple[float, float]] = []
    for _ in range(_PASSES):
        loudness, peak = _encoded(source, gain, ceiling, out)
        tries.append((gain, loudness))
        if (abs(loudness - _TARGET_LUFS) <= _TOLERANCE and peak <= _PEAK_DBTP) or wanted > _MOST_GAIN:
            break
        if peak > _PEAK_DBTP:
            ceiling -= peak - _PEAK_DBTP + 0.1
        gain = min(_MOST_GAIN, gain + (_TARGET_LUFS - loudness) / _slope(tries))
    return Loudness(round(loudness, 1), round(peak, 1), _notes(wanted, loudness))


def _slope(tries: Sequence[tuple[float, float]]) -> float:
    """How much louder a dB of gain made it the last time: less than one where the limiter works."""
    if len(tries) < 2 or tries[-1][0] == tries[-2][0]:
        return 1.0
    return min(1.0, max(0.25, (tries[-1][1] - tries[-2][1]) / (tries[-1][0] - tries[-2][0])))


def _notes(wanted: float, loudness: float) -> tuple[str, ...]:
    if wanted > _MOST_GAIN:
        return (f"The recording is very quiet; it was made {_MOST_GAIN:.0f} dB louder, more would be noise.",)
    if abs(loudness - _TARGET_LUFS) > 0.5:
        return (f"The sound came out at {loudness:.1f} LUFS, since its peaks leave no room for more.",)
    return ()


def _encoded(source: Sequence[str], gain: float, ceiling: float, out: Path) -> tuple[float, float]:
    limit = 10 ** (ceiling / 20)
    chain = (
        f"volume={gain:.3f}dB:precision=float,aresample=192000,"
        f"alimiter=level=false:limit={limit:.5f}:attack=5:release=50:asc=true:latency=true,aresample={RATE}:osf=fltp"
    )
    ffmpeg.run([*source, "-af", chain, *_AAC, f"file:{out}"])
    return _ebur128(["-i", f"file:{out}"])


def _encode_unmeasured(source: Sequence[str], raw: Path, out: Path) -> Loudness:
    """Silence stays silence. What is too short to be measured (0.4 s) is brought to a level by its peak."""
    peak = _peak(raw)
    gain = _PEAK_DBTP - 2 - 20 * math.log10(peak) if peak > 1e-3 else 0.0
    ffmpeg.run([*source, "-af", f"volume={gain:.3f}dB:precision=float", *_AAC, f"file:{out}"])
    return Loudness(None, None, () if peak <= 1e-3 else ("The sound is too short for its loudness to be measured.",))


def _peak(raw: Path) -> float:
    peak = 0.0
    with raw.open("rb") as file:
        while (block := np.fromfile(file, np.float32, _BLOCK)).size:
            peak = max(peak, float(np.abs(block).max()))
    return peak


def _measured(path: Path) -> Loudness:
    lufs, peak = _ebur128(["-i", f"file:{path}"])
    return Loudness(None, None) if lufs <= _INAUDIBLE else Loudness(round(lufs, 1), round(peak, 1))


def _ebur128(source: Sequence[str]) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP (EBU R 128)."""
    said = ffmpeg.run([*source, "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"], log="info")
    summary = said.rpartition("Summary:")[2]
    return _figure(r"I:\s+(\S+) LUFS", summary), _figure(r"Peak:\s+(\S+) dBFS", summary)


def _figure(pattern: str, summary: str) -> float:
    found = re.search(pattern, summary)
    value = float(found[1]) if found else -math.inf
    return value if math.isfinite(value) else -120.0
