"""A script against what was heard: what was really said wins, and the script gives the spelling."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Span, Transcript, Word
from pipeline.scripted import judged, spelled, together

SCRIPT = "Hello, this is Candid. We cut the pauses out. Then we send it to PostgreSQL. Goodbye for now!"


def _heard(text: str, draft: bool = False) -> Transcript:
    """Half a second a word."""
    words = [Word(word, 500 * n, 500 * n + 400, 0.9) for n, word in enumerate(text.split())]
    return Transcript(tuple(words), "engine", "model", "en", draft)


def _text(transcript: Transcript) -> str:
    return " ".join(word.text for word in transcript.words)


words = st.lists(
    st.sampled_from(["the", "server", "is", "a", "box", "of", "noise", "that", "we", "love"]), min_size=1, max_size=30
)


@given(words)
def test_what_was_read_as_written_is_the_script(found):
    script = " ".join(found).capitalize() + "."
    heard = _heard(" ".join(found))
    assert _text(spelled(script, heard)) == script
    assert [word.start_ms for word in spelled(script, heard).words] == [word.start_ms for word in heard.words]
    assert judged(script, heard).said == tuple(script.split())
    assert judged(script, heard).besides == ()


def test_the_spelling_is_the_scripts_and_other_words_are_those_that_were_said():
    heard = _heard(
        "hello this is candied we cut the silences out then we send it to postgres sequel goodbye for now well"
    )
    assert _text(spelled(SCRIPT, heard)) == (
        "Hello, this is Candid. We cut the silences out. Then we send it to PostgreSQL. Goodbye for now! well"
    )


def test_words_over_the_time_of_others_stay_inside_it():
    told = spelled("We use PostgreSQL here.", _heard("we use post gres queue here")).words
    assert (told[2].text, told[2].start_ms, told[2].end_ms) == ("PostgreSQL", 1000, 2400)


def test_a_sentence_that_was_left_out_is_not_shown():
    draft = _heard("hello this is candy then we sent it to posters sequel good by for now", draft=True)
    found = judged(SCRIPT, draft)
    assert " ".join(found.said) == "Hello, this is Candid. Then we send it to PostgreSQL. Goodbye for now!"
    assert found.besides == ()


def test_what_was_said_besides_is_kept_with_its_times():
    draft = _heard(
        "hello this is candid by the way my cat is here too we cut the pauses out "
        "then we send it to postgresql goodbye for now",
        draft=True,
    )
    found = judged(SCRIPT, draft)
    assert " ".join(found.said) == SCRIPT
    assert " ".join(word.text for word in found.besides) == "by the way my cat is here too"
    speech = found.without_besides([Span(0, 20_000)])
    assert speech == (Span(0, 2000), Span(5900, 20_000))


def test_misheard_words_are_not_said_besides():
    draft = _heard(
        "hollow says his can did weak at the paws is out den we sand it two posters girl good by four now", True
    )
    assert judged(SCRIPT, draft).said == tuple(SCRIPT.split())
    assert judged(SCRIPT, draft).besides == ()


def test_a_draft_that_heard_nothing_cannot_judge():
    assert judged(SCRIPT, _heard("", draft=True)).said == tuple(SCRIPT.split())


def test_both_stand_in_the_order_of_time_and_only_guesses_make_a_draft():
    aligned = Transcript((Word("Hello.", 0, 400), Word("Goodbye.", 5000, 5400)), "aligned", "en-us", "en")
    besides = [Word("cat", 1000, 1400, 0.3)]
    assert _text(together(aligned, besides, draft=True)) == "Hello. cat Goodbye."
    assert together(aligned, besides, draft=True).draft
    assert not together(aligned, [], draft=True).draft
