"""The people who speak: their files, what is refused, and the commands around them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from commands.people import SERVICES
from pipeline import layout, people
from pipeline.errors import CandidError, RecipeError, WorkspaceError
from pipeline.model import Person
from pipeline.workspace import DEVICES
from tests.conftest import ROOT, Candid

MARIA = Person("maria-k", "Maria Keller", "Engineer", "I work at Example", "de", 4, ("youtube", "folder"))
NO_IDS = ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "CON", "con", "lpt1", "Maria", "maria.toml", "m\n", "\0",
          "mäx", "x" * 41]  # fmt: skip


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_added_is_found_again(tmp_path):
    path = people.add(tmp_path / "assets" / "people", MARIA)
    assert path == tmp_path / "assets" / "people" / "maria-k.toml"
    assert people.find((path.parent,), "maria-k") == MARIA
    assert [each.name for each in path.parent.iterdir()] == ["maria-k.toml"], "no draft stays"


_LINES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=80)
_IDS = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True).filter(lambda id: id not in DEVICES)


@given(id=_IDS, name=_LINES.filter(str.strip), title=_LINES, look=st.none() | st.integers(1, 10**6))
def test_any_name_survives_its_file(id, name, title, look, tmp_path_factory):
    person = Person(id, name.strip(), title.strip(), look=look)
    path = people.add(tmp_path_factory.mktemp("people"), person)
    assert people.load(path.parent, id) == person


def test_every_key_in_a_new_file_says_what_it_is_for(tmp_path):
    text = people.add(tmp_path, MARIA).read_text()
    said = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line and not line.startswith("#"))
    assert list(said) == ["name", "title", "disclosure", "language", "look", "services"]
    assert all(" # " in line for line in said.values())


def test_what_is_not_known_stands_there_as_an_example_that_works(tmp_path):
    path = people.add(tmp_path, Person("max", "Max"))
    assert tomllib.loads(path.read_text()) == {"name": "Max"}
    path.write_text(re.sub(r"^# (\w+ =|\[)", r"\1", path.read_text(), flags=re.M))
    found = people.load(tmp_path, "max")
    assert (found.title, found.language, found.look, found.services) == ("Engineer", "en", 2, ("youtube",))
    assert people.wishes((tmp_path,), "max") == {"formats": ["vertical"]}


def test_an_id_that_is_taken_is_refused_and_its_file_stays(tmp_path):
    path = people.add(tmp_path, MARIA)
    before = path.read_bytes()
    with pytest.raises(RecipeError, match=r"There is a person 'maria-k' already. Change .*maria-k\.toml"):
        people.add(tmp_path, Person("maria-k", "Another"))
    assert path.read_bytes() == before


def test_of_many_who_add_the_same_id_at_once_one_wins(tmp_path):
    start = threading.Barrier(8)

    def add(number: int) -> bool:
        start.wait()
        try:
            people.add(tmp_path, Person("max", f"Max {number}"))
        except RecipeError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(add, range(8)))
    assert sum(won) == 1
    assert people.load(tmp_path, "max").name == f"Max {won.index(True)}"
    assert [each.name for each in tmp_path.iterdir()] == ["max.toml"]


@pytest.mark.parametrize("id", [*NO_IDS, *sorted(DEVICES)])
def test_no_id_leads_out_of_the_folder_or_to_a_device(id, tmp_path):
    folder = tmp_path / "assets" / "people"
    folder.mkdir(parents=True)
    (folder.parent / "x.toml").write_text('name = "X"')
    (folder / "con.toml").write_text('name = "X"')
    for refused in (
        lambda: people.load(folder, id),
        lambda: people.find((folder,), id),
        lambda: people.wishes((folder,), id),
        lambda: people.add(folder, Person(id, "X")),
        lambda: people.remove(folder, id),
    ):
        with pytest.raises(RecipeError, match=r"There is no person|cannot be the id of a person"):
            refused()
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {folder.parent / "x.toml", folder / "con.toml"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "The person max: name = '' is wrong. String should have at least 1 character"),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"name": "a\nb"}, "It has to be one line without control characters"),
        ({"name": "evil\u202egnp"}, "It holds characters that turn the direction of writing"),
        ({"title": "\x1b[31m"}, "It has to be one line without control characters"),
        ({"name": "\udc80"}, "name = "),
        ({"language": "English"}, "language = 'English' is wrong"),
        ({"look": 0}, "look = 0 is wrong"),
        ({"services": ("tiktok",)}, "services.0 = 'tiktok' is wrong. Input should be 'youtube'"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(wrong, says, tmp_path):
    with pytest.raises(RecipeError) as caught:
        people.add(tmp_path, Person(**{"id": "max", "name": "Max", **wrong}))
    assert says in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("look = true", "line 2: look = True is wrong"),
        ('look = "2"', "line 2: look = '2' is wrong"),
        ('services = "youtube"', "line 2: services = 'youtube' is wrong"),
        ("wishes = 1", "line 2: wishes = 1 is wrong"),
        ("servces = []", r"Did you mean 'services'\?"),
    ],
)
def test_a_wrong_file_is_answered_with_its_line(text, says, tmp_path):
    (tmp_path / "max.toml").write_text(f'name = "Max"\n{text}\n')
    with pytest.raises(RecipeError, match=says):
        people.load(tmp_path, "max")


def test_wishes_arrive_as_they_stand_in_the_file(tmp_path):
    (tmp_path / "max.toml").write_text(
        'name = "Max"\n[wishes]\ncaptions = "plain"\nno_such = 1\n[wishes.trim]\npad = 0.5'
    )
    assert people.wishes((tmp_path,), "max") == {"captions": "plain", "no_such": 1, "trim": {"pad": 0.5}}


def test_a_service_named_twice_is_one(tmp_path):
    (tmp_path / "max.toml").write_text('name = "Max"\nservices = ["folder", "youtube", "folder"]')
    assert people.load(tmp_path, "max").services == ("folder", "youtube")


def test_a_broken_file_is_reported_and_the_others_are_listed(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in (near, far):
        people.add(folder, MARIA)
    people.add(far, Person("ann", "Ann"))
    (near / "zoe.toml").write_text("name = ")
    (near / "Bob.toml").write_text('name = "Bob"')
    (far / "zoe.toml").write_text('name = "hidden by the nearer one"')
    (near / ".half.toml").write_text("x")
    found, faults = people.listed((near, far, tmp_path / "none", near))
    assert [person.id for person in found] == ["ann", "maria-k"]
    assert ["Bob" in str(fault) for fault in faults] == [True, False]
    assert "zoe.toml is no valid TOML" in faults[1].what


def test_who_is_removed_is_kept_aside_and_can_come_back(tmp_path):
    path = people.add(tmp_path, MARIA)
    first = people.remove(tmp_path, "maria-k")
    assert not path.exists() and first.parent == tmp_path / ".removed"
    assert people.listed((tmp_path,)) == ((), ())
    people.add(tmp_path, Person("maria-k", "Another Maria"))
    second = people.remove(tmp_path, "maria-k")
    assert first != second and first.is_file(), "a second removal does not write over the first"
    first.rename(path)
    assert people.load(tmp_path, "maria-k") == MARIA


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path):
    (tmp_path / "assets").write_text("a file")
    with pytest.raises(WorkspaceError, match="Nothing can be written to"):
        people.add(tmp_path / "assets" / "people", MARIA)


@given(st.text(max_size=60))
def test_no_text_makes_a_person_fail_without_words(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        people.load(folder, "any")
    except CandidError as fault:
        assert fault.what and fault.do


# --- commands ---------------------------------------------------------------------------------------------------------


def _added(candid: Candid, id: str = "maria-k", *options: object) -> dict[str, object]:
    said = candid("people", "add", id, "--name", "Maria Keller", *options, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def test_a_person_is_added_listed_shown_and_removed(candid, tmp_path):
    told = _added(candid, "maria-k", "--title", "Engineer", "--look", 2, "--service", "youtube", "--service", "folder")
    file = tmp_path / "assets" / "people" / "maria-k.toml"
    assert (told["file"], told["look"], told["services"]) == (str(file), 2, ["youtube", "folder"])

    assert "Maria Keller" in candid("people", "list").out
    listed = json.loads(candid("people", "list", "--json").out)
    assert [each["id"] for each in listed["people"]] == ["maria-k"] and listed["wrong"] == []

    shown = json.loads(candid("people", "show", "maria-k", "--json").out)
    assert shown["shown"]["number"] == 2 and shown["shown"]["bar"] == "top"
    assert shown["shown"]["why"] == "look = 2 in their file"
    assert Path(shown["preview"]).is_file()

    said = candid("people", "remove", "maria-k", "--yes")
    assert said.status == 0 and "To undo it, move" in said.out and ".removed" in said.out
    assert not file.exists()
    assert candid("people", "show", "maria-k").status == 1


def test_show_says_everything_and_which_look_and_why(candid):
    _added(candid, "maria-k", "--disclosure", "I work at Example", "--language", "de")
    said = candid("people", "show", "maria-k")
    assert said.status == 0
    for expected in (
        "Maria Keller",
        "I work at Example",
        "language:      de",
        "of 9: #",
        "follows from the id, and stays",
    ):
        assert expected in said.out
    assert "output/people/maria-k.png" in said.out.replace("\\", "/")


def test_wishes_are_shown(candid, tmp_path):
    _added(candid)
    with (tmp_path / "assets" / "people" / "maria-k.toml").open("a") as file:
        file.write('\n[wishes]\ncaptions = "plain"\n')
    assert "wishes.captions: plain" in candid("people", "show", "maria-k").out
    assert json.loads(candid("people", "show", "maria-k", "--json").out)["wishes"] == {"captions": "plain"}


def test_nobody_yet_is_answered_with_how_to_add_somebody(candid):
    said = candid("people", "list")
    assert said.status == 0 and "candid people add ID --name NAME" in said.out
    assert json.loads(candid("people", "list", "--json").out) == {"people": [], "wrong": []}


def test_a_list_with_a_broken_file_lists_the_rest_and_fails(candid, tmp_path):
    _added(candid)
    (tmp_path / "assets" / "people" / "max.toml").write_text("name = ")
    said = candid("people", "list")
    assert said.status == 1
    assert "Maria Keller" in said.out and "max.toml is no valid TOML" in said.err
    told = json.loads(candid("people", "list", "--json").out)
    assert len(told["people"]) == 1 and told["wrong"][0]["do"]


def test_remove_asks_first(candid, tmp_path):
    _added(candid)
    assert candid("people", "remove", "maria-k").status == 1, "nobody said yes"
    assert (tmp_path / "assets" / "people" / "maria-k.toml").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["add", "max"], 2, "Missing option '--name'"),
        (["add", "max", "--name", "Max", "--look", "0"], 2, "Invalid value for '--look'"),
        (["add", "max", "--name", "Max", "--service", "tiktok"], 2, "Invalid value for '--service'"),
        (["add", "../max", "--name", "Max"], 1, "cannot be the id of a person"),
        (["add", "CON", "--name", "Max"], 1, "cannot be the id of a person"),
        (["add", "max", "--name", " "], 1, "name = "),
        (["add", "max", "--name", "Max", "--language", "English"], 1, "language = 'English' is wrong"),
        (["show", "../max"], 1, "There is no person '../max'."),
        (["preview", "nobody"], 1, "There is no person 'nobody'."),
        (["preview", "nobody", "-o", "x.jpg"], 2, "let its name end in .png"),
        (["remove", "../max", "--yes"], 1, "There is no person '../max'."),
    ],
)
def test_wrong_use_is_answered_in_words(arguments, status, says, candid, tmp_path):
    said = candid("people", *arguments)
    assert (said.status, says in said.err) == (status, True), said.err
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_an_unknown_brand_is_answered_with_the_known_ones(candid):
    _added(candid)
    said = candid("people", "preview", "maria-k", "--brand", "acme")
    assert said.status == 1 and "There is no brand 'acme'" in said.err


def _preview(candid: Candid, path: Path, *options: object) -> np.ndarray:
    _added(candid, path.stem, *options)
    said = candid("people", "preview", path.stem, "-o", path)
    assert said.status == 0 and said.out.strip() == str(path), said.err
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (1920, 1080))
        return np.asarray(picture.convert("RGB")).astype(int)


def _where(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_a_preview_has_name_logo_and_caption_in_their_places_and_nothing_else(candid, tmp_path):
    picture = _preview(candid, tmp_path / "maria.png", "--look", 1)
    shape = layout.FORMATS["landscape"]
    neutral = np.abs(picture - picture[:, :1]).max(axis=2) == 0  # a row of the ground has one color
    drawn = ~neutral
    for place in (shape.lower_third, shape.logo, shape.captions):
        left, top, right, bottom = _where(drawn[place.y : place.bottom, place.x : place.right])
        assert right - left > 0.4 * place.width and bottom - top > 0.2 * place.height
        drawn[place.y : place.bottom, place.x : place.right] = False
    assert not drawn.any()
    assert np.ptp(picture[0, 0]) < 30 and (np.diff(picture[:, 0].sum(axis=1)) <= 0).all(), "gray, and even"


@pytest.mark.parametrize(
    ("look", "accent", "bar"),
    [
        (1, (255, 196, 61), (86, 684, 94, 828)),
        (5, (124, 227, 192), (86, 684, 686, 692)),
        (9, (255, 143, 122), (86, 820, 686, 828)),
        (10, (255, 196, 61), (86, 684, 94, 828)),  # there are nine: ten is one again
    ],
)
def test_a_preview_is_in_the_look_of_the_person(look, accent, bar, candid, tmp_path):
    picture = _preview(candid, tmp_path / "maria.png", "--look", look)
    place = layout.FORMATS["landscape"].lower_third
    exact = (picture == accent).all(axis=2)
    rows, columns = exact.sum(axis=1), exact.sum(axis=0)
    left, top, right, bottom = bar
    assert exact[top:bottom, left:right].all()
    assert (rows == place.width).sum() == (8 if right - left == place.width else 0)
    assert (columns == place.height).sum() == (8 if bottom - top == place.height else 0)


def test_the_usual_place_of_a_preview_is_in_the_output(candid, tmp_path):
    _added(candid)
    first = candid("people", "preview", "maria-k")
    assert first.out.strip() == str(tmp_path / "output" / "people" / "maria-k.png")
    assert candid("people", "preview", "maria-k").status == 0, "drawn again over the old one"
    assert [each.name for each in (tmp_path / "output" / "people").iterdir()] == ["maria-k.png"]


def test_a_preview_that_cannot_be_written_is_told_in_words(candid, tmp_path):
    _added(candid)
    (tmp_path / "file").write_text("")
    said = candid("people", "preview", "maria-k", "-o", tmp_path / "file" / "x.png")
    assert said.status == 1 and "Nothing can be written to" in said.err


def test_the_commands_know_the_services_of_the_files():
    assert get_args(people._Service) == SERVICES


def test_help_on_people_imports_nothing_heavy():
    code = "import sys, commands.people; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert {"pydantic", "rich", "numpy", "PIL", "tomlkit"} & set(loaded.split()) == set()
