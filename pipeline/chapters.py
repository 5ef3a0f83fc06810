"""PURE: chapters from the pauses and sentences of the finished video, as the platforms ask for them.

At least three, the first at 0:00, each ten seconds or longer (STANDARDS, "YouTube text"); or none at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline import plan
from pipeline.edit import Line
from pipeline.model import Piece, Transcript, Word
from pipeline.wording import clock

_SHORTEST_VIDEO_S = 60  # a shorter one is watched as a whole: nobody jumps in it
_SHORTEST_S = 10
_BREAK_MS = 600  # after a shorter pause the same thought goes on
_USUAL_S = 30  # about as long as one thought takes
_FEWEST, _MOST = 3, 20
_TITLE_CHARS = 60
_FAR_MS = 10**9  # a clip begins after the longest of pauses
_FORBIDDEN = str.maketrans("", "", "<>")


@dataclass(frozen=True, slots=True)
class Chapter:
    """Begins at a whole second of the finished video."""

    start_seconds: int
    title: str


@dataclass(frozen=True, slots=True)
class _Start:
    """A kept sentence: when it begins in the finished video, and how long nobody spoke before it in the clip."""

    seconds: float
    pause_ms: int
    title: str


def chapters(
    pieces: Sequence[Piece], lines: Sequence[Line], *, fps: Fraction, opening: int, frames: int
) -> tuple[Chapter, ...]:
    """The chapters of a video of `frames` frames whose first `opening` frames are the bumper; () where it is short."""
    seconds = float(frames / fps)
    starts = _starts(pieces, lines, fps, opening)
    if seconds < _SHORTEST_VIDEO_S or not starts:
        return ()
    wanted = min(max(_FEWEST, int(seconds // _USUAL_S)), _MOST)
    chosen = [_Start(0, 0, starts[0].title)]
    for start in sorted(starts[1:], key=lambda each: (-each.pause_ms, each.seconds)):
        others = [each.seconds for each in chosen] + [seconds]
        worth_it = len(chosen) < _FEWEST or (len(chosen) < wanted and start.pause_ms >= _BREAK_MS)
        if worth_it and all(abs(start.seconds - other) >= _SHORTEST_S for other in others):
            chosen.append(start)
    if len(chosen) < _FEWEST:
        return ()
    ordered = sorted(chosen, key=lambda each: each.seconds)
    return tuple(Chapter(int(each.seconds), each.title) for each in ordered)


def text(chapters: Sequence[Chapter]) -> str:
    """The lines of a description: "0:00 Title"."""
    return "\n".join(f"{clock(each.start_seconds)} {each.title}" for each in chapters)


def _starts(pieces: Sequence[Piece], lines: Sequence[Line], fps: Fraction, opening: int) -> list[_Start]:
    """The kept sentences, in the order of the video."""
    at = _kept_at(pieces, lines, fps)
    found: list[_Start] = []
    spoken_until: dict[int, int] = {}
    for number, line in enumerate(lines):
        pause = line.from_ms - spoken_until.get(line.clip, -_FAR_MS)
        spoken_until[line.clip] = max(line.to_ms, spoken_until.get(line.clip, -_FAR_MS))
        title = "" if line.offer else _title(line.text)
        if title and number in at:
            found.append(_Start(float((opening + at[number]) / fps), pause, title))
    return found


def _kept_at(pieces: Sequence[Piece], lines: Sequence[Line], fps: Fraction) -> dict[int, int]:
    """The frame of the kept timeline at which the first word of each line begins, by line; those that are cut lack."""
    clips = range(max((line.clip for line in lines), default=-1) + 1)
    firsts = [
        Transcript(
            tuple(
                Word(str(number), line.start_ms, line.words[0].end_ms)
                for number, line in enumerate(lines)
                if line.clip == clip
            )
        )
        for clip in clips
    ]
    return {int(word.text): word.start for word in plan.spoken(pieces, firsts, fps)}


def _title(text: str) -> str:
    """The first words of a sentence, without the punctuation at its end."""
    plain = " ".join(text.translate(_FORBIDDEN).split()).strip(" .,;:!…-–—")
    if len(plain) > _TITLE_CHARS:
        plain = plain[: _TITLE_CHARS - 1].rpartition(" ")[0].rstrip(" .,;:-–—") or plain[: _TITLE_CHARS - 1]
        plain += "…"
    return plain[:1].upper() + plain[1:]
