"""PURE: the kept timeline -> chunks, the unit in which pictures are encoded and kept.

A chunk holds what is kept of about 6 seconds of a clip: shorter ones cost too much (a process costs 7 to 11 frames of
encoding, so 2 s chunks cost 14 to 19 % more and 5 s chunks 3 %), longer ones make a small correction expensive.
Boundaries come from the content alone: the 6-second marks *of the clip*, each moved to a cut or to where a caption
begins. So one changed cut moves few of them, and a corrected word lies in one chunk; in two where its caption runs on
over a cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.model import Card, Piece, Plan, Variant

_STEP_SECONDS = 6
_MOVED_SECONDS = 2  # at most, a mark to a better place
_ENOUGH_SECONDS = 3  # a chunk with less is joined to the next
_LONGEST_SECONDS = 10
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
    for group in _without_crumbs(_grouped(plan, [cue.start - at for cue in variant.cues])):
        yield Chunk(clip=group.clip, stretches=tuple(group.stretches), at=at, frames=group.frames)
        at += group.frames
    if variant.closing is not None:
        yield _card_chunk(variant.closing, at)


def _card_chunk(card: Card, at: int) -> Chunk:
    return Chunk(clip=card.clip, stretches=(Stretch(card.frame, card.frame + 1),), at=at, frames=card.frames, card=card)


@dataclass(slots=True)
class _Group:
    """Stretches of a clip that become one chunk, and the mark before the last of them."""

    clip: int
    mark: int
    stretches: list[Stretch]

    @property
    def frames(self) -> int:
        return sum(stretch.frames for stretch in self.stretches)

    def takes(self, clip: int, mark: int, stretch: Stretch, fps: Fraction) -> bool:
        """Whether a stretch belongs to this group: between the same marks, or the group has too little without it."""
        near = stretch.start - self.stretches[-1].end <= _LONGEST_GAP_SECONDS * fps
        wanted = mark == self.mark or self.frames < _ENOUGH_SECONDS * fps
        return clip == self.clip and near and wanted and self.frames + stretch.frames <= _LONGEST_SECONDS * fps

    def add(self, mark: int, stretch: Stretch) -> None:
        self.mark = mark
        if self.stretches[-1].end == stretch.start:
            stretch = Stretch(self.stretches.pop().start, stretch.end)
        self.stretches.append(stretch)


def _grouped(plan: Plan, beginnings: Sequence[int]) -> list[_Group]:
    """The kept pieces, grouped. `beginnings` are the frames of the kept timeline at which captions begin."""
    groups: list[_Group] = []
    at = 0
    for piece in plan.kept:
        captions = [piece.start + begin - at for begin in beginnings if at < begin < at + piece.frames]
        for mark, stretch in _split(piece, captions, plan.fps):
            if groups and groups[-1].takes(piece.clip, mark, stretch, plan.fps):
                groups[-1].add(mark, stretch)
            else:
                groups.append(_Group(piece.clip, mark, [stretch]))
        at += piece.frames
    return groups


def _split(piece: Piece, captions: Sequence[int], fps: Fraction) -> Iterator[tuple[int, Stretch]]:
    """The piece in stretches, each with the number of the mark before it.

    A mark is moved to where the piece starts or ends or a caption begins, what is nearest.
    """
    step, reach = round(_STEP_SECONDS * fps), round(_MOVED_SECONDS * fps)
    start, number = piece.start, piece.start // step
    while start < piece.end:
        mark = (number + 1) * step
        near = [place for place in (piece.start, *captions, piece.end) if abs(place - mark) <= reach]
        end = min(piece.end, min(near, key=lambda place: abs(place - mark), default=mark))
        if end > start:
            yield number, Stretch(start, end)
            start = end
        number += 1


def _without_crumbs(groups: list[_Group]) -> list[_Group]:
    """Joins what is too short for a chunk of its own to the chunk before it, where that is of the same clip."""
    whole: list[_Group] = []
    for group in groups:
        if group.frames < _SHORTEST_FRAMES and whole and whole[-1].clip == group.clip:
            for stretch in group.stretches:
                whole[-1].add(group.mark, stretch)
        else:
            whole.append(group)
    return whole
