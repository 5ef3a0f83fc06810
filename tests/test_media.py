"""What is found out about a clip is what was put into it; what a disguised playlist names is never read."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import media as clips
from pipeline.errors import CandidError, ClipError
from pipeline.ffmpeg import FFmpegError, remux, run
from pipeline.model import Audio, Clip, Span
from pipeline.plan import grid_frames
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


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"])
def test_standard_rates_are_told_apart_though_webm_rounds_to_milliseconds(rate):
    assert clips.rate_of([Fraction(round(n * 1000 / Fraction(rate)), 1000) for n in range(300)]) == Fraction(rate)


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "60000/1001", "60"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm"])
def test_a_hundred_frames_are_a_hundred_frames_of_the_grid(rate, name, tmp_path):
    codec = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"] if name.endswith("webm") else []
    source = ["-f", "lavfi", "-i", f"color=gray:s=64x64:r={rate}", "-frames:v", "100"]
    clip = clips.probe(made(tmp_path, name, *source, *codec))
    assert clip.picture is not None and clip.picture.fps == Fraction(rate)
    assert grid_frames(clip, clip.picture.fps) == 100


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


def test_what_lies_before_an_edit_lists_start_does_not_count(tmp_path):
    clip = clips.probe(AWKWARD["edit list"](tmp_path))
    assert clip.picture is not None and clip.audio is not None
    assert abs(clip.picture.frames - 1.75 * 30) <= 1
    assert 0 <= clip.picture.start_ms <= 34
    assert clip.audio.start_ms <= 24
    assert abs(clip.duration_ms - 1750) <= 25


def test_pictures_that_nobody_knows_leave_the_sound(tmp_path):
    clip = clips.probe(AWKWARD["unknown pictures"](tmp_path))
    assert clip.picture is None and clip.audio is not None
    assert clip.notes == ("Its pictures cannot be read.",)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_blocks_that_were_never_copied_are_noted(codec, tmp_path):
    quiet = ["-x265-params", "log-level=none"] if codec == "libx265" else []
    source = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=30:d=2", "-c:v", codec, "-preset", "ultrafast", *quiet]
    path = made(tmp_path, "clip.mp4", *source, "-pix_fmt", "yuv420p")
    data = bytearray(path.read_bytes())
    assert clips.probe(path).notes == ("There is no sound, so there are no captions.",)
    middle = data.index(b"mdat") + 8 + len(data) // 2
    data[middle : middle + len(data) // 5] = bytes(len(data) // 5)
    path.write_bytes(data)
    damaged = [note for note in clips.probe(path).notes if "damaged" in note]
    assert len(damaged) == 1
    assert 5 <= int(damaged[0].partition("(")[2].split()[0]) <= 25


def test_a_microphone_on_one_side_alone_is_noted(tmp_path):
    assert any("one of its two channels" in note for note in clips.probe(AWKWARD["one side"](tmp_path)).notes)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("an image", "image"),
        ("a phone's image", "image"),
        ("no index", "moov"),
        ("disguised hls", "playlist"),
        ("encrypted", "encrypted"),
        ("endless", "200 hours"),
    ],
)
def test_what_is_no_clip_is_called_what_it_is(kind, said, tmp_path):
    with pytest.raises(ClipError, match=said):
        clips.probe(HOPELESS[kind](tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_clip_that_may_not_be_read_is_refused(tmp_path):
    path = ordinary(tmp_path)
    path.chmod(0)
    with pytest.raises(ClipError, match="may not be read"):
        clips.probe(path)


def test_a_clip_that_is_gone_when_it_is_opened_is_told_in_words(tmp_path):
    clip = Clip(tmp_path / "clip.mp4", "", 1000, None, Audio("aac", 48000, 1, "mono", 0, 1000), "mp4")
    with pytest.raises(ClipError, match=r"There is no file clip\.mp4"):
        clips.sound(clip, tmp_path / "raw", rate=16000, channels=1, dtype="<i2")


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


def test_sound_that_comes_twice_is_heard_once(tmp_path):
    """Half a second of sound is sent again, as after a stall: what follows stays in its place."""
    path = tmp_path / "twice.mkv"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=48000, layout="mono")
        for start, level in ((0, 1000), (24000, 2000), (24000, 3000), (36000, 4000)):
            frame = av.AudioFrame.from_ndarray(np.full((1, 24000), level, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    heard = np.round(_samples(path, tmp_path)[:, 0] * 32768).astype(int)
    assert [heard[at] for at in (12000, 36000, 47000, 49000, 59000)] == [1000, 2000, 2000, 4000, 4000]
    assert len(heard) == 60000


def test_sound_that_changes_its_rate_and_channels_is_heard_to_its_end(tmp_path):
    heard = _samples(AWKWARD["sound that changes"](tmp_path), tmp_path)[:, 0]
    assert len(heard) == pytest.approx(2 * 48000, abs=5000)
    for second in (0, 1):
        part = heard[second * 48000 + 12000 : second * 48000 + 36000]
        crossings = np.count_nonzero(np.diff(np.signbit(part)))
        assert abs(crossings - 440) <= 6  # half a second of 440 Hz


def test_what_is_no_number_is_silence(tmp_path):
    samples = np.full(48000, 0.25, "<f4")
    samples[1000:1010], samples[2000] = np.nan, np.inf
    raw = tmp_path / "raw.f32"
    raw.write_bytes(samples.tobytes())
    path = made(tmp_path, "nan.wav", "-f", "f32le", "-ar", "48000", "-i", str(raw), "-c", "copy")
    heard = _samples(path, tmp_path)[:, 0]
    assert np.isfinite(heard).all() and not heard[1000:1010].any()
    assert heard[1010] == heard[999] == 0.25


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
