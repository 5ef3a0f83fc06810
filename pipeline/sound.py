"""Plan -> the finished sound of a variant: what is kept, laid end to end, cleaned gently, as loud as platforms want it.

The sound is built in one stream, a block at a time, from numbers of frames: after hundreds of cuts it still lies under
its pictures to the sample. Every cut is a short crossfade. Loudness and true peak are measured on the encoded file.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import ffmpeg, media
from pipeline.model import Activity, Loudness, Piece, Plan, Recipe, Sound, Span, Variant
from pipeline.shelf import Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]  # shape (n, 2), -1..1
    Weights = NDArray[np.float32]  # shape (n,), 0..1

RATE = 48_000
_PROCESSING = 1  # to be raised when the same plan sounds different because of a change here
_BLOCK = 5 * RATE  # samples in memory at once: 2 MB
_SECONDS_TO_START, _SECONDS_A_SECOND = 300, 2  # of wall time before ffmpeg counts as hung; it takes 0.05 a second


@dataclass(frozen=True, slots=True)
class Finished:
    """The finished sound of a variant: an .m4a on the shelf, what it was made from, and what was measured on it."""

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
    """Makes the sound of a variant, unless it lies on the shelf.

    `sounds` decode the clips of the plan to 48 kHz stereo "<f4", and are called only where the sound must be made; None
    is silence. `activities` are those of the clips. Variants whose bumper and end card last equally long share a sound.
    Raises FFmpegError, LimitError and WorkspaceError.
    """
    name = "sound" if variant.opening or variant.closing else "sound-unbranded"
    track, told = f"{name}.m4a", f"{name}.json"
    causes = _causes(plan, variant, activities, recipe)

    def made() -> Loudness:
        found: list[Loudness] = []
        work = shelf.work / name
        shelf.put(track, causes, lambda out: found.append(_made(plan, variant, sounds, activities, recipe, work, out)))
        return found[0]

    if shelf.has(track, causes):
        return Finished(shelf.path(track), causes, shelf.value(told, causes, Loudness, made))
    loudness = made()
    shelf.put(told, causes, lambda path: path.write_text(json.dumps(asdict(loudness), indent=1), encoding="utf-8"))
    return Finished(shelf.path(track), causes, loudness)


def _causes(plan: Plan, variant: Variant, activities: Sequence[Activity], recipe: Recipe) -> object:
    """All that the sound depends on. Captions, dates and paths are not among it."""
    clips = tuple(clip.sha256 for clip in plan.clips)
    treated = tuple((a.speech, a.impacts, a.speech_dbfs, a.floor_dbfs) for a in activities)
    runs, total = laid(plan, variant)
    return _PROCESSING, ffmpeg.version(), clips, runs, total, treated, recipe.denoise


def _made(
    plan: Plan,
    variant: Variant,
    sounds: Sequence[Callable[[], Sound | None]],
    activities: Sequence[Activity],
    recipe: Recipe,
    work: Path,
    out: Path,
) -> Loudness:
    work.mkdir(parents=True, exist_ok=True)
    try:
        runs, total = laid(plan, variant)
        sources = _sources(runs, sounds, activities, recipe, work)
        raw = assembled(runs, sources, total, work / "track.raw")
        speechless = not any(activity.speech or activity.impacts for activity in activities)
        return _mastered(raw, _MOST_GAIN_FOR_NOISE_DB if speechless else _MOST_GAIN_DB, bool(sources), work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


# --- where everything lies --------------------------------------------------------------------------------------------

_HALF_FADE = RATE * 5 // 1000  # a cut is a crossfade of 10 ms: half of it on either side
_FADE_OUT = RATE * 40 // 1000  # of the last sound into the silence under the end card


@dataclass(frozen=True, slots=True)
class Ramp:
    """From nothing to all, from sample `at - before` to `at + after`, as a sine squared.

    The ramp of one piece and what it leaves to the piece before add up to one, so that equal material passes unchanged.
    """

    at: int
    before: int
    after: int

    def weights(self, first: int, last: int) -> Weights:
        """The weights of samples first..last."""
        way = (np.arange(first, last) - (self.at - self.before) + 0.5) / (self.before + self.after)
        return np.square(np.sin(np.pi / 2 * np.clip(way, 0, 1))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one clip from its sample `start` on, which lies at output sample `at`, between two ramps."""

    clip: int
    start: int
    at: int
    samples: int
    rise: Ramp
    fall: Ramp

    @property
    def first(self) -> int:
        """The first output sample to which this stretch adds."""
        return self.at - self.rise.before

    @property
    def last(self) -> int:
        return self.at + self.samples + self.fall.after


def laid(plan: Plan, variant: Variant) -> tuple[tuple[Run, ...], int]:
    """Where what is kept lies in a variant's sound, and how many samples that sound has.

    All places come from numbers of frames, none from the place before, so nothing adds up.
    """
    stretches = _stretches(plan.kept)
    opening = variant.opening.frames if variant.opening else 0
    frames = [opening]
    for stretch in stretches:
        frames.append(frames[-1] + stretch.frames)
    places = [_at(frame, plan.fps) for frame in frames]
    ramps = _ramps(places, opening > 0, variant.closing is not None)
    runs = tuple(
        Run(stretch.clip, _at(stretch.start, plan.fps), at, end - at, rise, fall)
        for stretch, (at, end), (rise, fall) in zip(stretches, pairwise(places), pairwise(ramps), strict=True)
    )
    return runs, _at(variant.frames, plan.fps)


def _at(frame: int, fps: Fraction) -> int:
    return round(frame * RATE / fps)


def _stretches(kept: Sequence[Piece]) -> list[Piece]:
    """The kept pieces, with those that go on where the last one ended joined to it: nothing is cut there."""
    stretches: list[Piece] = []
    for piece in kept:
        if stretches and (stretches[-1].clip, stretches[-1].end) == (piece.clip, piece.start):
            stretches[-1] = replace(stretches[-1], end=piece.end)
        else:
            stretches.append(piece)
    return stretches


def _ramps(places: Sequence[int], after_silence: bool, before_silence: bool) -> list[Ramp]:
    """A ramp at every place where a stretch begins or ends. The first and last stay inside the sound."""
    inner = [Ramp(place, _HALF_FADE, _HALF_FADE) for place in places[1:-1]]
    opening = Ramp(places[0], _HALF_FADE, _HALF_FADE) if after_silence else Ramp(places[0], 0, 2 * _HALF_FADE)
    longest = max(1, places[-1] - places[-2] - 2 * _HALF_FADE)
    closing = Ramp(places[-1], min(_FADE_OUT if before_silence else 2 * _HALF_FADE, longest), 0)
    return [opening, *inner, closing]


# --- what is laid there -----------------------------------------------------------------------------------------------

_BANG_FADE = RATE * 30 // 1000  # from cleaned sound to sound as it was recorded, around a bang


@dataclass(frozen=True, slots=True)
class Source:
    """A clip's sound: as recorded, cleaned (None: no need), its gain, and the bangs that stay uncleaned (samples)."""

    dry: Sound
    wet: Sound | None = None
    gain: float = 1.0
    bangs: tuple[tuple[int, int], ...] = ()

    def read(self, first: int, last: int) -> Samples:
        """Samples first..last; silence outside the sound, which begins and ends softly wherever it was cut off."""
        block = media.samples(self.dry, first, last)
        if self.wet is not None:
            raw = self._as_recorded(first, last)[:, None]
            block = raw * block + (1 - raw) * media.samples(self.wet, first, last)
        ends = Ramp(0, 0, 2 * _HALF_FADE), Ramp(self.dry.samples, 2 * _HALF_FADE, 0)
        return _faded(_sane(block) * np.float32(self.gain), first, *ends)

    def _as_recorded(self, first: int, last: int) -> Weights:
        """1 where the sound stays as it was recorded, 0 where it is cleaned."""
        raw = np.zeros(last - first, np.float32)
        for start, end in self.bangs:
            if start - _BANG_FADE < last and first < end + _BANG_FADE:
                rise, fall = Ramp(start, _BANG_FADE, 0), Ramp(end, 0, _BANG_FADE)
                raw = np.maximum(raw, rise.weights(first, last) - fall.weights(first, last))
        return raw


def _sane(block: Samples) -> Samples:
    """Broken floating-point sound may hold what is no number, or absurdly large ones."""
    return np.clip(np.nan_to_num(block, nan=0.0), -8, 8)


def _sources(
    runs: Sequence[Run],
    sounds: Sequence[Callable[[], Sound | None]],
    activities: Sequence[Activity],
    recipe: Recipe,
    work: Path,
) -> dict[int, Source]:
    """The sound of every clip of which something is kept, by its number; clips without sound are missing."""
    sources = {}
    for clip in sorted({run.clip for run in runs}):
        dry, activity = sounds[clip](), activities[clip]
        if dry is not None:
            noisy = recipe.denoise and _is_noisy(activity)
            wet = cleaned(dry, activity.floor_dbfs, work / f"clean-{clip}.raw") if noisy else None
            sources[clip] = Source(dry, wet, bangs=tuple(_samples_of(span) for span in activity.impacts))
    return _matched(sources, runs, activities)


def _samples_of(span: Span) -> tuple[int, int]:
    return span.start_ms * RATE // 1000, span.end_ms * RATE // 1000


def assembled(runs: Sequence[Run], sources: Mapping[int, Source], total: int, path: Path) -> Sound:
    """Writes the whole sound as raw samples, a block at a time."""
    heard = [run for run in runs if run.clip in sources]
    with path.open("wb") as file:
        for first in range(0, total, _BLOCK):
            file.write(_mixed(heard, sources, first, min(first + _BLOCK, total)).tobytes())
    return Sound(path, RATE, 2, total)


def _mixed(runs: Sequence[Run], sources: Mapping[int, Source], first: int, last: int) -> Samples:
    """Output samples first..last: the sum of all that lies there."""
    block = np.zeros((last - first, 2), np.float32)
    for run in runs:
        start, end = max(first, run.first), min(last, run.last)
        if start < end:
            part = sources[run.clip].read(run.start + start - run.at, run.start + end - run.at)
            block[start - first : end - first] += _faded(part, start, run.rise, run.fall)
    return block


def _faded(part: Samples, first: int, rise: Ramp, fall: Ramp) -> Samples:
    """A part of a sound between two ramps; its first sample is number `first` on their scale."""
    for ramp, falling in ((rise, False), (fall, True)):
        start, end = (min(max(place - first, 0), len(part)) for place in (ramp.at - ramp.before, ramp.at + ramp.after))
        if start < end:
            weights = ramp.weights(first + start, first + end)[:, None]
            part[start:end] *= 1 - weights if falling else weights
    return part


# --- cleaning ---------------------------------------------------------------------------------------------------------

_NOISY_DB = 38.0  # noise less than this under the speech is heard: -55 dBFS, once the speech is at its final -17
_NO_NOISE_DB = 8.0  # what is this near to the speech is music or a crowd, and taking it away tears the speech
_REDUCTION_DB = 10
_AFFTDN_DELAY = RATE // 40  # samples by which afftdn delays, and does not say so
_AFFTDN_FLOOR_DB = (-80.0, -20.0)  # what its `nf` takes


def _is_noisy(activity: Activity) -> bool:
    quietest = _AFFTDN_FLOOR_DB[0]
    return (
        bool(activity.speech)
        and activity.floor_dbfs >= quietest
        and _NO_NOISE_DB <= activity.speech_dbfs - activity.floor_dbfs <= _NOISY_DB
    )


def cleaned(sound: Sound, floor_dbfs: float, path: Path) -> Sound:
    """The sound with its noise lowered by 10 dB, not one sample later."""
    floor = min(max(floor_dbfs, _AFFTDN_FLOOR_DB[0]), _AFFTDN_FLOOR_DB[1])
    clean = f"afftdn=nr={_REDUCTION_DB}:nf={floor:.1f}:tn=1"
    chain = f"apad=pad_len={_AFFTDN_DELAY},{clean},atrim=start_sample={_AFFTDN_DELAY}"
    _run([*_raw_input(sound), "-af", chain, "-f", "f32le", f"file:{path}"], sound.samples)
    return replace(sound, path=path)


# --- clips of different level -----------------------------------------------------------------------------------------

_WINDOW = RATE * 400 // 1000
_GATE_DBFS, _RELATIVE_GATE_DB = -70.0, 10.0  # as EBU R128 gates, without its weighting
_MOST_MATCHING_DB = 12.0


def _matched(sources: dict[int, Source], runs: Sequence[Run], activities: Sequence[Activity]) -> dict[int, Source]:
    """Joined clips get a gain each, so that speech in one is as loud as in the other.

    A clip in which nothing stands out has no level of its own; it keeps to the loudest.
    """
    if len(sources) < 2:
        return sources
    levels = {clip: _level(source.dry, _telling(clip, runs, activities[clip])) for clip, source in sources.items()}
    known = [level for level in levels.values() if level is not None]
    if len(known) < 2:
        return sources
    middle = (min(known) + max(known)) / 2
    wanted = {clip: middle - (max(known) if level is None else level) for clip, level in levels.items()}
    limited = {clip: min(max(gain, -_MOST_MATCHING_DB), _MOST_MATCHING_DB) for clip, gain in wanted.items()}
    return {clip: replace(source, gain=10 ** (limited[clip] / 20)) for clip, source in sources.items()}


def _telling(clip: int, runs: Sequence[Run], activity: Activity) -> list[tuple[int, int]]:
    """The samples of a clip that tell how loud it is: its speech as far as it is kept, else its bangs."""
    spans = [_samples_of(span) for span in activity.speech or activity.impacts]
    kept = [(run.start, run.start + run.samples) for run in runs if run.clip == clip]
    both = [(max(start, first), min(end, last)) for start, end in spans for first, last in kept]
    return [(start, end) for start, end in both if start < end]


def _level(sound: Sound, parts: Sequence[tuple[int, int]]) -> float | None:
    """The level of these samples in dBFS, without what is much quieter than the rest; None where nothing is heard."""
    windows = [(at, min(at + _WINDOW, end)) for start, end in parts for at in range(start, end, _WINDOW)]
    powers = np.array([np.square(_sane(media.samples(sound, *window))).mean() for window in windows])
    loud = powers[powers > 10 ** (_GATE_DBFS / 10)]
    loud = loud[loud >= loud.mean() / 10 ** (_RELATIVE_GATE_DB / 10)] if loud.size else loud
    return float(10 * np.log10(loud.mean())) if loud.size else None


# --- loudness ---------------------------------------------------------------------------------------------------------

_TARGET_LUFS = -14.0  # STANDARDS, "Sound": +-0.5 on the finished file
_NEAR_ENOUGH, _NEAR_ENOUGH_BEFORE_ENCODING = 0.4, 0.25  # the meter shows tenths
_CEILING_DBTP = -1.05  # shown as -1.1: what is shown as -1.0 may be -0.96
_AIMED_CEILING_DBTP = -1.5  # before the encoder, which overshoots
_LOWEST_CEILING_DBTP = -20.0
_MOST_GAIN_DB = 30.0  # speech recorded at -50 LUFS comes out at -20: more would mostly be hiss
_MOST_GAIN_FOR_NOISE_DB = 20.0  # where nobody speaks and nothing stands out
_MOST_FOR_LIMITER_DB = 20.0  # on top of it, where the limiter takes away what the gain brings
_LEAST_SLOPE = 0.2  # LU a dB: under a limiter more gain brings less and less
_TRIES, _PASSES = 5, 5  # with the limiter alone, which is cheap; with the encoder
_WORTH_ANOTHER_PASS = 0.1  # LU that the last one brought
_NOTHING_LUFS = -70.0  # the meter's absolute gate, and what it shows for silence
_SHORTEST, _REPEATED = RATE // 2, 3 * RATE  # the meter wants 400 ms: a shorter sound is measured as if it went on
_ENCODER = ("-c:a", "aac", "-b:a", "256k", "-flags:a", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1")


@dataclass(frozen=True, slots=True)
class _Heard:
    lufs: float
    peak_dbtp: float


@dataclass(frozen=True, slots=True)
class _Aim:
    """What is done to the sound: gain, and the level that its peaks are held under."""

    gain_db: float
    ceiling_dbtp: float = _AIMED_CEILING_DBTP

    def chain(self, peak_dbtp: float) -> str:
        """ffmpeg's filters for a sound with this true peak. At twice the rate the limiter sees the true peaks."""
        gain = f"volume={self.gain_db:.3f}dB:precision=float"
        if not self.limits(peak_dbtp):
            return gain
        limit = f"limit={10 ** (self.ceiling_dbtp / 20):.6f}"
        limiter = f"alimiter=level=false:{limit}:attack=5:release=50:asc=true:latency=true"
        return f"{gain},aresample={2 * RATE},{limiter},aresample={RATE}:osf=fltp"

    def limits(self, peak_dbtp: float) -> bool:
        return peak_dbtp + self.gain_db > self.ceiling_dbtp


def _mastered(raw: Sound, most_gain_db: float, has_sound: bool, work: Path, out: Path) -> Loudness:
    """Encodes the sound as loud as it should be, and says what was measured on the file."""
    heard = _measured(_raw_input(raw), "anull", raw.samples)
    if heard.lufs <= _NOTHING_LUFS:
        _encode(raw, "anull", out)
        return Loudness(None, None, ("There is nothing to hear in the sound.",) if has_sound else ())
    goal = min(_TARGET_LUFS, heard.lufs + most_gain_db)
    aim = _tuned(raw, heard, goal)
    best = _encoded(raw, heard, goal, aim, work, out)
    return Loudness(best.lufs, best.peak_dbtp, tuple(_notes(best, goal, raw.samples)))


def _tuned(raw: Sound, heard: _Heard, goal: float) -> _Aim:
    """Finds the gain behind the limiter, before anything is encoded: that takes ten times as long."""
    first = goal - heard.lufs
    aim, seen = _Aim(first), [(0.0, heard.lufs)]
    for _ in range(_TRIES):
        if not aim.limits(heard.peak_dbtp):
            return aim
        seen.append((aim.gain_db, _measured(_raw_input(raw), aim.chain(heard.peak_dbtp), raw.samples).lufs))
        if abs(seen[-1][1] - goal) <= _NEAR_ENOUGH_BEFORE_ENCODING:
            return aim
        aim = replace(aim, gain_db=_next_gain(seen, goal, first + _MOST_FOR_LIMITER_DB))
    return aim


def _next_gain(seen: Sequence[tuple[float, float]], goal: float, most: float) -> float:
    """The gain that should reach `goal` (LUFS), by the slope between the last two gains and what they brought."""
    (gain_before, before), (gain, now) = seen[-2:]
    slope = (now - before) / (gain - gain_before) if gain != gain_before else 1.0
    return min(gain + (goal - now) / min(max(slope, _LEAST_SLOPE), 1.0), most)


def _encoded(raw: Sound, heard: _Heard, goal: float, aim: _Aim, work: Path, out: Path) -> _Heard:
    """Encodes, measures the file and corrects, until it is right or gets no better; the best one becomes `out`."""
    passes: list[tuple[float, int, _Heard]] = []
    for number in range(_PASSES):
        _encode(raw, aim.chain(heard.peak_dbtp), work / f"pass-{number}.m4a")
        got = _measured(["-i", f"file:{work / f'pass-{number}.m4a'}"], "anull", raw.samples)
        passes.append((_wrong(got, goal), number, got))
        if _settled([wrong for wrong, _, _ in passes], got):
            break
        aim = _corrected(aim, got, goal, goal - heard.lufs + _MOST_FOR_LIMITER_DB)
    _, number, got = min(passes, key=lambda each: each[0])
    (work / f"pass-{number}.m4a").replace(out)
    return got


def _wrong(got: _Heard, goal: float) -> float:
    """By how much a file misses: 0 is right. A peak that is too high is worse than a little too loud or too soft."""
    return max(0.0, abs(got.lufs - goal) - _NEAR_ENOUGH) + 10 * max(0.0, got.peak_dbtp - _CEILING_DBTP)


def _settled(wrongs: Sequence[float], got: _Heard) -> bool:
    """Whether the last file is right, or as right as it gets: its peaks are, and the last pass brought no loudness."""
    last = wrongs[-1]
    stuck = got.peak_dbtp <= _CEILING_DBTP and len(wrongs) > 1 and last > wrongs[-2] - _WORTH_ANOTHER_PASS
    return last == 0 or stuck


def _corrected(aim: _Aim, got: _Heard, goal: float, most_gain_db: float) -> _Aim:
    too_high = got.peak_dbtp - _CEILING_DBTP
    ceiling = aim.ceiling_dbtp - too_high - 0.1 if too_high > 0 else aim.ceiling_dbtp
    gain = min(aim.gain_db + goal - got.lufs, max(most_gain_db, aim.gain_db))
    return _Aim(gain, max(ceiling, _LOWEST_CEILING_DBTP))


def _notes(got: _Heard, goal: float, samples: int) -> Iterator[str]:
    if goal < _TARGET_LUFS - _NEAR_ENOUGH:
        yield (
            f"The recording is very quiet, and is made louder only as far as its noise allows: {got.lufs:.1f} LUFS. "
            "A microphone nearer to the mouth helps."
        )
    elif _wrong(got, goal) > 0:
        yield f"The sound came out at {got.lufs:.1f} LUFS and {got.peak_dbtp:.1f} dBTP: its peaks stand out too far."
    if samples < _SHORTEST:
        yield "The sound is too short to measure its loudness; it was measured as if it went on."


def _measured(source: Sequence[str], chain: str, samples: int) -> _Heard:
    """Loudness and true peak of a sound behind some filters."""
    if samples < _SHORTEST:
        chain += f",aloop=loop={_REPEATED // max(1, samples)}:size={max(1, samples)}"
    said = _run([*source, "-af", f"{chain},ebur128=peak=true:framelog=quiet", "-f", "null", "-"], samples, log="info")
    return _Heard(_shown(r"I:\s+(\S+) LUFS", said), _shown(r"Peak:\s+(\S+) dBFS", said))


def _shown(pattern: str, said: str) -> float:
    """The last value that the meter showed; -inf where it is not a number."""
    values = re.findall(pattern, said)
    value = float(values[-1]) if values else math.nan
    return -math.inf if math.isnan(value) else value


def _encode(raw: Sound, chain: str, path: Path) -> None:
    _run([*_raw_input(raw), "-af", chain, *_ENCODER, "-f", "mp4", f"file:{path}"], raw.samples)


def _raw_input(sound: Sound) -> list[str]:
    return ["-f", "f32le", "-ar", str(sound.rate), "-ac", str(sound.channels), "-i", f"file:{sound.path}"]


def _run(arguments: Sequence[str], samples: int, log: str = "error") -> str:
    return ffmpeg.run(arguments, seconds=_SECONDS_TO_START + _SECONDS_A_SECOND * samples / RATE, log=log)
