"""What is found out about a clip is what was put into it; what a disguised playlist names is never read."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from pipeline import media as clips
from pipeline.errors import CandidError, ClipError
from pipeline.ffmpeg import FFmpegError, remux, run
from pipeline.model import Span
from tests import patterns
from tests.clips import AWKWARD, DISGUISES, HOPELESS, made, ordinary

pytestmark = pytest.mark.slow  # together they take some ten seconds


@pytest.mark.parametrize("kind", HOPELESS)
def test_what_is_no_clip_is_refused_in_one_sentence_with_a_cure(kind, tmp_path):
    with pytest.raises(ClipError) as refused:
        clips.probe(HOPELESS[kind](tmp_path))
    assert refused.value.what.endswith(".") and "\n" not in refused.value.what
    assert refused.value.do


def test_an_ordinary_clip(tmp_path):
    clip = clips.probe(ordinary(tmp_path))
    picture, audio = clip.picture, clip.audio
    assert picture is not None and audio is not None
    assert (picture.codec, picture.width, picture.height, picture.fps) == ("h264", 320, 240, Fraction(30))
    assert (picture.frames, picture.variable, picture.rotation, picture.interlaced) == (45, False, 0, False)
    assert (audio.codec, audio.rate, audio.channels) == ("aac", 48000, 1)
    assert abs(clip.duration_ms - 1500) <= 25
    assert clip.notes == ()


def test_rotation_and_pixel_aspect_change_what_is_shown(tmp_path):
    rotated = clips.probe(AWKWARD["rotated"](tmp_path)).picture
    assert rotated is not None and (rotated.width, rotated.height) == (240, 320)
    narrow = clips.probe(AWKWARD["pixels not square"](tmp_path)).picture
    assert narrow is not None and (narrow.width, narrow.height, narrow.sar) == (213, 240, Fraction(2, 3))


def test_hdr_is_known_by_its_tags(tmp_path):
    picture = clips.probe(AWKWARD["hlg"](tmp_path)).picture
    assert picture is not None
    assert (picture.codec, picture.hdr, picture.primaries, picture.matrix) == ("hevc", "hlg", "bt2020", "bt2020nc")
    assert picture.pixel_format == "yuv420p10le"


def test_a_variable_rate_is_seen_and_its_nominal_rate_found(tmp_path):
    times = patterns.variable(4)
    picture = clips.probe(patterns.write(tmp_path / "clip.mp4", times)).picture
    assert picture is not None
    assert (picture.fps, picture.variable) == (Fraction(30), True)
    longest = max(b - a for a, b in itertools.pairwise(times))
    assert abs(picture.longest_gap_ms - longest * 1000) <= 1


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60", "15"])
def test_standard_rates_are_told_apart(rate):
    assert clips.rate_of([n / Fraction(rate) for n in range(60)]) == Fraction(rate)


def test_faster_than_60_becomes_60():
    assert clips.rate_of([Fraction(n, 240) for n in range(60)]) == 60


def test_the_duration_is_found_where_the_container_states_none(tmp_path):
    clip = clips.probe(AWKWARD["no duration"](tmp_path))
    assert abs(clip.duration_ms - 1500) <= 60


def test_interlaced_pictures_are_known(tmp_path):
    picture = clips.probe(AWKWARD["interlaced"](tmp_path)).picture
    assert picture is not None and picture.interlaced


def test_a_file_that_is_cut_off_says_how_much_is_left(tmp_path):
    clip = clips.probe(AWKWARD["cut off"](tmp_path))
    assert clip.duration_ms < 3900
    assert any("cut off" in note for note in clip.notes)


def test_parts_of_different_length_are_noted(tmp_path):
    assert any("held" in note for note in clips.probe(AWKWARD["sound longer"](tmp_path)).notes)
    assert any("sound ends" in note for note in clips.probe(AWKWARD["picture longer"](tmp_path)).notes)


def test_the_cover_of_a_song_is_no_picture(tmp_path):
    cover = made(tmp_path, "cover.png", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1")
    tone = made(tmp_path, "tone.m4a", "-f", "lavfi", "-i", "sine=440:d=1", "-c:a", "aac")
    joined = ["-i", str(tone), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0"]
    song = made(tmp_path, "song.m4a", *joined, "attached_pic")
    assert clips.probe(song).picture is None


# --- sound ------------------------------------------------------------------------------------------------------------


def _samples(path: Path, tmp_path: Path, channels: int = 2) -> np.ndarray:
    sound = clips.sound(clips.probe(path), tmp_path / "sound.raw", rate=48000, channels=channels, dtype="<f4")
    assert sound is not None
    return clips.samples(sound, 0, sound.samples)


@pytest.mark.parametrize("late", [Fraction(0), Fraction(35, 100)])
def test_sound_lies_where_its_time_stamps_say(late, tmp_path):
    path = patterns.write(tmp_path / "clip.mp4", patterns.constant(Fraction(30), 2), sound_late=late)
    heard, given = _samples(path, tmp_path)[:, 0], patterns.noise(2 + 1 / 30)[:, 0]
    first = round(late * 48000)
    window = slice(first + 24000, first + 48000)
    lags = range(-60, 61)
    best = max(lags, key=lambda lag: float(np.dot(heard[window], given[24000 - lag : 48000 - lag])))
    assert abs(best) <= 33  # 0.7 ms: a mov header rounds to a millisecond


def test_mono_stands_on_both_sides_at_its_level(tmp_path):
    tone = made(tmp_path, "mono.wav", "-f", "lavfi", "-i", "sine=440:r=48000:d=1", "-ac", "1")
    heard = _samples(tone, tmp_path)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    assert abs(np.abs(heard).max() - 0.125) < 0.002  # ffmpeg's sine has this amplitude


def test_a_microphone_on_one_side_alone_is_laid_on_both(tmp_path):
    heard = _samples(AWKWARD["one side"](tmp_path), tmp_path)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    assert np.abs(heard).max() > 0.1


def test_a_gap_in_the_sound_becomes_silence(tmp_path):
    source = made(tmp_path, "whole.mkv", "-f", "lavfi", "-i", "sine=440:r=48000:d=3", "-c:a", "pcm_s16le")
    drop = ["-i", str(source), "-c", "copy", "-bsf:a", "noise=drop=gte(pts*tb\\,1)*lt(pts*tb\\,2)"]
    heard = _samples(made(tmp_path, "gap.mkv", *drop), tmp_path)[:, 0]
    assert len(heard) == pytest.approx(3 * 48000, abs=5000)
    assert np.abs(heard[int(1.2 * 48000) : int(1.8 * 48000)]).max() == 0
    assert np.abs(heard[int(2.2 * 48000) : int(2.8 * 48000)]).max() > 0.1


def test_listening_sound_is_16_bit_mono(tmp_path):
    clip = clips.probe(ordinary(tmp_path))
    sound = clips.sound(clip, tmp_path / "ear.raw", rate=16000, channels=1, dtype="<i2")
    assert sound is not None
    assert (tmp_path / "ear.raw").stat().st_size == 2 * sound.samples
    assert abs(sound.samples - 24000) < 500


def test_samples_outside_the_sound_are_silence(tmp_path):
    clip = clips.probe(ordinary(tmp_path))
    sound = clips.sound(clip, tmp_path / "ear.raw", rate=16000, channels=1, dtype="<i2")
    assert sound is not None
    around = clips.samples(sound, -100, sound.samples + 100)
    assert len(around) == sound.samples + 200
    assert not around[:100].any() and not around[-100:].any() and around.any()


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_small_pictures_come_about_as_often_as_asked(tmp_path):
    clip = clips.probe(patterns.write(tmp_path / "clip.mp4", patterns.constant(Fraction(30), 4)))
    found = list(clips.grays(clip, [Span(1000, 3000)], every_ms=200, width=80))
    times = [at for at, _ in found]
    assert times == sorted(times) and times[0] >= 1000 and times[-1] < 3000
    assert 6 <= len(found) <= 11
    numbers = [patterns.number_in(np.kron(gray, np.ones((4, 4), np.uint8))) for _, gray in found]
    assert all(abs(number - at * 30 / 1000) <= 1 for number, at in zip(numbers, times, strict=True))


def test_a_blurred_picture_is_less_sharp(tmp_path):
    blurred = made(
        tmp_path, "clip.mp4", "-f", "lavfi", "-i", "testsrc=s=640x480:r=30:d=2", "-vf",
        "gblur=sigma=12:enable='lt(t,1)'", "-g", "30", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    first, second = clips.sharpness(clips.probe(blurred), [100, 1500])
    assert second.sharpness > 3 * first.sharpness


# --- nothing that is named is read ------------------------------------------------------------------------------------


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A real web server on loopback that notes what it is asked for."""
    wanted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *arguments):
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/canary.mp4", wanted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_disguised_playlist_is_not_followed_to_the_web(kind, tmp_path, asked):
    address, wanted = asked
    path = DISGUISES[kind](tmp_path / "clip.mp4", address)
    with pytest.raises(CandidError):
        clips.probe(path)
    with pytest.raises(FFmpegError):
        remux(path, tmp_path / "out.mkv")
    assert wanted == []


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_disguised_playlist_reads_no_file(kind, tmp_path):
    canary = ordinary(tmp_path, "canary.mp4")
    path = DISGUISES[kind](tmp_path / "clip.mp4", str(canary))
    with pytest.raises(ClipError):
        clips.probe(path)
    with pytest.raises(FFmpegError):
        remux(path, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists() or (tmp_path / "out.mkv").stat().st_size == 0


def test_the_canary_would_be_read_without_the_lists(tmp_path):
    """The tests above can fail: without limits ffmpeg follows the list."""
    ordinary(tmp_path, "canary.mp4")
    path = DISGUISES["concat"](tmp_path / "clip.mp4", "canary.mp4")
    run(["-i", str(path), "-c", "copy", str(tmp_path / "out.mkv")])
    assert (tmp_path / "out.mkv").stat().st_size > 1000


# --- the recorded clips -----------------------------------------------------------------------------------------------

KNOWN = {  # width, height, frames a second, seconds, sound
    "bench-talk.mp4": (1920, 1080, 30, 61.0, True),
    "spoken-timer.mp4": (1280, 720, 30, 42.4, True),
    "talking-square.mp4": (700, 700, 30, 6.6, True),
    "talking-vfr.mp4": (700, 700, 30, 6.1, True),
    "no-duration.webm": (1280, 720, 15, 4.9, True),
    "anamorphic.mp4": (427, 360, 30, 2.0, True),
}


@pytest.mark.real_media
@pytest.mark.parametrize("name", KNOWN)
def test_recorded_clips_are_what_they_are(name, media):
    clip = clips.probe(media / name)
    assert clip.picture is not None
    found = (clip.picture.width, clip.picture.height, clip.picture.fps, round(clip.duration_ms / 1000, 1))
    assert (*found, clip.audio is not None) == KNOWN[name]
    assert clip.picture.variable == (name in {"talking-vfr.mp4", "no-duration.webm"}) or name == "no-duration.webm"


@pytest.mark.real_media
@pytest.mark.parametrize("name", ["jfk.flac", "two-cities.wav"])
def test_recorded_sound_has_no_picture(name, media):
    clip = clips.probe(media / name)
    assert clip.picture is None and clip.audio is not None
