"""candid recipes: the queue of what wants to be recorded."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk
from pipeline.errors import CandidError, RecipeError

if TYPE_CHECKING:
    from pipeline.model import Recipe


@click.group()
def recipes() -> None:
    """The queue of what wants to be recorded, one file each."""


@recipes.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def list_(named: Path | None, as_json: bool) -> None:
    """Lists the recipes of this workspace, and how far each of them is."""
    from pipeline import circle

    found = circle.recipes_of(talk.workspace(named))
    if as_json:
        talk.say_json({"recipes": [asdict(each) for each in found]})
        return
    rows = [(each.slug, each.state, each.who, each.topic or each.fault, each.asked_by) for each in found]
    talk.say_table(
        ("recipe", "state", "by", "topic", "asked by"), rows, 'No recipes yet. Make one: candid recipes new "..."'
    )


@recipes.command()
@click.argument("topic")
@click.option("--name", default="", help="Its file name (default: from the topic).")
@click.option("--why", default="", help="Why it was asked.")
@click.option("--prompt", "prompts", multiple=True, help="What to show; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def new(named: Path | None, topic: str, name: str, why: str, prompts: tuple[str, ...], as_json: bool) -> None:
    """Writes a new recipe, to be filled in with any editor."""
    from pipeline import recipes

    told: dict[str, Any] = {"why": why} if why else {}
    told |= {"prompts": list(prompts)} if prompts else {}
    path = recipes.new(talk.workspace(named).recipes, topic, name, **told)
    if as_json:
        talk.say_json({"recipe": path.stem, "path": path})
        return
    click.echo(f"{path}\nFill it in, then: candid recipes check {path.stem}")


@recipes.command()
@click.argument("recipe")
@click.option("--as", "person_id", default="", help="As it is for this person.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(named: Path | None, recipe: str, person_id: str, as_json: bool) -> None:
    """Shows what a recipe asks for, and what stands beside the video."""
    from pipeline import brand, orders, templates

    space = talk.workspace(named)
    space.recipe(recipe)  # "" is no recipe, though a clip needs none
    settled = orders.settle(space, orders.Wanted(recipe, person_id))
    values = templates.values(settled.recipe, settled.person, settled.brand)
    posts = {service: templates.written(post, values) for service, post in settled.recipe.posts}
    if as_json:
        talk.say_json({"recipe": asdict(settled.recipe), "posts": {name: asdict(post) for name, post in posts.items()}})
        return
    for line in (*asked(settled.recipe), *brand.told(settled.brand)):
        click.echo(line)
    for title, services in _alike(posts).items():
        click.echo(f"\n{', '.join(services)}: {title}")
        click.echo("\n".join(f"  {line}" for line in posts[services[0]].description.splitlines()))


def asked(recipe: Recipe) -> list[str]:
    """What a recipe asks of who records it, in lines."""
    lines = [recipe.topic or recipe.slug]
    lines += [f"  asked by {recipe.asked_by}"] if recipe.asked_by else []
    lines += [f"  why: {recipe.why}"] if recipe.why else []
    lines += [f"  about {recipe.seconds} seconds"] if recipe.seconds else []
    lines += [f"  {number}. {prompt}" for number, prompt in enumerate(recipe.prompts, start=1)]
    return lines + ([f"  to be read: {recipe.script}"] if recipe.script else [])


def _alike(posts: dict[str, Any]) -> dict[str, list[str]]:
    """The services by what stands beside the video there: most have the same."""
    found: dict[Any, list[str]] = {}
    for service, post in posts.items():
        found.setdefault((post.title, post.description), []).append(service)
    return {title: services for (title, _), services in found.items()}


@recipes.command()
@click.argument("names", nargs=-1, metavar="[RECIPE]...")
@click.option("--explain", is_flag=True, help="Say where each value comes from.")
@click.option("--as", "person_id", default="", help="Check it together with what this person wishes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(named: Path | None, names: tuple[str, ...], explain: bool, person_id: str, as_json: bool) -> None:
    """Checks recipes (all of them if none is named), and says line by line what is wrong."""
    from pipeline import cascade, orders

    space = talk.workspace(named)
    known = names or tuple(sorted(path.stem for path in space.recipes.glob("*.toml")))
    told: list[dict[str, Any]] = []
    for name in known:
        try:
            space.recipe(name)  # "" is no recipe, though a clip needs none
            settled = orders.settle(space, orders.Wanted(name, person_id))
            found = [asdict(setting) for setting in cascade.settings(settled.layers)]
            told.append({"recipe": name, "ok": True, "settings": found, "error": None})
        except CandidError as fault:
            told.append({"recipe": name, "ok": False, "settings": [], "error": {"what": fault.what, "do": fault.do}})
    if as_json:
        talk.say_json({"checked": told})
    else:
        _say_checked(told, explain)
    sys.exit(0 if all(each["ok"] for each in told) else 1)


def _say_checked(told: list[dict[str, Any]], explain: bool) -> None:
    if not told:
        click.echo('No recipes yet. Make one: candid recipes new "..."')
    for each in told:
        if each["ok"]:
            click.echo(f"{each['recipe']}: in order")
        else:
            talk.say_error(RecipeError(each["error"]["what"], each["error"]["do"]), f"{each['recipe']}: ")
        if explain and each["ok"]:
            rows = [(setting["key"], talk.short(setting["value"]), setting["source"]) for setting in each["settings"]]
            talk.say_table(("key", "value", "from"), rows, "")


@recipes.command()
def schema() -> None:
    """Prints the JSON Schema of a recipe, so that editors complete and check it."""
    from pipeline import recipes

    talk.say_json(recipes.schema())


@recipes.command()
@click.argument("recipe")
@click.option("--as", "person_id", required=True, help="Who records it: a name in assets/people/.")
@click.pass_obj
def claim(named: Path | None, recipe: str, person_id: str) -> None:
    """Says that a person is going to record this recipe."""
    from pipeline import people, recipes

    space = talk.workspace(named)
    person = people.find(space.people, person_id)
    recipes.claim(space.recipes, recipe, person)
    click.echo(f"{recipe} is {person.name}'s now. Next: candid submit CLIP... -r {recipe} --as {person.id}")


@recipes.command()
@click.argument("recipe")
@click.pass_obj
def release(named: Path | None, recipe: str) -> None:
    """Frees a recipe that was claimed, so that somebody else can take it."""
    from pipeline import recipes

    who = recipes.release(talk.workspace(named).recipes, recipe)
    click.echo(f"{recipe} is free again." if who else f"{recipe} was not claimed by anybody.")
