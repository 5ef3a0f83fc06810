"""The talks that other tests take for the truth: what was laid is where they say, and the figures can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.model import Word
from tests import splice

pytestmark = pytest.mark.skipif(bool(splice.lacks()), reason=splice.lacks() or "-")


def _talk(seed: int = 3, noise_db: float = 42) -> splice.Talk:
    near = dict.fromkeys(splice.NEAR, 4)
    return splice.talk(splice.Robot(), seed, fillers=near, short=("no", "Uma"), phrases=3, apart=0.5, noise_db=noise_db)


def _level(wave: np.ndarray) -> float:
    return float(10 * np.log10(np.mean((wave / 32768.0) ** 2)))


def test_the_same_seed_gives_the_same_talk_and_another_one_another():
    one, again, other = _talk(), _talk(), _talk(4)
    assert np.array_equal(one.samples, again.samples) and one.placed == again.placed
    assert not np.array_equal(one.samples[:16000], other.samples[:16000])


def test_what_was_laid_sounds_from_its_first_to_its_last_sample_and_nothing_between():
    talk = _talk()
    edges = [0, *(edge for placed in talk.placed for edge in (placed.start, placed.end)), len(talk.samples)]
    assert edges == sorted(edges)
    pauses = [talk.samples[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 800]
    noise = max(_level(pause) for pause in pauses)
    for placed in talk.placed:
        heard = talk.samples[placed.start : placed.end]
        assert min(_level(heard), _level(heard[:400]) + 6, _level(heard[-400:]) + 6) > noise


@pytest.mark.parametrize("noise_db", [42, 26])
def test_the_noise_lies_as_far_under_the_voice_as_asked(noise_db):
    talk = _talk(noise_db=noise_db)
    pause = np.concatenate([talk.samples[: talk.placed[0].start], talk.samples[talk.placed[-1].end :]])
    phrase = next(placed for placed in talk.placed if " " in placed.text)
    assert _level(talk.samples[phrase.start : phrase.end]) - _level(pause) == pytest.approx(noise_db, abs=1)


def test_fillers_of_every_kind_stand_in_every_neighborhood():
    talk = _talk()
    assert {(f.text, f.near) for f in talk.fillers} == {(kind, near) for kind in splice.KINDS for near in splice.NEAR}
    assert all(120 <= f.end_ms - f.start_ms <= 750 for f in talk.fillers)
    order = {placed: number for number, placed in enumerate(talk.placed)}
    for filler in talk.fillers:
        at = order[filler]
        before = filler.start_ms - talk.placed[at - 1].end_ms if at else 10**6
        after = talk.placed[at + 1].start_ms - filler.end_ms if at + 1 < len(talk.placed) else 10**6
        assert (before >= 250, after >= 250) == {
            "isolated": (True, True), "after": (False, True), "before": (True, False), "inside": (False, False),
        }[filler.near]  # fmt: skip


def _exact(talk: splice.Talk) -> list[Word]:
    """The words as an engine would hear them that makes no mistake."""
    words: list[Word] = []
    for placed in talk.words:
        said = placed.text.split()
        edges = np.linspace(placed.start_ms, placed.end_ms, len(said) + 1).round().astype(int).tolist()
        words += [Word(text, a, b) for text, a, b in zip(said, edges, edges[1:], strict=False)]
    return words


def test_words_that_are_exact_have_no_error():
    assert splice.error(_exact(_talk()), _talk().placed) == splice.Errors(0, 0, 0, 0, found=1)


@pytest.mark.parametrize("by", [100, -100])
def test_words_that_are_shifted_move_the_figures_by_as_much(by):
    talk, rng = _talk(), np.random.default_rng(1)
    heard = [
        replace(w, start_ms=w.start_ms + int(rng.normal(0, 10)), end_ms=w.end_ms + int(rng.normal(0, 10)))
        for w in _exact(talk)
    ]
    moved = [replace(w, start_ms=w.start_ms + by, end_ms=w.end_ms + by) for w in heard]
    before, after = splice.error(heard, talk.placed), splice.error(moved, talk.placed)
    assert before.start_90 < 30 and before.end_90 < 30
    assert after.start_median == pytest.approx(100, abs=10) and after.end_median == pytest.approx(100, abs=10)
    assert 95 < after.start_90 < 130 and 95 < after.end_90 < 130


def test_a_word_that_was_not_heard_lowers_what_was_found_and_moves_no_other():
    talk = _talk()
    words = _exact(talk)
    told = splice.error(words[:5] + words[6:], talk.placed)
    assert told.start_90 == told.end_90 == 0 and told.found <= 1
    with pytest.raises(ValueError, match="none of the words"):
        splice.error([], talk.placed)


@pytest.mark.real_media
@pytest.mark.parametrize("name", sorted(splice.PIECES))
def test_recordings_are_cut_at_their_silences_into_what_is_said_there(media, name):
    pieces = splice.cut_at_silences(media / name)
    assert tuple(text for text, _ in pieces) == splice.PIECES[name]
    assert all(40 < len(wave) / splice.RATE * 1000 / len(text) < 200 for text, wave in pieces)  # ms a letter
