"""What is said is heard: in windows of speech, in its language, at its time; and nothing where nobody speaks."""

from __future__ import annotations

import io
import itertools
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import listen, transcribers
from pipeline import media as clips
from pipeline.errors import TranscriberError
from pipeline.model import Activity, Clip, Hints, Sound, Span, Transcript, Word
from pipeline.transcribers import Ear, borders, faster_whisper, guards, hearing, stretches, whisper
from pipeline.transcribers.listening import Phrase
from pipeline.workspace import product_assets
from tests import checkpoint
from tests.words import SAID, plain

RATE = 16_000


@pytest.fixture(scope="module")
def ear(hearing: Callable[[str], Path]) -> Iterator[Ear]:
    """The default engine at work, in a process of its own."""
    hearing("base")
    with Ear(faster_whisper.Engine("base")) as opened:
        yield opened


def _of(path: Path, folder: Path) -> tuple[Sound, Activity]:
    clip = clips.probe(path)
    sound = clips.sound(clip, folder / "ear.raw", rate=RATE, channels=1, dtype="<i2")
    assert sound is not None
    return sound, listen.hear(clip, sound)


def _wave(samples: np.ndarray, folder: Path, name: str = "made.raw") -> tuple[Sound, Activity]:
    """A sound of these samples (float, -1..1) over the faint noise of a room."""
    noisy = samples + np.random.default_rng(1).normal(0, 0.0005, len(samples))
    (np.clip(noisy, -1, 1) * 32767).astype("<i2").tofile(folder / name)
    sound = Sound(folder / name, RATE, 1, len(samples), "<i2")
    clip = Clip(folder / name, "", len(samples) * 1000 // RATE, None, None, "wav")
    return sound, listen.hear(clip, sound)


def _spoken(voice: str, text: str) -> np.ndarray:
    """A text by espeak-ng."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt-get install espeak-ng)")
    said = subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "--stdout", text], capture_output=True, check=True)
    parts = []
    with av.open(io.BytesIO(said.stdout)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        for frame in itertools.chain(container.decode(audio=0), [None]):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
    return 0.7 * np.concatenate(parts)


def _heard(ear: Ear, found: tuple[Sound, Activity], language: str | None = None, **hints) -> Transcript:
    sound, activity = found
    told = ear.transcribe(sound, Hints(language, activity=activity, **hints), lambda done: None)
    assert _in_order(told, sound)
    return told


def _in_order(found: Transcript, sound: Sound) -> bool:
    times = [(word.start_ms, word.end_ms) for word in found.words]
    inside = all(0 <= start < end <= sound.samples * 1000 // RATE for start, end in times)
    return inside and all(a[1] <= b[0] for a, b in itertools.pairwise(times))


def _text(found: Transcript) -> str:
    return " ".join(word.text for word in found.words)


# --- the words --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.real_media
@pytest.mark.parametrize("name", SAID)
def test_word_error_rates_on_real_speech(name, ear, media, tmp_path):
    found = _heard(ear, _of(media / name, tmp_path))
    assert jiwer.wer(SAID[name], plain(_text(found))) <= 0.03  # STANDARDS, "Words and their times"
    assert (found.engine, found.model, found.language, found.notes) == ("faster-whisper", "base", "en", ())


@pytest.mark.slow
def test_the_demo_is_heard_with_its_punctuation(ear, tmp_path):
    assert _text(_heard(ear, _of(product_assets() / "demo" / "demo.mp4", tmp_path))).startswith(
        "You asked for the most creative way to destroy a server. Um. This one is "
    )


@pytest.mark.slow
@pytest.mark.real_media
def test_the_same_sound_is_heard_the_same_whatever_was_heard_before(ear, media, tmp_path):
    """A batch that was killed and goes on has to hear what it heard: videos are compared byte by byte."""
    jfk = _of(media / "jfk.flac", tmp_path)
    before = _heard(ear, jfk)
    _heard(ear, _wave(_spoken("de", "Guten Tag zusammen, wir zeigen euch heute einen Rechner."), tmp_path))
    assert _heard(ear, jfk) == before
    ear.close()
    assert _heard(ear, jfk) == before


@pytest.mark.slow
def test_a_name_that_is_taught_is_written_as_it_is_taught(ear, tmp_path):
    said = _wave(_spoken("en-us", "We moved everything to Zerfly last year. Zerfly is our own server."), tmp_path)
    assert "Zerfly" not in _text(_heard(ear, said, "en"))
    assert "Zerfly" in _text(_heard(ear, said, "en", vocabulary=("Zerfly",)))
    assert "Zerfly" not in _text(
        _heard(
            ear, _wave(_spoken("en-us", "This machine is twelve years old."), tmp_path), "en", vocabulary=("Zerfly",)
        )
    )


# --- languages --------------------------------------------------------------------------------------------------------

ENGLISH = "Hello everybody. Today we want to show you how we destroy an old server. It is twelve years old."
GERMAN = "Guten Tag zusammen. Heute zeigen wir euch, wie wir einen alten Rechner zerstören. Niemand braucht ihn mehr."


@pytest.mark.slow
def test_a_talk_in_another_language_is_written_in_it(ear, tmp_path):
    found = _heard(ear, _wave(_spoken("de", GERMAN), tmp_path))
    assert found.language == "de" and not found.notes
    assert jiwer.wer(_bare(GERMAN), _bare(_text(found))) < 0.6, _text(found)  # a robot speaks
    assert _text(found).startswith("Guten Tag") and "wie wir einen alten" in _text(found)


@pytest.mark.slow
def test_two_languages_in_one_clip_are_each_written_as_they_are_and_told(ear, tmp_path):
    both = np.concatenate([_spoken("en-us", ENGLISH), np.zeros(2 * RATE), _spoken("de", GERMAN)])
    found = _heard(ear, _wave(both, tmp_path))
    assert "destroy an old server" in _text(found) and "wie wir einen alten" in _text(found)
    (note,) = found.notes
    assert "spoken beside" in note and "German" in note and "English" in note


@pytest.mark.slow
def test_a_language_that_was_given_wrongly_is_told(ear, tmp_path):
    found = _heard(ear, _wave(_spoken("en-us", ENGLISH), tmp_path), "fr")
    assert found.language == "fr"
    assert found.notes[0].startswith("From 0:00 on this sounds like English, and it was written down as French")


@pytest.mark.slow
def test_a_language_that_no_model_knows_is_refused_with_the_cure(ear, tmp_path):
    with pytest.raises(TranscriberError, match="klingon") as caught:
        _heard(ear, _wave(_spoken("en-us", ENGLISH), tmp_path), "klingon")
    assert "--language de" in caught.value.do


def _bare(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ")


# --- nothing is invented ----------------------------------------------------------------------------------------------


def _decaying(length: int, count: int, loud: float, seconds: int = 10) -> np.ndarray:
    """So many strokes of noise that die away."""
    rng, made = np.random.default_rng(2), np.zeros(seconds * RATE)
    for at in rng.integers(0, len(made) - length, count):
        made[at : at + length] += np.exp(-8 * np.arange(length) / length) * rng.normal(0, loud, length)
    return made


TIME = np.arange(10 * RATE) / RATE
SPEECHLESS = {
    "silence": np.zeros(10 * RATE),
    "noise": np.random.default_rng(1).normal(0, 0.1, 10 * RATE),
    "a tone": 0.3 * np.sin(2 * np.pi * 440 * TIME),
    "crashes": _decaying(8000, 12, 0.5),
    "applause": _decaying(600, 600, 0.2),
    "music": 0.15 * sum(np.sin(2 * np.pi * f * TIME) * np.exp(-3 * (TIME % 0.5)) for f in (262, 330, 392, 523)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPEECHLESS)
def test_no_word_where_nobody_speaks(kind, ear, tmp_path):
    assert _heard(ear, _wave(SPEECHLESS[kind], tmp_path)).words == ()


@pytest.mark.slow
def test_no_word_lies_outside_of_speech(ear, tmp_path):
    noises = [SPEECHLESS[kind][: 4 * RATE] for kind in ("crashes", "music")]
    sound, activity = _wave(np.concatenate([noises[0], _spoken("en-us", ENGLISH), noises[1]]), tmp_path)
    found = _heard(ear, (sound, activity))
    assert len(found.words) >= 15
    for word in found.words:
        assert any(span.start_ms <= word.start_ms and word.end_ms <= span.end_ms for span in activity.speech), word


def _words(text: str) -> list[Word]:
    return [Word(f" {word}", n * 300, n * 300 + 250) for n, word in enumerate(text.split())]


def _said(words) -> str:
    return " ".join(word.text.strip() for word in words)


class Repeats:
    """A double of an engine that goes round in circles, until it is asked to be careful."""

    lead_ms = 0

    def __init__(self, careful: str) -> None:
        self.careful, self.asked = careful, 0

    def phrases(self, samples, language, vocabulary=(), *, careful=False, alone=False):
        self.asked += 1
        return [Phrase(tuple(_words(self.careful if careful else "thank you for watching " * 30)))]


@pytest.mark.parametrize(
    ("careful", "told"),
    [("we were all going home", "we were all going home"), ("so " + "bye now " * 60, "so bye now"), ("la " * 90, "la")],
)
def test_loops_end_after_one_more_try(careful, told, tmp_path):
    window = stretches.windows([Span(0, 1000)])[0]
    engine = Repeats(careful)
    sound, _ = _wave(np.zeros(RATE), tmp_path)
    words, _ = hearing._words(engine, sound, window, "en", ())
    assert (_said(words), engine.asked) == (told, 2)


def test_a_phrase_that_goes_round_in_circles_is_said_once():
    looped = _words("so " + "thank you for watching " * 7 + "bye")
    assert _said(guards.without_loops(looped)) == "so thank you for watching bye"


def test_what_people_repeat_stays():
    assert _said(guards.without_loops(_words("no no no stop stop"))) == "no no no stop stop"


def test_a_phrase_in_which_the_engine_hears_nobody_goes():
    phrases = [Phrase(tuple(_words("Thank you.")), no_speech=0.7), Phrase(tuple(_words("It was")), no_speech=0.2)]
    assert _said(guards.spoken(phrases)) == "It was"


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([" end", "-to", "-end"], ["end-to-end"]),
        ([" 50", "%", " of", " it"], ["50%", "of", "it"]),
        (["我", "们", "好"], ["我", "们", "好"]),
    ],
)
def test_words_that_the_engine_parts_are_whole(parts, whole):
    found = guards.whole_words(Word(part, n * 100, n * 100 + 90, 0.9 - n / 10) for n, part in enumerate(parts))
    assert [word.text.strip() for word in found] == whole
    assert found[-1].end_ms == (len(parts) - 1) * 100 + 90


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-500, 9000), st.integers(-500, 9000), st.floats(-1, 2))))
def test_whatever_an_engine_says_comes_out_in_order_and_inside(raw):
    found = guards.in_order([Word(*each) for each in raw], 8000)
    assert all(0 <= w.start_ms < w.end_ms <= 8000 and 0 <= w.confidence <= 1 and w.text.strip() for w in found)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(found))


# --- windows ----------------------------------------------------------------------------------------------------------


@st.composite
def speeches(draw) -> tuple[list[Span], int]:
    found, at = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 3000), st.integers(50, 70_000)), max_size=20)):
        found.append(Span(at + gap, at + gap + length))
        at += gap + length
    return found, at + draw(st.integers(0, 500))


@given(speeches())
def test_stretches_hold_all_speech_in_order_and_each_fits_into_a_window(made):
    speech, end_ms = made
    found = stretches.stretches(speech, end_ms)
    assert all(0 < span.ms <= stretches.WINDOW_MS and span.end_ms <= end_ms for span in found)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(found))
    assert sum(_overlap(span, part) for span in speech for part in found) == sum(span.ms for span in speech)


def _overlap(a: Span, b: Span) -> int:
    return max(0, min(a.end_ms, b.end_ms) - max(a.start_ms, b.start_ms))


@given(speeches())
def test_windows_hold_every_stretch_once_with_nothing_between_them(made):
    found = stretches.stretches(*made)
    packed = stretches.windows(found)
    assert [part.span for window in packed for part in window.parts] == list(found)
    assert all(window.ms <= 28_500 for window in packed)
    for window in packed:
        assert window.parts[0].at_ms == 0
        assert all(b.at_ms - a.end_ms == 400 for a, b in itertools.pairwise(window.parts))
    greedy = 0
    room = -1
    for span in found:  # as few windows as if each were filled
        room -= span.ms + 400
        if room < 0:
            greedy, room = greedy + 1, 28_500 - span.ms
    assert len(packed) <= greedy


def test_windows_are_divided_at_the_longest_pause():
    found = [Span(0, 10_000), Span(11_000, 20_000), Span(23_000, 30_000), Span(31_000, 40_000)]
    assert [len(window.parts) for window in stretches.windows(found)] == [2, 2]


def test_long_speech_is_divided_where_it_is_quiet():
    levels = [-20] * 4000
    levels[2000:2030] = [-60] * 30
    first, second = stretches.stretches([Span(0, 40_000)], 40_000, levels)
    assert 20_000 < first.end_ms == second.start_ms < 20_300


def test_samples_of_a_window_are_those_of_the_clip_with_silence_between(tmp_path):
    samples = np.linspace(0.1, 0.9, 3 * RATE)
    (samples * 32767).astype("<i2").tofile(tmp_path / "s.raw")
    sound = Sound(tmp_path / "s.raw", RATE, 1, len(samples), "<i2")
    (window,) = stretches.windows([Span(0, 500), Span(2000, 3000)])
    heard = window.samples(sound)
    assert len(heard) == window.ms * 16 == 1900 * 16
    assert heard[: 500 * 16] == pytest.approx(samples[: 500 * 16], abs=1e-4)
    assert not heard[500 * 16 : 900 * 16].any()
    assert heard[900 * 16 :] == pytest.approx(samples[2000 * 16 :], abs=1e-4)


@given(speeches(), st.integers(-100, 100), st.data())
def test_every_word_comes_back_into_speech(made, lead_ms, data):
    speech, end_ms = made
    for window in stretches.windows(stretches.stretches(speech, end_ms)):
        times = data.draw(st.lists(st.integers(-200, window.ms + 200), min_size=2, max_size=9))
        words = [Word("word,", a, b) for a, b in itertools.pairwise(sorted(times))]
        for word in window.placed(words, lead_ms, speech):
            assert any(span.start_ms <= word.start_ms < word.end_ms <= span.end_ms for span in speech)


def test_a_word_lies_where_most_of_it_does_or_behind_the_pause_where_a_clause_ended():
    (window,) = stretches.windows([Span(1000, 2000), Span(5000, 6000)])

    def placed(*words: Word) -> list[tuple[int, int]]:
        return [(w.start_ms, w.end_ms) for w in window.placed(words, 0, [Span(1000, 2000), Span(5000, 6000)])]

    assert placed(Word("one", 500, 800), Word("two", 850, 1600)) == [(1500, 1800), (5000, 5200)]
    assert placed(Word("one", 500, 800), Word("two", 800, 1450)) == [(1500, 1800), (1800, 2000)]
    assert placed(Word("one.", 500, 800), Word("Two", 800, 1450)) == [(1500, 1800), (5000, 5050)]


# --- times ------------------------------------------------------------------------------------------------------------


def test_borders_move_to_the_quiet_between_words():
    levels = [-20] * 30 + [-70] * 20 + [-20] * 30
    activity = Activity((Span(0, 800),), speech_dbfs=-20, floor_dbfs=-70, levels=tuple(levels))
    moved = borders.to_quiet([Word("one", 0, 380), Word("two", 380, 800)], activity)
    assert [(word.start_ms, word.end_ms) for word in moved] == [(0, 300), (500, 800)]


def test_words_that_are_joined_stay_joined():
    activity = Activity((Span(0, 800),), speech_dbfs=-20, floor_dbfs=-70, levels=(-20,) * 80)
    words = (Word("one", 0, 380), Word("two", 380, 800))
    assert borders.to_quiet(words, activity) == words


@given(st.lists(st.integers(-90, -10), max_size=300), st.lists(st.integers(0, 3000), min_size=2, max_size=12))
def test_whatever_the_levels_words_stay_in_order(levels, times):
    words = [Word("word", a, b) for a, b in itertools.pairwise(sorted(set(times)))]
    activity = Activity((Span(0, 3000),), speech_dbfs=-20, floor_dbfs=-70, levels=tuple(levels))
    moved = guards.in_order(borders.to_quiet(words, activity), 3100)
    assert [word.text for word in moved] == [word.text for word in words]


# --- long and large ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.real_media
def test_a_talk_of_twenty_minutes_moves_on_and_takes_no_more_memory(hearing, media, tmp_path):
    """By the smallest model, which takes a third of the time; what is asked for here is the same for all."""
    hearing("tiny.en")
    short, _ = _of(media / "two-cities.wav", tmp_path)
    once = np.fromfile(short.path, "<i2")
    pause = np.zeros(40 * RATE, "<i2")
    peaks, progress = [], []
    for name, times in (("short", 1), ("long", 15)):
        np.concatenate([once, pause] * times).tofile(tmp_path / f"{name}.raw")
        sound = Sound(tmp_path / f"{name}.raw", RATE, 1, (len(once) + len(pause)) * times, "<i2")
        clip = Clip(sound.path, "", sound.samples * 1000 // RATE, None, None, "wav")
        progress.clear()
        with Ear(faster_whisper.Engine("tiny.en")) as ear:
            found = ear.transcribe(sound, Hints("en", activity=listen.hear(clip, sound)), progress.append)
            peaks.append(ear.ask(_peak))
        assert len(found.words) >= 110 * times
    assert sound.samples / RATE > 20 * 60
    assert progress == sorted(progress) and len(progress) >= 20 and progress[-1] == 1.0
    assert peaks[1] < 1.15 * peaks[0], peaks


def _peak(listener) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# --- openai-whisper, with real weights --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openai(hearing: Callable[[str], Path], tmp_path_factory) -> Iterator[Ear]:
    """openai-whisper with the weights of base, as a checkpoint of its own."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "whisper-base").mkdir()
    checkpoint.write(hearing("base") / "model.bin", folder / "whisper-base" / "base.pt", heads=8)
    with Ear(whisper.Engine("base")) as opened:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CANDID_MODELS", str(folder))
            opened.ask(_peak)  # its process has started with that folder, and loaded the model
        yield opened


@pytest.mark.slow
@pytest.mark.real_media
def test_openai_whisper_hears_what_the_default_engine_hears(openai, ear, media, tmp_path):
    jfk = _of(media / "jfk.flac", tmp_path)
    theirs, ours = _heard(openai, jfk), _heard(ear, jfk)
    assert jiwer.wer(SAID["jfk.flac"], plain(_text(theirs))) <= 0.03
    assert (theirs.engine, theirs.model, theirs.language) == ("whisper", "base", "en")
    pairs = zip(theirs.words, ours.words, strict=True)
    apart = [abs(a - b) for t, o in pairs for a, b in ((t.start_ms, o.start_ms), (t.end_ms, o.end_ms))]
    assert np.percentile(apart, 90) <= 100, "the lead is the model's, whoever runs it"
    assert _heard(openai, jfk) == theirs


# --- which engine -----------------------------------------------------------------------------------------------------


def test_an_engine_that_ends_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path))
    sound, _ = _wave(np.zeros(2 * RATE), tmp_path)
    with Ear(faster_whisper.Engine("base")) as ear, pytest.raises(TranscriberError) as caught:
        ear.transcribe(sound, Hints(activity=Activity((Span(0, 1000),))), lambda done: None)
    assert "could not load its model base" in caught.value.what and "candid models" in caught.value.do


def test_auto_says_what_it_takes_and_why(hearing):
    hearing("base")
    choice = transcribers.choose("auto")
    assert choice.engine.name == "faster-whisper"
    assert choice.why.startswith(f"faster-whisper with its model {choice.engine.model}, the best model that is here")
