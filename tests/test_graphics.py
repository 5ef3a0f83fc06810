"""The brand's graphics, decoded and looked at as pixels:

where they are, where they are not, and that nothing runs out.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline import artwork, brand, graphics, layout
from pipeline.model import Brand, Card, Layer, Person, Plan, Variant
from pipeline.shelf import Store
from pipeline.workspace import product_assets

BRAND = brand.load(product_assets() / "brands" / "default")
ROBOT = Person("robot", "The Candid robot", "Synthesized voice", "I am the demo of Candid")
LONG = Person("long", "Donaudampfschifffahrtsgesellschaftskapitänswitwe " * 3, "Head of " * 30, "I work at " + "x" * 90)
FORMATS = list(layout.FORMATS.values())


def _plan(shape, frames: int = 60, title: str = "Servers") -> tuple[Plan, Variant]:
    layers = (Layer("logo", 30, 60, shape.logo), Layer("lower_third", 30, 30 + frames, shape.lower_third))
    cards = [Card(kind, 0, 0, 30, layout.ink(kind, shape)) for kind in ("bumper", "end_card")]
    variant = Variant(shape.name, shape, True, (), layers, cards[0], cards[1], 120, 0.0, ())
    return Plan(Fraction(30), (), (), (variant,), "blur", title), variant


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("drawn"), ".mov")


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]


@pytest.mark.slow
@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_every_graphic_has_its_size_and_length_and_fades(shape, store):
    plan, variant = _plan(shape)
    drawn = graphics.draw(plan, variant, BRAND, ROBOT, store)
    assert set(drawn) == {"logo", "lower_third", "bumper", "end_card"}
    with Image.open(drawn["logo"]) as logo:
        assert (logo.size, logo.mode) == ((shape.logo.width, shape.logo.height), "RGBA")
    for kind, place, count in (
        ("lower_third", shape.lower_third, 60),
        ("bumper", layout.ink("bumper", shape), 30),
        ("end_card", layout.ink("end_card", shape), 30),
    ):
        frames = _frames(drawn[kind])
        assert len(frames) == count
        assert frames[0].shape == (place.height, place.width, 4)
        assert frames[0][..., 3].max() == 0, "fades in from nothing"
        assert frames[-1][..., 3].max() < 120, "is nearly gone at the end"
        assert frames[count // 2][..., 3].max() > 200


@pytest.mark.slow
def test_colors_are_those_of_the_brand(store):
    plan, variant = _plan(FORMATS[0])
    middle = _frames(graphics.draw(plan, variant, BRAND, ROBOT, store)["lower_third"])[30]
    bar, plate = middle[70, 3], middle[70, -8]
    assert tuple(bar[:3]) == BRAND.colors.accent and bar[3] == 255
    assert np.abs(plate[:3].astype(int) - BRAND.colors.background).max() <= 1 and 200 < plate[3] < 250


@pytest.mark.slow
def test_what_was_drawn_once_is_not_drawn_again(store, monkeypatch):
    plan, variant = _plan(FORMATS[0])
    first = graphics.draw(plan, variant, BRAND, ROBOT, store)
    monkeypatch.setattr(graphics, "_animated", lambda *arguments: pytest.fail("it is there"))
    assert graphics.draw(plan, variant, BRAND, ROBOT, store) == first
    for brand_now, person in ((BRAND, replace(ROBOT, title="Another")), (replace(BRAND, bar="top"), ROBOT)):
        with pytest.raises(pytest.fail.Exception):
            graphics.draw(plan, variant, brand_now, person, store)


@pytest.mark.slow
def test_the_same_drawing_has_the_same_bytes(tmp_path):
    plan, variant = _plan(FORMATS[0])
    drawn = [graphics.draw(plan, variant, BRAND, ROBOT, Store(tmp_path / name, ".mov")) for name in ("a", "b")]
    assert all(drawn[0][kind].read_bytes() == drawn[1][kind].read_bytes() for kind in drawn[0])


def _ink(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.getchannel("A")) > 0


@pytest.mark.parametrize(
    "title", ["Servers", "The most creative way to destroy a server " * 6, "x" * 400, "平和 🎬", ""]
)
@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_titles_stay_inside_however_long(title, shape):
    rect = layout.ink("bumper", shape)
    picture = np.asarray(artwork.bumper(BRAND, title, (rect.width, rect.height)))
    ink = (picture[..., :3].min(axis=2) > 60) & (picture[..., 3] > 128)
    assert ink.any()
    assert not ink[:, -3:].any() and not ink[-3:].any()


@pytest.mark.parametrize("bar", brand.BARS)
@pytest.mark.parametrize("person", [ROBOT, LONG, Person("n", "N"), Person("h", "a\x00b\nc\x1b[31m")])
@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_names_stay_on_their_plate(person, shape, bar):
    size = (shape.lower_third.width, shape.lower_third.height)
    picture = np.asarray(artwork.lower_third(replace(BRAND, bar=bar), person, size))
    bright = picture[..., :3].min(axis=2) > 200
    assert bright.any()
    assert not bright[:3].any() and not bright[-3:].any() and not bright[:, -10:].any()


@pytest.mark.parametrize("bar", brand.BARS)
@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_the_bar_lies_on_its_side_and_the_name_keeps_away_from_it(shape, bar):
    size = (shape.lower_third.width, shape.lower_third.height)
    picture = np.asarray(artwork.lower_third(replace(BRAND, bar=bar), ROBOT, size)).astype(int)
    thick = round(8 * size[1] / 144)
    accent = (picture == (*BRAND.colors.accent, 255)).all(axis=2)
    side = {"left": np.s_[:, :thick], "top": np.s_[:thick, :], "bottom": np.s_[-thick:, :]}[bar]
    assert accent[side].all()
    text = np.abs(picture[..., :3] - BRAND.colors.background).max(axis=2) > 60
    text[side] = False
    rows, columns = np.flatnonzero(text.any(axis=1)), np.flatnonzero(text.any(axis=0))
    first, last = (thick if bar == "top" else 0), size[1] - (thick if bar == "bottom" else 0)
    above, below = rows[0] - first, last - 1 - rows[-1]
    assert min(above, below) >= 6 and abs(above - below) <= 10, "in the middle of the room that the bar leaves"
    assert columns[0] >= 12


def test_the_title_on_a_thumbnail_can_be_read_on_white():
    white = Image.new("RGB", (1920, 1080), (255, 255, 255))
    box = (115, 486, 1805, 1026)
    titled = np.asarray(artwork.title_over(white, BRAND, "The most creative way to destroy a server", box))
    inside = titled[box[1] : box[3], box[0] : box[2]].min(axis=2)
    assert (inside > 240).mean() > 0.02, "letters"
    assert np.median(inside[-200:]) < 110, "on a dark ground"
    assert np.array_equal(titled[:150], np.asarray(white)[:150])


def test_what_the_font_cannot_draw_is_left_out():
    plain, with_emoji = (artwork.bumper(BRAND, title, (1400, 420)) for title in ("Servers", "Servers 🎬"))
    assert np.array_equal(np.asarray(plain), np.asarray(with_emoji))


@pytest.mark.parametrize("title", ["平和 🎬", "", "\x00"])
def test_a_title_that_cannot_be_drawn_leaves_the_brands_own_large(title):
    plain = np.asarray(artwork.bumper(BRAND, BRAND.title, (1400, 420)))
    shown = np.asarray(artwork.bumper(BRAND, title, (1400, 420)))
    big, small = (
        np.flatnonzero(((p[..., :3].min(axis=2) > 200) & (p[..., 3] > 128)).any(axis=1)) for p in (shown, plain)
    )
    assert big[-1] - big[0] >= small[-1] - small[0] > 50


@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_a_short_title_stands_large_in_the_middle_of_the_bumper(shape):
    rect = layout.ink("bumper", shape)
    picture = np.asarray(artwork.bumper(BRAND, "The most creative way to destroy a server", (rect.width, rect.height)))
    letters = (picture[..., :3].min(axis=2) > 200) & (picture[..., 3] > 128)
    rows, columns = np.flatnonzero(letters.any(axis=1)), np.flatnonzero(letters.any(axis=0))
    assert abs((rows[0] + rows[-1]) / 2 / rect.height - 0.5) < 0.12
    assert columns[-1] - columns[0] > 0.6 * min(rect.width, 900)


def test_the_logo_keeps_its_shape():
    assert BRAND.logo is not None
    ink = _ink(artwork.logo(BRAND.logo, (300, 300)))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert columns[-1] - columns[0] > 2 * (rows[-1] - rows[0])
    assert abs((rows[0] + rows[-1]) / 2 - 150) < 12


def _with(**colors: tuple[int, int, int]) -> Brand:
    return replace(BRAND, colors=replace(BRAND.colors, **colors))


def test_the_brand_colors_reach_the_end_card():
    picture = np.asarray(artwork.end_card(_with(background=(200, 30, 40)), None, (880, 176)))
    assert tuple(picture[88, 20, :3]) == (200, 30, 40)
