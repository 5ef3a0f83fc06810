"""Recipe and person files as people really write them: odd editors, wrong tables, impossible times, misspelt names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import people, recipes, tomlfile
from pipeline.errors import RecipeError


def _recipe(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "r.toml"
    path.write_bytes(text.encode(encoding))
    return path


def _refused(tmp_path: Path, text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        recipes.load(_recipe(tmp_path, text))
    return caught.value


def test_a_byte_order_mark_in_front_is_no_error(tmp_path):
    assert recipes.load(_recipe(tmp_path, 'topic = "Servers"', "utf-8-sig")).topic == "Servers"


def test_a_text_that_is_not_utf8_is_told_apart(tmp_path):
    path = _recipe(tmp_path, 'topic = "Rauchmelder für Käse"', "latin-1")
    with pytest.raises(RecipeError, match="no text in UTF-8"):
        recipes.load(path)


@pytest.mark.parametrize(
    ("text", "says", "cure"),
    [
        ("pause = 1", "line 1: there is no key 'pause'", "It belongs under [trim]."),
        ('[trim]\ntopic = "x"', "line 2: there is no key 'trim.topic'", "It belongs at the top of the file"),
        ("trim.puase = 1", "line 1: there is no key 'trim.puase'", "Did you mean 'pause'?"),
        ('trim = "tight"', "line 1: trim = 'tight' is wrong", "put its keys under [trim]"),
        ("xyzzy = 1", "line 1: there is no key 'xyzzy'", "Known keys: topic, asked_by"),
        ("[trim]\nstart = inf", "line 2: trim.start = inf is wrong", "less than or equal to 86400"),
        ("[trim]\npause = nan", "line 2: trim.pause = nan is wrong", "less than or equal to 60"),
        ("[trim]\nstart = 5\nend = 2", "line 1: trim = {'start': 5, 'end': 2} is wrong", "End must lie behind start."),
        (f"a = {'[' * 20_000}", "nested too deeply", "a few lines"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_cure(text, says, cure, tmp_path):
    fault = _refused(tmp_path, text)
    assert says in fault.what
    assert cure in fault.do


def test_a_line_of_the_script_is_not_taken_for_a_key(tmp_path):
    fault = _refused(tmp_path, 'script = """\npause = 99\n"""\n\n[trim]\npause = 99\n')
    assert "line 6" in fault.what


def test_a_script_that_is_too_long_is_not_said_whole(tmp_path):
    fault = _refused(tmp_path, f'script = "{"word " * 20_000}"')
    assert len(str(fault)) < 250


def test_a_folder_is_no_recipe_that_is_missing(tmp_path):
    folder = tmp_path / "r.toml"
    folder.mkdir()
    with pytest.raises(RecipeError, match="cannot be read"):
        recipes.load(folder)


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may read every file")
def test_a_recipe_without_the_right_to_read_it_is_not_called_missing(tmp_path):
    path = _recipe(tmp_path, "")
    path.chmod(0)
    with pytest.raises(RecipeError, match="cannot be read"):
        recipes.load(path)


def test_formats_named_twice_are_made_once(tmp_path):
    path = _recipe(tmp_path, 'formats = ["vertical", "square-unbranded", "vertical"]')
    assert recipes.load(path).formats == ("vertical", "square-unbranded")


@given(st.text(max_size=60))
def test_no_text_makes_a_recipe_fail_without_words(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        recipes.load(path)
    except RecipeError as fault:
        assert fault.what and fault.do


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ('a = 1\n["b"]\n"c" = 2', ["b", "c"], 3),
        ("[a.b]\nc = 1", ["a", "b", "c"], 2),
        ("s = '''\nc = 1\n'''\nc = 2", ["c"], 4),
        ('s = """one line"""\nc = 2', ["c"], 2),
        ("c = 1", ["d"], 0),
    ],
)
def test_keys_are_found_in_their_lines(text, path, line):
    assert tomlfile._line(text, path) == (f", line {line}" if line else "")


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_misspelt_person_is_answered_with_who_was_meant(tmp_path):
    for name in ("robot", "narrator", "Not An Id"):
        (tmp_path / f"{name}.toml").write_text('name = "X"')
    with pytest.raises(RecipeError, match=r"Did you mean 'robot'\? Known: narrator, robot\."):
        people.find((tmp_path,), "robto")


def test_where_nobody_is_known_it_is_said_how_to_make_a_person(tmp_path):
    with pytest.raises(RecipeError, match=r"Make a file .*ID\.toml with a line: name"):
        people.find((tmp_path / "none", tmp_path), "robot")


@pytest.mark.parametrize("id", ["", "..", "../robot", "a/b", "Robot", "robot.toml", "robot\n", "~", "r\x00bot"])
def test_no_name_leads_out_of_the_folder(id, tmp_path):
    (tmp_path / "robot.toml").write_text('name = "X"')
    folder = tmp_path / "people"
    folder.mkdir()
    with pytest.raises(RecipeError, match="There is no person"):
        people.find((folder, tmp_path / "elsewhere"), id)


def test_a_person_without_a_name_is_answered_with_the_line_to_add(tmp_path):
    (tmp_path / "robot.toml").write_text('title = "Voice"')
    with pytest.raises(RecipeError, match=r"the key 'name' is missing\. Add a line: name"):
        people.load(tmp_path, "robot")
