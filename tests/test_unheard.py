"""What is said of words that are missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import unheard
from pipeline.model import Span, Transcript, Word

SPEECH = (Span(1_000, 9_000), Span(20_000, 40_000))
HEARD = Transcript((Word("Hello.", 1_200, 5_000), Word("There.", 6_000, 9_100)), "whisper", "base", "en")


def test_speech_of_which_no_word_was_understood_is_told_with_its_times():
    (missed,) = unheard.notes([(SPEECH, HEARD)])
    assert missed.startswith("Somebody seems to speak at 0:20 to 0:40, and no word was understood")
    assert "candid models download small" in missed


def test_of_several_clips_it_is_said_which():
    told = unheard.notes([(SPEECH[:1], HEARD), (SPEECH, HEARD)])
    assert len(told) == 1 and "of clip 2" in told[0]


def test_that_no_engine_could_listen_is_told_with_the_cure():
    (told,) = unheard.notes([(SPEECH, Transcript(language="de")), ((), Transcript())])
    assert told == "There are no captions, since no speech model is here. Fetch one: candid models download"


@pytest.mark.parametrize("words", [Transcript(), HEARD, Transcript(language="de")])
def test_where_nobody_speaks_nothing_is_said(words):
    assert unheard.notes([((), words)]) == ()


def test_stops_between_words_are_no_news():
    assert unheard.notes([(SPEECH[:1], HEARD)]) == ()


_EDGES = st.lists(st.integers(0, 500), max_size=20, unique=True).map(sorted)


@given(_EDGES, _EDGES)
def test_what_has_no_words_is_speech_minus_words(speech, words):
    spans = [Span(a, b) for a, b in zip(speech[::2], speech[1::2], strict=False)]
    said = [Word("a", a, b) for a, b in zip(words[::2], words[1::2], strict=False)]
    found = {ms for span in unheard.without_words(spans, said) for ms in range(span.start_ms, span.end_ms)}
    spoken = {ms for span in spans for ms in range(span.start_ms, span.end_ms)}
    covered = {ms for word in said for ms in range(word.start_ms, word.end_ms)}
    assert found == spoken - covered
