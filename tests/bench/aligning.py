"""What it costs to time a corrected sentence by its sound, with the model in memory: CPU seconds of one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline import listen
from pipeline import media as clips
from pipeline.model import Sound, Span
from pipeline.transcribers.aligning import Aligner
from pipeline.transcribers.stretches import stretches

Row = tuple[str, float, float, bool]  # what, goal, measured, whether the goal is the least

SENTENCE = (
    "We had everything before us, we had nothing before us. We were all going direct to heaven, we were all going "
    "direct the other way. In short, the period was so far like the present period that some of its noisiest "
    "authorities insisted on its being received for good or for evil in the superlative degree of comparison only."
)


def rows(clip: Path, opened: Callable[[], Aligner], folder: Path) -> Iterator[Row]:
    """One stretch of bench-talk.mp4 (21 s, 59 words), one word corrected: the first time, and again with another word.

    `opened` gives an aligner that works in this process, with its model loaded, and has kept nothing yet.
    """
    sound, speech = _heard(clip, folder)
    stretch = stretches(speech, sound.samples * 1000 // sound.rate)[2]
    aligner = opened()
    for what, word in (("first", "period"), ("again in the same stretch", "present")):
        tokens = [f"{word}s" if token == word else token for token in SENTENCE.split()]
        goal = 1.2 if what == "first" else 0.2
        yield (
            f"a corrected sentence aligned, {what}, CPU s",
            goal,
            _cost(aligner, sound, tokens, stretch, speech),
            False,
        )


def _heard(clip: Path, folder: Path) -> tuple[Sound, tuple[Span, ...]]:
    looked_at = clips.probe(clip)
    sound = clips.sound(looked_at, folder / "aligned.raw", rate=16000, channels=1, dtype="<i2")
    assert sound is not None
    return sound, listen.hear(looked_at, sound).speech


def _cost(aligner: Aligner, sound: Sound, tokens: Sequence[str], stretch: Span, speech: Sequence[Span]) -> float:
    began = time.process_time()
    aligner.align(sound, tokens, stretch, speech, "en")
    return time.process_time() - began
