"""Captions hold the standards, whatever is said; burnt in, they stand where and when they should, and nowhere else."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import caption_rules, captions, ffmpeg, fonts, layout
from pipeline.model import Brand, CaptionRules, Colors, Cue, CueWord, joined
from tests import caption_linter, watching

FPS = Fraction(30)
LANDSCAPE, VERTICAL = layout.FORMATS["landscape"], layout.FORMATS["vertical"]
METRICS = fonts.metrics(fonts.default_fonts(), "Roboto")
BRAND = Brand("default", fonts=fonts.default_fonts())
SHAPES = st.sampled_from(list(layout.FORMATS.values()))


def _said(text: str, *, start: int = 0, frames: int = 9, gap: int = 1) -> list[CueWord]:
    """Words one after the other, each `frames` long."""
    step = frames + gap
    return [CueWord(word, start + n * step, start + n * step + frames) for n, word in enumerate(text.split())]


def _cues(words, shape=LANDSCAPE, breaks=(), frames=100_000, fps=FPS, language="en"):
    rules = caption_rules.spoken(shape.rules, language)
    return captions.cues(words, rules, fps=fps, frames=frames, breaks=breaks, fits=captions.fits(METRICS, shape))


TALE = (
    "It was the best of times, it was the worst of times. It was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief. We had everything before us, we had nothing before us."
)


def test_sentences_become_cues_of_two_balanced_lines():
    made, violations = _cues(_said(TALE))
    assert violations == ()
    assert made[0].text == "It was the best of times,\nit was the worst of times."
    assert all(len(line) <= 42 for cue in made for line in cue.text.split("\n"))
    assert joined(word.text for cue in made for word in cue.words) == TALE


def test_vertical_video_has_its_own_measure():
    made, violations = _cues(_said(TALE), VERTICAL)
    assert violations == ()
    assert all(len(line) <= 24 and cue.text.count("\n") <= 1 for cue in made for line in cue.text.split("\n"))


def test_no_line_ends_with_an_article():
    for shape in layout.FORMATS.values():
        made, _ = _cues(_said("we found the server in a cellar under the town hall and the lamp was still on"), shape)
        lines = [line for cue in made for line in cue.text.split("\n")]
        assert not [line for line in lines if line.split()[-1] in {"the", "a", "an"}]


def test_a_single_short_word_stays_long_enough_to_be_read():
    (cue,), violations = _cues([CueWord("No!", 30, 36)])
    assert violations == () and cue.end - cue.start >= 25


def test_speech_too_fast_to_be_read_is_listed_by_rule():
    words = [CueWord("extraordinarily", n * 4, n * 4 + 4) for n in range(30)]
    _, violations = _cues(words)
    fast = [violation for violation in violations if violation.rule == "reading_speed"]
    assert fast and all(violation.value > 20 and violation.cue >= 1 for violation in fast)


def test_a_long_german_word_does_not_break_the_layout():
    word = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle"
    for shape in layout.FORMATS.values():
        made, violations = _cues([CueWord(word, 0, 120)], shape)
        fits = captions.fits(METRICS, shape)
        assert all(fits(line) for cue in made for line in cue.text.split("\n"))
        assert "line_length" not in {violation.rule for violation in violations}


@pytest.mark.parametrize(
    ("language", "shape", "longest"),
    [("ja", LANDSCAPE, 13), ("ja", VERTICAL, 7), ("zh", LANDSCAPE, 16), ("zh-TW", VERTICAL, 9), ("en", LANDSCAPE, 21)],
)
def test_cjk_has_no_spaces_and_lines_as_long_as_its_readers_expect(language, shape, longest):
    made, _ = _cues(_said("今日 は サーバー を 壊します 。 " * 6), shape, language=language)
    lines = [line for cue in made for line in cue.text.split("\n")]
    assert " " not in "".join(lines)
    assert longest / 2 < max(map(len, lines)) <= longest


def test_latin_letters_count_half_in_japanese_and_korean_and_full_in_chinese():
    words = _said("aaaa bbbb cccc dddd eeee", frames=30)
    longest = {each: max(map(len, _cues(words, language=each)[0][0].text.split("\n"))) for each in ("ja", "ko", "zh")}
    assert longest == {"ja": 24, "ko": 24, "zh": 14}


def test_text_is_shown_as_long_as_readers_of_its_language_need():
    shown = {}
    for language in ("en", "ko", "zh"):
        (cue,), violations = _cues([CueWord("平" * 16, 0, 30)], language=language)
        assert violations == ()
        shown[language] = cue.end - cue.start
    assert shown == {"en": 57, "ko": 42, "zh": 54}  # 32 letters at 17 a second; 16 at 12, or 12 frames after; 16 at 9


def test_every_row_of_the_table_has_its_source_and_its_day():
    for row in [*caption_rules.ROWS.values(), caption_rules.row("xx")]:
        assert "Netflix" in row.source and re.fullmatch(r"20\d\d-\d\d-\d\d", row.read)
        assert row.chars_per_second < row.limit
    assert caption_rules.row("pt-BR") is caption_rules.row("") and caption_rules.row("yue") is caption_rules.row("zh")


def test_a_web_address_is_cut_behind_a_slash_and_no_hyphen_is_added():
    made, _ = _cues([CueWord("https://www.example.com/a/long/way/to/walk/until-the-end", 0, 120)], VERTICAL)
    lines = [line for cue in made for line in cue.text.split("\n")]
    assert "".join(lines) == "https://www.example.com/a/long/way/to/walk/until-the-end"


def test_right_to_left_lines_say_so_and_others_do_not():
    style = captions.style(LANDSCAPE, BRAND)
    hebrew, _ = _cues(_said("server אחד ביום אנחנו הורסים"))
    assert "\u200f" in captions.ass(hebrew, style, fps=FPS, first=0, frames=60)
    english, _ = _cues(_said("one server a day"))
    assert "\u200f" not in captions.ass(english, style, fps=FPS, first=0, frames=60)


def test_captions_go_with_the_picture_at_a_cut():
    (cue,), _ = _cues(_said("this was the end of it all", frames=12), breaks=[95])
    assert cue.end == 95


def _spans(made) -> list[tuple[int, int]]:
    return [(cue.start, cue.end) for cue in made]


def test_a_short_gap_is_closed_to_two_frames_and_a_long_one_is_left():
    for pause, closed in ((0, True), (20, True), (26, True), (27, False), (60, False)):  # it may linger for 12
        words = [*_said("This was it."), *_said("And so on.", start=29 + pause)]
        made, violations = _cues(words)
        assert len(made) == 2 and violations == ()
        assert made[1].start == 29 + pause, "the next one begins with its first word"
        assert made[0].end == (27 + pause if closed else 41)


def test_a_gap_behind_a_cut_is_closed_too():
    words = [*_said("This was the end of it."), *_said("And so on.", start=80)]
    made, violations = _cues(words, breaks=[66])
    assert _spans(made)[0] == (0, 78) and violations == ()
    words = [*_said("This was the end of it."), *_said("And so on.", start=81)]
    made, violations = _cues(words, breaks=[66])
    assert _spans(made)[0] == (0, 66) and violations == ()


def test_no_cue_runs_on_past_seven_seconds_to_close_a_gap():
    slow = [CueWord("Slow", 0, 150), CueWord("words.", 150, 200)]
    made, violations = _cues([*slow, *_said("And so on.", start=217)])
    assert _spans(made)[0] == (0, 202) and violations == ()  # the gap is half a second
    made, violations = _cues([CueWord("Sloooow.", 0, 205), *_said("And so on.", start=217)])
    assert made[0].end == 210 and [(each.cue, each.rule, each.value) for each in violations] == [(2, "gap", 7)]


def test_a_cue_that_lacks_time_begins_earlier_and_the_next_one_later():
    lines = [CueWord("l" * 41, 1, 60), CueWord("l" * 40 + ".", 60, 120)]  # 83 characters: 125 frames at 20 a second
    later = [CueWord("l" * 41, 126, 200), CueWord("l" * 40 + ".", 200, 300)]
    made, violations = _cues([*lines, *later])
    assert _spans(made)[0] == (0, 125) and made[1].start == 127 and violations == ()


def test_a_gap_that_cannot_be_had_is_listed():
    rush = [CueWord("W" * 40, n, n + 1) for n in range(8)]
    made, violations = _cues(rush, VERTICAL)
    listed = {each.cue for each in violations if each.rule == "gap"}
    gaps = [b.start - a.end for a, b in pairwise(made)]
    assert listed == {n for n, gap in enumerate(gaps, start=2) if gap < 2} != set()
    assert min(gaps) >= 0


@pytest.mark.parametrize(
    "texts", [["\ud800bad", "ok\x00"], ["", " ", "\n"], ["👩‍💻" * 40], ["e\u0301" * 90], ["W" * 300]]
)
def test_no_text_is_too_strange_to_be_written(texts):
    made, _ = _cues([CueWord(text, n * 60, n * 60 + 50) for n, text in enumerate(texts)], VERTICAL)
    ass = captions.ass(made, captions.style(VERTICAL, BRAND), fps=FPS, first=0, frames=900)
    assert (ass + captions.srt(made, FPS) + captions.vtt(made, FPS, "")).encode() or not made
    assert all("\x00" not in cue.text for cue in made)


# --- whatever is said -------------------------------------------------------------------------------------------------

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=30)
plain = st.sampled_from(["the", "server", "is", "twelve", "years", "old.", "um,", "yes!", "and", "extraordinarily"])
timed = st.lists(st.tuples(st.one_of(plain, texts), st.integers(1, 40), st.integers(0, 90)), max_size=50)


def _timed(found) -> tuple[list[CueWord], int]:
    words, at = [], 0
    for text, length, gap in found:
        at += gap
        words.append(CueWord(text, at, at + length))
        at += length
    return words, at


RATES = st.sampled_from(
    [Fraction(rate) for rate in ("24", "24000/1001", "25", "30000/1001", "30", "50", "60000/1001", "60")]
)
LANGUAGES = st.sampled_from(["en", "de", "ja", "zh", "ko", "ar", "th", ""])


@given(timed, SHAPES)
def test_cues_lie_in_order_inside_the_video(found, shape):
    words, end = _timed(found)
    made, _ = _cues(words, shape, frames=end + 5)
    assert all(0 <= cue.start < cue.end <= end + 5 for cue in made)
    assert all(a.end <= b.start for a, b in pairwise(made))


@given(timed, SHAPES, RATES, LANGUAGES, st.lists(st.integers(0, 600), max_size=8))
def test_gaps_are_two_frames_or_half_a_second_or_listed(found, shape, fps, language, breaks):
    words, end = _timed(found)
    made, violations = _cues(words, shape, breaks, end + 40, fps, language)
    listed = {violation.cue for violation in violations if violation.rule == "gap"}
    for number, (before, cue) in enumerate(pairwise(made), start=2):
        gap = cue.start - before.end
        held = gap == 2 or gap / fps >= Fraction(1, 2)
        assert held != (number in listed)
        if not held:
            crowded = cue.words[0].start - before.words[0].start <= 5
            endless = (cue.start - before.start) / fps > 7
            assert crowded or endless, "a gap that could have been had"


# What SRT cannot say is written with other characters, which have other widths: braces.
lettered = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), blacklist_characters="{}"), min_size=1
)
written = st.lists(st.tuples(st.one_of(plain, lettered), st.integers(1, 40), st.integers(0, 90)), max_size=30)


@given(written, SHAPES, RATES, LANGUAGES)
def test_the_linter_finds_nothing_that_is_not_listed(found, shape, fps, language):
    words, end = _timed(found)
    made, violations = _cues(words, shape, (), end + 40, fps, language)
    listed = {(violation.cue, violation.rule) for violation in violations} & {
        (number, rule) for number in range(1, len(made) + 1) for rule in caption_linter.EXCUSABLE
    }
    for kind, text in (("srt", captions.srt(made, fps)), ("vtt", captions.vtt(made, fps, language))):
        judged = caption_linter.lint(text, kind, fps, language, shape.name, end + 40)
        assert {(each.cue, each.rule) for each in judged if each.severity == "error"} <= listed


@given(timed, SHAPES, st.sampled_from([FPS, Fraction(30000, 1001), Fraction(60)]))
def test_what_is_not_listed_is_held(found, shape, fps):
    words, end = _timed(found)
    made, violations = _cues(words, shape, frames=end + 40, fps=fps)
    listed = {(violation.cue, violation.rule) for violation in violations}
    for number, cue in enumerate(made, start=1):
        seconds = (cue.end - cue.start) / fps
        assert seconds >= Fraction(833, 1000) or (number, "min_duration") in listed
        assert seconds <= 7 or (number, "max_duration") in listed
        wide = sum(unicodedata.east_asian_width(char) in {"W", "F"} for char in cue.text)
        assert (len(cue.text) + wide) / seconds <= 20 or (number, "reading_speed") in listed or _marks(cue.text)
        assert abs(cue.start - cue.words[0].start) <= 3 or (number, "in_time") in listed


def _marks(text: str) -> bool:
    return any(unicodedata.category(char) in {"Mn", "Me", "Cf"} for char in text)


@given(timed, SHAPES)
def test_every_line_is_narrow_enough_or_listed(found, shape):
    words, end = _timed(found)
    made, violations = _cues(words, shape, frames=end + 30)
    listed = {violation.cue for violation in violations}
    fits = captions.fits(METRICS, shape)
    for number, cue in enumerate(made, start=1):
        assert len(cue.lines) <= 2
        assert number in listed or all(fits(line) for line in cue.text.split("\n"))


@given(st.lists(st.tuples(plain, st.integers(3, 30), st.integers(0, 60)), min_size=1, max_size=40), SHAPES)
def test_no_plain_word_is_lost(found, shape):
    words, end = _timed(found)
    made, _ = _cues(words, shape, frames=end + 60)
    said = joined(word.text for cue in made for word in cue.words).replace("- ", "").replace("-", "")
    assert said == joined(word.text for word in words)


def test_an_hour_of_words_is_quick():
    import time

    words = _said("so we took the old server and it was the best of times, really. " * 640)
    started = time.process_time()
    made, _ = _cues(words, frames=10**7)
    assert len(made) > 500
    assert time.process_time() - started < 5


# --- files beside the video -------------------------------------------------------------------------------------------

HOSTILE = [CueWord(text, n * 40, n * 40 + 30) for n, text in enumerate(["<b>&amp;", "-->", "{\\b1}", "a\\Nb", "it’s"])]


def test_times_are_those_of_the_frames_to_the_millisecond():
    cue = Cue(30, 107_892, ((CueWord("long", 30, 90),),))
    fps = Fraction(30000, 1001)
    assert "00:00:01,001 --> 00:59:59,996\nlong" in captions.srt([cue], fps)
    assert captions.vtt([cue], fps, "de") == (
        "WEBVTT Kind: captions; Language: de\n\n1\n00:00:01.001 --> 00:59:59.996\nlong\n"
    )


def test_srt_and_vtt_hold_whole_cues_at_their_times():
    made, _ = _cues(_said(TALE))
    srt = pysubs2.SSAFile.from_string(captions.srt(made, FPS))
    assert [event.plaintext for event in srt] == [cue.text for cue in made]
    assert [round(event.start * 30 / 1000) for event in srt] == [cue.start for cue in made]
    vtt = captions.vtt(made, FPS, "en")
    assert vtt.startswith("WEBVTT") and vtt.count("-->") == len(made)


def test_hostile_text_stays_text():
    made, _ = _cues(HOSTILE)
    vtt = captions.vtt(made, FPS, "en")
    assert vtt.count("-->") == len(made)
    assert "<b>" not in vtt and "&lt;b" in vtt
    srt = pysubs2.SSAFile.from_string(captions.srt(made, FPS))
    assert len(srt) == len(made)


# --- burnt in ---------------------------------------------------------------------------------------------------------


def _burnt(cues, shape, folder: Path, *, fps=FPS, first=0, frames=30, color="gray") -> list[np.ndarray]:
    """The frames of a plain video with the captions on it, by the same filters as the product."""
    folder.mkdir(exist_ok=True)
    (folder / "fonts").mkdir(exist_ok=True)
    for path in fonts.default_fonts():
        (folder / "fonts" / path.name).write_bytes(path.read_bytes())
    style = captions.style(shape, BRAND)
    (folder / "c.ass").write_text(captions.ass(cues, style, fps=fps, first=first, frames=frames), encoding="utf-8")
    rate = f"{fps.numerator}/{fps.denominator}"
    ground = f"color={color}:s={shape.width}x{shape.height}:r={rate}"
    graph = "settb=1/(" + rate + "),setpts=N,setpts=PTS+600,ass=f=c.ass:fontsdir=fonts,setpts=PTS-600"
    options = ["-frames:v", str(frames), "-fps_mode", "passthrough", "-c:v", "ffv1", "-pix_fmt", "yuv420p", "out.mkv"]
    ffmpeg.run(["-f", "lavfi", "-i", ground, "-vf", graph, *options], folder=folder)
    with av.open(str(folder / "out.mkv")) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _cue(text: str, start: int, end: int) -> Cue:
    words = text.split()
    step = (end - start) // max(1, len(words))
    return Cue(start, end, (tuple(CueWord(w, start + n * step, start + (n + 1) * step) for n, w in enumerate(words)),))


@pytest.mark.slow
@pytest.mark.parametrize("fps", [Fraction(30), Fraction(30000, 1001)], ids=["30", "29.97"])
def test_first_and_last_frame_of_a_caption_are_the_planned_ones(fps, tmp_path):
    cue = _cue("exactly here", 7, 19)
    frames = _burnt([cue], LANDSCAPE, tmp_path, fps=fps)
    shown = [n for n, frame in enumerate(frames) if watching.bright(frame, LANDSCAPE.captions) > 0.001]
    assert shown == list(range(7, 19))


@pytest.mark.slow
@pytest.mark.parametrize("shape", layout.FORMATS.values(), ids=lambda shape: shape.name)
@pytest.mark.parametrize("color", ["white", "black"])
def test_captions_stay_in_their_room_and_can_be_read_on_any_ground(shape, color, tmp_path):
    text = "W" * 10 + " gjpqy ÄÖÜ " + "M" * 6
    words = _said(text + " " + text, frames=20)
    made, _ = _cues(words, shape)
    frame = _burnt(made[:1], shape, tmp_path / "full", first=made[0].start + 2, frames=1, color=color)[0]
    plain = np.full_like(frame, 255 if color == "white" else 0)
    changed = np.abs(frame.astype(int) - plain).max(axis=2) > 24
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    room = shape.captions
    assert room.y <= rows[0] and rows[-1] < room.bottom
    assert room.x <= columns[0] and columns[-1] < room.right
    inside = watching.part(frame, room)
    assert (inside.min(axis=2) > 225).any() and (inside.max(axis=2) < 40).any(), "light letters with a dark edge"


@pytest.mark.slow
def test_the_spoken_word_is_lit(tmp_path):
    cue = _cue("one two", 0, 30)
    frames = _burnt([cue], LANDSCAPE, tmp_path)
    accent = [
        np.flatnonzero((np.abs(f.astype(int) - BRAND.colors.accent).max(axis=2) < 30).any(axis=0)) for f in frames
    ]
    assert accent[5].mean() < LANDSCAPE.captions.x + LANDSCAPE.captions.width / 2 < accent[20].mean()


@pytest.mark.slow
def test_letters_keep_their_places_when_the_light_moves_on(tmp_path):
    frames = _burnt([_cue("To AV. Tyre VAT", 0, 28)], LANDSCAPE, tmp_path, frames=28, color="black")
    lit = [frame.max(axis=2) > 100 for frame in frames[3::7]]
    assert len(lit) == 4
    for other in lit[1:]:
        assert [np.flatnonzero(other.any(axis=0))[edge] for edge in (0, -1)] == [
            np.flatnonzero(lit[0].any(axis=0))[edge] for edge in (0, -1)
        ]
        assert (other ^ lit[0]).sum() < 0.02 * lit[0].sum()


def test_what_lies_outside_a_chunk_changes_nothing_in_it():
    style = captions.style(LANDSCAPE, BRAND)
    before = [_cue("one two three four", 0, 80), _cue("later", 200, 260)]
    after = [_cue("none two three four", 0, 80), _cue("much later", 230, 260)]
    same = [captions.ass(cues, style, fps=FPS, first=25, frames=100) for cues in (before[:1], before)]
    assert same[0] == same[1] != ""
    assert captions.ass(before, style, fps=FPS, first=90, frames=100) == ""
    assert captions.ass(after, style, fps=FPS, first=25, frames=100) != same[0]


def test_a_dark_accent_is_lightened_until_it_can_be_read():
    dark = captions.style(LANDSCAPE, Brand("b", colors=Colors(accent=(0, 0, 90)))).accent
    assert min(dark) > 60
    assert captions.style(LANDSCAPE, BRAND).accent == BRAND.colors.accent


@pytest.mark.slow
def test_a_caption_split_over_two_chunks_is_the_same_caption(tmp_path):
    cue = _cue("a caption over a seam", 3, 28)
    whole = _burnt([cue], LANDSCAPE, tmp_path / "whole", frames=30)
    first = _burnt([cue], LANDSCAPE, tmp_path / "first", frames=13)
    second = _burnt([cue], LANDSCAPE, tmp_path / "second", first=13, frames=17)
    assert all(np.array_equal(a, b) for a, b in zip(whole, first + second, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("text", [r"{\pos(0,0)\fs300}big", r"a\Nb\hc", r"{\p1}m 0 0 l 900 0 900 900{\p0}", "c:\\new"])
def test_text_cannot_say_anything_to_the_renderer(text, tmp_path):
    frame = _burnt([Cue(0, 30, ((CueWord(text, 0, 30),),))], LANDSCAPE, tmp_path, frames=1)[0]
    changed = np.abs(frame.astype(int) - 128).max(axis=2) > 40
    rows = np.flatnonzero(changed.any(axis=1))
    assert len(rows) and rows[0] >= LANDSCAPE.captions.y and rows[-1] < LANDSCAPE.captions.bottom
    assert rows[-1] - rows[0] < 1.3 * captions.style(LANDSCAPE, BRAND).size, "one line, no tags, no drawing"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["The quick brown fox jumps over", "ÄÖÜß äöü éèê ñ", "WWWWMMMM", "at 10:45, 23 servers"]
)
def test_the_measure_of_text_is_that_of_the_renderer(text, tmp_path):
    cue = Cue(0, 30, (tuple(CueWord(word, 90, 99) for word in text.split()),))
    frame = _burnt([cue], LANDSCAPE, tmp_path, frames=1, color="black")[0]
    columns = np.flatnonzero((frame.min(axis=2) > 128).any(axis=0))
    style = captions.style(LANDSCAPE, BRAND)
    measured = METRICS.width(text) * style.size * METRICS.units_per_em / METRICS.line_height
    assert 0.98 < (columns[-1] - columns[0] + 1) / measured <= 1.0


def test_a_glyph_that_is_missing_is_known():
    assert METRICS.missing("Grüße, 平和 🎬!") == "平和🎬"
    assert METRICS.missing("plain ‍️") == ""


def test_rules_of_vertical_and_landscape_are_the_standards():
    assert (LANDSCAPE.rules, VERTICAL.rules.max_chars) == (CaptionRules(), 24)
    assert LANDSCAPE.captions.width <= 0.681 * LANDSCAPE.width
    assert VERTICAL.captions.x >= 108 and VERTICAL.captions.right <= 900 and VERTICAL.captions.bottom <= 1536
