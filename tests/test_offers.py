"""Sounds that may be fillers stand in edit.md: they go where somebody takes their x out, and nowhere else."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline import chapters, edit, trim
from pipeline.edit import Edits, Side
from pipeline.model import Activity, Offer, Piece, Span, Transcript, TrimRules, Word

PLAIN, RULES = Edits(), TrimRules()
FPS, FRAMES, CLIP = Fraction(30), 600, "a" * 64
WORDS = (
    Word("Servers", 1000, 1600), Word("break.", 1600, 2200),
    Word("We", 3000, 3600), Word("mend", 3600, 4000), Word("them.", 4000, 4600),
    Word("Um.", 8000, 8400), Word("Always.", 12_000, 12_600),
)  # fmt: skip
OVER_WE = Offer("um", 3000, 3300, 'sounds like "um"')  # the engine laid the next word over it
HELD = Offer("", 6000, 6400, "a drawn-out sound")
ALONE = Offer("um", 8000, 8400, 'sounds like "um"')
HEARD = Transcript(WORDS, "double", "", "en", offers=(OVER_WE, HELD, ALONE))
LEVELS = [-60] * 2000
for _word in WORDS:
    LEVELS[_word.start_ms // 10 : _word.end_ms // 10] = [-20] * ((_word.end_ms - _word.start_ms) // 10)
LEVELS[328:333] = [-50] * 5  # between the sound and the word
ACTIVITY = Activity((Span(900, 2300), Span(2900, 4700), Span(7900, 8500), Span(11_900, 12_700)), levels=tuple(LEVELS))


def _pieces(edits: Edits = PLAIN, rules: TrimRules = RULES) -> tuple[Piece, ...]:
    said = edits.corrected(HEARD, CLIP)
    return trim.pieces(
        said.words, ACTIVITY, rules, fps=FPS, frames=FRAMES, clip=0, language="en", by_hand=edits.by_hand(CLIP),
        heard=WORDS, offers=HEARD.offers,
    )  # fmt: skip


def _sheet(edits: Edits = PLAIN, rules: TrimRules = RULES) -> edit.Sheet:
    slips = trim.slips(WORDS, rules, fps=FPS, frames=FRAMES, language="en", offers=HEARD.offers)
    side = Side(CLIP, "talk.mp4", HEARD, edits.corrected(HEARD, CLIP), slips, _pieces(rules=rules))
    return edit.sheet("talk", "Servers", [side], edits, rules, FPS)


def _lines(edits: Edits = PLAIN, rules: TrimRules = RULES) -> list[str]:
    return [line for line in edit.written(_sheet(edits, rules)).splitlines() if line.startswith(("- [", "["))]


def _read(before: str, after: str, edits: Edits = PLAIN) -> edit.Reading:
    text = edit.written(_sheet(edits))
    assert before in text
    return edit.read(text.replace(before, after), _sheet(edits), edits)


def _cut_ms(edits: Edits) -> list[tuple[int, int]]:
    """What is cut by hand, in ms."""
    return [
        (round(piece.start * 1000 / FPS), round(piece.end * 1000 / FPS))
        for piece in _pieces(edits)
        if not piece.kept and piece.reason == "cut in edit.md"
    ]


def test_each_sound_stands_behind_its_sentence_with_its_reason():
    assert _lines() == [
        "- [x] 0:01.0 Servers break.",
        "- [x] 0:03.0 We mend them.",
        "[pause 3.4 s]",
        '- [x] 0:03.0 um <!-- sounds like "um"; to cut it, take the x out -->',
        "- [x] 0:06.0 (a sound) <!-- a drawn-out sound; to cut it, take the x out -->",
        "- [x] 0:08.0 Um.",
        "[pause 3.6 s]",
        "- [x] 0:12.0 Always.",
    ]


def test_nothing_is_cut_that_nobody_is_sure_of():
    assert not [piece for piece in _pieces() if not piece.kept and "filler" in piece.reason]


def test_tight_cuts_what_is_written_as_a_filler_and_off_offers_nothing():
    tight = _pieces(rules=TrimRules(fillers="tight"))
    um = [piece for piece in tight if piece.start <= 8200 * 30 // 1000 < piece.end]
    assert [piece.kept for piece in um] == [False]
    assert not [line for line in _lines(rules=TrimRules(fillers="off")) if "take the x out" in line]


def test_a_sound_whose_x_is_gone_is_cut_though_a_word_lies_over_it():
    told = _read("- [x] 0:03.0 um", "- [ ] 0:03.0 um")
    assert not told.problems and [change.says for change in told.changes] == ['0:03.0 is cut: "um"']
    ((start, end),) = _cut_ms(told.edits)
    assert start <= 3000 and 3280 <= end <= 3340, "behind the sound, where it is quiet"
    assert "- [ ] 0:03.0 um <!-- cut in edit.md -->" in _lines(told.edits)
    assert "- [x] 0:03.0 We mend them." in _lines(told.edits), "its sentence stays"
    back = _read("- [ ] 0:03.0 um", "- [x] 0:03.0 um", told.edits)
    assert back.edits == Edits() and not _cut_ms(back.edits)


def test_a_sentence_that_is_cut_leaves_the_sound_to_itself():
    told = _read("- [x] 0:03.0 We", "- [ ] 0:03.0 We")
    assert len(told.edits.rulings) == 1 and not told.edits.rulings[0].sound
    assert any(line.startswith("- [x] 0:03.0 um") for line in _lines(told.edits))


def test_a_sound_that_is_a_word_is_captioned_once_it_is_written():
    told = _read("- [x] 0:06.0 (a sound)", "- [x] 0:06.0 No!")
    assert not told.problems
    assert "No!" in [word.text for word in told.edits.corrected(HEARD, CLIP).words]
    lines = _lines(told.edits)
    assert "- [x] 0:06.0 No!" in lines and not any("(a sound)" in line for line in lines)


def test_no_chapter_is_named_after_a_sound():
    long = tuple(Piece(0, n * 600, (n + 1) * 600, True, "") for n in range(30))
    named = chapters.chapters(long, _sheet().lines, fps=FPS, opening=0, frames=30 * 600)
    assert not {"um", "(a sound)"} & {chapter.title for chapter in named}


@pytest.mark.parametrize("length", [1, 400])
def test_a_cut_sound_is_a_whole_number_of_frames_in_order(length):
    edits = Edits().ruled(CLIP, 3000, 3000 + length, False, sound=True)
    found = _pieces(edits)
    assert [a.end for a in found[:-1]] == [b.start for b in found[1:]] and found[-1].end == FRAMES
