"""What a brand's list asks to keep out is found however it is written, and nothing else is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import spoken
from pipeline.model import CueWord, Word


def words(text: str) -> list[Word]:
    """One word a second, the first at 0."""
    return [Word(word, 1000 * n, 1000 * n + 400) for n, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("text", "entry", "at"),
    [
        ("we call it Zephyr.", "Zephyr", [3]),
        ("ZEPHYR, zephyr", "Zephyr", [0, 1]),
        ("two zephyrs here", "Zephyr", [1]),
        ("one Zephyr here", "Zephyrs", [1]),
        ("Zephyr's launch and Zephyr’s end", "Zephyr", [0, 3]),
        ("the “Zephyr” thing", "Zephyr", [1]),
        ("a Zephyr-based thing", "Zephyr", [1]),
        ("for Big-Corp today", "big corp", [1]),
        ("for big corp's sake", "Big-Corp", [1]),
        ("for bigcorp today", "Big Corp", [1]),
        ("for big corp today", "BigCorp", [1]),
        ("big Corps, two", "big corp", [0]),
        ("a Café Müller visit", "cafe muller", [1]),
        ("a cafe\u0301 visit", "Café", [1]),
        ("O'Brien called", "O’Brien", [0]),
        ("die Straße", "STRASSE", [1]),
        ("in 北 京 now", "北京", [1]),
        ("a zephyrous wind", "Zephyr", []),
        ("a bezephyr", "Zephyr", []),
        ("big is a corp", "Big Corp", []),
        ("the bigger corp", "Big Corp", []),
        ("a pas de deux", "PAS-", [1]),
        ("the gas bill", "GA", [1]),  # one plural s is always the same word
        ("the boss said", "bos", [1]),
        ("the bo said", "boss", []),
        ("nothing", "...", []),
        ("", "Zephyr", []),
    ],
)
def test_entries_are_found_however_they_are_written(text, entry, at):
    assert spoken.said(words(text), [entry]) == tuple((entry, 1000 * n) for n in at)


def test_of_entries_that_overlap_both_are_told_and_of_the_same_one():
    found = spoken.said(words("Zephyr Two"), ["Zephyr", "Zephyr Two", "zephyrs", "Zephyr"])
    assert found == (("Zephyr", 0), ("Zephyr Two", 0))


def test_notes_name_every_moment_of_the_finished_video():
    said = [Word("Zephyr", 41_200, 41_900), Word("big", 41_950, 42_000), Word("corp", 42_000, 42_100)]
    said += [Word("zephyrs", 62_000, 62_500), Word("Zephyr", 62_600, 62_900), Word("Zephyr's", 3_600_000, 3_600_100)]
    assert spoken.notes(said, ["Zephyr", "Big-Corp", "Acme"]) == (
        "You say 'Zephyr' at 0:41, 1:02 and 1:00:00; the brand's list asks to keep it out.",
        "You say 'Big-Corp' at 0:41; the brand's list asks to keep it out.",
    )
    assert spoken.notes(said[:1] + said[3:4], ["Zephyr"])[0].startswith("You say 'Zephyr' at 0:41 and 1:02;")
    assert spoken.notes(said, []) == ()


def test_times_count_from_the_video_with_its_opening():
    (word,) = spoken.in_video([CueWord("Zephyr", 60, 75)], 30, Fraction(30))
    assert (word.start_ms, word.end_ms) == (3000, 3500)


letters = st.text("abcdefgh", min_size=3, max_size=8)


DRESSES = (str.upper, str.title, "{}'s".format, "{},".format, "({})".format, "{}s".format)


@given(st.lists(letters, max_size=12), letters, st.integers(0, 12), st.sampled_from(DRESSES))
def test_what_is_said_is_always_found_at_its_time(around, entry, place, dressed):
    place = min(place, len(around))
    text = " ".join([*around[:place], dressed(entry), *around[place:]])
    assert (entry, 1000 * place) in spoken.said(words(text), [entry])


@given(st.lists(letters, max_size=12), st.lists(letters, max_size=4))
def test_only_whole_words_are_found(heard, listed):
    """Against the plainest way to say it: some run of whole words, written together, is the entry or its plural."""
    runs = {"".join(heard[a:b]) for a in range(len(heard)) for b in range(a + 1, len(heard) + 1)}
    expected = {entry for entry in listed if entry in runs}  # no s among the letters
    assert {entry for entry, _ in spoken.said(words(" ".join(heard)), listed)} == expected
