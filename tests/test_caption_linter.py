"""The judge of captions finds each fault where one is planted, and none where there is none."""

from __future__ import annotations

import ast
import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests import caption_linter
from tests.caption_linter import assert_published, judge_takes, lint

FPS = Fraction(25)
GOOD = """1
00:00:01,000 --> 00:00:03,000
We took the server
and it was good.

2
00:00:03,080 --> 00:00:05,000
It was the worst of times.

3
00:00:05,500 --> 00:00:06,500
Really.

"""
GOOD_VTT = "WEBVTT Kind: captions; Language: en\n\n" + GOOD.replace(",", ".").replace(
    "of times.", "of <i>times</i> &amp; so on."
)


def _found(text: str, kind: str = "srt", **more) -> set[tuple[int, str]]:
    return {(each.cue, each.rule) for each in lint(text, kind, FPS, **more) if each.severity == "error"}


def test_good_files_are_good():
    assert lint(GOOD, "srt", FPS, frames=163) == lint(GOOD_VTT, "vtt", FPS, frames=163) == lint("", "srt", FPS) == []
    assert lint("WEBVTT\n\nNOTE a word\nor two\n\n00:01.000 --> 00:02.000 align:start\nHello\n", "vtt", FPS) == []


@pytest.mark.parametrize(
    ("old", "new", "cue", "rule"),
    [
        ("3,080 -->", "3,040 -->", 2, "gap"),  # one frame
        ("3,080 -->", "3,000 -->", 2, "gap"),  # none
        ("3,080 -->", "3,120 -->", 2, "gap"),  # three
        ("5,500 -->", "5,480 -->", 3, "gap"),  # twelve of 25
        ("3,080 -->", "2,960 -->", 2, "overlap"),
        ("3,080 -->", "0,500 -->", 2, "order"),
        ("--> 00:00:05,000", "--> 00:00:03,080", 2, "order"),
        ("--> 00:00:06,500", "--> 00:00:06,300", 3, "min_duration"),  # 20 frames of 25
        ("--> 00:00:06,500", "--> 00:00:12,540", 3, "max_duration"),
        ("--> 00:00:06,500", "--> 00:00:06,560", 3, "beyond_end"),
        ("Really.", "Really.\nYes.\nNo.", 3, "lines"),
        ("Really.", "Really, " + "a" * 35, 3, "line_length"),
        ("Really.", "Really, really, really", 3, "reading_speed"),
        ("Really.", "\u200b", 3, "empty"),
        ("Really.", "\u00a0", 3, "empty"),
        ("2\n00", "3\n00", 2, "numbering"),
    ],
)
def test_each_fault_is_found(old, new, cue, rule):
    assert GOOD.count(old) == 1
    assert (cue, rule) in _found(GOOD.replace(old, new), frames=163)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("srt", GOOD.replace("00:00:01,000", "00:00:01.000")),
        ("srt", GOOD.replace("00:00:01,000", "0:00:01,000")),
        ("srt", GOOD.replace("00:00:01,000", "00:61:01,000")),
        ("srt", GOOD.replace(" --> ", " -> ")),
        ("srt", GOOD.replace("1\n00", "one\n00")),
        ("srt", GOOD.replace("Really.", "Really --> yes")),
        ("srt", GOOD.replace("Really.", "<blink>Really.")),
        ("srt", GOOD.replace("the server\n", "the server\n\n")),  # what stands behind an empty line is lost
        ("srt", GOOD.replace("Really.", "Rea\0lly.")),
        ("srt", GOOD.rstrip("\n")),
        ("vtt", ""),
        ("vtt", GOOD_VTT.replace("WEBVTT", "WEBVT")),
        ("vtt", GOOD_VTT.replace("en\n\n", "en\n")),
        ("vtt", GOOD_VTT.replace(" Kind", "\nKind")),  # no header lines in W3C WebVTT
        ("vtt", GOOD_VTT.replace("00:00:01.000", "00:00:01,000")),
        ("vtt", GOOD_VTT.replace("&amp;", "&")),
        ("vtt", GOOD_VTT.replace("Really.", "a < b")),
    ],
)
def test_broken_syntax_is_found(kind, text):
    assert _found(text, kind) == {(0, "syntax")}


def _one(text: str, seconds: int = 6) -> str:
    return f"1\n00:00:01,000 --> 00:00:{seconds + 1:02},000\n{text}\n\n"


@pytest.mark.parametrize(
    ("language", "shape", "longest"),
    [
        ("en", "landscape", "a" * 42), ("en", "vertical", "a" * 24), ("en-GB", "square-unbranded", "a" * 32),
        ("zh", "landscape", "平" * 16), ("zh-TW", "vertical", "平" * 9), ("zh", "square", "平" * 12),
        ("ja", "landscape", "平" * 12 + "ab"), ("ja", "vertical", "平" * 7),
        ("ko", "landscape", "평" * 15 + " b"), ("ko", "square", "평" * 12),
        ("th", "landscape", "ก" * 35), ("ar", "landscape", "ا" * 42), ("xx", "landscape", "a" * 42),
    ],
)  # fmt: skip
def test_lines_are_as_long_as_the_language_and_the_shape_allow(language, shape, longest):
    assert (1, "line_length") not in _found(_one(longest), language=language, shape=shape)
    assert (1, "line_length") in _found(_one(longest + longest[0]), language=language, shape=shape)


def test_marks_above_a_letter_do_not_count():
    assert _found(_one("ก\u0e34" * 35), language="th") == set()


@pytest.mark.parametrize(("language", "limit"), [("en", 20), ("de", 20), ("zh", 11), ("ja", 7), ("ko", 14), ("ar", 23)])
def test_speed_is_judged_by_language(language, limit):
    char = "平" if language in {"zh", "ja", "ko"} else "a"
    assert (1, "reading_speed") not in _found(_one(char * limit, 1), language=language)
    assert (1, "reading_speed") in _found(_one(char * (limit + 1), 1), language=language)


def test_a_speed_between_ease_and_limit_is_a_warning():
    (found,) = lint(_one("a" * 18, 1), "srt", FPS, "de")
    assert (found.rule, found.severity) == ("reading_speed", "warning")


@pytest.mark.parametrize("fps", [24, "24000/1001", 25, "30000/1001", 30, 50, "60000/1001", 60])
def test_frames_are_counted_at_every_rate(fps):
    fps = Fraction(fps)

    def gap(frames: int) -> bool:
        at = [round((frame + 100) * 1000 / fps) for frame in (0, 70, 70 + frames, 140 + frames)]
        clock = [f"00:00:{ms // 1000:02},{ms % 1000:03}" for ms in at]
        text = f"1\n{clock[0]} --> {clock[1]}\na\n\n2\n{clock[2]} --> {clock[3]}\na\n\n"
        return any(each.rule == "gap" for each in lint(text, "srt", fps))

    half = -(-fps // 2)
    assert [gap(frames) for frames in (0, 1, 2, 3, half - 1, half)] == [True, True, False, True, True, False]


def test_what_was_reported_is_excused_and_nothing_else(tmp_path):
    (tmp_path / "a.srt").write_text(GOOD.replace("3,080 -->", "3,120 -->"))
    with pytest.raises(AssertionError, match="not closed"):
        assert_published(tmp_path, FPS, "en", "landscape", [(3, "gap"), (2, "out_time")])
    assert_published(tmp_path, FPS, "en", "landscape", [(2, "gap")])
    (tmp_path / "a.srt").write_text(GOOD.replace("3,080 -->", "2,960 -->"))
    with pytest.raises(AssertionError, match="overlap"):
        assert_published(tmp_path, FPS, "en", "landscape", [(2, "overlap"), (2, "gap")])


def _take(folder: Path, text: str, violations=()) -> list[Path]:
    """A folder as a finished take leaves it. judge_takes knows a file again by its time, so each has a folder."""
    folder.mkdir()
    (folder / "square.srt").write_text(text)
    stat = (folder / "square.srt").stat()
    variants = {"square": {"seconds": 6.5, "violations": [{"cue": cue, "rule": rule} for cue, rule in violations]}}
    stamps = {"square.srt": [stat.st_size, stat.st_mtime_ns]}
    (folder / "report.json").write_text(json.dumps({"variants": variants, "stamps": stamps}))
    (folder / "plan.json").write_text(json.dumps({"fps": "25", "language": "en"}))
    return judge_takes(folder)


def test_finished_takes_are_judged(tmp_path):
    assert _take(tmp_path / "good", GOOD) == [tmp_path / "good" / "square.srt"]
    silent = GOOD.replace("3,080 -->", "3,000 -->")
    with pytest.raises(AssertionError, match="gap"):
        _take(tmp_path / "silent", silent)
    assert _take(tmp_path / "told", silent, [(2, "gap")])


def test_the_judge_shares_nothing_with_what_it_judges():
    tree = ast.parse(Path(caption_linter.__file__).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in imported if name.split(".")[0] in {"pipeline", "commands", "cli", "tests"}]
