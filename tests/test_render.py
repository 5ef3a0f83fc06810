"""Every output frame is the planned source frame, every stretch of sound where its picture is, and the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import random
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline import brand, encode, media, render
from pipeline.chunks import chunks
from pipeline.model import Clip, Format, Piece, Plan, Rect, Variant
from pipeline.shelf import Shelf
from pipeline.workspace import product_assets
from tests import patterns

BOX = Rect(0, 0, 2, 2)
SMALL = Format("small", *patterns.SIZE, BOX, BOX, BOX)
BRAND = brand.load(product_assets() / "brands" / "default")
KIT = encode.Kit(BRAND, {}, ())


def random_cuts(frames: int, clip: int = 0, seed: int = 3) -> list[Piece]:
    """More than a hundred kept pieces of 1 to 21 frames, with gaps of 1 to 12 frames, and one gap of four seconds."""
    chance = random.Random(seed)
    pieces: list[Piece] = []
    at, kept = 0, True
    while at < frames:
        length = chance.randint(1, 21) if kept else chance.randint(1, 12)
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
    with shelf.mine():
        jobs = [encode.job(plan, plan.variants[0], c, KIT, encode.Quality("ultrafast", 12)) for c in chunks(plan, plan.variants[0])]
        render.make_missing(jobs, shelf)
        return [render.part(shelf, job) for job in jobs]


SOURCES = {
    "constant-30": (patterns.constant(Fraction(30), 60), Fraction(30), {}),
    "constant-29.97": (patterns.constant(Fraction(30000, 1001), 60), Fraction(30000, 1001), {}),
    "variable": (patterns.variable(60), Fraction(30), {}),
    "picture-late": (patterns.constant(Fraction(30), 40), Fraction(30), {"picture_late": Fraction(1, 4)}),
    "hevc-10-bit": (
        patterns.constant(Fraction(30), 30),
        Fraction(30),
        {
            "codec": "libx265",
            "pixel_format": "yuv420p10le",
            "options": {"preset": "ultrafast", "crf": "18", "x265-params": "log-level=none:keyint=90:open-gop=1:bframes=4"},
        },
    ),
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
def test_the_same_inputs_give_the_same_bytes(tmp_path):
    clip = media.probe(patterns.write(tmp_path / "clip.mp4", patterns.variable(20)))
    plan = plan_of([clip], random_cuts(590), Fraction(30))
    first, second = (render_pictures(plan, tmp_path / name) for name in ("one", "two"))
    assert [_video_bytes(path) for path in first] == [_video_bytes(path) for path in second]


def _video_bytes(path: Path) -> str:
    with av.open(str(path)) as container:
        packets = b"".join(bytes(packet) for packet in container.demux(video=0))
    return hashlib.sha256(packets).hexdigest()
