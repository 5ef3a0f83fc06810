"""What is kept and dropped: no word is clipped, pauses are shortened, action stays, everything has its reason."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import trim
from pipeline.model import Activity, Piece, Span, TrimRules, Word

FPS = Fraction(30)
RULES = TrimRules()
NOTHING = Activity()
RATES = st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)])


def _pieces(words=(), activity=NOTHING, rules=RULES, frames=900, fps=FPS) -> tuple[Piece, ...]:
    return trim.pieces(words, activity, rules, fps=fps, frames=frames, clip=0)


def _kept(pieces) -> list[tuple[float, float]]:
    """Kept stretches in seconds, neighbors joined."""
    joined: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.kept and joined and joined[-1][1] == piece.start:
            joined[-1] = (joined[-1][0], piece.end)
        elif piece.kept:
            joined.append((piece.start, piece.end))
    return [(round(float(a / FPS), 2), round(float(b / FPS), 2)) for a, b in joined]


def _word(text: str, start: int, end: int) -> Word:
    return Word(text, start, end)


HELLO = (_word("Hello", 2000, 2400), _word("world.", 2450, 3000))
LATER = (_word("And", 8000, 8200), _word("then.", 8250, 8800))


def test_a_long_pause_is_shortened_to_a_breath():
    found = _pieces(HELLO + LATER)
    assert _kept(found) == [(1.8, 3.3), (7.7, 9.0)]
    assert [piece.reason for piece in found] == [
        "nothing happens yet",
        'speech: "Hello world."',
        "a pause of 5.0 s, shortened to 0.6 s",
        'speech: "And then."',
        "nothing happens any more",
    ]


def test_a_short_pause_stays():
    near = (_word("And", 3700, 3900),)
    assert _kept(_pieces(HELLO + near)) == [(1.8, 4.1)]


def test_the_length_of_a_pause_is_the_recipes():
    assert _kept(_pieces(HELLO + LATER, rules=replace(RULES, pause_ms=2000))) == [(1.8, 4.0), (7.0, 9.0)]


def test_an_um_between_two_pauses_goes():
    um = (_word("um", 5000, 5400),)
    assert _kept(_pieces(HELLO + um + LATER)) == [(1.8, 3.3), (7.7, 9.0)]
    heard = Activity(speech=(Span(2000, 3000), Span(4900, 5500), Span(8000, 8800)))
    found = _pieces(HELLO + um + LATER, heard)
    assert _kept(found) == [(1.8, 3.3), (7.7, 9.0)]


def test_a_filler_is_said_to_be_one():
    near = (_word("Hello", 1000, 1500), _word("um", 1700, 2100), _word("world", 2300, 2700))
    found = _pieces(near)
    assert _kept(found) == [(0.8, 1.7), (2.1, 2.9)]
    assert 'the filler "um" between two pauses' in [piece.reason for piece in found if not piece.kept]


def test_an_um_in_the_middle_of_a_sentence_stays_unless_asked_for():
    close = (_word("we", 2000, 2300), _word("um", 2320, 2700), _word("go", 2720, 3000))
    assert len(_kept(_pieces(close))) == 1
    tight = _pieces(close, rules=replace(RULES, fillers="tight"))
    assert _kept(tight) == [(1.8, 2.3), (2.7, 3.2)]
    assert len(_kept(_pieces(close, rules=replace(RULES, fillers="off")))) == 1


def test_action_without_words_is_kept_and_told():
    bang = Activity(impacts=(Span(12000, 15000),), motion=(Span(12500, 16000),))
    found = _pieces(HELLO, bang)
    assert _kept(found) == [(1.8, 3.3), (11.7, 16.2)]
    assert any(piece.reason == "action: something loud happens, something moves" for piece in found if piece.kept)
    assert _kept(_pieces(HELLO, bang, replace(RULES, keep_action=False))) == [(1.8, 3.2)]


def test_speech_that_turns_into_action_is_told_apart():
    found = _pieces(HELLO, Activity(impacts=(Span(3100, 6000),)))
    reasons = [piece.reason for piece in found if piece.kept]
    assert reasons == ['speech: "Hello world."', "action: something loud happens"]


def test_what_the_detector_heard_counts_even_where_no_word_was_understood():
    assert _kept(_pieces((), Activity(speech=(Span(4000, 5000),)))) == [(3.8, 5.2)]


def test_where_nothing_stands_out_all_is_kept():
    (only,) = _pieces()
    assert only.kept and only.reason == "nothing stands out, so all of it is kept"


def test_start_and_end_are_obeyed_and_told():
    found = _pieces(HELLO + LATER, rules=replace(RULES, start_ms=5000, end_ms=20000))
    assert _kept(found) == [(7.8, 9.0)]
    asked = _pieces(HELLO, rules=replace(RULES, start_ms=1000, end_ms=10000, keep_everything=True))
    assert _kept(asked) == [(1.0, 10.0)]
    assert [piece.reason for piece in asked] == [
        "before the start that was asked for",
        "everything is kept, as asked for",
        "after the end that was asked for",
    ]


def test_bounds_that_leave_nothing_are_not_obeyed():
    assert _kept(_pieces(HELLO, rules=replace(RULES, start_ms=70000, keep_everything=True))) == [(0.0, 30.0)]


# --- whatever comes ---------------------------------------------------------------------------------------------------

texts = st.sampled_from(["hello", "um", "uh", "server", "the", "äh"])
words = st.lists(st.tuples(texts, st.integers(-200, 31000), st.integers(1, 900)), max_size=40).map(
    lambda found: tuple(Word(text, start, start + length) for text, start, length in sorted(found, key=lambda w: w[1]))
)
stretches = st.lists(st.tuples(st.integers(0, 30000), st.integers(1, 3000)), max_size=8).map(
    lambda found: tuple(Span(start, start + length) for start, length in sorted(found))
)
activities = st.builds(Activity, speech=stretches, impacts=stretches, motion=stretches)
rules = st.builds(
    TrimRules,
    pad_ms=st.integers(0, 500),
    pause_ms=st.integers(0, 3000),
    fillers=st.sampled_from(["off", "gentle", "tight"]),
    keep_action=st.booleans(),
    keep_everything=st.booleans(),
)


@given(words, activities, rules, RATES, st.integers(1, 1800))
def test_pieces_lie_end_to_end_and_something_is_kept(said, heard, wanted, fps, frames):
    found = _pieces(said, heard, wanted, frames, fps)
    assert (found[0].start, found[-1].end) == (0, frames)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(piece.frames > 0 and piece.reason for piece in found)
    assert any(piece.kept for piece in found)


@given(words, activities, rules, RATES)
def test_no_word_is_clipped(said, heard, wanted, fps):
    frames = 900
    end_ms = frames * 1000 / fps
    kept = [(p.start * 1000 / fps, p.end * 1000 / fps) for p in _pieces(said, heard, wanted, frames, fps) if p.kept]
    runs = [kept[0]]
    for start, end in kept[1:]:
        runs = [*runs[:-1], (runs[-1][0], end)] if runs[-1][1] == start else [*runs, (start, end)]
    slips = {id(word) for slip in trim.slips(said, wanted, fps=fps, frames=frames) for word in slip.words}
    for word in said:
        if not trim.is_filler(word.text) and id(word) not in slips and word.start_ms >= 0 and word.end_ms <= end_ms:
            assert any(start <= word.start_ms and word.end_ms <= end for start, end in runs)


@given(words, activities, st.integers(0, 2000), st.integers(0, 1000))
def test_longer_pauses_keep_more(said, heard, pause, more):
    short, long = (_pieces(said, heard, replace(RULES, pause_ms=each)) for each in (pause, pause + more))
    assert sum(p.frames for p in short if p.kept) <= sum(p.frames for p in long if p.kept) + len(long)


@given(words, activities, rules, RATES, st.integers(1, 1800))
def test_nothing_is_kept_or_cut_that_is_too_short(said, heard, wanted, fps, frames):
    found = _pieces(said, heard, wanted, frames, fps)
    runs = [[kept, sum(piece.frames for piece in run)] for kept, run in groupby(found, key=lambda piece: piece.kept)]
    for kept, length in runs:
        least = wanted.min_keep_ms if kept else wanted.min_cut_ms
        assert len(runs) == 1 or length * 1000 / fps >= min(least, frames * 1000 / fps)


def _again(said, heard, found, fps) -> tuple[tuple[Word, ...], Activity]:
    """What would be found out about a clip that is what was kept of the first one."""
    offsets, at = [], 0
    for piece in found:
        offsets.append((piece.start, piece.end, at - piece.start))
        at += piece.frames if piece.kept else 0
    kept = [part for part, piece in zip(offsets, found, strict=True) if piece.kept]

    def moved(start_ms, end_ms):
        for start, end, offset in kept:
            first, last = max(start * 1000 / fps, start_ms), min(end * 1000 / fps, end_ms)
            if first < last:
                yield round(first + offset * 1000 / fps), round(last + offset * 1000 / fps)

    spoken = [Word(word.text, *span) for word in said for span in moved(word.start_ms, word.end_ms)]
    spans = {
        kind: tuple(Span(*part) for span in getattr(heard, kind) for part in moved(span.start_ms, span.end_ms))
        for kind in ("speech", "impacts", "motion")
    }
    return tuple(spoken), Activity(**spans)


@given(words, activities, st.integers(100, 500), st.integers(0, 3000))
def test_a_clip_that_was_trimmed_has_nothing_more_to_trim(said, heard, pad, pause):
    wanted = TrimRules(pad_ms=pad, pause_ms=pause, fillers="off")
    fps = Fraction(25)  # frames of whole milliseconds: nothing is lost on the way back
    found = _pieces(said, heard, wanted, fps=fps)
    frames = sum(piece.frames for piece in found if piece.kept)
    assert all(piece.kept for piece in _pieces(*_again(said, heard, found, fps), wanted, frames, fps))


def test_an_hour_is_decided_at_once():
    said = [Word("um" if n % 30 == 0 else "word", n * 400, n * 400 + (200 if n % 9 == 0 else 390)) for n in range(9000)]
    heard = Activity(speech=tuple(Span(word.start_ms, word.end_ms) for word in said))
    started = time.process_time()
    found = _pieces(said, heard, replace(RULES, fillers="tight", pause_ms=100), frames=30 * 3600)
    assert sum(not piece.kept for piece in found) >= 300
    assert time.process_time() - started < 2


def test_what_is_a_filler_in_english_is_a_word_in_german():
    said = (_word("er", 1000, 1300), _word("kommt", 1600, 2000), _word("ähm", 2300, 2700), _word("um", 3000, 3400))
    tight = replace(RULES, fillers="tight")
    german = trim.pieces(said, NOTHING, tight, fps=FPS, frames=900, clip=0, language="de")
    assert [piece.reason for piece in german if piece.kept] == ['speech: "er kommt"', 'speech: "um"']
    english = trim.pieces(said, NOTHING, tight, fps=FPS, frames=900, clip=0, language="en")
    assert [piece.reason for piece in english if piece.kept] == ['speech: "kommt"']


def test_the_cut_before_the_start_is_told_apart_from_the_silence_behind_it():
    found = _pieces(LATER, rules=replace(RULES, start_ms=5000))
    assert [(piece.end, piece.reason) for piece in found[:2]] == [
        (150, "before the start that was asked for"),
        (234, "nothing happens yet"),
    ]


def test_a_short_uh_in_a_long_pause_is_no_reason_to_keep_it():
    assert _kept(_pieces((*HELLO, _word("uh", 5500, 5580), *LATER))) == [(1.8, 3.3), (7.7, 9.0)]


def test_two_ums_in_a_row_leave_nothing_between_them():
    said = (_word("we", 1000, 1400), _word("um", 1600, 2000), _word("uh", 2150, 2500), _word("go", 2700, 3000))
    assert _kept(_pieces(said)) == [(0.8, 1.6), (2.5, 3.2)]


@pytest.mark.parametrize("text", ["Um,", "UH", "ähm…", "Hmm."])
def test_fillers_are_known_with_their_punctuation(text):
    assert trim.is_filler(text)
    assert not trim.is_filler("summer")


@pytest.mark.parametrize("by", ["hand", "filler"])
def test_a_cut_goes_where_it_is_quietest(by):
    """The room is loud but for 30 ms on either side of what is cut, and there the cut begins and ends."""
    words = (_word("Hello", 4000, 4700), _word("um", 5000, 5400), _word("there", 5700, 6300))
    levels = [-30] * 900
    levels[485:488] = levels[552:555] = [-70] * 3
    heard = Activity(speech=(Span(4000, 6300),), levels=tuple(levels))
    by_hand = trim.ByHand(cut=(Span(5000, 5400),)) if by == "hand" else trim.ByHand()
    rules = replace(RULES, fillers="off" if by == "hand" else "tight")
    found = trim.pieces(words, heard, rules, fps=FPS, frames=900, clip=0, language="en", by_hand=by_hand)
    assert [(p.start, p.end) for p in found if not p.kept and 120 < p.start < 189] == [(146, 166)]  # 4.867, 5.533 s
    loud = replace(heard, levels=())
    usual = trim.pieces(words, loud, rules, fps=FPS, frames=900, clip=0, language="en", by_hand=by_hand)
    assert usual != found, "without levels it lies elsewhere"
