"""Recipe and person files as people really write them: odd editors, wrong tables, impossible times, misspelt names."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import people, recipes, tomlfile
from pipeline.errors import RecipeError
from pipeline.model import Person, Topic
from tests.conftest import ROOT


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
        ("xyzzy = 1", "line 1: there is no key 'xyzzy'", "Known keys: language, vocabulary"),
        ("[trim]\nstart = inf", "line 2: trim.start = inf is wrong", "less than or equal to 86400"),
        ("[trim]\npause = nan", "line 2: trim.pause = nan is wrong", "less than or equal to 60"),
        ("[trim]\nstart = 5\nend = 2", "line 1: trim = {'start': 5, 'end': 2} is wrong", "End must lie behind start."),
        (f"a = {'[' * 20_000}", "nested too deeply", "a few lines"),
        (f"seconds = {'9' * 5000}", "holds a number with too many digits", "somebody means"),
        ('topic = "\\u001b[31mred"', "line 1: topic = ", "one line without control characters"),
        ('topic = "two\\nlines"', "line 1: topic = ", "one line without control characters"),
        ('why = "a\\u0000b"', "line 1: why = ", "holds control characters"),
        ('topic = "\\u202egnp.exe"', "line 1: topic = ", "turn the direction of writing"),
        ('[post]\ntitle = "\\u001b]0;x"', "line 2: post.title = ", "holds control characters"),
        ('[post]\nschedule = "2027-13-45T99:99Z"', "line 2: post.schedule = ", "must be in"),
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


# --- templates, layers, files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says", "cure"),
    [
        ('[post]\ntitle = "{topics}"', "line 2: post.title = '{topics}' is wrong", "did you mean {topic}?"),
        ('[post.youtube]\ndescription = "{topic"', "line 2: post.youtube.description", "A brace is missing"),
        ('[post]\ntitle = "{description}"\ndescription = "{title}"', "line 1: post = ", "refers to itself"),
        ('[post]\nprivacy = "secret"', "line 2: post.privacy = 'secret' is wrong", "'private', 'unlisted' or 'public'"),
        ('[post]\nschedule = "tomorrow"', "line 2: post.schedule = 'tomorrow' is wrong", "match pattern"),
        ("[post.youtub]", "line 1: there is no key 'post.youtub'", "Did you mean 'youtube'?"),
        ("prompts = 'one'", "line 1: prompts = 'one' is wrong", "valid list"),
    ],
)
def test_wrong_posts_are_said_with_line_and_cure(text, says, cure, tmp_path):
    fault = _refused(tmp_path, text)
    assert says in fault.what
    assert cure in fault.do


def test_a_service_has_what_is_common_unless_it_says_otherwise(tmp_path):
    text = '[post]\ntitle = "{topic}"\ntags = ["a"]\n[post.youtube]\ntitle = "On YouTube"'
    posts = dict(recipes.load(_recipe(tmp_path, text)).posts)
    assert (posts["youtube"].title, posts["youtube"].tags) == ("On YouTube", ("a",))
    assert (posts["vimeo"].title, posts["vimeo"].tags, posts["vimeo"].privacy) == ("{topic}", ("a",), "private")


def test_what_a_layer_may_not_say_is_refused_by_its_name():
    with pytest.raises(RecipeError, match=r"In person anna: there is no key 'topic'"):
        recipes.wishes("person anna", {"topic": "x"})
    with pytest.raises(RecipeError, match=r"In brand acme: trim.pause = 'long' is wrong"):
        recipes.wishes("brand acme", {"trim": {"pause": "long"}})


def test_two_layers_that_are_right_alone_can_be_wrong_together(tmp_path):
    layers = [recipes.product(), recipes.wishes("a", {"trim": {"start": 9}}), recipes.wishes("b", {"trim": {"end": 3}})]
    with pytest.raises(RecipeError, match="Together"):
        recipes.resolved(layers)


TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
plain = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=TURNING), max_size=60
).map(str.strip)


@given(plain.filter(bool), plain, st.lists(plain, max_size=3))
def test_a_new_recipe_holds_what_it_was_given(tmp_path_factory, topic, why, prompts):
    folder = tmp_path_factory.mktemp("recipes")
    path = recipes.new(folder, topic, why=why, prompts=prompts)
    told = recipes.load(path)
    assert (told.topic, told.why, told.prompts) == (topic, why, tuple(prompts))


COMMENTED = """\
# About servers.
topic = "Servers"  # the title

[trim]
# Shorter than usual.
pause = 0.3
"""


@given(st.lists(plain, max_size=4), st.integers(1, 1000))
def test_editing_a_recipe_keeps_its_comments(tmp_path_factory, vocabulary, seconds):
    path = _recipe(tmp_path_factory.mktemp("r"), COMMENTED)
    recipes.edit(path, vocabulary=vocabulary, seconds=seconds, topic="Other")
    text, told = path.read_text(encoding="utf-8"), recipes.load(path)
    assert all(comment in text for comment in ("# About servers.", "# the title", "# Shorter than usual."))
    assert (told.topic, told.vocabulary, told.seconds, told.trim.pause_ms) == ("Other", tuple(vocabulary), seconds, 300)


def test_an_edit_that_would_be_wrong_changes_nothing(tmp_path):
    path = _recipe(tmp_path, COMMENTED)
    with pytest.raises(RecipeError):
        recipes.edit(path, seconds=-1)
    assert path.read_text(encoding="utf-8") == COMMENTED
    assert [each.name for each in tmp_path.iterdir()] == ["r.toml"]


@pytest.mark.parametrize("slug", ["../x", "/etc/x", "con", "A b", "", "x" * 81, "-x", "lpt1"])
def test_a_slug_that_leads_elsewhere_is_refused(tmp_path, slug):
    with pytest.raises(RecipeError, match="cannot be the name of a recipe"):
        recipes.checked(slug)
    with pytest.raises(RecipeError):
        recipes.claim(tmp_path, slug, Person("anna", "Anna"))


def test_a_recipe_is_not_written_over(tmp_path):
    first = recipes.new(tmp_path, "Servers")
    text = first.read_text(encoding="utf-8")
    with pytest.raises(RecipeError, match="There is a recipe servers already"):
        recipes.new(tmp_path, "Servers")
    assert first.read_text(encoding="utf-8") == text


TOPIC = Topic(7, "How do you back up?", "planned", 3, "2026-01-01T00:00:00Z", ("Ada", "Ben", "Cy", "Di", "Ed"))


def test_a_topic_becomes_one_recipe_credited_to_who_asked(tmp_path):
    assert recipes.from_topic(tmp_path, TOPIC) == recipes.from_topic(tmp_path, TOPIC) == "how-do-you-back-up"
    told = recipes.load(tmp_path / "how-do-you-back-up.toml")
    assert (told.topic_id, told.asked_by) == (7, "Ada, Ben, Cy and 2 others")


def test_a_table_that_is_opened_in_a_recipe_of_a_topic_takes_nothing_along(tmp_path):
    path = tmp_path / f"{recipes.from_topic(tmp_path, TOPIC)}.toml"
    text = path.read_text(encoding="utf-8")
    assert "# [post]\n# title" in text
    path.write_text(text.replace("# [post]\n# title", "[post]\ntitle"), encoding="utf-8")
    assert recipes.load(path).topic_id == 7


def test_a_recipe_without_a_topic_is_not_written(tmp_path):
    with pytest.raises(RecipeError, match="needs a topic"):
        recipes.new(tmp_path, "  ")
    assert [*tmp_path.iterdir()] == []


def test_a_misspelt_recipe_is_answered_with_which_was_meant(tmp_path):
    recipes.new(tmp_path, "Servers")
    with pytest.raises(RecipeError, match="Did you mean 'servers'"):
        recipes.load(tmp_path / "servrs.toml")


def test_another_topic_of_the_same_words_gets_a_file_of_its_own(tmp_path):
    recipes.from_topic(tmp_path, TOPIC)
    assert recipes.from_topic(tmp_path, replace(TOPIC, id=8)) == "how-do-you-back-up-2"


def test_a_topic_without_latin_letters_has_a_file_too(tmp_path):
    assert recipes.from_topic(tmp_path, replace(TOPIC, text="サーバーを壊す")) == "topic-7"


def test_one_claims_and_others_are_told(tmp_path):
    recipes.new(tmp_path, "Servers")
    anna, ben = Person("anna", "Anna"), Person("ben", "Ben")
    recipes.claim(tmp_path, "servers", anna)
    recipes.claim(tmp_path, "servers", anna)
    with pytest.raises(RecipeError, match="servers is claimed by anna"):
        recipes.claim(tmp_path, "servers", ben)
    assert recipes.release(tmp_path, "servers") == "anna"
    assert recipes.release(tmp_path, "servers") == ""
    recipes.claim(tmp_path, "servers", ben)
    assert recipes.claimed(tmp_path, "servers") == "ben"


def test_a_claim_that_cannot_be_read_is_told_in_words_and_can_be_freed(tmp_path):
    recipes.new(tmp_path, "Servers")
    recipes.claim(tmp_path, "servers", Person("anna", "Anna"))
    (tmp_path / ".claims" / "servers.json").write_text("garbage")
    with pytest.raises(RecipeError, match="claimed by somebody whose name cannot be read"):
        recipes.claim(tmp_path, "servers", Person("ben", "Ben"))
    recipes.release(tmp_path, "servers")
    recipes.claim(tmp_path, "servers", Person("ben", "Ben"))
    assert recipes.claimed(tmp_path, "servers") == "ben"


def test_nobody_frees_a_recipe_that_is_not_there(tmp_path):
    recipes.new(tmp_path, "Servers")
    with pytest.raises(RecipeError, match="Did you mean 'servers'"):
        recipes.release(tmp_path, "servrs")


def test_twenty_who_claim_at_once_leave_one_owner(tmp_path):
    recipes.new(tmp_path, "Servers")

    def claim(number: int) -> bool:
        try:
            recipes.claim(tmp_path, "servers", Person(f"p{number}", "P"))
        except RecipeError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        won = [number for number, got in enumerate(pool.map(claim, range(20))) if got]
    assert [f"p{number}" for number in won] == [recipes.claimed(tmp_path, "servers")]


def test_the_schema_says_what_the_file_may_hold():
    told = recipes.schema()
    assert {"topic", "prompts", "trim", "post"} <= set(told["properties"])
    assert told["additionalProperties"] is False


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_that_ship_are_in_order(path):
    told = recipes.load(path)
    assert told.topic and told.why and len(told.prompts) >= 2
