"""The circle at a glance: topics, recipes, takes and videos, and what waits for whom.

No state is stored: it is what lies on the board, in recipes/, in assets/clips/ and in output/.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import alike, artwork, board, orders, recipes, takes, templates
from pipeline.alike import Nudge, Shown
from pipeline.errors import CandidError, RecipeError
from pipeline.model import Post, Recipe, Take
from pipeline.workspace import Workspace

REPORT, APPROVAL, RECEIPTS = "report.json", "approval.json", "receipts.json"
_STATES = ("open", "claimed", "recorded", "made", "approved", "published")  # in their order
_TOPICS_SHOWN = 5  # of the board, in the table of everything


@dataclass(frozen=True, slots=True)
class RecipeState:
    """How far a recipe is: the furthest of its takes, else who has claimed it. `fault` where its file is wrong."""

    slug: str
    topic: str
    asked_by: str
    state: str
    who: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the table: something of the circle, and what waits for whom."""

    kind: str  # topic | recipe | take
    name: str
    state: str
    who: str
    waits: str


@dataclass(frozen=True, slots=True)
class Circle:
    steps: tuple[Step, ...]
    nudges: tuple[Nudge, ...]
    faults: tuple[str, ...]


def look(space: Workspace) -> Circle:
    """Everything at once. What cannot be read is among the faults, and the rest is shown."""
    faults: list[str] = []
    handed_in = takes.listed(space.takes)
    known = recipes_of(space, handed_in)
    steps = [*_topics(space, faults), *map(_recipe_step, known), *(_take_step(space, take) for take in handed_in)]
    steps += [Step("video", name, "made", "", f"look at output/{name}/") for name in _loose(space, handed_in)]
    faults += [state.fault for state in known if state.fault]
    faults += [str(fault) for fault in takes.damaged(space.takes)]
    return Circle(tuple(steps), alike.nudges(tuple(_shown(space, handed_in))), tuple(faults))


def recipes_of(space: Workspace, handed_in: Sequence[Take] | None = None) -> tuple[RecipeState, ...]:
    """The recipes of a workspace by name, with their states. `handed_in` are its takes, where they are known."""
    takes_of: dict[str, list[Take]] = {}
    for take in takes.listed(space.takes) if handed_in is None else handed_in:
        takes_of.setdefault(take.recipe, []).append(take)
    told = recipes.listed(space.recipes).items()
    return tuple(_recipe_state(space, slug, recipe, takes_of.get(slug, [])) for slug, recipe in told)


def state_of(space: Workspace, take: Take) -> str:
    """How far a take is."""
    folder = space.output / take.id
    if _is_out(folder / RECEIPTS):
        return "published"
    if (folder / APPROVAL).exists():
        return "approved"
    return "made" if (folder / REPORT).exists() else "recorded"


def _recipe_state(space: Workspace, slug: str, recipe: Recipe | RecipeError, handed_in: Sequence[Take]) -> RecipeState:
    if isinstance(recipe, RecipeError):
        return RecipeState(slug, "", "", "wrong", "", str(recipe))
    states = [state_of(space, take) for take in handed_in]
    who = ", ".join(dict.fromkeys(take.person for take in handed_in)) or recipes.claimed(space.recipes, slug)
    state = max(states, key=_STATES.index, default="claimed" if who else "open")
    return RecipeState(slug, recipe.topic, recipe.asked_by, state, who)


def _is_out(receipts: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):  # it may hold anything
        return any(receipt.get("link") for receipt in json.loads(receipts.read_text(encoding="utf-8")))
    return False


# --- rows -------------------------------------------------------------------------------------------------------------


def _topics(space: Workspace, faults: list[str]) -> Iterator[Step]:
    if not space.board.exists():
        return
    try:
        with contextlib.closing(board.open_board(space.board)) as opened:
            topics = opened.list(status="new", limit=_TOPICS_SHOWN)
    except CandidError as fault:
        faults.append(str(fault))
        return
    for topic in topics:
        votes = f"{topic.votes} vote{'' if topic.votes == 1 else 's'}"
        yield Step("topic", topic.text, votes, ", ".join(topic.names), f"candid topics queue {topic.id}")


def _recipe_step(found: RecipeState) -> Step:
    waits = {
        "wrong": f"candid recipes check {found.slug}",
        "open": f"somebody: candid recipes claim {found.slug} --as PERSON",
        "claimed": f"{found.who}: candid submit CLIP... -r {found.slug} --as {found.who}",
    }
    return Step("recipe", found.slug, found.state, found.who, waits.get(found.state, ""))


def _take_step(space: Workspace, take: Take) -> Step:
    state = state_of(space, take)
    waits = {"recorded": f"candid render {take.id}", "made": f"{take.person}: look at output/{take.id}/"}
    return Step("take", take.id, state, take.person, waits.get(state, ""))


def _loose(space: Workspace, handed_in: Sequence[Take]) -> list[str]:
    """Videos of clips that were never handed in."""
    known = {take.id for take in handed_in}
    return sorted(path.parent.name for path in space.output.glob(f"*/{REPORT}") if path.parent.name not in known)


def _shown(space: Workspace, handed_in: Sequence[Take]) -> Iterator[Shown]:
    """What the audience will see of each take, for the comparison."""

    @functools.cache  # many takes have the same
    def post_of(recipe: str, person: str) -> Post:
        settled = orders.settle(space, orders.Wanted(recipe, person))
        values = templates.values(settled.recipe, settled.person, settled.brand)
        return templates.written(dict(settled.recipe.posts)["youtube"], values)

    for take in handed_in:
        with contextlib.suppress(CandidError, templates.TemplateError):
            post = post_of(take.recipe, take.person)
            yield Shown(take.id, take.person, post.title, post.description, _picture(space.output / take.id))


def _picture(folder: Path) -> int | None:
    with contextlib.suppress(OSError, CandidError):
        return artwork.difference_hash(folder / "thumbnail.jpg")
    return None
