"""From an audience's suggestion to a video, by the command line alone, in the README's own words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cascade, circle, people, progress, recipes, takes, workspace
from pipeline.errors import RecipeError
from pipeline.model import Person
from pipeline.orders import Wanted, order, settle
from pipeline.shelf import Shelf
from tests import clips
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def talk_clip(tmp_path_factory) -> Path:
    return clips.ordinary(tmp_path_factory.mktemp("clip"))


def _walk() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"## From a suggestion to a take\n.*?```sh\n(.*?)```", text, re.S)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_the_readmes_walk_through_the_circle(tmp_path):
    (tmp_path / "phone.mp4").symlink_to(workspace.product_assets() / "demo" / "demo.mp4")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    steps, around = ["bash", "-ec", _walk()], {**os.environ, "PATH": path}
    done = subprocess.run(steps, cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    studio = tmp_path / "studio"
    take = json.loads((studio / "assets/clips/show-us-your-backups-me/take.json").read_text())
    assert (take["person"], take["recipe"]) == ("me", "show-us-your-backups")
    assert "I can have it taken down" in take["consent"]
    assert recipes.load(studio / "recipes/show-us-your-backups.toml").asked_by == "a viewer"
    made = studio / "output/show-us-your-backups-me"
    assert (made / "landscape.mp4").stat().st_size > 10_000
    assert (studio / "output/people/me.png").exists()
    plan = json.loads((made / "plan.json").read_text())
    assert {layer["kind"] for layer in plan["variants"][0]["layers"]} >= {"logo", "lower_third"}
    assert plan["title"] == "Show us your backups"
    assert "show-us-your-backups-me" in done.stdout.split("candid status")[-1]


@pytest.fixture
def space(tmp_path) -> workspace.Workspace:
    workspace.create(tmp_path)
    people.add(tmp_path / "assets/people", Person("anna", "Anna", disclosure="I work at Acme."))
    return workspace.Workspace(tmp_path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# --- the cascade, through all its files -------------------------------------------------------------------------------


def test_each_layer_stands_above_the_one_before(space):
    _write(
        space.root / "assets/brands/acme/brand.toml",
        '[defaults]\nlanguage = "de"\nseconds = 30\nfit = "crop"\ncaptions = "plain"\n',
    )
    _write(space.root / "recipes/r.toml", 'brand = "acme"\nseconds = 40\nfit = "blur"\ncaptions = "plain"\n')
    with (space.root / "assets/people/anna.toml").open("a") as file:
        file.write('\n[wishes]\nfit = "crop"\ncaptions = "file"\n')
    settled = settle(space, Wanted("r", "anna", settings={"captions": "highlight"}))
    found = settled.recipe
    assert (found.language, found.seconds, found.fit, found.captions) == ("de", 40, "crop", "highlight")
    sources = {setting.key: setting.source for setting in cascade.settings(settled.layers)}
    assert [sources[key] for key in ("denoise", "language", "seconds", "fit", "captions")] == [
        "product",
        "brand acme",
        "recipe r",
        "person anna",
        "command line",
    ]


def test_what_a_recipe_says_of_all_posts_stands_above_what_the_brand_says_of_one(space):
    _write(space.root / "assets/brands/acme/brand.toml", '[defaults.post.youtube]\ntitle = "brand"\nprivacy = "public"')
    _write(space.root / "recipes/r.toml", 'brand = "acme"\n[post]\ntitle = "recipe"\n')
    post = dict(settle(space, Wanted("r")).recipe.posts)["youtube"]
    assert (post.title, post.privacy) == ("recipe", "public")


@pytest.mark.parametrize(
    ("recipe", "person", "says"),
    [
        ('brand = "nobody"', "anna", "There is no brand 'nobody'"),
        ('brand = "../x"', "anna", "There is no brand '../x'"),
        ("", "../anna", "There is no person '../anna'"),
        ("", "ann", "There is no person 'ann'. Did you mean 'anna'?"),
    ],
)
def test_what_is_not_there_is_said(space, recipe, person, says):
    _write(space.root / "recipes/r.toml", recipe)
    with pytest.raises(RecipeError) as caught:
        settle(space, Wanted("r", person))
    assert says in str(caught.value)


def test_a_wish_that_is_wrong_names_the_person(space):
    with (space.root / "assets/people/anna.toml").open("a") as file:
        file.write('\n[wishes]\nfits = "crop"\n')
    with pytest.raises(RecipeError, match=r"In person anna: there is no key 'fits'. Did you mean 'fit'?"):
        settle(space, Wanted("", "anna"))


_OUT = '[{"service": "youtube", "step": "video", "sha256": "0", "link": "https://x.example/1"}]'


# --- states -----------------------------------------------------------------------------------------------------------


def _handed_in(space, clip, recipe: str = "destroy-a-server") -> str:
    told = recipes.load(space.recipe(recipe))
    take, _ = takes.submit([clip], told, people.find(space.people, "anna"), "I agree.", space.takes, lambda *_: None)
    return take.id


@pytest.mark.parametrize("before", [False, True])
def test_what_a_batch_is_making_is_shown(space, before):
    shelf = Shelf(space.output / "loose")
    shelf.note(progress.NOTE, {"step": "rendering", "done": 0.423})
    if before:
        (shelf.folder / "report.json").write_text("{}")

    def step() -> circle.Step:
        return next(step for step in circle.look(space).steps if step.name == "loose")

    with shelf.mine():
        assert (step().making, step().waits) == ("rendering, 42%", "")
    assert step().making == "" and step().waits, "a run that was killed left it"


def test_a_recipe_goes_from_open_to_published(space, talk_clip):
    def state() -> str:
        return next(each.state for each in circle.recipes_of(space) if each.slug == "destroy-a-server")

    assert state() == "open"
    recipes.claim(space.recipes, "destroy-a-server", people.find(space.people, "anna"))
    assert state() == "claimed"
    take = _handed_in(space, talk_clip)
    assert state() == "recorded"
    sealed = '"sealed": [{"service": "youtube", "stamps": []}]'
    for file, content, then in (
        ("report.json", "{}", "made"),
        ("approval.json", "{}", "made"),
        ("approval.json", f"{{{sealed}}}", "approved"),
        ("approval.json", f'{{{sealed}, "withdrawn": "2026-11-24T10:00:00+00:00"}}', "made"),
        ("approval.json", f"{{{sealed}}}", "approved"),
        ("receipts.json", '[{"service": "youtube", "step": "session", "sha256": "0"}]', "approved"),
        ("receipts.json", '["no receipt"]', "approved"),
        ("receipts.json", "7", "approved"),
        ("receipts.json", _OUT, "published"),
    ):
        _write(space.output / take / file, content)
        assert state() == then


def test_a_recipe_is_as_far_as_the_furthest_take_of_a_person_with_several(space, talk_clip, tmp_path):
    first = _handed_in(space, talk_clip)
    _write(space.output / first / "receipts.json", _OUT)
    _handed_in(space, clips.ordinary(tmp_path, "again.mkv"))
    (found,) = [each for each in circle.recipes_of(space) if each.slug == "destroy-a-server"]
    assert (found.state, found.who) == ("published", "anna")


def test_a_take_knows_its_recipe_and_its_person(space, talk_clip):
    take = _handed_in(space, talk_clip)
    made, shelf = order(space, (take,), Wanted())
    assert (made.take, made.recipe.slug, made.person.id) == (take, "destroy-a-server", "anna")
    assert shelf.folder == space.output / take
    assert [clip.parent.name for clip in made.clips] == [take]
    assert order(space, (take,), Wanted())[0].take == take


def test_takes_that_are_joined_have_recipe_and_person_of_the_first(space, talk_clip, tmp_path):
    first = _handed_in(space, talk_clip)
    second = _handed_in(space, clips.ordinary(tmp_path, "second.mkv"), "what-i-do-all-day")
    made, _ = order(space, (first, second), Wanted())
    assert (made.recipe.slug, made.person.id) == ("destroy-a-server", "anna")
    assert [clip.parent.name for clip in made.clips] == [first, second]


def test_status_shows_what_waits_for_whom_and_what_is_broken(space, talk_clip):
    take = _handed_in(space, talk_clip)
    _write(space.root / "recipes/broken.toml", "topic = [")
    _write(space.root / "recipes/board.sqlite3", "this is no database" * 100)
    told = circle.look(space)
    waits = {step.name: step.waits for step in told.steps}
    assert waits[take] == f"candid render {take}"
    assert waits["broken"] == "candid recipes check broken"
    assert len(told.faults) == 2
    _write(space.takes / take / "take.json", "{")
    _write(space.takes / "own-footage" / "a.mp4", "")  # no take at all
    assert [fault for fault in circle.look(space).faults if take in fault and "damaged" in fault]
    assert len(circle.look(space).faults) == 3


def test_a_take_is_found_from_a_folder_in_which_something_has_its_name(space, talk_clip, monkeypatch):
    take = _handed_in(space, talk_clip)
    monkeypatch.chdir(space.takes)
    assert order(space, (take,), Wanted())[0].clips == takes.load(space.takes, take).clips


@pytest.mark.parametrize(
    "name", ["../recipes/destroy-a-server", "/etc/passwd", "a/b", "a\\b", "", "a\0b", "a\0.toml", ".."]
)
def test_no_name_of_a_recipe_leads_elsewhere(space, name):
    with pytest.raises(RecipeError):
        recipes.load(space.recipe(name))
    with pytest.raises(RecipeError, match="cannot be the name"):
        space.recipe(name if name != ".." else "../x")


def test_titles_that_the_people_themselves_made_different_get_no_nudge(space, talk_clip, tmp_path):
    other = tmp_path / "other.mp4"
    other.write_bytes(talk_clip.read_bytes() + b"\0" * 8)
    for id, clip, title in (("anna", talk_clip, "My old machine, and a piano"), ("ben", other, "What coffee does")):
        _write(space.people[0] / f"{id}.toml", f'name = "{id}"\n[wishes.post]\ntitle = "{title}"\n')
        recipe = recipes.load(space.recipe("destroy-a-server"))
        takes.submit([clip], recipe, people.find(space.people, id), "I agree.", space.takes, lambda *_: None)
    assert "title" not in [nudge.what for nudge in circle.look(space).nudges]


def test_two_people_with_the_same_title_get_a_nudge(space, talk_clip, tmp_path):
    people.add(space.people[0], Person("ben", "Ben"))
    _handed_in(space, talk_clip)
    other = tmp_path / "other.mp4"
    other.write_bytes(talk_clip.read_bytes() + b"\0" * 8)
    takes.submit(
        [other],
        recipes.load(space.recipe("destroy-a-server")),
        people.find(space.people, "ben"),
        "I agree.",
        space.takes,
        lambda *_: None,
    )
    said = [nudge.words() for nudge in circle.look(space).nudges]
    assert any("destroy-a-server-anna" in words and "destroy-a-server-ben" in words for words in said)


def test_a_workspace_is_made_and_nothing_in_it_is_written_over(tmp_path):
    assert {path.stem for path in workspace.create(tmp_path)} >= {"destroy-a-server"}
    recipe = tmp_path / "recipes/destroy-a-server.toml"
    recipe.write_text('topic = "Mine"')
    assert workspace.create(tmp_path) == ()
    assert recipe.read_text() == 'topic = "Mine"'


def test_a_video_of_somebody_who_is_not_here_waits_for_nobody(space):
    for name, person in (("demo", "demo"), ("talk", "anna")):
        (space.output / name).mkdir(parents=True)
        (space.output / name / "report.json").write_text(json.dumps({"person": person}))
    waits = {step.name: step.waits for step in circle.look(space).steps if step.kind == "video"}
    assert waits == {"demo": "look at output/demo/", "talk": "anna: candid approve talk --as anna"}
