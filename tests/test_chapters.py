"""Chapters hold the platforms' rules or are left out; the cut list says what the plan says."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import chapters, cutlist, fonts, layout, plan
from pipeline.chapters import Chapter
from pipeline.edit import Line
from pipeline.errors import WorkspaceError
from pipeline.model import Brand, Clip, Picture, Piece, Plan, Recipe, Transcript, Word

FPS = Fraction(30)


def _line(text: str, start_s: float, end_s: float, clip: int = 0) -> Line:
    return Line(clip, (Word(text, round(start_s * 1000), round(end_s * 1000)),), text)


def _of(lines, pieces=None, seconds=120, opening=0):
    pieces = pieces or [Piece(0, 0, seconds * 30, True, "")]
    return chapters.chapters(pieces, lines, fps=FPS, opening=opening, frames=seconds * 30)


def test_the_longest_pauses_begin_chapters():
    lines = [
        _line("Hello everybody.", 1, 4),
        _line("still the same,", 4.5, 20),
        _line("The piano comes.", 30, 40),
        _line("at once", 40.1, 50),
        _line("it falls", 50.1, 60),
        _line("<What> we learned!", 75, 80),
        _line("that is all", 80.1, 110),
        _line("Bye.", 115, 118),
    ]
    found = _of(lines)
    assert (found[0], *found[1:3]) == (
        Chapter(0, "Hello everybody"), Chapter(30, "The piano comes"), Chapter(75, "What we learned"),
    )  # fmt: skip
    assert all(each.title != "Bye" for each in found), "the last would be shorter than ten seconds"
    assert chapters.text(found).splitlines()[:2] == ["0:00 Hello everybody", "0:30 The piano comes"]


def test_a_short_video_or_one_with_too_few_places_has_none():
    lines = [_line("one", 0, 5), _line("two", 15, 20), _line("three", 30, 35)]
    assert _of(lines, seconds=59) == ()
    assert _of(lines[:2], seconds=120) == ()
    assert _of((), seconds=120) == ()
    assert len(_of(lines, seconds=60)) == 3


def test_times_are_those_of_the_finished_video():
    pieces = [Piece(0, 0, 600, True, ""), Piece(0, 600, 1500, False, ""), Piece(0, 1500, 4500, True, "")]
    lines = [_line("one", 1, 5), _line("gone", 30, 40), _line("two", 60, 70), _line("three", 100, 110)]
    found = chapters.chapters(pieces, lines, fps=FPS, opening=30, frames=30 + 600 + 3000)
    assert found == (Chapter(0, "One"), Chapter(31, "Two"), Chapter(71, "Three"))


lists = st.lists(st.tuples(st.text(max_size=90), st.floats(0, 30), st.floats(0.1, 30)), max_size=40)


@given(lists, st.integers(1, 900), st.integers(0, 45))
def test_chapters_hold_the_rules_or_are_left_out(said, seconds, opening):
    lines, at = [], 0.0
    for text, gap, length in said:
        lines.append(_line(text, at + gap, at + gap + length))
        at += gap + length
    found = _of(lines, seconds=seconds, opening=opening)
    if found:
        assert len(found) >= 3 and found[0].start_seconds == 0
        ends = [*(each.start_seconds for each in found), seconds]
        assert all(b - a >= 10 for a, b in pairwise(ends))
        assert all(0 < len(each.title) <= 60 and not set(each.title) & set("<>\n") for each in found)


def test_hours_are_written_as_hours():
    assert chapters.text([Chapter(3723, "Late")]) == "1:02:03 Late"


# --- the cut list -----------------------------------------------------------------------------------------------------


def _plan() -> Plan:
    picture = Picture("h264", "yuv420p", 1920, 1080, 1920, 1080, 0, Fraction(1), FPS, False, 33, 0, 20000, 600)
    clips = tuple(Clip(Path(f"/clips/{name}.mp4"), name, 20000, picture, None, "mov") for name in ("one", "two"))
    pieces = [
        Piece(0, 0, 60, False, ""), Piece(0, 60, 100, True, ""), Piece(0, 100, 150, True, ""),
        Piece(0, 150, 600, False, ""), Piece(1, 0, 90, True, ""), Piece(1, 90, 600, False, ""),
    ]  # fmt: skip
    said = (Transcript((Word("Hello.", 2500, 3200),)), Transcript((Word("Bye.", 1000, 1600),)))
    look = plan.Look(Brand("x"), None, fonts.metrics(fonts.default_fonts(), "Roboto"), layout.ink)
    return plan.decide(clips, pieces, said, Recipe(), look, layout.FORMATS)


def test_the_cut_list_is_read_back_by_the_library(tmp_path):
    otio = pytest.importorskip("opentimelineio")
    out = tmp_path / "cuts.otio"
    cutlist.write(_plan(), "server", out)
    timeline = otio.adapters.read_from_file(str(out))
    video, sound = timeline.video_tracks()[0], timeline.audio_tracks()[0]
    for track in (video, sound):
        spans = [(c.name, int(c.source_range.start_time.value), int(c.source_range.duration.value)) for c in track]
        assert spans == [("one.mp4", 60, 90), ("two.mp4", 0, 90)]
        assert {clip.source_range.start_time.rate for clip in track} == {30.0}
    assert video[0].media_reference.target_url == "file:///clips/one.mp4"
    marks = [(mark.name, int(mark.marked_range.start_time.value)) for mark in video.markers]
    assert marks == [("Hello.", 15), ("Bye.", 120)]


def test_what_cannot_be_written_is_said_in_words(tmp_path, monkeypatch):
    pytest.importorskip("opentimelineio")
    with pytest.raises(WorkspaceError, match=r"Name it cuts.otio"):
        cutlist.write(_plan(), "server", tmp_path / "cuts.xyz")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        cutlist.write(_plan(), "server", tmp_path / "nowhere" / "cuts.otio")
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(WorkspaceError, match=r"pip install 'candid\[otio\]'"):
        cutlist.write(_plan(), "server", tmp_path / "cuts.otio")
