"""Listening: speech, bangs and movement are found where they are, and what merely sounds or moves like them is not."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import listen
from pipeline import media as clips
from pipeline.listen import action, loudness, speech
from pipeline.model import Activity, Clip, Sound, Span

RATE = 16_000
CHANCE = np.random.default_rng(5)


def _sound(path: Path, samples: np.ndarray) -> Sound:
    np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tofile(path)
    return Sound(path, RATE, 1, len(samples), "<i2")


def _noise(seconds: float, dbfs: float) -> np.ndarray:
    return CHANCE.standard_normal(int(seconds * RATE)) * 10 ** (dbfs / 20)


def _bang(samples: np.ndarray, at: float, dbfs: float = -10, ring: float = 0.08) -> None:
    """Adds a burst of noise that dies away."""
    start = int(at * RATE)
    length = min(RATE // 2, len(samples) - start)
    samples[start : start + length] += _noise(1, dbfs)[:length] * np.exp(-np.arange(length) / (ring * RATE))


def _clip(seconds: float) -> Clip:
    return Clip(Path("none.mp4"), "", round(seconds * 1000), None, None, "mov")


def _heard(tmp_path: Path, samples: np.ndarray) -> Activity:
    return listen.hear(_clip(len(samples) / RATE), _sound(tmp_path / "sound.raw", samples))


def _covers(spans: tuple[Span, ...], ms: int) -> bool:
    return any(span.start_ms <= ms < span.end_ms for span in spans)


# --- speech -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), max_size=200))
def test_stretches_of_speech_lie_in_order_inside_the_clip_with_silence_between(certainty):
    duration = len(certainty) * 32
    found = speech.spans(certainty, duration)
    assert all(0 <= span.start_ms < span.end_ms <= duration for span in found)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(found))


@given(st.lists(st.floats(0, 1), max_size=200))
def test_no_stretch_of_speech_without_a_certain_window(certainty):
    for span in speech.spans(certainty, len(certainty) * 32):
        assert max(certainty[span.start_ms // 32 : -(-span.end_ms // 32)]) >= 0.5


def test_speech_lasts_while_the_detector_hesitates_and_bridges_short_stops():
    hesitating = [0.0] * 10 + [0.9] * 10 + [0.4] * 10 + [0.0] * 4 + [0.9] * 10 + [0.0] * 10
    assert speech.spans(hesitating, len(hesitating) * 32) == (Span(10 * 32 - 100, 44 * 32 + 100),)


def test_a_click_is_no_speech_and_a_pause_is_no_stop():
    click = [0.0] * 10 + [0.9] * 3 + [0.0] * 20 + [0.9] * 10 + [0.0] * 20 + [0.9] * 10
    assert [span.start_ms for span in speech.spans(click, len(click) * 32)] == [33 * 32 - 100, 63 * 32 - 100]


def test_noise_and_silence_are_no_speech(tmp_path):
    assert _heard(tmp_path, np.zeros(2 * RATE)).speech == ()
    assert _heard(tmp_path, _noise(2, -30)).speech == ()


def test_a_tone_longer_than_one_block_is_read_to_its_end(tmp_path):
    tone = np.sin(np.arange(40 * RATE) * 0.1) * 0.3
    assert len(list(speech.probabilities(_sound(tmp_path / "s.raw", tone)))) == -(-40 * RATE // 512)


# --- loudness ---------------------------------------------------------------------------------------------------------


def test_levels_are_rms_and_ignore_a_constant_offset(tmp_path):
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(40 * RATE) / RATE) + 0.3
    steps = loudness.levels(_sound(tmp_path / "s.raw", tone))
    assert len(steps) == 40 * 50
    assert steps == pytest.approx(np.full(2000, -23.01), abs=0.05)


def test_speech_and_floor_are_told_apart(tmp_path):
    talk = _noise(6, -60)
    talk[2 * RATE : 4 * RATE] += _noise(2, -20)
    heard = loudness.loudness(loudness.levels(_sound(tmp_path / "s.raw", talk)), [Span(2000, 4000)])
    assert heard.speech_dbfs == pytest.approx(-20, abs=0.5)
    assert heard.floor_dbfs == pytest.approx(-60, abs=1)


def test_silence_and_no_sound_at_all_have_the_lowest_level(tmp_path):
    assert _heard(tmp_path, np.zeros(RATE)) == Activity(levels=(-120,) * 100)
    assert listen.hear(_clip(1), None) == Activity()


def test_a_sound_of_a_few_samples_is_heard(tmp_path):
    assert _heard(tmp_path, _noise(0.01, -20)).speech == ()


# --- impacts ----------------------------------------------------------------------------------------------------------


def test_bangs_are_found_to_a_step(tmp_path):
    room = _noise(10, -55)
    for at in (2.0, 2.3, 7.0):
        _bang(room, at)
    first, second = _heard(tmp_path, room).impacts
    assert first.start_ms == pytest.approx(2000, abs=20) and 2400 < first.end_ms < 2700
    assert second.start_ms == pytest.approx(7000, abs=20)


def test_an_engine_that_stops_is_action_while_it_runs(tmp_path):
    engine = np.concatenate([_noise(5, -32), np.zeros(6 * RATE)])
    (found,) = _heard(tmp_path, engine).impacts
    assert found == Span(0, 5000)


@pytest.mark.parametrize("dbfs", [-50, -30, -12])
def test_constant_noise_is_no_action(tmp_path, dbfs):
    assert _heard(tmp_path, _noise(10, dbfs)).impacts == ()


def _music(seconds: float, dbfs: float) -> np.ndarray:
    """Chords that change twice a second, with a beat 10 dB over them."""
    at = np.arange(int(seconds * RATE)) / RATE
    pitch = 220 * 2 ** (np.floor(at * 2) % 5 / 12)
    chord = sum(np.sin(2 * np.pi * pitch * part * at) for part in (1, 1.25, 1.5)) * 0.8 * 10 ** (dbfs / 20)
    beat = _noise(seconds, dbfs + 10) * np.exp(-(at % 0.5) / 0.05)
    return chord + beat


def test_music_in_the_background_is_no_action(tmp_path):
    steps = loudness.levels(_sound(tmp_path / "s.raw", _music(20, -35)))
    assert action.impacts(steps, loudness.STEP_MS, np.zeros(len(steps), bool), -20.0) == ()


def _syllables(seconds: float, dbfs: float) -> np.ndarray:
    at = np.arange(int(seconds * RATE)) / RATE
    return _noise(seconds, dbfs + 2) * np.abs(np.sin(2 * np.pi * 2 * at))


def _impacts_beside_speech(tmp_path: Path, samples: np.ndarray, spoken: list[Span]) -> tuple[Span, ...]:
    steps = loudness.levels(_sound(tmp_path / "s.raw", samples))
    near = loudness.inside(len(steps), spoken, action.NEAR_SPEECH_MS)
    return action.impacts(steps, loudness.STEP_MS, near, loudness.loudness(steps, spoken).speech_dbfs)


def test_speech_is_no_impact_and_neither_are_the_ends_of_its_words(tmp_path):
    talk = _noise(8, -70)
    talk[2 * RATE : 6 * RATE] += _syllables(4, -25)
    assert _impacts_beside_speech(tmp_path, talk, [Span(2200, 5800)]) == ()


def test_a_bang_beside_speech_counts_and_a_creaking_chair_does_not(tmp_path):
    talk = _noise(12, -70)
    talk[2 * RATE : 6 * RATE] += _syllables(4, -25)
    _bang(talk, 8, -15)
    _bang(talk, 10, -40)
    (found,) = _impacts_beside_speech(tmp_path, talk, [Span(2000, 6000)])
    assert found.start_ms == pytest.approx(8000, abs=20)


def test_a_bang_over_speech_counts(tmp_path):
    talk = _noise(8, -70)
    talk[2 * RATE : 6 * RATE] += _syllables(4, -35)
    _bang(talk, 4, -3)
    assert _covers(_impacts_beside_speech(tmp_path, talk, [Span(2000, 6000)]), 4030)


def test_a_click_is_no_impact(tmp_path):
    room = _noise(4, -60)
    room[2 * RATE : 2 * RATE + 100] += _noise(1, -6)[:100]
    assert _heard(tmp_path, room).impacts == ()


# --- motion -----------------------------------------------------------------------------------------------------------

SHAPE = (36, 64)
SCENE = CHANCE.integers(40, 200, SHAPE).astype(np.float32)


def _pictures(changes: list[np.ndarray]) -> list[tuple[int, np.ndarray]]:
    noisy = (change + CHANCE.normal(0, 2, SHAPE) for change in changes)
    return [(number * 200, np.clip(gray, 0, 255).astype(np.uint8)) for number, gray in enumerate(noisy)]


def _stirred(share: float) -> np.ndarray:
    """The scene, of which the upper part is replaced by something else."""
    rows = round(SHAPE[0] * share)
    other = SCENE.copy()
    other[:rows] = CHANCE.integers(0, 255, (rows, SHAPE[1]))
    return other


def test_a_still_scene_with_noise_and_changing_exposure_does_not_move():
    brighter = [SCENE * (1 + 0.3 * np.sin(n)) + 10 * np.cos(n) for n in range(30)]
    assert action.motion(_pictures(brighter), ()) == ()


def test_a_head_that_fidgets_does_not_count_and_a_server_that_flies_does():
    pictures = _pictures(
        [_stirred(0.12) for _ in range(20)] + [_stirred(0.5) for _ in range(10)] + [_stirred(0.12) for _ in range(20)]
    )
    (found,) = action.motion(pictures, ())
    assert found.start_ms == pytest.approx(4000, abs=200) and found.end_ms == pytest.approx(6000, abs=200)


def test_a_cut_a_flash_or_a_slide_is_no_motion():
    other = np.flipud(SCENE)
    assert action.motion(_pictures([SCENE] * 10 + [other] * 10), ()) == ()


def test_a_clock_on_the_screen_is_no_motion():
    ticking = []
    for _ in range(20):
        scene = SCENE.copy()
        scene[30:34, 48:62] = CHANCE.integers(0, 255, (4, 14))
        ticking.append(scene)
    assert action.motion(_pictures(ticking), ()) == ()


def test_who_walks_with_the_camera_while_talking_does_not_move_by_going_on():
    walking = _pictures([_stirred(0.8) for _ in range(40)])
    assert action.motion(walking, [Span(0, 4000)]) == ()
    assert action.motion(walking, ()) == (Span(0, 7800),)


def test_pictures_far_apart_are_not_compared():
    far = [(number * 5000, picture) for number, (_, picture) in enumerate(_pictures([_stirred(0.9)] * 10))]
    assert action.motion(far, ()) == ()


def test_only_long_silences_are_worth_a_look():
    spoken = [Span(3000, 10_000), Span(10_600, 30_000), Span(32_000, 58_000)]
    assert action.worth_a_look(spoken, 58_500) == (Span(0, 4000), Span(29_000, 33_000))
    assert action.worth_a_look((), 700) == (Span(0, 700),)


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=30), st.integers(0, 5000))
def test_what_is_worth_a_look_lies_in_order_inside_the_clip_and_holds_every_long_silence(parts, tail):
    spoken, at = [], 0
    for silence, talk in parts:
        spoken.append(Span(at + silence, at + silence + talk))
        at += silence + talk
    looks = action.worth_a_look(spoken, at + tail)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(looks))
    assert all(0 <= look.start_ms <= look.end_ms <= at + tail for look in looks)
    for before, after in pairwise(spoken):
        if after.start_ms - before.end_ms > 1000:
            assert _covers(looks, before.end_ms) and _covers(looks, after.start_ms - 1)


# --- real clips -------------------------------------------------------------------------------------------------------


def _real(path: Path, tmp_path: Path) -> tuple[Clip, Activity, float]:
    clip = clips.probe(path)
    sound = clips.sound(clip, tmp_path / "sound.raw", rate=RATE, channels=1, dtype="<i2")
    started = time.process_time()
    return clip, listen.hear(clip, sound), time.process_time() - started


@pytest.mark.real_media
def test_a_talk_has_its_pauses_and_no_action(media, tmp_path):
    clip, found, seconds = _real(media / "bench-talk.mp4", tmp_path)
    pauses = [Span(a.end_ms, b.start_ms) for a, b in pairwise((Span(0, 0), *found.speech))]
    long = [pause for pause in pauses if pause.ms > 1500]
    assert [round(pause.start_ms, -3) for pause in long] == [0, 23_000, 46_000]
    assert [pause.ms >= ms for pause, ms in zip(long, (2600, 1700, 3200), strict=True)] == [True] * 3
    assert sum(span.ms for span in found.speech) == pytest.approx(45_000, abs=3000)
    assert (found.impacts, found.motion) == ((), ())
    assert found.speech_dbfs == pytest.approx(-35, abs=2) and found.floor_dbfs < -75
    assert clip.duration_ms > 60_000 and seconds < 10


@pytest.mark.real_media
def test_a_running_timecode_is_no_action_and_two_thirds_are_silence(media, tmp_path):
    clip, found, _ = _real(media / "spoken-timer.mp4", tmp_path)
    assert (found.impacts, found.motion) == ((), ())
    assert 0.3 < sum(span.ms for span in found.speech) / clip.duration_ms < 0.42
    assert _covers(found.speech, 40_300)


@pytest.mark.real_media
def test_a_plane_without_words_is_action(media, tmp_path):
    _, found, _ = _real(media / "failing-audio.mp4", tmp_path)
    assert found.speech == ()
    assert found.impacts[0].start_ms == 0 and sum(span.ms for span in found.impacts) > 4000


@pytest.mark.real_media
@pytest.mark.parametrize("name", ["jfk.flac", "two-cities.wav", "talking-square.mp4", "talking-vfr.mp4"])
def test_people_who_only_talk_do_nothing_else(media, tmp_path, name):
    clip, found, _ = _real(media / name, tmp_path)
    assert (found.impacts, found.motion) == ((), ())
    assert sum(span.ms for span in found.speech) > 0.6 * clip.duration_ms
