"""Chunks cover what is kept exactly once, in order, and a changed cut moves few of them."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from pipeline.chunks import chunks
from pipeline.model import Card, Cue, Format, Piece, Plan, Rect, Variant

BOX = Rect(0, 0, 10, 10)
SHAPE = Format("landscape", 1920, 1080, BOX, BOX, BOX)


def _plan(pieces: list[Piece], fps: Fraction = Fraction(30)) -> Plan:
    return Plan(fps=fps, clips=(), pieces=tuple(pieces), variants=(), fit="blur", title="")


def _variant(frames: int, opening: Card | None = None, closing: Card | None = None, captions=()) -> Variant:
    cues = tuple(Cue(start, end, ()) for start, end in captions)
    return Variant("landscape", SHAPE, True, cues, (), opening, closing, frames, 0.0, ())


def _pieces(lengths: list[tuple[int, bool]], clip: int = 0) -> list[Piece]:
    pieces, at = [], 0
    for length, kept in lengths:
        pieces.append(Piece(clip, at, at + length, kept, ""))
        at += length
    return pieces


lengths = st.lists(st.tuples(st.integers(3, 400), st.booleans()), min_size=1, max_size=40)


@given(lengths, lengths)
def test_chunks_hold_every_kept_frame_once_and_in_order(first, second):
    pieces = _pieces(first) + _pieces(second, clip=1)
    plan = _plan(pieces)
    made = chunks(plan, _variant(0))
    shown = [(chunk.clip, n) for chunk in made for part in chunk.stretches for n in range(part.start, part.end)]
    assert shown == [(piece.clip, n) for piece in plan.kept for n in range(piece.start, piece.end)]
    assert [chunk.at for chunk in made] == [sum(c.frames for c in made[:i]) for i in range(len(made))]


@given(lengths)
def test_no_chunk_is_longer_than_ten_seconds_or_shorter_than_three_frames(found):
    made = chunks(_plan(_pieces(found)), _variant(0))
    assert all(3 <= chunk.frames <= 300 + 2 for chunk in made)


@given(lengths)
def test_gaps_inside_a_chunk_are_short_enough_to_decode(found):
    for chunk in chunks(_plan(_pieces(found)), _variant(0)):
        gaps = [b.start - a.end for a, b in zip(chunk.stretches, chunk.stretches[1:], strict=False)]
        assert all(0 < gap <= 90 for gap in gaps)


def test_one_sentence_cut_out_moves_few_chunks():
    pieces = _pieces([(70, True), (20, False)] * 60)
    before = {chunk.stretches for chunk in chunks(_plan(pieces), _variant(0))}
    without = [*pieces[:20], Piece(0, pieces[20].start, pieces[20].end, False, "cut"), *pieces[21:]]
    after = {chunk.stretches for chunk in chunks(_plan(without), _variant(0))}
    assert len(after - before) <= 4 < len(after)


def test_cards_are_chunks_of_their_own():
    opening, closing = Card("bumper", 0, 0, 30, BOX), Card("end_card", 0, 99, 60, BOX)
    made = chunks(_plan(_pieces([(100, True)])), _variant(190, opening, closing))
    assert [(chunk.at, chunk.frames, chunk.card) for chunk in made] == [
        (0, 30, opening),
        (30, 100, None),
        (130, 60, closing),
    ]


def test_a_single_frame_is_still_a_chunk():
    assert [chunk.frames for chunk in chunks(_plan(_pieces([(1, True)])), _variant(1))] == [1]


@given(st.lists(st.integers(20, 110), min_size=5, max_size=40))
def test_a_caption_lies_in_one_chunk(lengths):
    """Captions without gaps between them, none longer than the four seconds in which a better boundary is looked
    for."""
    ends = list(accumulate(lengths))
    captions = list(zip([0, *ends], ends, strict=False))
    made = chunks(_plan(_pieces([(ends[-1], True)])), _variant(ends[-1], captions=captions))
    beginnings = {start for start, _ in captions}
    assert {chunk.at for chunk in made} <= beginnings
