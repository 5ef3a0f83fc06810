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
from typing import Any

from pipeline import alike, artwork, board, orders, people, progress, receipts, recipes, takes, templates
from pipeline.alike import Nudge, Shown
from pipeline.errors import CandidError, RecipeError, WorkspaceError
from pipeline.model import Post, Receipt, Recipe, Take
from pipeline.shelf import Shelf
from pipeline.workspace import Workspace

REPORT, APPROVAL = "report.json", "approval.json"
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
    """A row of the table: something of the circle, and what waits for whom.

    `making` is the step at which it is while a batch makes it, with a percentage.
    """

    kind: str  # topic | recipe | take
    name: str
    state: str
    who: str
    waits: str
    making: str = ""


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
    steps += [_video_step(space, name) for name in _loose(space, handed_in)]
    faults += [state.fault for state in known if state.fault]
    faults += [str(fault) for fault in (*takes.damaged(space.takes).values(), *_unread(space))]
    return Circle(tuple(steps), alike.nudges(tuple(_shown(space, handed_in))), tuple(faults))


def recipes_of(space: Workspace, handed_in: Sequence[Take] | None = None) -> tuple[RecipeState, ...]:
    """The recipes of a workspace by name, with their states. `handed_in` are its takes, where they are known."""
    takes_of: dict[str, list[Take]] = {}
    for take in takes.listed(space.takes) if handed_in is None else handed_in:
        takes_of.setdefault(take.recipe, []).append(take)
    told = recipes.listed(space.recipes).items()
    return tuple(_recipe_state(space, slug, recipe, takes_of.get(slug, [])) for slug, recipe in told)


def state_of(space: Workspace, take: str) -> str:
    """How far a take that was handed in is."""
    return _state(space.output / take)


def _state(folder: Path) -> str:
    """How far the take is that was made in a folder."""
    if _out(folder):
        return "published"
    if _approved(folder):
        return "approved"
    return "made" if (folder / REPORT).exists() else "recorded"


def _recipe_state(space: Workspace, slug: str, recipe: Recipe | RecipeError, handed_in: Sequence[Take]) -> RecipeState:
    if isinstance(recipe, RecipeError):
        return RecipeState(slug, "", "", "wrong", "", str(recipe))
    states = [state_of(space, take.id) for take in handed_in]
    who = ", ".join(dict.fromkeys(take.person for take in handed_in)) or recipes.claimed(space.recipes, slug)
    state = max(states, key=_STATES.index, default="claimed" if who else "open")
    return RecipeState(slug, recipe.topic, recipe.asked_by, state, who)


def _out(folder: Path) -> tuple[Receipt, ...]:
    """The videos of a take that are out and were not taken down."""
    try:
        told = receipts.read(folder)
    except WorkspaceError:  # told among the faults
        return ()
    return tuple(each for each in receipts.out(told) if not receipts.hidden(told, each.service))


def _approved(folder: Path) -> tuple[str, ...]:
    """The services for which a take is approved.

    () where that was withdrawn, or a file is no longer the one that was approved, by its size and date.
    """
    told = _json(folder / APPROVAL)
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):  # it may hold anything
        if not told.get("withdrawn") and all(_is_same(folder, each["stamps"]) for each in told["sealed"]):
            return tuple(str(each["service"]) for each in told["sealed"])
    return ()


def _is_same(folder: Path, stamps: Sequence[tuple[str, int, int]]) -> bool:
    found = ((name, (folder / name).stat()) for name, _, _ in stamps)
    return [(name, seen.st_size, seen.st_mtime_ns) for name, seen in found] == [tuple(each) for each in stamps]


def _json(path: Path) -> Any:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {}


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
    folder, state = space.output / take.id, state_of(space, take.id)
    making = _making(folder)
    return Step("take", take.id, state, take.person, "" if making else _waits(folder, state, take.person), making)


def _video_step(space: Workspace, name: str) -> Step:
    """A video of clips that were never handed in."""
    folder, told = space.output / name, _json(space.output / name / REPORT)
    person = str(told.get("person") or "") if isinstance(told, dict) else ""
    state = _state(folder)
    making = _making(folder)
    waits = "" if making else _waits(folder, state, person if _is_known(space, person) else "")
    return Step("video", name, state, person, waits, making)


def _making(folder: Path) -> str:
    """How far a batch is with it. A note that a killed run left counts for nothing."""
    shelf = Shelf(folder)
    told = progress.noted(shelf)
    return f"{told[0]}, {told[1]:.0%}" if told and shelf.held() else ""


def _is_known(space: Workspace, person: str) -> bool:
    """The person of the product's own demo is among nobody's people, and cannot approve."""
    with contextlib.suppress(CandidError):
        return bool(people.where(space.people, person))
    return False


def _waits(folder: Path, state: str, person: str) -> str:
    """What is next for a take."""
    take = folder.name
    if state == "recorded":
        return f"candid render {take}"
    if not person:
        return f"look at output/{take}/"
    if state == "made":
        return f"{person}: candid approve {take} --as {person}"
    left = set(_approved(folder)) - {receipt.service for receipt in _out(folder)}
    return f"{person}: candid publish {take} --as {person}" if left else ""


def _unread(space: Workspace) -> Iterator[WorkspaceError]:
    """What is wrong with receipts."""
    for path in sorted(space.output.glob(f"*/{receipts.NAME}")):
        try:
            receipts.read(path.parent)
        except WorkspaceError as fault:
            yield fault


def _loose(space: Workspace, handed_in: Sequence[Take]) -> list[str]:
    """Videos of clips that were never handed in, also those that are being made."""
    known = {take.id for take in handed_in}
    found = {path.parent.name for name in (REPORT, progress.NOTE) for path in space.output.glob(f"*/{name}")}
    return sorted(found - known)


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
