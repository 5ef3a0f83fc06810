"""PURE: the kept timeline -> chunks, the unit in which pictures are encoded and kept.

A chunk holds neighboring pieces of one clip, 5 to 10 seconds of output: shorter ones cost too much (a process costs 7
to 11 frames of encoding, so 2 s chunks cost 14 to 19 % more and 5 s chunks 3 %), longer ones make a small correction
expensive. Boundaries come from the content: a long gap, else the first cut or 5-second mark *of the clip* after 5 s. So
one changed cut moves few of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.model import Card, Piece, Plan, Variant

_TARGET_SECONDS = 5
_LONGEST_GAP_SECONDS = 3  # a gap inside a chunk is decoded for nothing; from here on a new process is cheaper
_SHORTEST_FRAMES = 3  # x264 reorders over three frames; a shorter chunk has other time stamps


@dataclass(frozen=True, slots=True)
class Stretch:
    """Grid frames start..end of one clip (end exclusive)."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames at..at+frames of the finished video: stretches of one clip, or a card over one held frame."""

    clip: int
    stretches: tuple[Stretch, ...]
    at: int
    frames: int
    card: Card | None = None


def chunks(plan: Plan, variant: Variant) -> tuple[Chunk, ...]:
    """The chunks of a variant, in order; their frames add up to the variant's."""
    return tuple(_placed(plan, variant))


def _placed(plan: Plan, variant: Variant) -> Iterator[Chunk]:
    at = 0
    if variant.opening is not None:
        yield _card_chunk(variant.opening, at)
        at += variant.opening.frames
    for clip, stretches in _grouped(plan):
        frames = sum(stretch.frames for stretch in stretches)
        yield Chunk(clip=clip, stretches=stretches, at=at, frames=frames)
        at += frames
    if variant.closing is not None:
        yield _card_chunk(variant.closing, at)


def _card_chunk(card: Card, at: int) -> Chunk:
    return Chunk(clip=card.clip, stretches=(Stretch(card.frame, card.frame + 1),), at=at, frames=card.frames, card=card)


def _grouped(plan: Plan) -> list[tuple[int, tuple[Stretch, ...]]]:
    """The kept pieces as groups of stretches, each group one chunk."""
    target = round(_TARGET_SECONDS * plan.fps)
    longest_gap = round(_LONGEST_GAP_SECONDS * plan.fps)
    groups: list[tuple[int, list[Stretch]]] = []
    for piece in plan.kept:
        for stretch in _split_at_marks(piece, target):
            if groups and _goes_on(groups[-1], piece.clip, stretch, target, longest_gap):
                _extend(groups[-1][1], stretch)
            else:
                groups.append((piece.clip, [stretch]))
    return [(clip, tuple(stretches)) for clip, stretches in _without_crumbs(groups)]


def _split_at_marks(piece: Piece, step: int) -> Iterator[Stretch]:
    start = piece.start
    while start < piece.end:
        end = min(piece.end, (start // step + 1) * step)
        yield Stretch(start, end)
        start = end


def _goes_on(group: tuple[int, list[Stretch]], clip: int, stretch: Stretch, target: int, longest_gap: int) -> bool:
    last_clip, stretches = group
    return (
        last_clip == clip
        and stretch.start - stretches[-1].end <= longest_gap
        and sum(part.frames for part in stretches) < target
    )


def _extend(stretches: list[Stretch], stretch: Stretch) -> None:
    if stretches[-1].end == stretch.start:
        stretches[-1] = Stretch(stretches[-1].start, stretch.end)
    else:
        stretches.append(stretch)


def _without_crumbs(groups: list[tuple[int, list[Stretch]]]) -> list[tuple[int, list[Stretch]]]:
    """Joins what is too short for a chunk of its own to the chunk before it, where that is of the same clip."""
    whole: list[tuple[int, list[Stretch]]] = []
    for clip, stretches in groups:
        crumb = sum(part.frames for part in stretches) < _SHORTEST_FRAMES
        if crumb and whole and whole[-1][0] == clip:
            for stretch in stretches:
                _extend(whole[-1][1], stretch)
        else:
            whole.append((clip, stretches))
    return whole
