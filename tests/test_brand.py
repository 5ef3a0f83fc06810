"""Brand, person and recipe files: what they say arrives, and what is wrong in them is said with line and cure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import brand, people, recipes
from pipeline.colors import contrast
from pipeline.errors import RecipeError
from pipeline.model import Brand, Colors, Person, Recipe
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
        ("stands_for = 1", r"line 1: stands_for = 1 is wrong"),
        ('keep_out = ["a", ""]', r"line 1: keep_out.1 = '' is wrong"),
        ('[colors]\nlooks = ["mint"]', r"line 2: colors.looks.0 = 'mint' is wrong"),
        (f"[colors]\nlooks = {['#ffffff'] * 9}", r"line 2: colors.looks = .* at most 8"),
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


# --- what the company says --------------------------------------------------------------------------------------------


def test_what_the_company_says_arrives(tmp_path):
    text = 'stands_for = """We fix\nthings."""\nmention = ["the tour"]\nkeep_out = ["Project X", "Acme"]\n'
    text += "consent = 'Yes.'\n[defaults]\nlanguage = 'en'\n[defaults.trim]\npause = 1"
    found = brand.load(_brand(tmp_path, text))
    assert (found.mention, found.keep_out, found.consent) == (("the tour",), ("Project X", "Acme"), "Yes.")
    assert brand.defaults(tmp_path) == {"language": "en", "trim": {"pause": 1}}
    assert list(brand.told(found)) == [
        f"{tmp_path.name} stands for: We fix things.",
        "Mention it if it fits: the tour",
        "Keep out: Project X, Acme",
    ]


def test_a_brand_that_says_nothing_tells_nothing(tmp_path):
    found = brand.load(_brand(tmp_path, ""))
    assert list(brand.told(found)) == []
    assert brand.defaults(tmp_path) == {}


@given(st.text(max_size=300))
def test_what_is_told_cannot_play_with_the_terminal(text):
    lines = list(brand.told(Brand("b", title=text[:60], stands_for=text, mention=(text,), keep_out=("\x1b[2J",))))
    assert all(line.isprintable() and len(line) <= 100 for line in lines)
    assert lines[-1].endswith("[2J")


def test_the_default_brand_says_something_to_everybody():
    found = brand.load(DEFAULT)
    assert found.consent and len(list(brand.told(found))) >= 3
    assert len(found.accents) == 3 and brand.defaults(DEFAULT) == {}


# --- looks ------------------------------------------------------------------------------------------------------------

MINT, CORAL = (124, 227, 192), (255, 143, 122)


def test_looks_are_every_accent_with_every_bar_in_an_order_that_stays():
    found = brand.looks(brand.load(DEFAULT))
    assert [(look.accent, look.bar) for look in found] == [
        (accent, bar) for accent in ((255, 196, 61), MINT, CORAL) for bar in ("left", "top", "bottom")
    ]


def test_a_brand_without_looks_still_has_its_bars_and_no_accent_twice(tmp_path):
    assert [look.bar for look in brand.looks(Brand("plain"))] == ["left", "top", "bottom"]
    twice = brand.load(_brand(tmp_path, '[colors]\naccent = "#7ce3c0"\nlooks = ["#7CE3C0", "#7ce3c0"]'))
    assert len(brand.looks(twice)) == 3


@pytest.mark.parametrize(
    ("look", "accent", "bar"), [(1, (255, 196, 61), "left"), (6, MINT, "bottom"), (15, MINT, "bottom")]
)
def test_a_person_may_choose_a_look(look, accent, bar):
    found = brand.for_person(brand.load(DEFAULT), Person("x", "X", look=look))
    assert (found.colors.accent, found.bar) == (accent, bar)


def test_for_nobody_the_brand_is_as_it_is():
    found = brand.load(DEFAULT)
    assert brand.for_person(found, None) is found and found.bar == "left"


# Computed once and written down: a look that changed with a new version would change everybody's videos.
@pytest.mark.parametrize(("id", "number"), [("robot", 2), ("maria-k", 6), ("max", 9)])
def test_a_look_that_follows_from_the_id_stays_for_good(id, number):
    assert brand.look_number(brand.load(DEFAULT), Person(id, "X")) == number


_COLOR = st.tuples(*[st.integers(0, 255)] * 3)
_IDS = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)


@given(_IDS, st.text(), st.lists(_COLOR, max_size=9), st.none() | st.integers(1, 10**9))
def test_the_same_id_always_gets_the_same_look_which_is_one_of_the_brands(id, name, accents, look):
    plain = Brand("b", accents=tuple(accents))
    first = brand.for_person(plain, Person(id, "Before", look=look))
    again = brand.for_person(plain, Person(id, name, "New title", look=look))
    assert first == again == brand.for_person(first, Person(id, name, look=look)), "worn twice it is the same"
    assert brand.Look(first.colors.accent, first.bar) in brand.looks(plain)


def test_over_a_thousand_ids_all_looks_occur_about_evenly():
    found = brand.load(DEFAULT)
    counts = Counter(brand.look_number(found, Person(f"person-{n}", "X")) for n in range(1000))
    assert set(counts) == set(range(1, 10))
    assert max(counts.values()) < 2 * min(counts.values())


def test_a_pale_look_is_warned_of_once_and_the_others_are_not(tmp_path):
    text = '[colors]\nlooks = ["#7ce3c0", "#202830", "#ff8f7a"]'
    found = brand.load(_brand(tmp_path, text))
    (said,) = brand.warnings(found)
    assert said.startswith("The brand's look #202830 is hard to read on its background: contrast 1.")
    worn = brand.for_person(found, Person("x", "X", look=7))
    assert worn.colors.accent == (32, 40, 48) and len(brand.warnings(worn)) == 1


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
    assert recipes.load(path) == replace(recipes.default(), slug="x")
    assert replace(recipes.load(path), posts=()) == Recipe(slug="x")


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
