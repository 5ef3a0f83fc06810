"""The finished sound: every sample where it belongs, no clicks, and loudness as measured on the file."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ffmpeg, listen, shelf, sound
from pipeline import media as clips
from pipeline.model import (
    Activity,
    Card,
    Clip,
    Cue,
    CueWord,
    Format,
    Loudness,
    Piece,
    Plan,
    Recipe,
    Rect,
    Sound,
    Span,
    Variant,
)
from pipeline.sound import RATE

BOX = Rect(0, 0, 10, 10)
SHAPE = Format("landscape", 1920, 1080, BOX, BOX, BOX)
FPS = Fraction(30)
NTSC = Fraction(30000, 1001)
FADE = RATE * 5 // 1000


def _clip(name: str = "a") -> Clip:
    return Clip(Path(f"{name}.mp4"), name, 0, None, None, "mov")


def _plan(pieces: Sequence[Piece], fps: Fraction = FPS) -> Plan:
    names = "abcdef"[: 1 + max(piece.clip for piece in pieces)]
    return Plan(fps, tuple(_clip(name) for name in names), tuple(pieces), (), "blur", "")


def _variant(plan: Plan, opening: int = 0, closing: int = 0) -> Variant:
    first = Card("bumper", 0, 0, opening, BOX) if opening else None
    last = Card("end_card", 0, 0, closing, BOX) if closing else None
    frames = opening + closing + sum(piece.frames for piece in plan.kept)
    return Variant("landscape", SHAPE, True, (), (), first, last, frames, 0.0, ())


def _stereo(mono: np.ndarray) -> np.ndarray:
    return np.repeat(mono.astype("<f4")[:, None], 2, axis=1)


def _noise(seconds: float, dbfs: float, seed: int = 1) -> np.ndarray:
    return _stereo(np.random.default_rng(seed).standard_normal(int(seconds * RATE)) * 10 ** (dbfs / 20))


def _sine(seconds: float, amplitude: float = 0.5, hertz: float = 220) -> np.ndarray:
    return _stereo(amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE))


def _voice(seconds: float, dbfs: float, seed: int = 2) -> np.ndarray:
    """Something with the spectrum and the syllables of speech."""
    white = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    dull = np.convolve(white, np.hanning(48), mode="same")
    talk = dull * np.abs(np.sin(2 * np.pi * 2 * np.arange(len(dull)) / RATE)) ** 2
    return _stereo(talk / np.sqrt(np.mean(talk**2)) * 10 ** (dbfs / 20))


def _on_disk(path: Path, samples: np.ndarray) -> Sound:
    samples.astype("<f4").tofile(path)
    return Sound(path, RATE, 2, len(samples))


def _assembled(tmp_path: Path, plan: Plan, variant: Variant, *given_: np.ndarray) -> np.ndarray:
    """What lies on the track before anything is made louder."""
    sources = {n: sound.Source(_on_disk(tmp_path / f"{n}.raw", samples)) for n, samples in enumerate(given_)}
    runs, total = sound.laid(plan, variant)
    made = sound.assembled(runs, sources, total, tmp_path / "track.raw")
    return clips.samples(made, 0, made.samples)


def _made(
    tmp_path: Path,
    plan: Plan,
    variant: Variant,
    given_: Sequence[np.ndarray | None],
    activities: Sequence[Activity] | None = None,
    recipe: Recipe | None = None,
) -> sound.Finished:
    held = [None if one is None else _on_disk(tmp_path / f"{n}.raw", one) for n, one in enumerate(given_)]
    heard = activities or [Activity(speech=(Span(0, 10**6),), speech_dbfs=-20)] * len(held)
    place = shelf.Shelf(tmp_path / "take")
    with place.mine():
        return sound.make(plan, variant, [lambda one=one: one for one in held], heard, recipe or Recipe(), place)


def _whole(seconds: float, clip: int = 0, fps: Fraction = FPS) -> Piece:
    return Piece(clip, 0, round(seconds * fps), True, "")


def _decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T


def _true_peak_dbtp(samples: np.ndarray) -> float:
    """By four times as many samples, made with Fourier transforms that overlap."""
    size, margin, peak = 1 << 16, 1 << 10, 0.0
    padded = np.pad(samples, ((margin, size), (0, 0)))
    for start in range(0, len(samples), size - 2 * margin):
        block = padded[start : start + size].astype(np.float64)
        finer = np.fft.irfft(np.fft.rfft(block, axis=0), 4 * size, axis=0) * 4
        peak = max(peak, float(np.abs(finer[4 * margin : -4 * margin]).max()))
    return 20 * np.log10(peak)


def _lufs(path: Path) -> float:
    said = ffmpeg.run(["-i", str(path), "-af", "ebur128=framelog=quiet", "-f", "null", "-"], log="info")
    return float(re.findall(r"I:\s+(\S+) LUFS", said)[-1])


def _as_loud_as_it_should_be(finished: sound.Finished) -> None:
    assert _lufs(finished.path) == pytest.approx(-14, abs=0.5)
    assert _true_peak_dbtp(_decoded(finished.path)) <= -1.0
    assert finished.loudness.lufs == _lufs(finished.path)
    assert finished.loudness.true_peak_dbtp == pytest.approx(_true_peak_dbtp(_decoded(finished.path)), abs=0.2)


# --- where everything lies --------------------------------------------------------------------------------------------


def _random_pieces(count: int, clips_: int, chance: random.Random) -> list[Piece]:
    pieces = []
    for clip in range(clips_):
        at = 0
        for _ in range(count // clips_):
            length, gap = chance.randint(1, 21), chance.choice([0, 0, 3, 17])
            pieces.append(Piece(clip, at, at + length, True, ""))
            if gap:
                pieces.append(Piece(clip, at + length, at + length + gap, False, ""))
            at += length + gap
    return pieces


@pytest.mark.parametrize("fps", [FPS, NTSC, Fraction(24000, 1001), Fraction(60)])
def test_after_200_cuts_every_sample_outside_the_fades_is_exactly_the_planned_one(tmp_path, fps):
    plan = _plan(_random_pieces(200, 2, random.Random(3)), fps)
    variant = _variant(plan, opening=30, closing=60)
    given_ = [_noise(100, -20, seed) for seed in (1, 2)]
    got = _assembled(tmp_path, plan, variant, *given_)
    assert len(got) == round(variant.frames * RATE / fps)
    frame, before, compared = 30, Piece(0, 0, 0, False, ""), 0
    for piece in plan.kept:
        start, end = (round(number * RATE / fps) for number in (frame, frame + piece.frames))
        goes_on = (before.clip, before.end) == (piece.clip, piece.start)
        margins = FADE if piece.start else 2 * FADE, 8 * FADE if piece is plan.kept[-1] else FADE
        inside = got[start + margins[0] : end - margins[1]]
        source = round(piece.start * RATE / fps) + margins[0]
        # Where nothing is cut the sound goes on, and half a sample of rounding may lie on the other side.
        slips = (0, -1, 1) if goes_on and fps.denominator != 1 else (0,)
        wanted = [given_[piece.clip][source + slip : source + slip + len(inside)] for slip in slips]
        assert any(np.array_equal(inside, each) for each in wanted), piece
        frame, before, compared = frame + piece.frames, piece, compared + len(inside)
    assert compared > 0.8 * (len(got) - 3 * RATE)


def test_what_goes_on_is_not_cut(tmp_path):
    tone = _noise(2, -20)
    plan = _plan([Piece(0, n, n + 7, True, "") for n in range(0, 56, 7)], NTSC)
    got = _assembled(tmp_path, plan, _variant(plan), tone)
    assert np.array_equal(got[2 * FADE : -2 * FADE], tone[2 * FADE : len(got) - 2 * FADE])


def test_a_cut_does_not_click(tmp_path):
    plan = _plan([Piece(0, n, n + 5, n % 10 == 0, "") for n in range(0, 300, 5)])
    tone = _sine(10.5, 0.5, 223)
    got = _assembled(tmp_path, plan, _variant(plan, 10, 10), tone)
    assert np.abs(np.diff(got, axis=0)).max() < 1.6 * np.abs(np.diff(tone, axis=0)).max()


def test_equal_material_keeps_its_level_over_a_cut(tmp_path):
    plan = _plan([Piece(0, 0, 30, True, ""), Piece(0, 60, 90, True, "")])  # whole periods are cut out
    got = _assembled(tmp_path, plan, _variant(plan), _sine(4))
    assert np.abs(got - _sine(4)[: len(got)])[2 * FADE : -2 * FADE].max() < 1e-4


def test_bumper_and_end_card_are_silent_and_the_sound_between_begins_and_ends_softly(tmp_path):
    plan = _plan([_whole(2)])
    got = _assembled(tmp_path, plan, _variant(plan, opening=30, closing=60), _stereo(np.ones(5 * RATE)))
    assert not got[: RATE - FADE].any() and not got[3 * RATE :].any()
    assert (got[RATE + 2 * FADE : 3 * RATE - RATE // 25] == 1).all()
    assert np.abs(np.diff(got, axis=0)).max() < 0.01


def test_without_cards_the_sound_begins_and_ends_softly_too(tmp_path):
    plan = _plan([_whole(1)])
    got = _assembled(tmp_path, plan, _variant(plan), _stereo(np.ones(2 * RATE)))
    assert np.abs(np.diff(got, axis=0)).max() < 0.01 and abs(got[0, 0]) < 0.01 and abs(got[-1, 0]) < 0.01


@given(
    st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.integers(0, 1)), min_size=1, max_size=30),
    st.sampled_from([FPS, NTSC, Fraction(24), Fraction(60000, 1001)]),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_what_is_laid_covers_the_video_without_gap_and_the_ramps_do_not_cross(lengths, fps, opening, closing):
    pieces, at = [Piece(0, 0, 3, True, "")], {0: 3, 1: 0}
    for length, kept, clip in sorted(lengths, key=lambda each: each[2]):
        pieces.append(Piece(clip, at[clip], at[clip] + length, kept, ""))
        at[clip] += length
    plan = _plan(pieces, fps)
    runs, total = sound.laid(plan, _variant(plan, opening, closing))
    assert runs[0].at == round(opening * RATE / fps)
    assert [run.at + run.samples for run in runs[:-1]] == [run.at for run in runs[1:]]
    assert (runs[-1].at + runs[-1].samples == total) == (closing == 0)
    assert all(run.rise.at + run.rise.after <= run.fall.at - run.fall.before for run in runs)
    assert all(run.first >= 0 and run.last <= total for run in runs)


def test_a_sound_longer_or_shorter_than_its_pictures_ends_in_silence(tmp_path):
    plan = _plan([_whole(3)])
    got = _assembled(tmp_path, plan, _variant(plan), _sine(1))
    assert len(got) == 3 * RATE and not got[RATE:].any()


def test_broken_numbers_do_not_reach_the_encoder(tmp_path):
    broken = _sine(1)
    broken[1000], broken[2000], broken[3000] = np.nan, np.inf, -1e30
    plan = _plan([_whole(1)])
    assert np.abs(_assembled(tmp_path, plan, _variant(plan), broken)).max() <= 8


def test_memory_does_not_grow_with_the_clip(tmp_path):
    def peak(seconds: int) -> int:
        with (tmp_path / "long.raw").open("wb") as file:
            file.truncate(seconds * RATE * 8)
        plan = _plan([_whole(seconds)])
        runs, total = sound.laid(plan, _variant(plan))
        source = sound.Source(Sound(tmp_path / "long.raw", RATE, 2, seconds * RATE))
        tracemalloc.start()
        sound.assembled(runs, {0: source}, total, tmp_path / "track.raw")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(60) < 1.1 * peak(20) < 40 << 20


# --- cleaning ---------------------------------------------------------------------------------------------------------


def test_cleaned_sound_lies_where_it_lay_and_has_less_noise(tmp_path):
    voice, noise = _voice(4, -20), _noise(4, -50)
    voice[: 2 * RATE] = 0
    clean = sound.cleaned(_on_disk(tmp_path / "a.raw", voice + noise), -50, tmp_path / "b.raw")
    got = clips.samples(clean, 0, clean.samples)
    assert len(got) == len(voice) == clean.samples
    lag = np.fft.irfft(np.fft.rfft(got[:, 0]) * np.conj(np.fft.rfft(voice[:, 0]))).argmax()
    assert lag == 0
    quiet, loud = slice(RATE, 2 * RATE - 4800), slice(2 * RATE, 4 * RATE)
    assert np.std(got[quiet]) < 0.75 * np.std(noise[quiet])
    assert np.std((got - voice)[loud]) < 0.9 * np.std(noise[loud])


def test_a_bang_stays_as_it_was_recorded(tmp_path):
    dry, wet = _on_disk(tmp_path / "a.raw", _stereo(np.ones(RATE))), _on_disk(tmp_path / "b.raw", np.zeros((RATE, 2)))
    source = sound.Source(dry, wet, bangs=((20_000, 30_000), (29_000, 31_000)))
    got = source.read(0, RATE)[:, 0]
    assert (got[20_000:31_000] == 1).all() and not got[:18_000].any() and not got[33_000:].any()
    assert np.abs(np.diff(got)).max() < 0.002
    assert np.array_equal(source.read(19_000, 19_900)[:, 0], got[19_000:19_900])


@pytest.mark.parametrize(
    ("speech_dbfs", "floor_dbfs", "wanted", "expected"),
    [(-20, -50, True, True), (-20, -50, False, False), (-20, -75, True, False), (-20, -24, True, False)],
)
def test_only_noise_under_speech_is_cleaned(tmp_path, monkeypatch, speech_dbfs, floor_dbfs, wanted, expected):
    asked = []
    real = sound.cleaned
    monkeypatch.setattr(sound, "cleaned", lambda *args: asked.append(args) or real(*args))
    plan = _plan([_whole(1)])
    heard = [Activity(speech=(Span(0, 1000),), speech_dbfs=speech_dbfs, floor_dbfs=floor_dbfs)]
    _made(tmp_path, plan, _variant(plan), [_voice(1, -20)], heard, Recipe(denoise=wanted))
    assert bool(asked) == expected


# --- loudness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dbfs", [-24, pytest.param(-40, marks=pytest.mark.slow), pytest.param(-6, marks=pytest.mark.slow)]
)
def test_speech_is_as_loud_as_it_should_be_and_lasts_as_long_as_the_video(tmp_path, dbfs):
    plan = _plan([_whole(4)])
    variant = _variant(plan, opening=30, closing=60)
    finished = _made(tmp_path, plan, variant, [_voice(4, dbfs)])
    _as_loud_as_it_should_be(finished)
    got = _decoded(finished.path)
    assert len(got) == pytest.approx(7 * RATE, abs=1024)
    assert np.abs(got[: RATE - 2400]).max() < 0.001


def test_the_limiter_and_the_encoder_keep_every_sample_in_its_place(tmp_path):
    voice = _voice(4, -30)
    plan = _plan([_whole(4)])
    got = _decoded(_made(tmp_path, plan, _variant(plan), [voice]).path)[: 4 * RATE, 0]
    assert np.fft.irfft(np.fft.rfft(got, 8 * RATE) * np.conj(np.fft.rfft(voice[:, 0], 8 * RATE))).argmax() == 0


@pytest.mark.slow
def test_a_nearly_silent_track_with_bangs_is_as_loud_as_it_should_be(tmp_path):
    room = _noise(8, -70)
    for at in range(1, 8, 2):
        room[at * RATE : at * RATE + 7200] += _noise(0.15, -18, at)
    plan = _plan([_whole(8)])
    heard = [Activity(impacts=tuple(Span(at * 1000, at * 1000 + 150) for at in range(1, 8, 2)))]
    _as_loud_as_it_should_be(_made(tmp_path, plan, _variant(plan), [room], heard))


def test_silence_and_no_sound_at_all_become_a_silent_track(tmp_path):
    plan = _plan([_whole(1)])
    nothing = _made(tmp_path, plan, _variant(plan), [None], [Activity()])
    assert nothing.loudness == Loudness(None, None)
    assert len(_decoded(nothing.path)) >= RATE and not _decoded(nothing.path).any()
    silent = _made(tmp_path / "take", plan, _variant(plan, 1), [np.zeros((RATE, 2))], [Activity()])
    assert silent.loudness.lufs is None and "nothing to hear" in silent.loudness.notes[0]


@pytest.mark.parametrize("frames", [1, 6])
def test_a_very_short_sound_is_measured_as_if_it_went_on(tmp_path, frames):
    plan = _plan([Piece(0, 0, frames, True, "")])
    finished = _made(tmp_path, plan, _variant(plan), [_noise(1, -30)])
    assert finished.loudness.lufs == pytest.approx(-14, abs=1)
    assert _true_peak_dbtp(_decoded(finished.path)) <= -1.0
    assert "too short" in finished.loudness.notes[-1]


@pytest.mark.slow
def test_mere_noise_is_not_made_loud(tmp_path):
    plan = _plan([_whole(3)])
    finished = _made(tmp_path, plan, _variant(plan), [_noise(3, -60)], [Activity()])
    assert -36 < finished.loudness.lufs < -32
    assert "very quiet" in finished.loudness.notes[0]


def _level(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


@pytest.mark.slow
def test_joined_clips_of_very_different_level_sound_alike(tmp_path):
    plan = _plan([_whole(4), _whole(4, clip=1)])
    heard = [Activity(speech=(Span(0, 4000),), speech_dbfs=dbfs) for dbfs in (-42, -20)]
    finished = _made(tmp_path, plan, _variant(plan), [_voice(4, -42), _voice(4, -20, 5)], heard)
    _as_loud_as_it_should_be(finished)
    got = _decoded(finished.path)
    assert _level(got[: 4 * RATE]) == pytest.approx(_level(got[4 * RATE : 8 * RATE]), abs=1)


@pytest.mark.slow
def test_a_clip_in_which_nobody_speaks_is_not_raised_to_speech(tmp_path):
    plan = _plan([_whole(3), _whole(3, clip=1), _whole(3, clip=2)])
    heard = [Activity(speech=(Span(0, 3000),)), Activity(), Activity(speech=(Span(0, 3000),))]
    finished = _made(tmp_path, plan, _variant(plan), [_voice(3, -20), _noise(3, -60), _voice(3, -30, 5)], heard)
    got = _decoded(finished.path)
    assert _level(got[RATE : 2 * RATE]) - _level(got[4 * RATE : 5 * RATE]) > 38


# --- made once --------------------------------------------------------------------------------------------------------


def _counted(held: Sound, asked: list[int]) -> Callable[[], Sound]:
    def decode() -> Sound:
        asked.append(1)
        return held

    return decode


@pytest.mark.slow
def test_a_sound_is_made_once_and_again_when_its_causes_change(tmp_path):
    plan = _plan([_whole(1)])
    asked: list[int] = []
    decode = _counted(_on_disk(tmp_path / "a.raw", _voice(2, -30)), asked)
    heard, place = [Activity(speech=(Span(0, 1000),))], shelf.Shelf(tmp_path / "take")
    with place.mine():

        def again(plan: Plan, variant: Variant, recipe: Recipe) -> tuple[int, sound.Finished]:
            asked.clear()
            finished = sound.make(plan, variant, [decode], heard, recipe, place)
            return len(asked), finished

        variant = _variant(plan)
        made, first = again(plan, variant, Recipe())
        captioned = replace(variant, cues=(Cue(0, 9, ((CueWord("new", 0, 9),),)),), name="vertical")
        kept, second = again(plan, captioned, Recipe(topic="another"))
        moved = replace(plan, clips=(replace(plan.clips[0], path=Path("elsewhere.mp4")),))
        still_kept, third = again(moved, variant, Recipe())
        assert (made, kept, still_kept) == (1, 0, 0) and first == second == third
        assert not list(place.work.glob("sound*"))
        branded, other = again(plan, _variant(plan, 30, 30), Recipe())
        assert branded == 1 and other.path != first.path and other.causes != first.causes
        cut = _plan([Piece(0, 0, 20, True, ""), Piece(0, 20, 30, False, "")])
        assert again(cut, _variant(cut), Recipe())[0] == 1
        assert again(cut, _variant(cut), Recipe(denoise=False))[0] == 1
        place.path("sound-unbranded.m4a").unlink()
        assert again(cut, _variant(cut), Recipe(denoise=False))[0] == 1
        place.path("sound-unbranded.json").unlink()
        assert again(cut, _variant(cut), Recipe(denoise=False))[1].loudness.lufs is not None


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bytes(tmp_path):
    plan = _plan([_whole(1), Piece(0, 30, 40, False, ""), Piece(0, 40, 70, True, "")])
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    made = [_made(tmp_path / name, plan, _variant(plan, 10, 10), [_voice(3, -30)]) for name in ("one", "two")]
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    assert str(tmp_path).encode() not in made[0].path.read_bytes()


def test_the_file_is_what_platforms_want(tmp_path):
    plan = _plan([_whole(1)])
    with av.open(str(_made(tmp_path, plan, _variant(plan), [_voice(1, -30)]).path)) as container:
        (stream,) = container.streams
        context = stream.codec_context
        assert (context.name, context.profile, context.sample_rate, context.layout.name) == (
            "aac",
            "LC",
            RATE,
            "stereo",
        )


# --- real clips -------------------------------------------------------------------------------------------------------

REAL = ["bench-talk.mp4", "failing-audio.mp4", "jfk.flac", "spoken-timer.mp4", "talking-square.mp4", "talking-vfr.mp4",
        "two-cities.wav", "anamorphic.mp4"]  # fmt: skip


@pytest.mark.real_media
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_clips_are_as_loud_as_they_should_be(media, tmp_path, name):
    clip = clips.probe(media / name)
    heard = listen.hear(clip, clips.sound(clip, tmp_path / "ear.raw", rate=16_000, channels=1, dtype="<i2"))
    plan = _plan([_whole(clip.duration_ms / 1000)])
    place = shelf.Shelf(tmp_path / "take")
    decode = [lambda: clips.sound(clip, tmp_path / "video.raw", rate=RATE, channels=2, dtype="<f4")]
    with place.mine():
        finished = sound.make(plan, _variant(plan, 30, 60), decode, [heard], Recipe(), place)
    _as_loud_as_it_should_be(finished)
    assert finished.loudness.notes == ()
