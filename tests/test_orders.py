"""From what somebody asks for to an order: the name of a take means what was asked for when it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import orders
from pipeline.errors import ClipError
from pipeline.orders import Wanted
from pipeline.shelf import Shelf
from pipeline.workspace import Workspace, product_assets

DEMO = product_assets() / "demo"
ASKED = Wanted(
    str(DEMO / "recipe.toml"), str(DEMO / "demo.toml"), "Tea", {"formats": ["square"], "trim": {"end": 5.0}},
    "faster-whisper",
)  # fmt: skip


@pytest.fixture
def space(tmp_path) -> Workspace:
    (tmp_path / "other").mkdir()
    for name in ("talk.mp4", "other/talk.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return Workspace(tmp_path)


def _of(space: Workspace, *names: str, wanted: Wanted = ASKED):
    return orders.order(space, tuple(str(space.root / name) for name in names), wanted)[0]


def test_the_name_of_a_take_means_what_was_asked_for(space):
    first = _of(space, "talk.mp4")
    assert first.person is not None and first.recipe.formats == ("square",) and first.recipe.trim.end_ms == 5000
    assert orders.order(space, ("talk",), Wanted())[0] == first


def test_an_engine_that_candid_no_longer_has_is_not_asked_for_again(space):
    _of(space, "talk.mp4", wanted=Wanted(transcriber="pocketsphinx"))
    assert orders.order(space, ("talk",), Wanted())[0].transcriber == "auto"


def test_what_is_asked_now_stands_above_it(space):
    _of(space, "talk.mp4")
    again, _ = orders.order(space, ("talk",), Wanted(topic="Coffee", settings={"trim": {"start": 1.0}}))
    assert (again.recipe.topic, again.recipe.trim.start_ms, again.recipe.trim.end_ms) == ("Coffee", 1000, 5000)
    assert again.recipe.formats == ("square",)
    assert orders.order(space, ("talk",), Wanted())[0] == again, "and is what was asked for from then on"


def test_the_clip_itself_means_only_what_is_asked_now(space):
    _of(space, "talk.mp4")
    plain = _of(space, "talk.mp4", wanted=Wanted())
    assert plain.person is None and plain.recipe.topic == "" and plain.transcriber == "auto"


def test_a_recipe_is_found_from_every_folder(space, monkeypatch):
    (space.root / "mine.toml").write_text('topic = "Ours"\n')
    monkeypatch.chdir(space.root)
    _of(space, "talk.mp4", wanted=Wanted("mine.toml"))
    monkeypatch.chdir(space.root / "other")
    assert orders.order(space, ("talk",), Wanted())[0].recipe.topic == "Ours"


@pytest.mark.parametrize("names", [("other/talk.mp4",), ("talk.mp4", "other/talk.mp4")])
def test_a_take_with_a_mark_has_a_name_too(space, names):
    _of(space, "talk.mp4")
    second = _of(space, *names)
    assert second.take.startswith("talk-") and space.clips_of(second.take) == second.clips
    assert orders.order(space, (second.take,), Wanted())[0] == second


def test_one_clip_twice_is_refused_before_a_folder_is_made(space):
    with pytest.raises(ClipError, match=r"talk\.mp4 is named twice"):
        _of(space, "talk.mp4", "other/../talk.mp4")
    assert not space.output.exists()


def test_what_another_version_noted_is_passed_over(space):
    _of(space, "talk.mp4")
    Shelf(space.output / "talk").note(".asked", {"recipe": 3})
    assert orders.asked(Shelf(space.output / "talk")) == Wanted()
    assert orders.order(space, ("talk",), Wanted())[0].clips == (Path(space.root / "talk.mp4"),)
