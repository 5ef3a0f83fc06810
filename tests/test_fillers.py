"""Fillers are found in sound, and words are not taken for them: talks whose every border is known, heard by Whisper."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pipeline.listen import loudness
from pipeline.model import Activity, Hints, Sound, TrimRules, Word
from pipeline.transcribers import fillers
from pipeline.transcribers.faster_whisper import Engine
from pipeline.transcribers.hearing import Ear
from pipeline.trim import slips
from tests import splice
from tests.bench.fillers import activity, judged, over

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(splice.lacks()), reason=splice.lacks() or "-"),
]
SPEAKER = splice.Robot("en-us", 165, 50)


@dataclass(frozen=True, slots=True)
class Heard:
    """A talk, its sound, and what Whisper heard in it."""

    talk: splice.Talk
    sound: Sound
    activity: Activity
    words: tuple[Word, ...]

    def found(self, listener: Any, language: str = "en") -> fillers.Fillers:
        return fillers.find(self.sound, self.words, self.activity, language, listener)


@pytest.fixture(scope="module")
def listener(hearing: Any) -> Any:
    hearing("base")
    return Engine().listener()


@pytest.fixture(scope="module")
def hear(hearing: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    hearing("base")
    folder = tmp_path_factory.mktemp("talks")
    with Ear(Engine()) as ear:

        def heard(talk: splice.Talk, language: str = "en") -> Heard:
            sound = talk.sound(folder / f"{len(list(folder.iterdir()))}.raw")
            known = activity(sound)
            said = ear.transcribe(sound, Hints(language=language, activity=known), lambda _: None)
            return Heard(talk, sound, known, said.words)

        yield heard


@pytest.fixture(scope="module")
def mixed(hear: Any) -> Heard:
    """A minute with fillers in every neighborhood."""
    return hear(splice.talk(SPEAKER, 7, fillers={"isolated": 6, "after": 3, "before": 3, "inside": 3}))


@pytest.fixture(scope="module")
def found(mixed: Heard, listener: Any) -> fillers.Fillers:
    return mixed.found(listener)


def test_fillers_are_cut_where_they_stand_alone_and_offered_elsewhere(mixed, found):
    told = judged(mixed.talk, found)
    assert told.false_cuts == ()
    assert told.cut["isolated"] >= 4
    assert (told.cut + told.offered).total() >= 0.65 * told.laid.total()
    assert len(told.false_offers) <= 2 * mixed.talk.minutes


def test_what_is_sure_is_cut_by_the_gentle_rules_and_no_word_with_it(mixed, found):
    frames = round(mixed.talk.minutes * 60 * 30)
    cut = slips(found.words, TrimRules(fillers="gentle"), fps=Fraction(30), frames=frames, language="en")
    gone = [slip for slip in cut if any(word in found.sure for word in slip.words)]
    assert len(gone) >= 4
    for slip in gone:
        for word in mixed.talk.words:
            assert min(slip.end_ms, word.end_ms) - max(slip.start_ms, word.start_ms) <= 40


def test_only_what_lay_over_a_filler_leaves_the_words_and_nothing_lies_over_it_then(mixed, found):
    said = Counter(word.text for word in found.words if word not in found.sure)
    lost = Counter(word.text for word in mixed.words) - said
    assert said - Counter(word.text for word in mixed.words) == Counter()
    assert [text for text in lost if not re.fullmatch(r"(u+h*m*|e+r+m*|h*m+|[oa]h)\W*", text.lower())] == []
    for sure in found.sure:
        assert [word for word in found.words if word is not sure and over(word, sure)] == []
    assert list(found.words) == sorted(found.words, key=lambda word: word.start_ms)


def test_short_words_and_names_that_sound_like_a_filler_are_never_cut(hear, listener):
    short = (*splice.SHORT, *splice.LIKE_FILLERS)
    for speaker in (SPEAKER, splice.Robot("en-us+Andrea", 165, 50)):
        told = hear(splice.talk(speaker, 11, short=short))
        assert told.found(listener).sure == ()


def test_in_a_noisy_room_fillers_are_only_offered(hear, listener):
    noisy = hear(splice.talk(SPEAKER, 7, fillers={"isolated": 6}, noise_db=26))
    found = noisy.found(listener)
    assert found.sure == () and found.words == noisy.words
    assert judged(noisy.talk, found).offered["isolated"] >= 3


def test_in_other_languages_fillers_are_only_offered(hear, listener):
    german = hear(splice.talk(splice.Robot("de", 160, 45), 5, fillers={"isolated": 6, "inside": 2}), "de")
    found = german.found(listener, "de")
    assert found.sure == () and found.words == german.words
    assert judged(german.talk, found).offered.total() >= 4


class Deaf:
    """A double that stands for an engine nobody may ask."""

    lead_ms = 60

    def phrases(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("something was heard again though nothing stands alone and steady")


def test_nothing_is_heard_again_where_nothing_stands_alone(hear):
    plain = hear(splice.talk(SPEAKER, 2, phrases=6))
    assert plain.found(Deaf()).sure == ()


def test_silence_has_no_fillers(tmp_path):
    samples = np.random.default_rng(1).normal(0, 20, 16_000 * 5).astype("<i2")
    samples.tofile(tmp_path / "silence.raw")
    sound = Sound(tmp_path / "silence.raw", 16_000, 1, len(samples), "<i2")
    known = replace(Activity(), floor_dbfs=loudness.loudness(loudness.levels(sound), ()).floor_dbfs)
    assert fillers.find(sound, (), known, "en", Deaf()) == fillers.Fillers((), (), ())  # type: ignore[arg-type]
