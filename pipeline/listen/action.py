"""Where something happens without words: loud sounds over the background, and large movement in the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline import media
from pipeline.listen.loudness import STEP_MS, inside
from pipeline.model import Clip, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A sound is an impact when it stands this far above the background (dB) and is as loud as the voice; without a voice,
# when it can be heard at all. Chairs, keys and breath stay below; a fan or music is the background itself.
_ABOVE_FLOOR = 20.0
_AUDIBLE = -50.0
_DECAY = 12.0  # dB below that, the sound still rings
_NEAR_SPEECH_MS = 300  # the detector cuts words' first and last sounds off; they are no impacts
_JOINED_MS = 700  # bangs that follow each other are one event
_SHORTEST_MS = 40

_LOOKED_EVERY_MS = 200
_WIDTH = 160
_GAP_WORTH_LOOKING_MS = 800  # a shorter silence is kept anyway
_CHANGED = 20  # of 255: more than noise and compression make
# The share of the picture that changes within 0.2 s. People who talk and fidget stay below 0.15 (measured on recorded
# clips).
_STRONG = 0.25


def impacts(
    levels: NDArray[np.float32], talk: Sequence[Span], *, floor: float, voice: float | None
) -> tuple[Span, ...]:
    """Loud stretches outside the speech. `levels` in dBFS, one every 20 ms."""
    outside = ~inside(talk, len(levels), _NEAR_SPEECH_MS)
    threshold = max(floor + _ABOVE_FLOOR, _AUDIBLE if voice is None else voice)
    loud = (levels >= threshold) & outside
    ringing = (levels >= max(threshold - _DECAY, floor + _ABOVE_FLOOR / 2)) & outside
    return _joined(_runs(ringing, having=loud))


def _runs(mask: NDArray[np.bool_], having: NDArray[np.bool_]) -> Iterable[Span]:
    """The stretches of `mask` in which `having` is true somewhere."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        if having[start:end].any():
            yield Span(int(start) * STEP_MS, int(end) * STEP_MS)


def motion(clip: Clip, silent: Sequence[Span]) -> tuple[Span, ...]:
    """Strong movement in the stretches in which nobody speaks:

    elsewhere it would be kept anyway, and looking takes time.
    """
    worth = [span for span in silent if span.ms >= _GAP_WORTH_LOOKING_MS]
    found: list[Span] = []
    before: tuple[int, NDArray[np.float32]] | None = None
    for at, picture in media.grays(clip, worth, every_ms=_LOOKED_EVERY_MS, width=_WIDTH):
        now = picture.astype(np.float32)
        if before is not None and 0 < at - before[0] <= 3 * _LOOKED_EVERY_MS and changed(before[1], now) >= _STRONG:
            found.append(Span(before[0], at))
        before = (at, now)
    return _joined(found)


def changed(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """The share of pixels that changed, 0..1, a change of brightness of the whole picture aside."""
    difference = now - before
    difference -= np.median(difference)
    return float((np.abs(difference) > _CHANGED).mean())


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in spans:
        if joined and span.start_ms - joined[-1].end_ms <= _JOINED_MS:
            joined[-1] = Span(joined[-1].start_ms, max(joined[-1].end_ms, span.end_ms))
        else:
            joined.append(span)
    return tuple(span for span in joined if span.ms >= _SHORTEST_MS)
