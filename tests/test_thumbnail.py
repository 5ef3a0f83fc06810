"""Thumbnails: moments from kept pieces only, the sharp ones first, well apart."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline import thumbnail
from pipeline.model import Clip, Picture, Piece, Plan, Still

PICTURE = Picture("h264", "yuv420p", 320, 240, 320, 240, 0, Fraction(1), Fraction(30), False, 33, 0, 60000, 1800)
CLIP = Clip(Path("clip.mp4"), "hash", 60000, PICTURE, None, "mov")


def _plan(lengths: list[tuple[int, bool]]) -> Plan:
    pieces, at = [], 0
    for length, kept in lengths:
        pieces.append(Piece(0, at, at + length, kept, ""))
        at += length
    return Plan(Fraction(30), (CLIP,), tuple(pieces), (), "blur", "")


@given(
    st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=20).filter(
        lambda found: any(k for _, k in found)
    )
)
def test_only_kept_moments_are_looked_at(lengths):
    plan = _plan(lengths)
    for clip, frame in thumbnail.wanted(plan):
        assert any(p.clip == clip and p.start <= frame < p.end for p in plan.kept)


def test_moments_keep_away_from_cuts():
    plan = _plan([(100, True), (50, False), (100, True)])
    frames = [frame for _, frame in thumbnail.wanted(plan)]
    assert len(frames) == 12
    assert all(10 <= frame < 90 or 160 <= frame < 240 for frame in frames)


def test_the_sharp_come_first_and_well_apart():
    plan = _plan([(1200, True)])
    sharp = {1000: 5.0, 1100: 4.9, 20000: 3.0, 38000: 2.0, 9000: 1.0}
    best = thumbnail._best(plan, lambda clip, times: [Still(at, value) for at, value in sharp.items()])
    assert [round(found.frame / 30) for found in best] == [1, 20, 38]


def test_a_clip_without_key_frames_in_kept_pieces_still_has_a_thumbnail():
    plan = _plan([(30, False), (30, True)])
    best = thumbnail._best(plan, lambda clip, times: [Still(0, 9.0)])
    assert [(found.clip, found.frame) for found in best] == [(0, 30)]
