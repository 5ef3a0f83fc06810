"""Pictures come out in the right colors, upright, whole, and under a key that knows what matters and nothing else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline import encode, graphics, media, render
from pipeline.chunks import Chunk, Stretch, chunks
from pipeline.model import Card, Clip, Cue, CueWord, Format, Layer, Piece, Plan, Rect, Variant
from pipeline.shelf import Shelf, Store
from tests.clips import made
from tests.test_render import BRAND

ROOM = Rect(40, 150, 240, 80)
SHAPE = Format("small", 320, 240, ROOM, Rect(20, 20, 120, 60), Rect(260, 20, 40, 40))
KIT = encode.Kit(BRAND, {}, BRAND.fonts)


def _plan(clip: Clip, *, layers=(), cues=(), card: Card | None = None, fit: str = "blur", frames: int = 30) -> Plan:
    total = frames + (card.frames if card else 0)
    variant = Variant("small", SHAPE, True, cues, layers, card, None, total, 0.0, ())
    pieces = (Piece(0, 0, frames, True, ""),)
    return Plan(Fraction(30), (clip,), pieces, (variant,), fit, "")


def _rendered(plan: Plan, folder: Path, kit: encode.Kit = KIT) -> list[np.ndarray]:
    shelf = Shelf(folder / "take")
    with shelf.mine():
        jobs = [
            encode.job(plan, plan.variants[0], chunk, kit, encode.Quality(crf=8))
            for chunk in chunks(plan, plan.variants[0])
        ]
        render.make_missing(jobs, render.Site(shelf, {}, lambda: None), lambda frames: None)
        return [_rgb(frame) for job in jobs for frame in _decoded(shelf.chunks.path(job.key))]


def _decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """As a player shows it: BT.709, video range."""
    return frame.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709")


def _color_clip(folder: Path, color: str, *, size: str = "320x240", options: tuple[str, ...] = ()) -> Clip:
    tags = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    graph = (
        f"color={color}:s={size}:r=30:d=1,format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{tags}"
    )
    return media.probe(made(folder, "clip.mp4", "-f", "lavfi", "-i", graph, "-crf", "8", *options))


@pytest.mark.slow
@pytest.mark.parametrize("color", [(200, 30, 40), (20, 160, 90), (240, 240, 240)])
def test_footage_keeps_its_color(color, tmp_path):
    clip = _color_clip(tmp_path, "0x{:02x}{:02x}{:02x}".format(*color))
    shown = _rendered(_plan(clip), tmp_path)[10][120, 160]
    assert np.abs(shown.astype(int) - color).max() <= 4


@pytest.mark.slow
def test_a_layer_keeps_its_color_begins_and_ends_on_its_frames(tmp_path):
    Image.new("RGBA", (40, 40), (200, 30, 40, 255)).save(tmp_path / "red.png")
    clip = _color_clip(tmp_path, "gray")
    plan = _plan(clip, layers=(Layer("logo", 0, 30, SHAPE.logo),))
    frames = _rendered(plan, tmp_path, replace(KIT, graphics={"logo": tmp_path / "red.png"}))
    assert all(np.abs(frame[40, 280].astype(int) - (200, 30, 40)).max() <= 4 for frame in frames)
    assert np.abs(frames[10][40, 240].astype(int) - frames[10][200, 20]).max() <= 2


@pytest.mark.slow
def test_a_clip_with_alpha_is_shown_from_its_first_to_its_last_frame(tmp_path):
    red = (bytes((200, 30, 40, 255)) * 120 * 60 for _ in range(12))
    graphics._write(red, (120, 60), Fraction(30), tmp_path / "red.mov")
    plan = _plan(_color_clip(tmp_path, "gray"), layers=(Layer("lower_third", 9, 21, SHAPE.lower_third),))
    frames = _rendered(plan, tmp_path, replace(KIT, graphics={"lower_third": tmp_path / "red.mov"}))
    seen = [n for n, frame in enumerate(frames) if frame[50, 60, 0] > 160 and frame[50, 60, 1] < 80]
    assert seen == list(range(9, 21))


@pytest.mark.slow
def test_hdr_becomes_bt709_at_the_levels_people_expect(tmp_path):
    """HLG at 75 % is reference white (ITU-R BT.2408); it becomes 90 % here, and 50 % becomes 56 %."""
    bars = (
        "color=black:s=320x240:r=30:d=1,format=yuv420p10le,geq=lum='if(lt(X,160),64+876*0.5,64+876*0.75)':cb=512:cr=512"
    )
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv"
    codec = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=none:crf=8",
        "-pix_fmt",
        "yuv420p10le",
    ]
    clip = media.probe(made(tmp_path, "hlg.mp4", "-f", "lavfi", "-i", f"{bars},{tags}", *codec))
    assert clip.picture is not None and clip.picture.hdr == "hlg"
    shown = _rendered(_plan(clip), tmp_path)[10]
    assert abs(shown[120, 60].mean() / 255 - 0.56) < 0.04
    assert abs(shown[120, 260].mean() / 255 - 0.90) < 0.04


@pytest.mark.slow
def test_a_portrait_clip_stands_upright_and_whole_over_its_own_blur(tmp_path):
    halves = "color=red:s=240x320:r=30:d=1,drawbox=y=160:h=160:color=blue:t=fill,format=yuv420p"
    flat = made(tmp_path, "flat.mp4", "-f", "lavfi", "-i", f"{halves},transpose=1")
    turned = made(tmp_path, "clip.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    clip = media.probe(turned)
    assert clip.picture is not None and (clip.picture.width, clip.picture.height) == (240, 320)
    shown = _rendered(_plan(clip), tmp_path)[10]
    above, below = shown[40, 160].astype(int), shown[200, 160].astype(int)
    assert {int(above.argmax()), int(below.argmax())} == {0, 2}
    inside = np.abs(np.diff(shown[40].astype(int), axis=0)).sum(axis=1)
    edges = np.flatnonzero(inside > 20)
    assert len(edges) and abs(edges[0] - 70) <= 3 and abs(edges[-1] - 249) <= 3, "180 of 320 columns are the clip"


@pytest.mark.slow
def test_crop_fills_the_frame(tmp_path):
    clip = _color_clip(tmp_path, "0x20a060", size="240x320")
    shown = _rendered(_plan(clip, fit="crop"), tmp_path)[10]
    assert np.abs(shown.astype(int) - shown[120, 160]).max() <= 3


@pytest.mark.slow
def test_pixels_that_are_not_square_are_made_square(tmp_path):
    disc = "color=black:s=320x240:r=30:d=1,geq=lum='if(lt(pow((X-160)*2/3,2)+pow(Y-120,2),3600),235,16)':cb=128:cr=128"
    clip = media.probe(made(tmp_path, "clip.mp4", "-f", "lavfi", "-i", f"{disc},setsar=2/3,format=yuv420p"))
    shown = _rendered(_plan(clip), tmp_path)[10].mean(axis=2)[:, 60:260] > 180
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert abs((rows[-1] - rows[0]) - (columns[-1] - columns[0])) <= 4


@pytest.mark.slow
def test_a_card_is_held_blurred_and_as_long_as_planned(tmp_path):
    graphics._write((bytes(4 * 120 * 60) for _ in range(15)), (120, 60), Fraction(30), tmp_path / "clear.mov")
    clip = media.probe(
        made(tmp_path, "clip.mp4", "-f", "lavfi", "-i", "testsrc=s=320x240:r=30:d=1", "-pix_fmt", "yuv420p")
    )
    plan = _plan(clip, card=Card("bumper", 0, 0, 15, SHAPE.lower_third))
    frames = _rendered(plan, tmp_path, replace(KIT, graphics={"bumper": tmp_path / "clear.mov"}))
    assert len(frames) == 45
    assert np.abs(frames[0].astype(int) - frames[14]).mean() < 1.5
    assert frames[5].mean() < 0.7 * frames[20].mean()


@pytest.mark.slow
def test_a_chunk_past_the_last_picture_holds_it(tmp_path):
    clip = _color_clip(tmp_path, "0x20a060")
    plan = _plan(replace(clip, duration_ms=3000), frames=90)
    frames = _rendered(plan, tmp_path)
    assert len(frames) == 90
    assert np.abs(frames[-1].astype(int) - frames[0]).max() <= 3


# --- keys -------------------------------------------------------------------------------------------------------------

CLIP = "clip.mp4"


@pytest.fixture
def clip(tmp_path) -> Clip:
    return _color_clip(tmp_path, "gray")


def _key(plan: Plan, chunk: Chunk, kit: encode.Kit = KIT) -> str:
    return encode.job(plan, plan.variants[0], chunk, kit, encode.Quality()).key


def _chunk(at: int = 0, start: int = 3, frames: int = 20) -> Chunk:
    return Chunk(0, (Stretch(start, start + frames),), at, frames)


def test_a_key_does_not_know_where_in_the_video_its_chunk_lies(clip):
    cue = Cue(5, 15, ((CueWord("word", 5, 15),),))
    later = Cue(105, 115, ((CueWord("word", 105, 115),),))
    assert _key(_plan(clip, cues=(cue,)), _chunk(0)) == _key(_plan(clip, cues=(later,)), _chunk(100))


def test_a_key_does_not_know_paths(clip, tmp_path):
    moved = replace(clip, path=tmp_path / "elsewhere" / "clip.mp4")
    assert _key(_plan(clip), _chunk()) == _key(_plan(moved), _chunk())


def test_a_key_knows_all_that_changes_pixels(clip, tmp_path):
    plan = _plan(clip)
    cue = Cue(5, 15, ((CueWord("word", 5, 15),),))
    Image.new("RGBA", (40, 40), (200, 30, 40, 255)).save(tmp_path / "red.png")
    logo = replace(KIT, graphics={"logo": tmp_path / "red.png"})
    keys = [
        _key(plan, _chunk()),
        _key(plan, _chunk(start=4)),
        _key(_plan(replace(clip, sha256="other")), _chunk()),
        _key(_plan(clip, cues=(cue,)), _chunk()),
        _key(_plan(clip, cues=(Cue(5, 15, ((CueWord("Word", 5, 15),),)),)), _chunk()),
        _key(_plan(clip, layers=(Layer("logo", 0, 30, SHAPE.logo),)), _chunk(), logo),
        encode.job(plan, plan.variants[0], _chunk(), KIT, encode.Quality(crf=21)).key,
    ]
    assert len(set(keys)) == len(keys)


def test_the_command_is_a_value_without_a_path_of_this_machine(clip):
    job = encode.job(_plan(clip), _plan(clip).variants[0], _chunk(), KIT, encode.Quality())
    assert not any(str(clip.path.parent) in part for part in job.arguments)
    assert f"file:{clip.path}" in job.run_on(clip.path)


def test_a_store_is_asked_for_what_it_has(tmp_path):
    assert not Store(tmp_path, ".mp4").has("nothing")
