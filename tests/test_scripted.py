"""A script against what was heard: what was really said wins, and the script gives the spelling."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Transcript, Word
from pipeline.scripted import Spelled, spelled

SCRIPT = "Hello, this is Candid. We cut the pauses out. Then we send it to PostgreSQL. Goodbye for now!"


def _heard(text: str) -> Transcript:
    """Half a second a word."""
    words = [Word(word, 500 * n, 500 * n + 400, 0.9) for n, word in enumerate(text.split())]
    return Transcript(tuple(words), "engine", "model", "en")


def _text(found: Spelled) -> str:
    return " ".join(word.text for word in found.words)


words = st.lists(
    st.sampled_from(["the", "server", "is", "a", "box", "of", "noise", "that", "we", "love"]), min_size=1, max_size=30
)


@given(words)
def test_what_was_read_as_written_is_the_script(found):
    script = " ".join(found).capitalize() + "."
    heard = _heard(" ".join(found))
    assert _text(spelled(script, heard)) == script
    assert [word.start_ms for word in spelled(script, heard).words] == [word.start_ms for word in heard.words]
    assert spelled(script, heard).fresh == ()


def test_the_spelling_is_the_scripts_and_other_words_are_those_that_were_said():
    heard = _heard(
        "hello this is candied we cut the silences out then we send it to postgres sequel goodbye for now well"
    )
    assert _text(spelled(SCRIPT, heard)) == (
        "Hello, this is Candid. We cut the silences out. Then we send it to PostgreSQL. Goodbye for now! well"
    )


def test_words_over_the_time_of_others_stay_inside_it():
    found = spelled("We use PostgreSQL here.", _heard("we use post gres queue here"))
    told = found.words
    assert found.fresh == (2,), "to be timed by its sound"
    assert (told[2].text, told[2].start_ms, told[2].end_ms) == ("PostgreSQL", 1000, 2400)
