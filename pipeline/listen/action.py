"""Where something happens without words: impacts in the sound, motion in the picture.

Destroying a server is speechless, and it is the content. So what counts is what stands out: a bang over what the room
sounds like, and movement over what moves while somebody merely talks. Constant noise, music in the background,
fidgeting and a running clock do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline.model import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels = NDArray[np.float32]
    Gray = NDArray[np.uint8]

# --- impacts: levels in short steps, in dB ----------------------------------------------------------------------------

NEAR_SPEECH_MS = 300  # beside speech lie the ends of words that the detector leaves out
_ON_DB, _OFF_DB = 18.0, 10.0  # over the floor: beats of music stand out by 10 to 15 dB, a bang by 20 and more
_UNDER_SPEECH_DB = 6.0  # quieter than this under the speech it is background: a chair, a keyboard, music under a voice
_OVER_SYLLABLES_DB = 14.0  # over the loud tenth of speech around it; real syllables stay within 7.5
_SYLLABLES_PERCENTILE = 90
_SYLLABLES_AROUND_MS = 7_000  # near enough to follow a second voice in the clip, long enough to hold several words
_FAINTEST_DBFS = -50.0  # nobody hears what is quieter, however silent the room
_FLOOR_AT_LEAST_DBFS = -70.0  # a muted microphone has no floor, and the faintest hiss would stand out
_FLOOR_PERCENTILE = 10
_FLOOR_AROUND_MS = 15_000  # the floor is that of half a minute, so that it follows the speaker into another room
_SHORTEST_IMPACT_MS = 120  # a bang rings; smacking lips, a click of the mouse and a broken sample do not
_IMPACT_GAP_MS = 400  # blows that follow each other are one action

# --- motion: small gray pictures --------------------------------------------------------------------------------------

EVERY_MS = 200
WIDTH = 64  # a pixel is the mean of hundreds, so the camera's noise is gone
_LONGEST_SILENCE_MS = 1000  # in which nobody looks for motion: pauses this short are mostly kept anyway
_LOOK_AROUND_MS = 1000  # of speech beside it, to learn how this person moves while talking
_SEEK_MS = 5000  # spans nearer than this are read in one go: finding the way from a key frame costs as much
_CHANGED = 16.0  # of 255, by which a pixel has changed
_GAINS = np.geomspace(0.5, 2, 15, dtype=np.float32)  # by which a camera changes its exposure; the middle one is 1
_MOVING = 0.2  # of all pixels: a head that talks and nods in a tight picture reaches 0.16
_OVER_TALKING = 1.5  # times what moves while somebody talks: who walks with the camera moves all of the picture
_TALKING_PERCENTILE = 90
_MOTION_SAMPLES = 2  # one change alone is a cut, a flash or a turned slide
_MOTION_GAP_MS = 500


def impacts(levels: Levels, step_ms: int, near_speech: NDArray[np.bool_], speech_dbfs: float) -> tuple[Span, ...]:
    """Loud events: where the level stands out of the floor, and is at least nearly as loud as the speech.

    `levels` are those of every `step_ms` in dBFS, shape (steps,), `near_speech` says which steps lie in or beside
    speech, and `speech_dbfs` is the level of the speech (-120 where nobody speaks).
    """
    beside = np.maximum(_floor(levels, step_ms) + _ON_DB, max(_FAINTEST_DBFS, speech_dbfs - _UNDER_SPEECH_DB))
    over = np.maximum(beside, _syllables(levels, step_ms, near_speech) + _OVER_SYLLABLES_DB)
    loud = np.where(near_speech, over, beside)
    ringing = loud - (_ON_DB - _OFF_DB)
    found = [
        Span(first * step_ms, last * step_ms)
        for first, last in _runs(levels > ringing)
        if (levels[first:last] > loud[first:last]).any() and (last - first) * step_ms >= _SHORTEST_IMPACT_MS
    ]
    return _merged(found, _IMPACT_GAP_MS)


def _floor(levels: Levels, step_ms: int) -> Levels:
    """What it sounds like when nothing happens, around every step."""
    everywhere = np.ones(len(levels), np.bool_)
    return np.maximum(_around(levels, step_ms, everywhere, _FLOOR_AROUND_MS, _FLOOR_PERCENTILE), _FLOOR_AT_LEAST_DBFS)


def _syllables(levels: Levels, step_ms: int, near_speech: NDArray[np.bool_]) -> Levels:
    """How loud the loud syllables are around every step."""
    return _around(levels, step_ms, near_speech, _SYLLABLES_AROUND_MS, _SYLLABLES_PERCENTILE)


def _around(levels: Levels, step_ms: int, counted: NDArray[np.bool_], around_ms: int, percentile: float) -> Levels:
    """A percentile of the counted levels in every second and so many ms on either side, repeated for its steps."""
    second, around = 1000 // step_ms, around_ms // step_ms
    found = []
    for start in range(0, len(levels), second):
        part = slice(max(0, start - around), start + second + around)
        heard = levels[part][counted[part]]
        found.append(np.percentile(heard, percentile) if heard.size else _FLOOR_AT_LEAST_DBFS)
    return np.repeat(np.array(found, np.float32), second)[: len(levels)]


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where the flags are set: first and last (exclusive) of every run."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _merged(spans: Sequence[Span], gap_ms: int) -> tuple[Span, ...]:
    """Spans in order; those that lie no further apart than `gap_ms` become one."""
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_ms - merged[-1].end_ms <= gap_ms:
            merged[-1] = Span(merged[-1].start_ms, max(merged[-1].end_ms, span.end_ms))
        else:
            merged.append(span)
    return tuple(merged)


def worth_a_look(speech: Sequence[Span], duration_ms: int) -> tuple[Span, ...]:
    """Where to look for motion: where nobody speaks for more than a second, and a little beside it."""
    edges = [0, *(edge for span in speech for edge in (span.start_ms, span.end_ms)), duration_ms]
    silences = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    widened = [
        Span(max(0, span.start_ms - _LOOK_AROUND_MS), min(duration_ms, span.end_ms + _LOOK_AROUND_MS))
        for span in silences
        if span.ms > _LONGEST_SILENCE_MS or not speech
    ]
    return _merged(widened, _SEEK_MS)


def motion(pictures: Iterable[tuple[int, Gray]], speech: Sequence[Span]) -> tuple[Span, ...]:
    """Strong movement. `pictures` are small gray ones with their times (ms), about one every 200 ms."""
    moves = [(Span(before[0], after[0]), changed(before[1], after[1])) for before, after in _neighbors(pictures)]
    talking = [share for span, share in moves if _in_speech(span, speech)]
    usual = float(np.percentile(talking, _TALKING_PERCENTILE)) if talking else 0.0
    strong = [span for span, share in moves if share >= max(_MOVING, _OVER_TALKING * usual)]
    lasting = [span for span in _merged(strong, EVERY_MS) if span.ms >= _MOTION_SAMPLES * EVERY_MS]
    return _merged(lasting, _MOTION_GAP_MS)


def _neighbors(pictures: Iterable[tuple[int, Gray]]) -> Iterator[tuple[tuple[int, Gray], tuple[int, Gray]]]:
    """Pictures that follow each other; not those with a stretch between them that nobody looked at."""
    for before, after in pairwise(pictures):
        if 0 < after[0] - before[0] <= 3 * EVERY_MS:
            yield before, after


def changed(before: Gray, after: Gray) -> float:
    """The share of pixels, 0..1, that changed by more than a change of exposure explains.

    The exposure is the gain and offset that explain most pixels; a fit over all would be bent by what moves.
    """
    left = after.astype(np.float32).ravel() - _GAINS[:, None] * before.astype(np.float32).ravel()
    left -= np.median(left, axis=1, keepdims=True)
    return float((np.abs(left) > _CHANGED).mean(axis=1).min())


def _in_speech(span: Span, speech: Sequence[Span]) -> bool:
    middle = (span.start_ms + span.end_ms) // 2
    return any(part.start_ms <= middle < part.end_ms for part in speech)
