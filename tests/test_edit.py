"""edit.md: what is written is read back, what is clear is obeyed, what is not is answered by line."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import cli
from commands import words as words_commands
from pipeline import captions, corrections, edit, find_out, layout, report, trim
from pipeline.edit import Edits, Sheet, Side, Text, doubts
from pipeline.edit.corrected import corrected
from pipeline.errors import WorkspaceError
from pipeline.model import Activity, Cue, CueWord, Plan, Transcript, TrimRules, Variant, Word
from pipeline.shelf import Shelf, fingerprint
from pipeline.workspace import product_assets

FPS = Fraction(30)
RULES = TrimRules()
SHA = "a" * 64


def _words(*said: tuple[str, int, int]) -> tuple[Word, ...]:
    return tuple(Word(text, start, end) for text, start, end in said)


SAID = _words(
    ("We", 1000, 1200), ("use", 1200, 1500), ("Cooper", 1500, 1900), ("Nettys", 1900, 2400), ("here.", 2400, 2800),
    ("It", 5000, 5200), ("restarts", 5200, 5800), ("servers.", 5800, 6400),
    ("the", 6900, 7000), ("the", 7200, 7300), ("end", 7300, 7600), ("comes.", 7600, 8000),
)  # fmt: skip


def _sheet(words=SAID, edits=Edits(), rules=RULES, title="Servers", shas=(SHA,)) -> Sheet:  # noqa: B008
    sides = []
    for sha in shas:
        heard = Transcript(words, language="en")
        said = edits.corrected(heard, sha)
        frames = 30 * 60
        written = trim.ByHand(written=edits.by_hand(sha).written)
        slips = trim.slips(words, rules, fps=FPS, frames=frames, by_hand=written)
        unedited = trim.pieces(
            said.words, Activity(), rules, fps=FPS, frames=frames, clip=0, by_hand=written, heard=words
        )
        sides.append(Side(sha, f"{sha[:3]}.mp4", heard, said, slips, unedited))
    return edit.sheet("server", edits.title or title, sides, edits, rules, FPS)


def _pieces(words, edits: Edits, rules=RULES):
    return trim.pieces(words, Activity(), rules, fps=FPS, frames=1800, clip=0, by_hand=edits.by_hand(SHA))


def _kept_words(words, edits: Edits) -> list[str]:
    kept = [(p.start * 1000 / FPS, p.end * 1000 / FPS) for p in _pieces(words, edits) if p.kept]
    return [w.text for w in words if any(a <= (w.start_ms + w.end_ms) / 2 < b for a, b in kept)]


def _read(change, words=SAID, **options):
    sheet = _sheet(words, **options)
    return edit.read(change(edit.written(sheet)), sheet, options.get("edits", Edits()))


def test_it_shows_sentences_with_ticks_times_pauses_and_reasons():
    lines = edit.written(_sheet()).splitlines()
    assert lines[0] == "title: Servers"
    assert lines[-6:] == [
        "",
        "- [x] 0:01.0 We use Cooper Nettys here.",
        "[pause 2.2 s]",
        "- [x] 0:05.0 It restarts servers.",
        "- [ ] 0:06.9 the <!-- a false start -->",
        "- [x] 0:07.2 the end comes.",
    ]


def _shy(*texts: str, words=SAID) -> tuple[Word, ...]:
    """The words, and of some of them the engine is not sure."""
    return tuple(replace(word, confidence=0.1) if word.text in texts else word for word in words)


def test_unsure_words_are_marked_and_the_head_counts_their_sentences():
    sure, one = edit.written(_sheet()), edit.written(_sheet(_shy("Nettys")))
    assert "(?)" not in sure.replace("(?) marks what", "") and "unsure" not in sure
    assert "We use Cooper Nettys(?) here." in one
    assert "> 1 sentence is unsure: look at the words marked (?)." in one and "more than half" not in one
    assert "> 3 sentences are unsure" in edit.written(_sheet(_shy("Nettys", "restarts", "comes.")))


def test_where_most_is_unsure_the_head_says_to_read_it_all():
    told = edit.written(_sheet(_shy("Nettys", "restarts", "end", words=(*SAID, *_words(("Really.", 9000, 9500))))))
    assert "more than half of it, so read it all" in told and "candid models download small" in told


def test_an_unsure_sentence_that_is_cut_is_not_counted():
    cut = Edits().ruled(SHA, 1000, 2800, False)
    told = edit.written(_sheet(_shy("Nettys"), edits=cut))
    assert "- [ ] 0:01.0 We use Cooper Nettys(?) here." in told and "unsure" not in told


def test_speech_without_words_is_listed_in_the_head_and_is_no_part_of_the_description():
    note = "Somebody seems to speak at 0:20 to 0:40, and no word was understood: it has no captions."
    sheet = replace(_sheet(), unheard=(note,), description="About servers")
    assert f"> {note}" in edit.written(sheet)
    assert edit.read(edit.written(sheet), sheet, Edits()) == edit.Reading(Edits())


def test_a_sentence_without_its_marks_is_right_as_it_was_heard():
    words = _shy("Nettys", "restarts")
    told = _read(lambda text: text.replace("Nettys(?)", "Nettys"), words)
    assert [change.says for change in told.changes] == ['0:01.0 is right as it was heard: "We use Cooper Nettys here."']
    again = _sheet(words, edits=told.edits)
    text = edit.written(again)
    assert "We use Cooper Nettys here." in text and "restarts(?)" in text and "> 1 sentence is unsure" in text
    assert edit.read(text, again, told.edits) == edit.Reading(told.edits)
    assert [line.confirmed for line in again.lines] == [True, False, False, False]


@pytest.mark.parametrize("beside", [0, 3, 36])
def test_one_misheard_word_is_found_in_a_sentence_of_any_length(beside):
    sure, weak = Word("so", 0, 100, 0.97), Word("Nettys", 0, 100, 0.15)
    assert doubts.doubts((sure,) * beside + (weak,) + (sure,) * beside) == (beside,)
    assert doubts.doubts((sure,) * (2 * beside + 1)) == ()


def test_one_word_that_is_a_little_weak_between_sure_ones_is_no_doubt():
    sure, weak = Word("so", 0, 100, 0.97), Word("the", 0, 100, 0.5)
    assert doubts.doubts((sure, weak, sure, sure)) == () and doubts.doubts((weak, weak, sure, weak)) == (0, 1, 3)
    assert doubts.doubts(()) == () and doubts.confidence((Word("a", 0, 1, 0.0),)) < 0.01


def test_one_of_two_marks_is_not_enough():
    words = _shy("Cooper", "Nettys")
    assert _read(lambda text: text.replace("Nettys(?)", "Nettys"), words) == edit.Reading(Edits())


def test_a_mark_that_is_put_back_makes_a_sentence_unsure_again():
    words = _shy("Nettys")
    right = _read(lambda text: text.replace("Nettys(?)", "Nettys"), words).edits
    told = _read(lambda text: text.replace("Cooper Nettys here.", "Cooper Nettys here. (?)"), words, edits=right)
    assert [change.says for change in told.changes] == ['0:01.0 is unsure again: "We use Cooper Nettys here."']
    assert told.edits == Edits()
    nothing = _read(lambda text: text.replace("servers.", "servers.(?)"), words, edits=right)
    assert nothing == edit.Reading(right)


def test_a_corrected_sentence_is_settled():
    words = _shy("Nettys")
    told = _read(lambda text: text.replace("Cooper Nettys(?)", "Kubernetes"), words)
    again = _sheet(words, edits=told.edits)
    assert "We use Kubernetes here." in edit.written(again) and again.unsure == ()
    right = _read(lambda text: text.replace("Nettys(?)", "Nettys"), words).edits
    both = _read(lambda text: text.replace("Cooper Nettys", "Kubernetes"), words, edits=right).edits
    assert both.confirmed == () and len(both.texts) == 1


def test_what_was_found_right_outlives_another_engine():
    words = _shy("Nettys")
    right = _read(lambda text: text.replace("Nettys(?)", "Nettys"), words).edits
    other = _words(("Re", 1010, 1200), ("use", 1210, 1500), ("coupons.", 1500, 2790), *((w.text, w.start_ms, w.end_ms)
                   for w in SAID[5:]))  # fmt: skip
    sheet = _sheet(other, edits=right)
    assert sheet.lines[0].text == "We use Cooper Nettys here." and sheet.lines[0].confirmed
    assert [line.text for line in sheet.lines[1:]] == [line.text for line in _sheet().lines[1:]]


def test_marks_that_an_older_version_set_are_nobodys_word():
    """Its corrections.json does not say which words were marked, so marks that are gone say nothing."""
    sheet = _sheet(_shy("Nettys"))
    told = TypeAdapter(Sheet).dump_python(sheet, mode="json") | {"draft": True}
    for line in told["lines"]:
        del line["doubts"], line["confirmed"]
    older = TypeAdapter(Sheet).validate_json(json.dumps(told))
    assert edit.read(edit.written(sheet).replace("(?)", ""), older, Edits()) == edit.Reading(Edits())
    assert edit.read(edit.written(sheet), older, Edits()) == edit.Reading(Edits())


texts = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["the", "um", "[keep]", "- [x]", "0:01.3", "<!--", "-->", "(?)", "end.", "title:", "##", ">", "世界", "\ud800", ""]
)
spoken = st.lists(st.tuples(texts, st.integers(0, 1500), st.integers(1, 900), st.floats(0, 1)), max_size=25)


def _laid(found) -> tuple[Word, ...]:
    at, words = 0, []
    for text, gap, length, sure in found:
        words.append(Word(text, at + gap, at + gap + length, sure))
        at += gap + length
    return tuple(words)


@given(spoken.map(_laid), texts, st.sampled_from(["off", "gentle", "tight"]), st.integers(1, 2))
def test_what_was_written_changes_nothing(words, title, fillers, clips):
    shas = ("a" * 64, "b" * 64)[:clips]
    sheet = _sheet(words, title=title, rules=replace(RULES, fillers=fillers), shas=shas)
    assert edit.read(edit.written(sheet), sheet, Edits()) == edit.Reading(Edits())


@given(spoken.map(_laid), st.sampled_from(["off", "gentle", "tight"]), st.data())
def test_what_is_found_right_changes_no_word_time_tick_or_piece(words, fillers, data):
    rules = replace(RULES, fillers=fillers)
    before = _sheet(words, rules=rules)
    right = data.draw(st.sets(st.sampled_from([n for n, line in enumerate(before.lines) if line.unsure] or [-1])))
    asked = [edit.Wish(line.ticked, line.text, line.pause_kept, n in right) for n, line in enumerate(before.lines)]
    told = edit.read(edit.asking(before, asked, before.title, "")[0], before, Edits())
    assert told.problems == () and told.edits.by_hand(SHA) == trim.ByHand()
    heard = Transcript(words, language="en")
    said = told.edits.corrected(heard, SHA)
    assert said == Edits().corrected(heard, SHA)
    assert _pieces(said.words, told.edits, rules) == _pieces(said.words, Edits(), rules)
    after = _sheet(words, edits=told.edits, rules=rules)
    assert [replace(line, confirmed=False) for line in after.lines] == list(before.lines)
    assert {n for n, line in enumerate(after.lines) if line.confirmed} == right - {-1}
    undone = edit.asking(after, [replace(each, right=False) for each in asked], after.title, "")[0]
    assert edit.read(undone, after, told.edits).edits == Edits()


@given(st.data())
def test_what_was_decided_is_shown_and_changes_nothing_more(data):
    """Unticking and ticking any lines: the sheet made from the edits shows those ticks, and reading it adds nothing."""
    sheet = _sheet()
    flipped = data.draw(st.sets(st.integers(0, len(sheet.lines) - 1)))
    shown = iter(range(len(sheet.lines)))
    out = []
    for line in edit.written(sheet).splitlines():
        if line.startswith("- [") and next(shown) in flipped:
            out.append(line.replace("[x]", "[]") if "[x]" in line else line.replace("[ ]", "[X]"))
        else:
            out.append(line)
    told = edit.read("\r\n".join(out), sheet, Edits())
    assert told.problems == () and len(told.changes) == len(flipped)
    again = _sheet(edits=told.edits)
    assert [line.ticked for line in again.lines] == [old.ticked != (n in flipped) for n, old in enumerate(sheet.lines)]
    assert edit.read(edit.written(again), again, told.edits) == edit.Reading(told.edits)
    assert _kept_words(SAID, told.edits) == [w.text for line in again.lines if line.ticked for w in line.words]
    back = edit.read(edit.written(sheet), again, told.edits)
    assert back.edits == Edits(), "what is taken back leaves no trace"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("- [x] ", "").replace("- [ ] ", ""),
        lambda text: text.replace("- [x] ", "*   [ X ]   ").replace(" We use ", "   We\tuse  "),
        lambda text: text.replace("Cooper Nettys here.", "Cooper\n  Nettys here."),
        lambda text: text.replace("<!-- a false start -->", ""),
        lambda text: "\n".join(line for line in text.split("\n") if not line.startswith(">")),
        lambda text: text.replace("[pause 2.2 s]\n", ""),
        lambda text: text.replace("0:05.0 ", ""),
    ],
)
def test_spacing_line_ends_and_lost_marks_change_nothing(change):
    assert _read(change) == edit.Reading(Edits())


def test_reordered_lines_change_nothing():
    def shuffled(text):
        lines = text.rstrip().split("\n")
        tail = [line for line in lines if line.startswith("- [")]
        random.Random(4).shuffle(tail)
        return "\n".join([line for line in lines if not line.startswith(("- [", "["))] + tail)

    assert _read(shuffled) == edit.Reading(Edits())


def test_an_unticked_sentence_is_cut_with_its_reason():
    told = _read(lambda text: text.replace("[x] 0:05.0", "[ ] 0:05.0"))
    assert [change.says for change in told.changes] == ['0:05.0 is cut: "It restarts servers."']
    assert _kept_words(SAID, told.edits) == ["We", "use", "Cooper", "Nettys", "here.", "the", "end", "comes."]
    assert "cut in edit.md" in [piece.reason for piece in _pieces(SAID, told.edits) if not piece.kept]


def test_a_sentence_that_is_cut_goes_even_where_something_moves_or_everything_is_to_be_kept():
    from pipeline.model import Span

    told = _read(lambda text: text.replace("[x] 0:05.0", "[ ] 0:05.0"))
    moving = Activity(motion=(Span(0, 20000),), speech=(Span(900, 8200),))
    for rules in (RULES, replace(RULES, keep_everything=True)):
        found = trim.pieces(SAID, moving, rules, fps=FPS, frames=1800, clip=0, by_hand=told.edits.by_hand(SHA))
        assert not any(piece.kept and piece.start < 190 and piece.end > 151 for piece in found)


def test_a_pause_is_kept_where_asked():
    told = _read(lambda text: text.replace("[pause 2.2 s]", "[keep]"))
    assert told.problems == () and "pause of 2.2 s" in told.changes[0].says
    kept = {n for piece in _pieces(SAID, told.edits) if piece.kept for n in range(piece.start, piece.end)}
    assert kept >= set(range(84, 150)) and not kept >= set(range(0, 30))
    again = _sheet(edits=told.edits)
    assert "[keep 2.2 s]" in edit.written(again)
    assert edit.read(edit.written(again), again, told.edits) == edit.Reading(told.edits)
    back = edit.read(edit.written(again).replace("[keep 2.2 s]", "[pause]"), again, told.edits)
    assert back.edits == Edits()


def test_title_and_description_are_taken():
    told = _read(
        lambda text: text.replace("title: Servers", "title:  Piano!").replace("description:", "description: a\n\nb")
    )
    assert (told.edits.title, told.edits.description) == ("Piano!", "a\n\nb")
    again = _sheet(edits=told.edits)
    assert edit.read(edit.written(again), again, told.edits) == edit.Reading(told.edits)


def test_a_corrected_word_leaves_the_others_their_times():
    told = _read(lambda text: text.replace("Cooper Nettys", "Kubernetes"))
    (text,) = told.edits.texts
    assert [word.text for word in text.words] == ["We", "use", "Kubernetes", "here."]
    assert [(w.start_ms, w.end_ms) for w in text.words] == [(1000, 1200), (1200, 1500), (1500, 2400), (2400, 2800)]
    assert text.fresh == (2,)
    heard = [Word(w.text, s, e) for w, (s, e) in zip(text.words, [(0, 9), (9, 20), (1450, 2300), (1, 2)], strict=True)]
    assert [(w.start_ms, w.end_ms) for w in edit.timed(text, heard).words][1:3] == [(1200, 1500), (1500, 2300)]


@pytest.mark.parametrize("moved", [-150, -90, 90, 150])
def test_a_word_at_the_edge_is_said_once_where_another_engine_hears_it_elsewhere(moved):
    edits = _read(lambda text: text.replace("Cooper Nettys", "Kubernetes")).edits
    other = tuple(replace(word, start_ms=word.start_ms + moved, end_ms=word.end_ms + moved) for word in SAID)
    said = [word.text for word in edits.corrected(Transcript(other), SHA).words]
    assert said == ["We", "use", "Kubernetes", "here.", *(word.text for word in SAID[5:])]


def test_corrections_outlive_another_engine_and_can_be_taken_back():
    told = _read(lambda text: text.replace("Cooper Nettys", "Kubernetes").replace("[x] 0:05.0", "[ ] 0:05.0"))
    other = _words(("we", 1010, 1190), ("used", 1210, 1480), ("Coop", 1510, 2380), ("here", 2420, 2790)) + SAID[5:]
    said = told.edits.corrected(Transcript(other), SHA)
    assert [word.text for word in said.words[:4]] == ["We", "use", "Kubernetes", "here."]
    again = _sheet(other, edits=told.edits)
    assert [line.ticked for line in again.lines] == [True, False, False, True]
    back = edit.read(edit.written(again).replace("We use Kubernetes here.", "we used Coop here"), again, told.edits)
    assert back.edits.texts == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t + "- [x] 0:42.0 We all love our new sponsor\n", "Nobody says"),
        (lambda t: t + "Something quite invented\n", "Nobody says"),
        (lambda t: t.replace("It restarts servers.", "zzz kkk qqq www xxx"), "Nobody says"),
        (lambda t: t.replace("It restarts servers.", "It restarts servers. " * 9), "cannot be said in 1.4 s"),
        (lambda t: t.replace("It restarts servers.", ""), "has no words"),
        (lambda t: t + "- [x] 0:05.0 It restarts servers.\n", "already"),
        (lambda t: t.replace("- [x] 0:05.0 It restarts servers.\n", ""), "has lost its line"),
        (lambda t: t + "[keep]\n", "no shortened pause"),
    ],
)
def test_what_is_not_clear_is_answered_and_the_rest_is_obeyed(change, says):
    told = _read(lambda text: change(text).replace("Cooper Nettys", "Kubernetes"))
    (problem,) = told.problems
    assert says in problem.says and problem.line >= 1
    assert [text.text for text in told.edits.texts] == ["We use Kubernetes here."]
    assert told.edits.rulings == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("[x] 0:05.0", "[y] 0:05.0"),
        lambda t: t.replace("[x] 0:05.0", "[-] 0:05.0"),
        lambda t: t.replace("[x] 0:05.0", "[x 0:05.0"),
        lambda t: t.replace("[x] 0:05.0", "x] 0:05.0"),
        lambda t: t.replace("- [x] 0:05.0", "- x 0:05.0"),
        lambda t: t.replace("0:05.0 ", "0:05 "),
        lambda t: t.replace("0:05.0 ", "0:5.0 "),
        lambda t: t.replace("0:05.0 ", "0:05. "),
    ],
)
def test_a_torn_tick_or_time_never_becomes_a_caption(change):
    told = _read(change)
    (problem,) = told.problems
    assert (told.changes, told.edits) == ((), Edits())
    assert problem.line == 11 and "[x]" in problem.says


def test_a_bullet_without_its_tick_is_no_word():
    assert _read(lambda text: text.replace("- [x] 0:05.0 It", "- It")) == edit.Reading(Edits())


def test_two_sentences_on_one_line_are_said_once():
    joined = "here.\n[pause 2.2 s]\n- [x] 0:05.0 It"
    assert _read(lambda text: text.replace(joined, "here. It")) == edit.Reading(Edits())
    told = _read(lambda text: text.replace(joined, "here. It").replace("Cooper Nettys", "Kubernetes"))
    words = told.edits.corrected(Transcript(SAID), SHA).words
    assert told.problems == () and len(told.changes) == 1
    assert " ".join(word.text for word in words[:7]) == "We use Kubernetes here. It restarts servers."
    assert [(word.start_ms, word.end_ms) for word in words[4:7]] == [(w.start_ms, w.end_ms) for w in SAID[5:8]]
    cut = _read(lambda text: text.replace(joined, "here. It").replace("[x] 0:01.0", "[ ] 0:01.0"))
    assert cut.problems == () and _kept_words(SAID, cut.edits) == ["the", "end", "comes."]


@pytest.mark.parametrize("mark", ["- [ ] ", ""])
def test_lines_that_were_joined_as_they_are_are_answered(mark):
    told = _read(lambda text: text.replace("servers.\n- [ ] 0:06.9 the", f"servers. {mark}0:06.9 the"))
    assert told.edits == Edits() and told.changes == ()
    assert any("line of its own" in problem.says for problem in told.problems)


@pytest.mark.parametrize("mark", ["", "- [x] ", "- [x] 0:05.8 "])
def test_a_sentence_on_two_lines_loses_no_word(mark):
    assert _read(lambda text: text.replace("restarts servers.", f"restarts\n{mark}servers.")) == edit.Reading(Edits())
    told = _read(lambda text: text.replace("restarts servers.", f"reboots\n{mark}servers."))
    assert told.problems == () and [text.text for text in told.edits.texts] == ["It reboots servers."]


def test_a_part_of_a_sentence_cannot_be_cut():
    told = _read(lambda text: text.replace("restarts servers.", "restarts\n- [ ] 0:05.8 servers."))
    (problem,) = told.problems
    assert told.edits == Edits() and problem.line == 12 and "as a whole" in problem.says


def test_a_render_that_was_killed_between_its_two_files_doubles_nothing():
    """corrections.json is new then, and edit.md as its reader left it: with a sentence that became two."""
    edited = edit.written(_sheet()).replace("It restarts servers.", "It restarts. All servers.")
    told = edit.read(edited, _sheet(), Edits())
    again = _sheet(edits=told.edits)
    assert len(again.lines) == len(_sheet().lines) + 1
    assert edit.read(edited, again, told.edits) == edit.Reading(told.edits)


def test_the_file_of_another_take_changes_nothing_not_even_the_title():
    other = edit.written(_sheet(_words(("Quite", 0, 300), ("another", 300, 700), ("video.", 700, 900)), title="Other"))
    told = _read(lambda text: other)
    assert told.edits == Edits() and told.changes == ()
    assert any("None of the sentences" in problem.says for problem in told.problems)


def test_a_pause_of_another_length_is_answered():
    told = _read(lambda text: text.replace("[pause 2.2 s]", "[pause 1.0 s]"))
    (problem,) = told.problems
    assert told.edits == Edits() and problem.line == 10 and "[keep]" in problem.says
    assert _read(lambda text: text.replace("[pause 2.2 s]", "[pause]")) == edit.Reading(Edits())


@pytest.mark.parametrize("pause", ["[keep]", "[pause 2.2 s]"])
def test_a_pause_behind_its_sentence_never_becomes_a_caption(pause):
    told = _read(lambda text: text.replace("here.\n[pause 2.2 s]", f"here. {pause}"))
    (problem,) = told.problems
    assert told.edits == Edits() and "line of its own" in problem.says


@pytest.mark.parametrize("said", [SAID, _shy("Nettys")], ids=["sure", "unsure"])
def test_a_quotation_in_the_description_is_not_lost(said):
    sheet = _sheet(said)
    text = edit.written(sheet).replace("description:", "description: They said:\n> Never!\n>\n> Or once.\n\nb\n> c")
    told = edit.read(text, sheet, Edits())
    assert told.problems == () and told.edits.description == "They said:\n> Never!\n>\n> Or once.\n\nb\n> c"
    again = _sheet(said, edits=told.edits)
    assert edit.read(edit.written(again), again, told.edits) == edit.Reading(told.edits)
    touching = text.replace("> c\n\n>", "> c\n>")
    assert touching != text and edit.read(touching, sheet, Edits()).edits.description == told.edits.description


@pytest.mark.parametrize("said", [SAID, _shy("Nettys")], ids=["sure", "unsure"])
@pytest.mark.parametrize(
    "changed",
    [
        lambda text: re.sub(r"(?m)^> .*", lambda line: "\n> ".join(textwrap.wrap(line[0], 40)), text),
        lambda text: text.replace("> ", ">\N{NO-BREAK SPACE}"),
        lambda text: text.replace("> ", " >  ").replace("\n>\n", "\n > \n"),
        lambda text: re.sub(r"(?m)^>(?! What would).*\n", "", text),
        lambda text: text.replace("What would change: candid words", "words"),
        lambda text: text.replace("description:", "description:\n> Edit this file with any editor, save it."),
    ],
    ids=["wrapped", "hard spaces", "more spaces", "one line left", "shortened", "pulled up"],
)
def test_our_notes_are_no_part_of_the_description_whatever_an_editor_does_to_them(changed, said):
    sheet = _sheet(said)
    text = changed(edit.written(sheet)).replace("description:", "description: Hello.")
    assert edit.read(text, sheet, Edits()).edits.description == "Hello."


@pytest.mark.parametrize("shas", [(SHA,), (SHA, "b" * 64)])
def test_a_heading_in_the_description_is_not_lost(shas):
    description = "a\n# Links\n- b\n## 2. Not a clip\n> quoted"
    told = _read(lambda text: text.replace("description:", f"description: {description}"), shas=shas)
    assert told.problems == () and told.edits.description == description
    again = _sheet(edits=told.edits, shas=shas)
    assert edit.read(edit.written(again), again, told.edits) == edit.Reading(told.edits)


def test_what_changes_in_a_long_sentence_is_shown():
    long = _words(*((f"word{n}", 1000 + n * 300, 1250 + n * 300) for n in range(30)))
    told = _read(lambda text: text.replace("word25", "server"), words=long)
    says = 'says "… word23 word24 server word26 word27 …" instead of "… word23 word24 word25 word26 word27 …"'
    assert told.changes[0].says == f"0:01.0 {says}"


def test_another_clip_is_answered_line_by_line():
    sheet = _sheet()
    changed = edit.written(sheet).replace("Cooper Nettys", "Kubernetes").replace("[x] 0:05.0", "[ ] 0:05.0")
    told = edit.read(changed, sheet, Edits(), now=["b" * 64])
    assert len(told.problems) == 2 and told.edits == Edits()


vocabulary = st.sampled_from(
    ["We", "use", "the", "here", "It", "servers.", "end", "restarts", "good", "Kubernetes", "um"]
)


def _somewhere(text: Text) -> Text:
    """As an aligner may hear it that understands little."""
    return edit.timed(text, [Word("", text.start_ms + 30 * n, text.start_ms + 40 * n) for n in range(len(text.words))])


@given(
    st.lists(st.tuples(st.integers(0, 9), st.lists(vocabulary, min_size=1, max_size=5), st.booleans()), max_size=6),
    st.sampled_from(["off", "gentle", "tight"]),
)
def test_whatever_is_corrected_one_after_the_other_stands_there_as_it_was_typed(told, fillers):
    """No word that was taken away comes back, and no other sentence changes."""
    rules = replace(RULES, fillers=fillers)
    edits, sheet = Edits(), _sheet(rules=rules)
    for at, words, timed in told:
        if len({edit.clock(line.start_ms) for line in sheet.lines}) < len(sheet.lines):
            return  # nobody says two sentences in a tenth of a second
        place = at % len(sheet.lines)
        lines = [(line.text, line.ticked) for line in sheet.lines]
        lines[place] = (" ".join(words), lines[place][1])
        wishes = [edit.Wish(ticked, text) for text, ticked in lines]
        asked = edit.read(edit.asking(sheet, wishes, sheet.title, "")[0], sheet, edits)
        if asked.problems:  # nobody says so many words there
            continue
        edits = replace(asked.edits, texts=tuple(map(_somewhere, asked.edits.texts)) if timed else asked.edits.texts)
        sheet = _sheet(edits=edits, rules=rules)
        now = [(word, line.ticked) for line in sheet.lines for word in line.text.split()]
        assert now == [(word, kept) for text, kept in lines for word in text.split()]
        assert edit.read(edit.written(sheet), sheet, edits) == edit.Reading(edits)
        assert (sheet.lines[0].from_ms, sheet.lines[-1].to_ms) == (1000, 8000)


def test_words_that_were_taken_away_go_with_their_sentence():
    shorter = _read(lambda text: text.replace("We use Cooper Nettys here.", "Cooper")).edits
    sheet = _sheet(edits=shorter)
    assert (sheet.lines[0].heard, sheet.lines[0].pause_ms) == ("We use Cooper Nettys here.", 2200)
    assert edit.read(edit.written(_sheet()), sheet, shorter).edits == Edits(), "the file as it was takes it back"
    cut = edit.read(edit.written(sheet).replace("[x] 0:01.5", "[ ] 0:01.5"), sheet, shorter).edits
    kept = [
        (float(p.start / FPS), float(p.end / FPS))
        for p in _pieces(cut.corrected(Transcript(SAID), SHA).words, cut)
        if p.kept
    ]
    assert kept[0][0] > 2.8, "what is left out of a caption is still said"


@pytest.mark.parametrize(
    "text",
    [
        "世界人民.",
        "他说“世界”吗？",
        "3月5日",
        "(世界)",
        "我们用Kubernetes部署。",
        "ที่นี่",
        "か\u3099き",
        "世 in 界",
        "a\u0301b c",
        "\u0301",
    ],
)
def test_no_space_is_put_into_what_somebody_typed(text):
    line = edit.Line(0, SAID[:5], "")
    assert replace(line, words=corrected(SHA, line, text).words).text == text


def test_names_are_learned_from_corrections():
    told = _read(lambda text: text.replace("Cooper Nettys", "Kubernetes").replace("It restarts", "It reboots"))
    assert edit.learned(told.changes, _sheet().lines) == ("Kubernetes", "reboots")


def test_a_video_of_another_format_is_told_once_its_words_are_old(tmp_path):
    shelf, now = Shelf(tmp_path), {"variants": {"vertical": {}}, "edit": "new"}
    assert report._beside(shelf, now) == {}
    shelf.path("square.mp4").touch()
    shelf.path("report.json").write_text(json.dumps({"variants": {"square": {}, "gone": {}}, "edit": "old"}))
    beside = report._beside(shelf, now)
    assert beside == {"square": "old"}
    assert [note.partition(" ")[0] for note in report._older(now | {"beside": beside})] == ["square.mp4"]
    assert list(report._older(now | {"beside": beside, "edit": "old"})) == []
    shelf.path("report.json").write_text(json.dumps(now | {"beside": beside}))
    assert report._beside(shelf, now) == beside, "it is told as long as it lies there"


# --- false starts -----------------------------------------------------------------------------------------------------


def _slips(text: str, fillers: str, gap: int = 150) -> list[str]:
    found = tuple(Word(word, n * (300 + gap), n * (300 + gap) + 300) for n, word in enumerate(text.split()))
    cut = trim.slips(found, replace(RULES, fillers=fillers), fps=FPS, frames=3000)
    return [" ".join(word.text for word in slip.words) for slip in cut]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("the the server", ["the"]),
        ("I I I think", ["I", "I"]),
        ("We cut the, we cut the pauses", ["We cut the,"]),
        ("that is very very good", []),
        ("Stop. Stop. Now", []),
        ("five five five", ["five", "five"]),
        ("5 5 5", []),
        ("row row row row row your boat", []),
    ],
)
def test_false_starts_are_left_out(text, gone):
    assert _slips(text, "gentle") == gone
    assert _slips(text, "off") == []


def test_gentle_takes_only_what_was_broken_off():
    assert _slips("the the server", "gentle", gap=0) == []
    assert _slips("the the server", "tight", gap=0) == ["the"]


# --- as a user does it ------------------------------------------------------------------------------------------------


def _candid(space: Path, *arguments: object, say: str = ""):
    group = cli._Group("candid", commands={**cli.main.commands, "words": words_commands.words})
    return CliRunner().invoke(group, list(map(str, arguments)), obj=space, input=say)


@pytest.fixture
def space(tmp_path) -> Path:
    """A workspace with one take whose video shows what edit.md says."""
    shelf = Shelf(tmp_path / "output" / "server")
    with shelf.mine():
        corrections.write(shelf, _sheet(_shy("Nettys")), corrections.Obeyed((), (), Edits(), (), True, None))
    shown = fingerprint(shelf.path("edit.md").read_text(encoding="utf-8"))
    shelf.path("report.json").write_text(json.dumps({"edit": shown, "unclear": ""}))
    return tmp_path


def test_check_counts_the_unsure_sentences_down(space):
    _change(space, "Nettys(?)", "Nettys")
    said = _candid(space, "words", "check", "server").output
    assert '0:01.0 is right as it was heard: "We use Cooper Nettys here."' in said and "unsure sentence" not in said
    _change(space, "Nettys here.", "Nettys(?) here.")
    assert "1 unsure sentence left" in _candid(space, "words", "check", "server").output


def _change(space: Path, old: str, new: str) -> Path:
    path = space / "output" / "server" / "edit.md"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_show_and_check(space):
    shown = _candid(space, "words", "show", "server")
    assert shown.exit_code == 0 and "Cooper Nettys(?) here." in shown.output and "1 sentence is unsure" in shown.output
    told = json.loads(_candid(space, "words", "show", "server", "--json").output)
    assert (
        told["unsure"] == 1
        and told["lines"][0]["unsure"] == ["Nettys"]
        and [line["kept"] for line in told["lines"]] == [True, True, False, True]
    )
    nothing = _candid(space, "words", "check", "server").output
    assert "1 unsure sentence left, marked (?)." in nothing and "Nothing would change." in nothing
    _change(space, "[x] 0:05.0", "[ ] 0:05.0")
    said = _candid(space, "words", "check", "server")
    assert said.exit_code == 0 and 'is cut: "It restarts servers."' in said.output
    _change(space, "here.", "here.\nAnd something nobody said")
    answer = _candid(space, "words", "check", "server", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.output)
    assert len(told["changes"]) == 1 and "Nobody says" in told["problems"][0]["says"]


def test_check_says_that_no_video_shows_it_yet(space):
    report = space / "output" / "server" / "report.json"
    for told in ({"edit": "of the time before", "unclear": ""}, None):
        report.unlink() if told is None else report.write_text(json.dumps(told))
        said = _candid(space, "words", "check", "server")
        assert said.exit_code == 0 and "No video shows this yet. Next: candid render server" in said.output
        assert json.loads(_candid(space, "words", "check", "server", "--json").output)["up_to_date"] is False


def test_where_a_line_is_unclear_check_says_that_all_the_rest_is_in_the_video(space):
    _change(space, "Cooper Nettys(?) here.", "Kubernetes here.\nAnd something nobody said")
    folder = space / "output" / "server"
    for unclear, says in (("", 2), (fingerprint((folder / "edit.md").read_text(encoding="utf-8")), 0)):
        (folder / "report.json").write_text(json.dumps({"edit": "without it", "unclear": unclear}))
        told = json.loads(_candid(space, "words", "check", "server", "--json").output)
        assert (len(told["changes"]), told["up_to_date"], len(told["problems"])) == (says // 2, not says, 1)
    said = _candid(space, "words", "check", "server").output
    assert "Nobody says" in said and said.endswith("All the rest is in the video.\n")
    (space / "recipes").mkdir()
    (space / "recipes" / "boom.toml").write_text('topic = "Boom"\n')
    said = _candid(space, "words", "check", "server", "--learn", "-r", "boom", say="y\n").output
    assert "Should boom know 'Kubernetes'?" in said, "what is in the video already is learned, too"


def test_check_says_that_a_clip_is_another_one_now(space):
    clip = space / "server.mp4"
    clip.write_bytes(b"another clip")
    (space / "output" / "server" / ".clips").write_text(str(clip))
    _change(space, "[x] 0:05.0", "[ ] 0:05.0")
    said = _candid(space, "words", "check", "server")
    assert said.exit_code == 1 and "that clip is another one now" in said.output
    clip.unlink()
    said = _candid(space, "words", "check", "server")
    assert said.exit_code == 0, "the disk with the clips may not be there now"
    assert 'is cut: "It restarts servers."' in said.output


def test_what_lies_in_the_folder_is_not_taken_for_the_clip_of_a_take(space, monkeypatch):
    monkeypatch.chdir(space)
    (space / "server").write_bytes(b"something else of that name")
    _change(space, "[x] 0:05.0", "[ ] 0:05.0")
    assert _candid(space, "words", "check", "server").exit_code == 0


def test_a_clip_that_is_gone_hides_no_other_that_changed(tmp_path):
    paths = [tmp_path / "one.mp4", tmp_path / "two.mp4", tmp_path / "three.mp4"]
    paths[1].write_bytes(b"two")
    now = find_out.as_they_are(paths, ["a", "b"], Shelf(tmp_path / "take"))
    assert now == ("a", hashlib.sha256(b"two").hexdigest(), "")


def test_edit_opens_the_editor_and_says_what_would_change(space, monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    said = _candid(space, "words", "edit", "server")
    assert said.exit_code == 1 and "export EDITOR=" in said.output
    script = space / "editor.py"
    script.write_text(
        "import sys, pathlib\np = pathlib.Path(sys.argv[1])\n"
        "p.write_text(p.read_text(encoding='utf-8').replace('Cooper Nettys', 'Kubernetes'), encoding='utf-8')\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    said = _candid(space, "words", "edit", "server")
    assert said.exit_code == 0 and 'says "We use Kubernetes here." instead of' in said.output


def test_edit_brings_back_a_file_that_somebody_took_away(space, monkeypatch):
    path = space / "output" / "server" / "edit.md"
    before = path.read_bytes()
    path.unlink()
    monkeypatch.setenv("VISUAL", "true")
    said = _candid(space, "words", "edit", "server")
    assert said.exit_code == 0 and "Nothing would change." in said.output
    assert path.read_bytes() == before


def test_a_cut_list_says_what_is_not_in_it_yet(space, monkeypatch):
    monkeypatch.setattr("pipeline.cutlist.write", lambda *_: None)
    shown = Variant("landscape", layout.FORMATS["landscape"], False, (), (), None, None, 0, 0.0, ())
    plan = Plan(FPS, (), (), (shown,), "blur", "Servers")
    (space / "output" / "server" / "plan.json").write_bytes(TypeAdapter(Plan).dump_json(plan))
    assert "not in it" not in _candid(space, "words", "export", "server", "cut.otio").output
    _change(space, "[x] 0:05.0", "[ ] 0:05.0")
    said = _candid(space, "words", "export", "server", "cut.otio")
    assert said.exit_code == 0 and "candid render server" in said.output and "not in it yet" in said.output


def test_learn_asks_and_puts_names_into_the_recipe(space):
    (space / "recipes").mkdir()
    recipe = space / "recipes" / "boom.toml"
    recipe.write_text('# mine\ntopic = "Boom"\nvocabulary = ["Candid"]\n')
    _change(space, "Cooper Nettys", "Kubernetes")
    said = _candid(space, "words", "check", "server", "--learn")
    assert said.exit_code == 1 and "-r RECIPE" in said.output
    assert "knows" not in _candid(space, "words", "check", "server", "--learn", "-r", "boom", say="n\n").output
    said = _candid(space, "words", "check", "server", "--learn", "-r", "boom", say="y\n")
    assert said.exit_code == 0 and "boom knows Kubernetes" in said.output
    assert recipe.read_text().startswith("# mine\n") and '"Candid", "Kubernetes"' in recipe.read_text()


@pytest.mark.parametrize("take", ["nobody", "..", "a/b"])
def test_an_unknown_take_is_answered_in_words(take, space):
    said = _candid(space, "words", "show", take)
    assert said.exit_code == 1 and "Nothing is known of the words" in said.output


def test_what_is_saved_while_it_is_read_is_not_written_over(space, monkeypatch):
    shelf, read = Shelf(space / "output" / "server"), edit.read
    saved = edit.written(_sheet()).replace("Cooper", "Mini Cooper")

    def slowly(*asked):
        shelf.path("edit.md").write_text(saved, encoding="utf-8")
        return read(*asked)

    monkeypatch.setattr(edit, "read", slowly)
    with shelf.mine():
        obeyed = corrections.obeyed((), shelf, lambda *_: None)
        corrections.write(shelf, _sheet(title="Another"), obeyed)
    assert shelf.path("edit.md").read_text(encoding="utf-8") == saved


def test_a_file_that_is_not_utf8_is_answered_and_left_alone(space):
    path = space / "output" / "server" / "edit.md"
    path.write_bytes(b"title: caf\xe9\n")
    said = _candid(space, "words", "check", "server")
    assert said.exit_code == 1 and "not written in UTF-8" in said.output
    assert path.read_bytes() == b"title: caf\xe9\n"


# --- rendered ---------------------------------------------------------------------------------------------------------

DEMO = product_assets() / "demo" / "demo.mp4"


def _rendered(space: Path) -> tuple[dict, dict]:
    said = _candid(space, "render", DEMO, "--unbranded", "--json")
    assert said.exit_code == 0, said.output
    take = json.loads(said.stdout)
    return take, json.loads(Path(take["report"]).read_text(encoding="utf-8"))


@pytest.mark.slow
def test_what_is_found_right_is_encoded_by_nobody(tmp_path):
    take, _ = _rendered(tmp_path)
    folder, words = Path(take["folder"]), Path(take["words"])
    told = json.loads(words.read_text(encoding="utf-8"))
    for word in told["words"]:
        word["confidence"] = 0.05 if word["text"].startswith("server") else 0.95
    words.write_text(json.dumps(told | {"draft": True}), encoding="utf-8")  # as an older version wrote it
    take, unsure = _rendered(tmp_path)
    videos = {path: path.read_bytes() for path in folder.glob("*.[ms][pr]?")}
    assert unsure["words"]["unsure"] == 1 and "server" in unsure["unsure"][0]["text"] and len(videos) == 2
    path = folder / "edit.md"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"(server\W?)\(\?\)", r"\1", text)
    assert "> 1 sentence is unsure" in text and changed != text
    path.write_text(changed, encoding="utf-8")
    take, right = _rendered(tmp_path)
    assert take["status"] == "made" and right["words"]["unsure"] == 0 and right["unsure"] == []
    assert right["chunks"] == {"made": 0, "kept": sum(unsure["chunks"].values())}
    assert {path: path.read_bytes() for path in videos} == videos
    assert "unsure" not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_word_corrected_makes_the_chunks_of_its_caption_and_what_is_unticked_is_gone(tmp_path):
    take, first = _rendered(tmp_path)
    path = Path(take["folder"]) / "edit.md"
    original = path.read_text(encoding="utf-8")
    assert "destroy a server" in original
    path.write_text(original.replace("destroy a server", "destroy the server"), encoding="utf-8")
    _, second = _rendered(tmp_path)
    both = 2  # its caption runs on over a cut, up to the next one, and so lies in two chunks
    assert second["chunks"] == {"made": both, "kept": first["chunks"]["made"] - both}
    assert "destroy the server" in Path(take["captions"]["srt"]).read_text(encoding="utf-8").replace("\n", " ")
    assert "destroy the(?) server" in path.read_text(encoding="utf-8"), "nobody says so, and it is marked"
    assert any('the words "the" could not be placed by their sound' in note for note in second["notes"])
    assert _rendered(tmp_path)[0]["status"] == "kept"
    line = next(
        line for line in path.read_text(encoding="utf-8").splitlines() if "That was over" in line.replace("(?)", "")
    )
    path.write_text(
        path.read_text(encoding="utf-8").replace(line, line.replace("[x]", "[ ]")) + "Nobody said this line here\n",
        encoding="utf-8",
    )
    asked = path.read_bytes()
    _, third = _rendered(tmp_path)
    assert third["video_seconds"] < second["video_seconds"] - 1.5, "a sentence of 1.2 s and the air around it"
    assert "That was over" not in Path(take["captions"]["srt"]).read_text(encoding="utf-8")
    assert any("Nobody says" in note for note in third["notes"])
    assert path.read_bytes() == asked, "where something is not clear, the file stays as it is"
    assert _rendered(tmp_path)[0]["status"] == "kept"
    # Without corrections.json nobody knows what it was that was changed.
    asked = path.read_bytes()
    (path.parent / "corrections.json").unlink()
    said = _candid(tmp_path, "render", "demo", "--dry-run")
    assert said.exit_code == 0 and "kept in edit-before.md" in said.output
    assert (path.parent / "edit-before.md").read_bytes() == asked and "[x]" in path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.real_media
def test_where_all_is_cut_that_stays_what_edit_md_asks_for(tmp_path, media):
    assert _candid(tmp_path, "render", media / "jfk.flac", "--dry-run").exit_code == 0
    path = tmp_path / "output" / "jfk" / "edit.md"
    path.write_text(path.read_text(encoding="utf-8").replace("[x]", "[ ]"), encoding="utf-8")
    asked = path.read_bytes()
    said = _candid(tmp_path, "render", "jfk", "--dry-run")
    assert said.exit_code == 1 and "All sentences are cut" in said.output
    assert path.read_bytes() == asked and "is cut:" in _candid(tmp_path, "words", "check", "jfk").output


# --- what people do to the file ---------------------------------------------------------------------------------------

spoken_over = st.lists(
    st.tuples(st.sampled_from(["you", "can", "ask", "not", "what", "my"]), st.integers(-300, 400), st.integers(0, 500)),
    min_size=1,
    max_size=12,
)
typed = st.lists(
    st.sampled_from(["you", "can", "ask", "not", "what", "really", "country", "do"]), min_size=1, max_size=14
)


def _over_each_other(found) -> tuple[Word, ...]:
    at, words = 1000, []
    for text, gap, length in found:
        at = max(0, at + gap)
        words.append(Word(text, at, at + length))
        at += length
    return tuple(sorted(words, key=lambda word: (word.start_ms, word.end_ms)))


@given(spoken_over.map(_over_each_other), typed, st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 900))))
def test_corrected_words_come_out_as_they_were_typed(heard, told, aligned):
    """In their order, one after the other, wherever the aligner hears them."""
    text = corrected(SHA, edit.Line(0, heard, " ".join(word.text for word in heard)), " ".join(told))
    times = [*aligned, *((0, 0) for _ in text.words)][: len(text.words)]
    asked = edit.timed(text, [Word("", start, start + length) for start, length in times])
    for each in (text, asked):
        said = Edits(texts=(each,)).corrected(Transcript(heard), SHA).words
        assert [word.text for word in said] == told
        at = [ms for word in said for ms in (word.start_ms, word.end_ms)]
        assert at == sorted(at)


def test_a_word_that_the_aligner_leaves_no_room_keeps_its_place():
    words = tuple(Word(text, n * 300, n * 300 + 300) for n, text in enumerate(["Why", "cronkite", "over", "you."]))
    text = Text(SHA, 0, 1200, (*(Word(w, 0, 900) for w in ("can", "really", "do", "for")), words[3]), (0, 1, 2, 3))
    heard = [Word(w, s, e) for w, s, e in [("", 0, 300), ("", 870, 950), ("", 950, 1000), ("", 1000, 1100), ("", 0, 0)]]
    told = edit.timed(text, heard)
    assert [word.text for word in Edits(texts=(told,)).corrected(Transcript(words), SHA).words] == [
        "can", "really", "do", "for", "you.",
    ]  # fmt: skip
    assert all(word.end_ms - word.start_ms >= 40 for word in told.words)


def test_a_word_that_was_missed_between_two_others_gets_time_of_its_own():
    told = _read(lambda text: text.replace("It restarts", "It never restarts"))
    (text,) = told.edits.texts
    assert [word.text for word in text.words] == ["It", "never", "restarts", "servers."]
    assert all(word.end_ms - word.start_ms >= 40 for word in text.words)
    assert text.fresh == (0, 1, 2) and (text.words[3].start_ms, text.words[3].end_ms) == (5800, 6400)


def _steps(work) -> int:
    """How many lines of Python a piece of work takes."""
    steps = 0

    def trace(*_):
        nonlocal steps
        steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def _long_talk(sentences: int) -> tuple[Word, ...]:
    lots = random.Random(1)
    words = ["server", "piano", "coffee", "table", "people", "never", "morning", "network", "window", "garden"]
    return tuple(
        Word(lots.choice(words) + ("." if n % 10 == 9 else ""), n * 320 + n // 10 * 900, n * 320 + n // 10 * 900 + 300)
        for n in range(sentences * 10)
    )


def _half_cut(text: str) -> str:
    cut = iter(range(len(text)))
    lines = [re.sub(r"(\d\.\d) \w+", r"\1 Kubernetes", line) for line in text.split("\n")]
    return "\n".join(line.replace("[x]", "[ ]") if "[x]" in line and next(cut) % 2 else line for line in lines)


def _works(words: tuple[Word, ...]):
    """What is done with a talk: a file is read in which all is corrected and half is cut, one without times, one of
    another take; then the sheet after it, the pieces, and what the page shows."""
    sheet = _sheet(words)
    strange = _words(*((word.text[::-1], 7 + word.start_ms * 2, 7 + word.end_ms * 2) for word in words))
    text, other = edit.written(sheet), edit.written(_sheet(strange))
    edits = edit.read(_half_cut(text), sheet, Edits()).edits
    assert len(edits.texts) == len(words) / 10 and len(edits.rulings) == len(words) / 20
    return [
        lambda: edit.read(_half_cut(text), sheet, Edits()),
        lambda: edit.read(re.sub(r"(?m)^- \[.\] [\d:.]+ ", "", text), sheet, Edits()),
        lambda: edit.read(other, sheet, Edits()),
        lambda: _sheet(words, edits=edits),
        lambda: _pieces(words, edits),
        lambda: edit.wishes(sheet, Edits(), edits),
    ]


def test_ten_times_the_talk_is_not_a_hundred_times_the_work():
    few, many = ([_steps(work) for work in _works(_long_talk(sentences))] for sentences in (12, 120))
    assert all(long < 15 * short for short, long in zip(few, many, strict=True)), (few, many)


LONG_TITLE = "The most creative way to destroy a server that we could ever think of"


@pytest.mark.parametrize(
    "head",
    [
        f"title: {LONG_TITLE}\ndescription: a\n\nb".replace("we could", "we\n  could"),
        f"title: {LONG_TITLE}\n\ndescription: a\n\nb".replace("we could", "we\ncould"),
        f"title:\n{LONG_TITLE}\ndescription: a\n\nb",
        f"---\ntitle: {LONG_TITLE}\ndescription: a\n\nb\n---",
        f"---\n\ntitle: {LONG_TITLE}\n---\ndescription:\na\n\nb",
        f"title: {LONG_TITLE}\n---\n\ndescription:\na\n\nb",
        f"description: a\n\nb\ntitle: {LONG_TITLE}\n",
    ],
    ids=["wrapped", "wrapped flat", "below", "front matter", "half in it", "a rule", "turned"],
)
def test_title_and_description_are_read_as_people_write_them(head):
    told = _read(lambda text: text.replace("title: Servers\ndescription:", head))
    assert told.problems == () and (told.edits.title, told.edits.description) == (LONG_TITLE, "a\n\nb")


def test_a_line_above_the_title_hides_nothing():
    told = _read(lambda text: "My notes\n" + text.replace("Servers", "Piano").replace("description:", "description: a"))
    assert (told.edits.title, told.edits.description) == ("Piano", "a")
    assert [(each.line, "Nobody says" in each.says) for each in told.problems] == [(1, True)]


@pytest.mark.parametrize(
    "head",
    ["title: Servers\ntitle: Two\ndescription:", "title: Servers\ndescription:\ntitle: Two", "title: A\ntitle: B\n"],
)
def test_a_second_title_is_asked_about(head):
    told = _read(lambda text: text.replace("title: Servers\ndescription:", head))
    (problem,) = told.problems
    assert told.edits == Edits() and "A second title stands here" in problem.says and problem.line in {2, 3}


def test_a_description_may_say_title():
    sheet = _sheet(edits=Edits(description="The song:\ntitle: Boom\ndescription: loud\n---\nb"))
    assert edit.read(edit.written(sheet), sheet, Edits()) == edit.Reading(Edits())
    told = _read(lambda text: text.replace("description:", "description: The song:\ntitle: Boom\n---\nb"))
    assert told.edits == Edits(description="The song:\ntitle: Boom\n---\nb")


SHORT = (*SAID, *_words(("No,", 13000, 13400), ("wait.", 13400, 13900), ("We", 16000, 16200), ("stop.", 16200, 16700)))


@pytest.mark.parametrize("mark", ["[-]", "[o]", "[~]", "[y]", "[✅]", "[☑\ufe0f]", "☐", "[-"])
def test_a_strange_mark_in_a_tick_is_answered_as_one(mark):
    told = _read(lambda text: text.replace("- [x] 0:13.0", f"- {mark} 0:13.0"), words=SHORT)
    (problem,) = told.problems
    assert told.edits == Edits() and "begins with - [x] or - [ ] and its time, 0:13.0" in problem.says


def test_a_strange_mark_in_the_first_tick_is_no_description():
    told = _read(
        lambda text: "\n".join(line for line in text.replace("[x] 0:01.0", "[-] 0:01.0").split("\n") if line[:1] != ">")
    )
    (problem,) = told.problems
    assert told.edits == Edits() and "0:01.0" in problem.says


def test_a_numbered_list_is_a_list():
    def numbered(text: str) -> str:
        lines = text.split("\n")
        return "\n".join(re.sub(r"^- ", f"{number}. ", line) for number, line in enumerate(lines))

    assert _read(numbered, words=SHORT) == edit.Reading(Edits())
    told = _read(lambda text: numbered(text).replace("[x] 0:13.0", "[ ] 0:13.0"), words=SHORT)
    assert [change.says for change in told.changes] == ['0:13.0 is cut: "No, wait."']
    assert _read(lambda text: numbered(text).replace("[x] 0:13.0 ", ""), words=SHORT) == edit.Reading(Edits())
    numbers = _words(("3.", 0, 300), ("Oktober", 300, 900))
    assert _read(lambda text: text.replace("0:00.0 ", ""), words=numbers) == edit.Reading(Edits())


def test_a_file_that_was_open_while_a_correction_moved_its_line_is_understood():
    before = edit.written(_sheet(SHORT))
    moved = _sheet((*SHORT[:-2], *_words(("He", 16130, 16300), ("stops.", 16300, 16700))))
    told = edit.read(before.replace("We stop.", "She stopped."), moved, Edits())
    assert told.problems == () and [text.text for text in told.edits.texts] == ["She stopped."]


def test_where_two_lines_could_be_meant_none_is_taken():
    lines = _words(("Stop.", 16100, 16300), ("Wait.", 16400, 16700))
    sheet = _sheet((*SAID, *lines))
    text = edit.written(sheet).replace("- [x] 0:16.1 Stop.\n- [x] 0:16.4 Wait.\n", "- [x] 0:16.2 Hello\n")
    told = edit.read(text, sheet, Edits())
    assert told.edits == Edits() and any('Nobody says "Hello"' in problem.says for problem in told.problems)


def test_a_line_of_another_take_cuts_nothing():
    strange = "- [ ] 0:13.0 The quarterly numbers were a catastrophe for all of us."
    told = _read(lambda text: text.replace("- [x] 0:13.0 No, wait.", strange), words=SHORT)
    (problem,) = told.problems
    assert told.edits == Edits() and "No, wait." in problem.says and "tick" in problem.says
    told = _read(lambda text: text.replace("[x] 0:13.0 No, wait.", "[ ] 0:13.0 No, we wait."), words=SHORT)
    assert told.problems == () and len(told.changes) == 2, "a word corrected and the tick taken away is clear"
    told = _read(lambda text: text.replace("No, wait.", "Halt here."), words=SHORT)
    assert told.problems == () and [text.text for text in told.edits.texts] == ["Halt here."]


def test_a_title_of_another_take_is_not_taken_because_a_time_is_the_same():
    strange = _words(("Quarterly", 13000, 13400), ("numbers.", 13400, 13900), ("Sad.", 20000, 21000))
    told = edit.read(edit.written(_sheet(strange, title="Quarterly")), _sheet(SHORT), Edits())
    assert told.edits.title is None


def test_a_title_that_is_the_recipes_again_is_pinned_no_more():
    tea = _read(lambda text: text.replace("Servers", "Tea")).edits
    before = edit.written(_sheet())
    said = Side(SHA, "aaa.mp4", Transcript(SAID), Transcript(SAID), (), ())
    again = edit.sheet("server", "Servers", [said], tea, RULES, FPS)
    assert again.title == "Tea" and "title: Tea" in edit.written(again)
    assert edit.read(edit.written(again).replace("title: Tea", "title: Servers"), again, tea).edits == Edits()
    assert edit.read(edit.written(again).replace("title: Tea", "title:"), again, tea).edits == Edits()
    assert edit.read(before, again, tea).edits.title is None
    assert edit.read(edit.written(again).replace("title: Tea", "title: Cake"), again, tea).edits.title == "Cake"


def test_words_that_somebody_wrote_are_no_slips():
    """What is corrected is announced as a text, so nothing of it is cut by a rule afterwards."""
    sheet = _sheet(rules=replace(RULES, fillers="tight"))
    told = edit.read(
        edit.written(sheet).replace("We use Cooper Nettys here.", "We use um we use it here."), sheet, Edits()
    )
    assert told.problems == ()
    said, by_hand = told.edits.corrected(Transcript(SAID), SHA), told.edits.by_hand(SHA)
    rules = replace(RULES, fillers="tight")
    assert trim.slips(said.words, rules, fps=FPS, frames=1800)
    found = trim.slips(said.words, rules, fps=FPS, frames=1800, by_hand=trim.ByHand(written=by_hand.written))
    assert [slip.words[0].start_ms for slip in found] == [6900], "what was only heard is looked at as before"
    cut = trim.pieces(said.words, Activity(), rules, fps=FPS, frames=1800, clip=0, by_hand=by_hand)
    assert not any(p.start < 84 and p.end > 30 for p in cut if not p.kept)


def test_a_render_looks_for_slips_only_in_what_was_heard(monkeypatch):
    from pipeline import make, plan

    monkeypatch.setattr(plan, "grid_frames", lambda clip, fps: 1800)
    edits = _read(lambda text: text.replace("We use Cooper Nettys here.", "We use it we use it here.")).edits
    heard = Transcript(SAID, language="en")
    said = edits.corrected(heard, SHA)
    clip = SimpleNamespace(sha256=SHA, path=Path("a.mp4"))
    each = SimpleNamespace(clip=clip, transcript=said, activity=Activity())
    order = SimpleNamespace(recipe=SimpleNamespace(trim=replace(RULES, fillers="tight")))
    obeyed = corrections.Obeyed((each,), (heard,), edits, (), True, None)
    sides = make._sides(order, obeyed, FPS)
    sheet = edit.sheet("server", "", sides, edits, order.recipe.trim, FPS)
    assert next((line.text, line.ticked) for line in sheet.lines) == ("We use it we use it here.", True)


def _written_by_a_render(space: Path, change) -> None:
    """As a render leaves it that obeyed a change."""
    shelf, sheet = Shelf(space / "output" / "server"), _sheet(_shy("Nettys"))
    edits = edit.read(change(edit.written(sheet)), sheet, Edits()).edits
    with shelf.mine():
        text = shelf.path("edit.md").read_text(encoding="utf-8")
        corrections.write(shelf, _sheet(_shy("Nettys"), edits=edits), corrections.Obeyed((), (), edits, (), True, text))


@pytest.mark.parametrize("vocabulary", ["", '"kubernetes"'])
def test_names_are_learned_after_the_render_too(space, vocabulary):
    (space / "recipes").mkdir()
    recipe = space / "recipes" / "boom.toml"
    recipe.write_text(f'topic = "Boom"\nvocabulary = [{vocabulary}]\n')
    _written_by_a_render(space, lambda text: text.replace("We use Cooper Nettys", "What Kubernetes use"))
    said = _candid(space, "words", "check", "server", "--learn", "-r", "boom", say="y\n")
    assert said.exit_code == 0 and "'What'" not in said.output, "what begins a sentence and is English is no name"
    assert ("Should boom know 'Kubernetes'?" in said.output) == (not vocabulary)
    assert recipe.read_text().lower().count("kubernetes") == 1


def test_a_name_that_was_corrected_again_is_not_asked_about():
    first = _read(lambda text: text.replace("Cooper Nettys here.", "Kubernauts of Candid here.")).edits
    again = _sheet(edits=first)
    told = edit.read(edit.written(again).replace("Kubernauts", "Kubernetes"), again, first)
    assert edit.learned(told.changes, again.lines, {"of"}.__contains__) == ("Kubernetes", "Candid")


def test_only_names_are_asked_about():
    told = _read(
        lambda text: text.replace(
            "We use Cooper Nettys here.", "Ask what Jordan's cluster costs, I'm sure we’re. Use k8s here."
        )
    )
    common = {"ask", "what", "jordan's", "cluster", "costs", "i'm", "sure", "we're"}
    names = edit.learned(told.changes, _sheet().lines, common.__contains__)
    assert names == ("Jordan's", "k8s")


def test_a_folder_in_the_place_of_edit_md_is_answered_in_words(space):
    path = space / "output" / "server" / "edit.md"
    path.unlink()
    path.mkdir()
    said = _candid(space, "words", "check", "server")
    assert said.exit_code == 1 and "is a folder" in said.output and "foresee" not in said.output


def test_a_file_that_may_not_be_read_is_answered_in_words(space, monkeypatch):
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "edit.md":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setenv("VISUAL", "true")
    for asked in ("check", "edit"):
        said = _candid(space, "words", asked, "server")
        assert said.exit_code == 1 and "edit.md cannot be read: Permission denied" in said.output
    shelf = Shelf(space / "output" / "server")
    with pytest.raises(WorkspaceError, match="cannot be read"), shelf.mine():
        corrections.obeyed((), shelf, lambda *_: None)


def test_nothing_in_edit_md_plays_with_the_terminal(space):
    _change(space, "title: Servers", "title: a\x1b]0;pwned\x07b\N{RIGHT-TO-LEFT OVERRIDE}")
    _change(space, "It restarts", "It\x1b[2J restarts all")
    _change(space, "the <!--", "\x1b[31mthe <!--")
    for asked in (["check", "server"], ["show", "server"]):
        said = _candid(space, "words", *asked).output
        assert not [char for char in said if not char.isprintable() and char != "\n"]
    assert 'the title: "a]0;pwnedb' in _candid(space, "words", "check", "server").output


def test_a_cut_list_counts_in_words(space, monkeypatch):
    from pipeline.model import Piece

    monkeypatch.setattr("pipeline.cutlist.write", lambda *_: None)
    shown = Variant("landscape", layout.FORMATS["landscape"], False, (), (), None, None, 0, 0.0, ())
    plan = Plan(FPS, (), (Piece(0, 0, 30, True, "speech"),), (shown,), "blur", "Servers")
    (space / "output" / "server" / "plan.json").write_bytes(TypeAdapter(Plan).dump_json(plan))
    assert "cut.otio: 1 piece, 0 captions as markers" in _candid(space, "words", "export", "server", "cut.otio").output


@pytest.mark.parametrize(
    ("text", "srt", "vtt"),
    [
        (r"{\an8}<i>x</i>", r"｛\an8｝‹i›x‹/i›", r"｛\an8｝&lt;i&gt;x&lt;/i&gt;"),
        ("a < b and c > d", "a ‹ b and c › d", "a &lt; b and c &gt; d"),
        ("x --> y", "x --› y", "x --&gt; y"),
        (r"C:\New", "C:\\\N{WORD JOINER}New", r"C:\New"),
        ("it -> there <3", "it -> there ‹3", "it -&gt; there &lt;3"),
        ("plain, “quoted” & so on", "plain, “quoted” & so on", "plain, “quoted” &amp; so on"),
    ],
)
def test_what_somebody_types_is_only_text_beside_the_video(text, srt, vtt):
    cue = Cue(0, 30, ((CueWord(text, 0, 30),),))
    assert captions.srt([cue], FPS).splitlines()[2] == srt
    assert captions.vtt([cue], FPS, "").splitlines()[-1] == vtt


def test_a_title_that_is_given_besides_the_one_in_edit_md_is_told():
    tea = _read(lambda text: text.replace("Servers", "Tea")).edits
    assert list(tea.over("Servers")) == list(tea.over("Tea")) == list(Edits().over("Quake")) == []
    (note,) = tea.over("Quake")
    assert '"Tea"' in note and '"Quake"' in note and "empty the line title:" in note


def test_a_description_may_look_like_sentences():
    described = "a\n[ ] 0:05.0 It restarts servers.\n[1] 0:30 Intro\n- [x] done\n## 2. x\n[keep]\n> b\n---\ntitle: c"
    sheet = _sheet(edits=Edits(description=described))
    assert edit.read(edit.written(sheet), sheet, Edits()) == edit.Reading(Edits())
    told = edit.read(edit.written(sheet).replace("[x] 0:05.0", "[ ] 0:05.0"), sheet, Edits())
    assert told.problems == () and [change.says for change in told.changes] == ['0:05.0 is cut: "It restarts servers."']
