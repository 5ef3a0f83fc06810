"""Decisions in frames: words, cues, layers and cards lie where they should, and hundreds of cuts do not drift."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import fonts, layout, plan
from pipeline.model import Brand, Clip, Person, Picture, Piece, Recipe, Transcript, Word

METRICS = fonts.metrics(fonts.default_fonts(), "Roboto")
BRAND = Brand("default", logo=Path("logo.png"))
ROBOT = Person("robot", "The robot")


def _clip(name: str, fps: Fraction = Fraction(30), ms: int = 60_000) -> Clip:
    picture = Picture("h264", "yuv420p", 1920, 1080, 1920, 1080, 0, Fraction(1), fps, False, 33, 0, ms, 1800)
    return Clip(Path(name), name, ms, picture, None, "mov")


ONE_CLIP = (_clip("a.mp4"),)
DEFAULT = Recipe()


def _decided(pieces, words, *, clips=ONE_CLIP, recipe=DEFAULT, brand=BRAND, person=ROBOT):
    look = plan.Look(brand, person, METRICS, layout.ink)
    return plan.decide(clips, pieces, words, recipe, look, layout.FORMATS)


def _transcript(*words: tuple[str, int, int]) -> Transcript:
    return Transcript(tuple(Word(*word) for word in words), "test", language="en")


def test_a_small_plan():
    pieces = [
        Piece(0, 0, 60, False, ""),
        Piece(0, 60, 150, True, ""),
        Piece(0, 150, 300, False, ""),
        Piece(0, 300, 420, True, ""),
    ]
    words = _transcript(("Hello", 2100, 2500), ("there.", 2600, 3100), ("cut", 6000, 6200), ("Bye.", 11000, 11400))
    decided = _decided(pieces, [words])
    (variant,) = decided.variants
    assert decided.fps == 30 and decided.language == "en"
    assert variant.opening is not None and (variant.opening.frame, variant.opening.frames) == (60, 30)
    assert variant.closing is not None and (variant.closing.frame, variant.closing.frames) == (419, 60)
    assert variant.frames == 30 + 90 + 120 + 60
    assert [(cue.text, cue.start) for cue in variant.cues] == [("Hello there.", 33), ("Bye.", 30 + 90 + 30)]
    assert [(layer.kind, layer.start, layer.end) for layer in variant.layers] == [
        ("logo", 30, 240),
        ("lower_third", 45, 165),
    ]


def test_captions_are_measured_by_the_language_that_is_spoken():
    said = [(char, n * 250, n * 250 + 240) for n, char in enumerate("今天我们要用一架钢琴砸坏一台旧服务器" * 2)]
    words, pieces = _transcript(*said), [Piece(0, 0, 300, True, "")]
    widest = {}
    for language in ("zh", "en"):
        (variant,) = _decided(
            pieces, [replace(words, language=language)], recipe=replace(DEFAULT, branded=False)
        ).variants
        widest[language] = max(len(line) for cue in variant.cues for line in cue.text.split("\n"))
    assert widest["zh"] <= 16 < widest["en"] <= 21


def test_an_unbranded_variant_has_nothing_of_the_brand():
    pieces = [Piece(0, 0, 90, True, "")]
    decided = _decided(pieces, [_transcript()], recipe=Recipe(formats=("vertical", "vertical-unbranded")))
    branded, plain = decided.variants
    assert (branded.name, plain.name) == ("vertical", "vertical-unbranded")
    assert (plain.layers, plain.opening, plain.closing, plain.frames, plain.footprint_percent) == (
        (),
        None,
        None,
        90,
        0,
    )


def test_the_footprint_is_pixels_times_seconds():
    pieces = [Piece(0, 0, 900, True, "")]
    (variant,) = _decided(pieces, [_transcript()]).variants
    covered = 150 * 60 * 900 + 600 * 144 * 120 + 880 * 176 * 60
    assert variant.footprint_percent == pytest.approx(100 * covered / (1920 * 1080 * 960), abs=0.01)


def test_a_brand_over_its_budget_is_warned_of():
    pieces = [Piece(0, 0, 60, True, "")]
    decided = _decided(pieces, [_transcript()])
    assert any("its budget is 2.0 %" in note for note in decided.notes)


def test_a_glyph_the_font_lacks_is_reported():
    decided = _decided([Piece(0, 0, 90, True, "")], [_transcript(("平和", 0, 900))])
    assert any("cannot draw 平和" in note for note in decided.notes)


def test_the_logo_never_meets_the_captions():
    for shape in layout.FORMATS.values():
        rects = [shape.captions, shape.lower_third, shape.logo]
        assert not any(a.overlaps(b) for n, a in enumerate(rects) for b in rects[n + 1 :])
        assert all(r.x >= 0 and r.right <= shape.width and r.y >= 0 and r.bottom <= shape.height for r in rects)


def test_clips_of_different_rates_share_the_highest():
    clips = (_clip("a.mp4", Fraction(24)), _clip("b.mp4", Fraction(50)))
    assert plan.rate(clips) == 50
    pieces = [Piece(0, 0, 100, True, ""), Piece(1, 0, 100, True, "")]
    words = [_transcript(("one", 200, 600)), _transcript(("two", 200, 600))]
    (variant,) = _decided(pieces, words, clips=clips, recipe=Recipe(branded=False)).variants
    assert [(word.text, word.start) for cue in variant.cues for word in cue.words] == [("one", 10), ("two", 110)]


lengths = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=300)
rates = st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)])


@given(lengths, rates)
def test_words_land_in_their_piece_however_many_cuts(found, fps):
    pieces, at = [], 0
    for length, kept in found:
        pieces.append(Piece(0, at, at + length, kept, ""))
        at += length
    words = [
        Word(str(n), round((p.start + p.end) * 500 / fps), round((p.start + p.end) * 500 / fps) + 1)
        for n, p in enumerate(pieces)
    ]
    placed = plan.spoken(pieces, [Transcript(tuple(words))], fps)
    offset = 0
    expected = {}
    for number, piece in enumerate(pieces):
        if piece.kept:
            expected[str(number)] = range(offset, offset + piece.frames)
            offset += piece.frames
    for word in placed:
        assert word.start in expected[word.text] and word.end - 1 in expected[word.text]


def test_words_outside_their_clip_are_left_out():
    pieces = [Piece(0, 0, 30, True, ""), Piece(1, 0, 30, True, "")]
    said = [
        _transcript(("before", -900, -100), ("inside", 100, 400), ("behind", 5000, 5400)),
        _transcript(("two", 0, 300)),
    ]
    assert [(word.text, word.start) for word in plan.spoken(pieces, said, Fraction(30))] == [("inside", 3), ("two", 30)]


def test_a_piece_that_goes_on_is_no_cut():
    pieces = [Piece(0, 0, 60, True, "speech"), Piece(0, 60, 90, True, "action"), Piece(0, 90, 120, False, "")]
    (word,) = plan.spoken(pieces, [_transcript(("over", 1800, 2600))], Fraction(30))
    assert (word.start, word.end) == (54, 78)
    assert plan._cuts([*pieces[:2], Piece(0, 120, 150, True, ""), Piece(1, 150, 180, True, "")]) == (90, 120)


def test_grid_covers_the_longer_stream():
    assert plan.grid_frames(_clip("a.mp4", ms=1001), Fraction(30)) == 31
    assert plan.grid_frames(_clip("a.mp4", ms=1), Fraction(30)) == 1
