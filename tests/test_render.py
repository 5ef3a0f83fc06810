"""Every output frame is the planned source frame, sound stays with its picture, the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import itertools
import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import brand, encode, media, render, sound
from pipeline.chunks import chunks
from pipeline.model import Activity, Clip, Format, Piece, Plan, Recipe, Rect, Variant
from pipeline.progress import quiet
from pipeline.shelf import Shelf
from pipeline.workspace import product_assets
from tests import patterns

BOX = Rect(0, 0, 2, 2)
SMALL = Format("small", *patterns.SIZE, BOX, BOX, BOX)
BRAND = brand.load(product_assets() / "brands" / "default")
KIT = encode.Kit(BRAND, {}, ())
QUICK = encode.Quality("ultrafast", 12)


def random_cuts(frames: int, clip: int = 0, seed: int = 3) -> list[Piece]:
    """More than a hundred kept pieces of 1 to 16 frames, with gaps of 1 to 12 frames, and one gap of four seconds."""
    chance = random.Random(seed)
    pieces: list[Piece] = []
    at, kept = 0, True
    while at < frames:
        length = chance.randint(1, 16) if kept else chance.randint(1, 12)
        if not kept and len(pieces) == 101:
            length = 120
        end = min(frames, at + length)
        pieces.append(Piece(clip, at, end, kept, ""))
        at, kept = end, not kept
    return pieces


def plan_of(clips: list[Clip], pieces: list[Piece], fps: Fraction) -> Plan:
    kept = sum(piece.frames for piece in pieces if piece.kept)
    variant = Variant("small", SMALL, False, (), (), None, None, kept, 0.0, ())
    return Plan(fps=fps, clips=tuple(clips), pieces=tuple(pieces), variants=(variant,), fit="blur", title="")


def render_pictures(plan: Plan, folder: Path) -> list[Path]:
    shelf = Shelf(folder)
    variant = plan.variants[0]
    with shelf.mine():
        jobs = [encode.job(plan, variant, chunk, KIT, QUICK) for chunk in chunks(plan, variant)]
        render.make_missing(jobs, render.Site(shelf, {}, lambda: None), lambda frames: None)
        return [shelf.chunks.path(job.key) for job in jobs]


def render_video(plan: Plan, folder: Path, quality: encode.Quality = QUICK) -> Path:
    """Pictures and sound, joined."""
    shelf = Shelf(folder)
    variant = plan.variants[0]
    with shelf.mine():
        decoded = [
            media.sound(clip, shelf.work / f"{number}.raw", rate=48000, channels=2, dtype="<f4")
            for number, clip in enumerate(plan.clips)
        ]
        sounds = [lambda each=each: each for each in decoded]
        quiet_recipe = Recipe(denoise=False)
        heard = sound.make(plan, variant, sounds, [Activity() for _ in plan.clips], quiet_recipe, shelf)
        site = render.Site(shelf, {}, lambda: None)
        return render.video(plan, variant, KIT, site, lambda: heard, quality, render.Bar(plan, quiet)).path


HEVC = {
    "codec": "libx265",
    "pixel_format": "yuv420p10le",
    "options": {
        "preset": "ultrafast",
        "crf": "18",
        "x265-params": "log-level=none:keyint=90:open-gop=1:bframes=4",
    },
}
SOURCES = {
    "constant-30": (patterns.constant(Fraction(30), 60), Fraction(30), {}),
    "constant-29.97": (patterns.constant(Fraction(30000, 1001), 60), Fraction(30000, 1001), {}),
    "variable": (patterns.variable(60), Fraction(30), {}),
    "picture-late": (patterns.constant(Fraction(30), 40), Fraction(30), {"picture_late": Fraction(1, 4)}),
    "hevc-10-bit": (patterns.constant(Fraction(30), 30), Fraction(30), HEVC),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_every_output_frame_is_the_planned_source_frame(name, tmp_path):
    times, fps, options = SOURCES[name]
    clip = media.probe(patterns.write(tmp_path / "clip.mp4", times, **options))
    late = options.get("picture_late", Fraction(0))
    frames = int((times[-1] + late) * fps) + 1
    pieces = random_cuts(frames)
    plan = plan_of([clip], pieces, fps)
    shown = patterns.shown_on_grid([at + late for at in times], fps, frames)
    expected = [shown[n] for piece in pieces if piece.kept for n in range(piece.start, piece.end)]
    got = [number for part in render_pictures(plan, tmp_path / "take") for number in patterns.numbers_of(part)]
    assert clip.picture is not None and clip.picture.fps == fps
    assert len(plan.kept) > (100 if len(times) > 1500 else 40)
    assert got == expected


@pytest.mark.slow
@pytest.mark.parametrize("times", [patterns.constant(Fraction(30), 60), patterns.variable(60)], ids=["cfr", "vfr"])
def test_sound_and_picture_stay_within_a_frame_after_a_hundred_cuts(times, tmp_path):
    flashes = patterns.write_flashes(tmp_path / "clip.mp4", times)
    clip = media.probe(tmp_path / "clip.mp4")
    plan = plan_of([clip], random_cuts(int(times[-1] * 30) + 1), Fraction(30))
    assert len(plan.kept) > 100
    video = render_video(plan, tmp_path / "take")
    shown = patterns.shown_on_grid(times, plan.fps, int(times[-1] * 30) + 1)
    first_shown = [n for n in range(1, len(shown)) if shown[n] != shown[n - 1] and times[shown[n]] in flashes]
    planned = _flashes_planned(plan, first_shown)
    bright, loud = _bright_frames(video), _sound_of(video)
    assert len(planned) > 30
    assert [frame for frame in planned if frame not in bright] == []
    apart = [_onset(loud, frame) - frame for frame in planned]
    assert max(map(abs, apart)) <= 1.0


def _flashes_planned(plan: Plan, slots: list[int]) -> list[int]:
    """Output frames of the flashes at these grid frames that are kept with silence before and the whole beep behind."""
    found, at = [], 0
    for piece in plan.kept:
        found += [at + slot - piece.start for slot in slots if piece.start + 3 <= slot < piece.end - 3]
        at += piece.frames
    return found


def _bright_frames(path: Path) -> set[int]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    return {number for number, level in enumerate(frames) if level > 120}


def _sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.abs(np.concatenate(blocks))


def _onset(loud: np.ndarray, frame: int) -> float:
    """Where, in frames, the sound near `frame` becomes loud."""
    first = max(0, (frame - 2) * 1600)
    window = loud[first : (frame + 3) * 1600]
    return float((first + np.argmax(window > 0.3 * window.max())) / 1600)


@pytest.mark.slow
def test_the_joined_file_is_as_platforms_want_it(tmp_path):
    clip = media.probe(patterns.write(tmp_path / "clip.mp4", patterns.variable(12)))
    plan = plan_of([clip], random_cuts(350), Fraction(30))
    video = render_video(plan, tmp_path / "take", encode.Quality())
    with av.open(str(video)) as container:
        picture, heard = container.streams.video[0], container.streams.audio[0]
        packets = [packet for packet in container.demux(picture) if packet.size]
        assert (picture.codec_context.name, picture.profile, picture.pix_fmt) == ("h264", "High", "yuv420p")
        context = picture.codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert (heard.codec_context.name, heard.rate, heard.layout.name) == ("aac", 48000, "stereo")
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    steps = {b.dts - a.dts for a, b in itertools.pairwise(packets)}
    assert len(packets) == plan.variants[0].frames
    assert max(b - a for a, b in zip(keys, [*keys[1:], len(packets)], strict=True)) <= 60
    assert len(steps) == 1
    assert sorted(round(packet.pts * packet.time_base * 30) for packet in packets) == list(range(len(packets)))
    head = video.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(tmp_path):
    clip = media.probe(patterns.write(tmp_path / "clip.mp4", patterns.variable(20)))
    plan = plan_of([clip], random_cuts(590), Fraction(30))
    first, second = (render_pictures(plan, tmp_path / name) for name in ("one", "two"))
    assert [_video_bytes(path) for path in first] == [_video_bytes(path) for path in second]


def _video_bytes(path: Path) -> str:
    with av.open(str(path)) as container:
        packets = b"".join(bytes(packet) for packet in container.demux(video=0))
    return hashlib.sha256(packets).hexdigest()


@pytest.mark.slow
def test_clips_of_different_rate_and_size_are_joined_frame_by_frame(tmp_path):
    first = media.probe(patterns.write(tmp_path / "a.mp4", patterns.constant(Fraction(30), 8)))
    second = media.probe(patterns.write(tmp_path / "b.mp4", patterns.constant(Fraction(24), 8)))
    pieces = random_cuts(200) + random_cuts(200, clip=1, seed=5)
    plan = plan_of([first, second], pieces, Fraction(30))
    shown = [
        patterns.shown_on_grid(patterns.constant(Fraction(30), 8), Fraction(30), 240),
        patterns.shown_on_grid(patterns.constant(Fraction(24), 8), Fraction(30), 240),
    ]
    expected = [shown[piece.clip][n] for piece in plan.kept for n in range(piece.start, piece.end)]
    assert patterns.numbers_of(render_video(plan, tmp_path / "take")) == expected
