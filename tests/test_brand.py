"""Brand, person and recipe files: what they say arrives, and what is wrong in them is said with line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipeline import brand, people, recipes
from pipeline.colors import contrast
from pipeline.errors import RecipeError
from pipeline.model import Colors, Recipe
from pipeline.workspace import Workspace, product_assets, slug

DEFAULT = product_assets() / "brands" / "default"


# Known pairs: https://webaim.org/resources/contrastchecker/ and the extremes of WCAG's definition.
@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((255, 255, 255), (255, 255, 255), 1.0),
        ((119, 119, 119), (255, 255, 255), 4.48),
        ((255, 0, 0), (255, 255, 255), 4.0),
    ],
)
def test_contrast_is_that_of_wcag(a, b, ratio):
    assert contrast(a, b) == pytest.approx(ratio, abs=0.01)
    assert contrast(b, a) == contrast(a, b)


def test_the_default_brand_is_readable_and_light():
    found = brand.load(DEFAULT)
    assert brand.warnings(found) == ()
    assert found.bumper_ms <= 1500
    assert found.logo is not None and len(found.fonts) == 2


def _brand(tmp_path: Path, text: str) -> Path:
    (tmp_path / "brand.toml").write_text(text)
    return tmp_path


def test_pale_text_is_warned_of(tmp_path):
    found = brand.load(_brand(tmp_path, '[colors]\nbackground = "#ffffff"\ntext = "#dddddd"\naccent = "#eeeeee"\n'))
    assert found.colors == Colors((255, 255, 255), (221, 221, 221), (238, 238, 238))
    assert len(brand.warnings(found)) == 2
    assert "contrast 1.4, 4.5 is wanted" in brand.warnings(found)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('titel = "x"', r"line 1: there is no key 'titel'. Did you mean 'title'\?"),
        ("bumper = 3", r"line 1: bumper = 3 is wrong. Input should be less than or equal to 1.5"),
        ('[colors]\ntext = "white"', r"line 2: colors.text = 'white' is wrong"),
        ("title = ", "no valid TOML"),
        ('logo = "../logo.png"', "outside the brand's folder"),
        ('logo = "missing.png"', "not in"),
        ('logo = "brand.toml"', "no picture that can be read"),
    ],
)
def test_a_wrong_brand_is_answered_with_the_cure(text, says, tmp_path):
    with pytest.raises(RecipeError, match=says):
        brand.load(_brand(tmp_path, text))


def test_a_logo_that_links_out_of_the_folder_is_refused(tmp_path):
    Image.new("RGBA", (10, 10)).save(tmp_path / "secret.png")
    folder = tmp_path / "brand"
    folder.mkdir()
    (folder / "logo.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(RecipeError, match="outside"):
        brand.load(_brand(folder, 'logo = "logo.png"'))


def test_a_font_that_links_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "brand"
    (folder / "fonts").mkdir(parents=True)
    (tmp_path / "secret.ttf").write_bytes(brand.load(DEFAULT).fonts[0].read_bytes())
    (folder / "fonts" / "a.ttf").symlink_to(tmp_path / "secret.ttf")
    with pytest.raises(RecipeError, match=r"font 'a.ttf' lies outside the brand's folder"):
        brand.load(_brand(folder, ""))


@pytest.mark.parametrize("name", ["logo.png", "logo.jpg"])
def test_a_logo_that_was_cut_off_is_refused_before_anything_is_drawn(name, tmp_path):
    path = tmp_path / name
    Image.effect_noise((300, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RecipeError, match="no picture that can be read"):
        brand.load(_brand(tmp_path, f'logo = "{name}"'))


def test_a_logo_of_too_many_pixels_is_refused(tmp_path):
    Image.new("1", (12_000, 9_000)).save(tmp_path / "big.png")
    with pytest.raises(RecipeError, match="12000x9000 pixels, which is too large"):
        brand.load(_brand(tmp_path, 'logo = "big.png"'))


def test_an_unknown_brand_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(RecipeError, match="Known: default"):
        Workspace(tmp_path).brand("../../etc")


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_a_recipe_says_what_it_says(tmp_path):
    path = tmp_path / "servers.toml"
    path.write_text(
        'topic = "Servers"\nformats = ["vertical", "landscape-unbranded"]\n[trim]\npause = 0.4\nstart = 1.5\n'
    )
    found = recipes.load(path)
    assert (found.slug, found.topic, found.formats) == ("servers", "Servers", ("vertical", "landscape-unbranded"))
    assert (found.trim.pause_ms, found.trim.start_ms, found.trim.end_ms) == (400, 1500, None)


def test_an_empty_recipe_is_the_default(tmp_path):
    path = tmp_path / "x.toml"
    path.touch()
    assert recipes.load(path) == Recipe(slug="x")
    assert recipes.default() == Recipe()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[trim]\npuase = 1", r"line 2: there is no key 'trim.puase'. Did you mean 'pause'\?"),
        ('formats = ["sqare"]', "line 1: formats.0 = 'sqare' is wrong"),
        ('language = "English"', "language = 'English' is wrong"),
        ("[trim]\npause = -1", "line 2: trim.pause = -1 is wrong"),
        ('topic = "a\nb"', "no valid TOML"),
    ],
)
def test_a_wrong_recipe_is_answered_with_line_and_cure(text, says, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        recipes.load(path)


def test_a_missing_recipe_is_answered_with_those_that_are_there(tmp_path):
    (tmp_path / "servers.toml").touch()
    with pytest.raises(RecipeError, match="Known: servers"):
        recipes.load(tmp_path / "sever.toml")


# --- people, names ----------------------------------------------------------------------------------------------------


def test_a_person_is_found_in_the_first_folder_that_knows_them(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    for folder, name in ((near, "Near"), (far, "Far")):
        folder.mkdir()
        (folder / "robot.toml").write_text(f'name = "{name}"')
    assert people.find((near, far), "robot").name == "Near"
    with pytest.raises(RecipeError, match="Known: robot"):
        people.find((near, far), "../near/robot")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Talk (final)", "my-talk-final"),
        ("Ünïcode", "unicode"),
        ("🎬", "take"),
        ("con", "con-take"),
        ("../..", "take"),
    ],
)
def test_take_names_are_safe_everywhere(text, name):
    assert slug(text) == name or slug(text) == f"{name}-take"


def test_two_clips_of_one_name_do_not_share_a_take(tmp_path):
    space = Workspace(tmp_path)
    first, second = (tmp_path / "a" / "clip.mp4",), (tmp_path / "b" / "clip.mp4",)
    assert space.take(first) == "clip"
    assert space.take(second).startswith("clip-")
    assert space.take(first) == "clip"
    assert space.clips("clip") == (first[0].resolve(),)
