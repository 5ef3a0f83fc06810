"""What happens in a clip: who speaks when, what bangs and moves, how loud it is -> Activity.

Speech is found in parts, so that several processes can share the work; the rest needs to know where the speech is.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.listen import action, loudness, speech
from pipeline.model import Activity, Clip, Sound, Span

parts = speech.parts
probabilities = speech.probabilities


def hear(clip: Clip, sound: Sound | None, spoken: Sequence[float]) -> Activity:
    """Everything about a clip's activity. `sound` is 16 kHz mono; `spoken` are the probabilities of all its parts."""
    talk = speech.spans(spoken)
    silent = gaps(talk, clip.duration_ms)
    motion = action.motion(clip, silent)
    if sound is None:
        return Activity(motion=motion)
    levels = loudness.levels(sound)
    floor, voice = loudness.floor(levels, talk), loudness.voice(levels, talk)
    return Activity(
        speech=talk,
        impacts=action.impacts(levels, talk, floor=floor, voice=voice if talk else None),
        motion=motion,
        speech_dbfs=round(voice, 1),
        floor_dbfs=round(floor, 1),
    )


def gaps(spans: Sequence[Span], duration_ms: int) -> tuple[Span, ...]:
    """The stretches between spans, from 0 to the end of the clip."""
    edges = [0, *(edge for span in spans for edge in (span.start_ms, span.end_ms)), duration_ms]
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a)
