"""The main job, as a user does it: the demo clip becomes finished videos; what comes out is measured."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any

import av
import pytest
from pydantic import TypeAdapter

from pipeline.model import Plan, Variant
from pipeline.workspace import product_assets
from tests import caption_linter, readme, watching
from tests.conftest import ROOT, run_candid

pytestmark = pytest.mark.slow
DEMO = product_assets() / "demo" / "demo.mp4"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def made(workspace) -> dict[str, Any]:
    """The demo, rendered once for all tests of this file."""
    said = run_candid(workspace, "demo", "--json")
    assert said.status == 0, said.err
    (take,) = said.takes
    return take


@pytest.fixture(scope="module")
def plan(made) -> Plan:
    return TypeAdapter(Plan).validate_json(Path(made["plan"]).read_bytes())


def _variant(plan: Plan, name: str) -> Variant:
    return next(variant for variant in plan.variants if variant.name == name)


def test_the_json_keeps_the_promise(made):
    assert made["status"] == "made" and made["error"] is None
    assert set(made["videos"]) == {"landscape", "vertical"}
    named = [made["words"], made["plan"], made["thumbnail"], made["report"], *made["captions"].values()]
    assert all(Path(path).is_file() for path in [*named, *made["videos"].values()])
    report = json.loads(Path(made["report"]).read_text())
    assert {"clip_seconds", "video_seconds", "pieces", "words", "captions", "sound", "brand", "chunks", "took"} <= set(
        report
    )
    assert set(report["took"]) >= {"probe", "transcribe", "listen", "plan", "graphics", "render", "total"}


@pytest.mark.parametrize("name", ["landscape", "vertical"])
def test_a_video_is_as_long_as_planned_to_the_frame(name, made, plan):
    variant = _variant(plan, name)
    frames, rate = watching.count(Path(made["videos"][name]))
    assert (frames, rate) == (variant.frames, plan.fps)
    assert abs(watching.sound_seconds(Path(made["videos"][name])) - variant.frames / plan.fps) < 0.05


@pytest.mark.parametrize("name", ["landscape", "vertical"])
def test_the_sound_is_as_loud_as_promised(name, made):
    lufs, peak = watching.loudness(Path(made["videos"][name]))
    report = json.loads(Path(made["report"]).read_text())
    assert abs(lufs + 14) <= 0.5
    assert peak <= -1.0
    assert abs(report["sound"]["lufs"] - lufs) < 0.15


@pytest.mark.parametrize("name", ["landscape", "vertical"])
def test_captions_stand_where_they_should_and_nowhere_else(name, made, plan):
    variant = _variant(plan, name)
    middle = {(cue.start + cue.end) // 2 for cue in variant.cues}
    bare = _between(plan, variant)
    pictures = watching.frames(Path(made["videos"][name]), middle | bare)
    assert middle and bare
    assert all(watching.bright(pictures[n], variant.format.captions) > 0.003 for n in middle)
    assert all(watching.bright(pictures[n], variant.format.captions) < 0.002 for n in bare)


def test_every_srt_and_vtt_is_judged_by_the_linter(made):
    judged = {path.name for path in caption_linter.judge_takes(Path(made["folder"]))}
    assert judged == {f"{name}.{kind}" for name in ("landscape", "vertical") for kind in ("srt", "vtt")}


def _between(plan: Plan, variant: Variant) -> set[int]:
    """Frames without a caption, the two between one and the next among them, before white piano keys lie about."""
    at = variant.opening.frames if variant.opening else 0
    calm: list[int] = []
    for piece in takewhile(lambda piece: piece.reason.startswith("speech"), plan.kept):
        calm += range(at + 5, at + piece.frames - 5)
        at += piece.frames
    shown = {n for cue in variant.cues for n in range(cue.start, cue.end)}
    return set(calm) - shown


def test_the_brand_is_there_and_absent_where_it_is_not_wanted(tmp_path, made, plan):
    said = run_candid(tmp_path, "render", DEMO, "--unbranded", "--json")
    assert said.status == 0, said.err
    (plain,) = said.takes
    unbranded = TypeAdapter(Plan).validate_json(Path(plain["plan"]).read_bytes()).variants[0]
    branded = _variant(plan, "landscape")
    logo = branded.format.logo
    start = branded.opening.frames if branded.opening else 0
    with_logo = watching.frames(Path(made["videos"]["landscape"]), {start + 3})[start + 3]
    without = watching.frames(Path(plain["videos"]["landscape-unbranded"]), {3})[3]
    assert unbranded.opening is None and unbranded.closing is None and unbranded.layers == ()
    assert watching.differs(with_logo, without, logo) > 0.05
    assert unbranded.footprint_percent == 0


def test_the_brand_stays_light(made):
    report = json.loads(Path(made["report"]).read_text())
    assert 0 < report["brand"]["footprint_percent"] <= 2.0
    assert report["brand"]["bumper_seconds"] <= 1.5


def test_pauses_are_cut_and_the_destruction_is_kept(plan):
    assert all(piece.reason for piece in plan.pieces)
    dropped = sum(piece.frames for piece in plan.pieces if not piece.kept)
    assert dropped / plan.fps > 3
    action = [piece for piece in plan.pieces if piece.kept and "action" in piece.reason.lower()]
    assert sum(piece.frames for piece in action) / plan.fps > 2


def test_captions_hold_the_standards(made):
    report = json.loads(Path(made["report"]).read_text())
    assert report["captions"]["violations"] == []
    srt, vtt = (Path(made["captions"][kind]).read_text() for kind in ("srt", "vtt"))
    assert srt.startswith("1\n00:00:0") and vtt.startswith("WEBVTT")
    assert "\\" not in srt and "{" not in srt


def test_a_second_run_renders_nothing(workspace, made):
    before = {path: path.stat().st_mtime_ns for path in Path(made["folder"]).glob("*.*")}
    said = run_candid(workspace, "demo", "--json")
    assert said.takes[0]["status"] == "kept"
    assert {path: path.stat().st_mtime_ns for path in Path(made["folder"]).glob("*.*")} == before


def test_a_word_corrected_by_hand_makes_one_chunk_a_video_anew(workspace, made, plan):
    words = Path(made["words"])
    original = words.read_text()
    told = json.loads(original)
    told["words"][5]["text"] = "Zebra"
    words.write_text(json.dumps(told))
    forgotten = Path(made["folder"]) / "chunks" / "forgotten.mp4"
    forgotten.touch()
    os.utime(forgotten, (1, 1))
    said = run_candid(workspace, "demo", "--json")
    report = json.loads(Path(said.takes[0]["report"]).read_text())
    assert said.takes[0]["status"] == "made"
    assert not forgotten.exists(), "what nobody used for two weeks goes"
    assert 1 <= report["chunks"]["made"] <= 2 * len(plan.variants)
    assert report["chunks"]["kept"] >= report["chunks"]["made"]
    assert "Zebra" in Path(said.takes[0]["captions"]["srt"]).read_text()
    words.write_text(original)
    back = run_candid(workspace, "demo", "--json")
    assert json.loads(Path(back.takes[0]["report"]).read_text())["chunks"]["made"] == 0


def test_a_dry_run_says_what_would_be_done_and_renders_nothing(candid, tmp_path):
    said = candid("render", DEMO, "--dry-run")
    assert said.status == 0, said.err
    assert " cut " in said.out and "pause" in said.out and "keep" in said.out and "Captions" in said.out
    assert list((tmp_path / "output").rglob("*.mp4")) == []


def test_several_clips_make_several_videos_and_one_that_fails_stops_nobody(candid, tmp_path):
    first, second = _short(tmp_path / "one.mp4", 0, 3), _short(tmp_path / "two.mp4", 3, 6)
    said = candid("render", first, tmp_path / "missing.mp4", second, "--unbranded", "--json")
    assert said.status == 1
    assert [take["status"] for take in said.takes] == ["made", "failed", "made"]
    assert said.takes[1]["error"]["what"] and said.takes[1]["error"]["do"]


def test_joined_clips_make_one_video_in_their_order(candid, tmp_path):
    first, second = _short(tmp_path / "one.mp4", 0, 3), tmp_path / "two.mp4"
    _tiny(second)
    said = candid("render", first, second, "--join", "--keep-everything", "--unbranded", "--json")
    assert said.status == 0, said.err
    (take,) = said.takes
    plan = TypeAdapter(Plan).validate_json(Path(take["plan"]).read_bytes())
    video = Path(take["videos"]["landscape-unbranded"])
    assert [piece.clip for piece in plan.kept] == sorted(piece.clip for piece in plan.kept)
    assert {piece.clip for piece in plan.kept} == {0, 1}
    assert watching.count(video)[0] == plan.variants[0].frames
    last = plan.variants[0].frames - 5
    red, green, blue = watching.frames(video, {last})[last][540, 960]
    assert (red > 150, green < 90, blue < 90) == (True, True, True)


def _short(path: Path, start: int, end: int) -> Path:
    from pipeline import ffmpeg

    ffmpeg.run(["-ss", str(start), "-t", str(end - start), "-i", str(DEMO), "-preset", "ultrafast", str(path)])
    return path


def _tiny(path: Path) -> None:
    """Red, 24 pictures a second, 160x120, mono at 8 kHz: as different from the demo clip as can be."""
    from pipeline import ffmpeg

    inputs = ["-f", "lavfi", "-i", "color=red:s=160x120:r=24:d=2", "-f", "lavfi", "-i", "sine=300:r=8000:d=2"]
    ffmpeg.run([*inputs, "-c:a", "aac", str(path)])


def test_the_thumbnail_is_a_picture_of_the_format(made):
    for path in Path(made["folder"]).glob("thumbnail*.jpg"):
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0))
            assert (picture.width, picture.height) == (1920, 1080)
            assert picture.to_ndarray(format="gray").std() > 20
    assert len(list(Path(made["folder"]).glob("thumbnail*.jpg"))) == 3


def test_a_moved_workspace_needs_no_new_chunks(workspace, made, tmp_path):
    shutil.copytree(workspace / "output", tmp_path / "output")
    said = run_candid(tmp_path, "demo", "--json")
    report = json.loads(Path(said.takes[0]["report"]).read_text())
    assert report["chunks"]["made"] == 0


def test_the_frame_rate_is_that_of_the_clip(plan):
    assert plan.fps == Fraction(30)


def test_the_readme_shows_what_is_printed(workspace, made):
    """Times apart: they are another machine's."""
    shown = dict(readme.blocks((ROOT / "README.md").read_text(encoding="utf-8")))
    summary = run_candid(workspace, "demo").out.replace(f"{workspace}/", "")
    assert shown["candid demo"].splitlines()[1:] == summary.splitlines()[1:]
    dry = next(command for command in shown if "--dry-run" in command)
    words = [str(ROOT / word) if (ROOT / word).exists() else word for word in dry.split()[1:]]
    assert run_candid(workspace, *words).out.splitlines() == shown[dry].splitlines()
