"""What the coordinator looks after: what waits for whom, the line of takes, and what becomes of the topics.

The coordinator sees how far people's takes are, and never the clips; nothing here publishes in another's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from pipeline import batch, circle, people, progress, recipes, takes
from pipeline.board import STATUSES, Board
from pipeline.circle import Step
from pipeline.errors import CandidError
from pipeline.model import Topic
from pipeline.shelf import Shelf
from pipeline.web.doors import Doors
from pipeline.web.rights import Need
from pipeline.web.site import Site, on, page, site_of
from pipeline.web.store import Waiting

doors = Doors()

YOU, ANYBODY, SERVER = "you", "anybody", "the server"

_A_PAGE = 50


# --- what waits for whom ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits: what it is, how far it is, what is to be done, and where."""

    name: str
    state: str
    do: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A take in line: its place, and the step that runs."""

    take: str
    step: str
    done: float


@doors.at("/team", Need.COORDINATOR)
def team(request: Request) -> Response:
    """What waits for whom, and the line of takes."""
    site = site_of(request)
    seen, faults = circle.look(site.space), site.store.faults()
    line = tuple(_placed(site, take) for take, _ in site.store.line())
    names = {person.id: person.name for person in people.listed(site.space.people)[0]}
    return page(
        request, "team.html", errands=_errands(seen.steps, {each.take for each in line}), line=line, faults=faults,
        names=names, wrong=seen.faults, nudges=seen.nudges, held=len(site.store.waiting()), you=YOU,
        unmade=len(_unmade(site)),
    )  # fmt: skip


def _placed(site: Site, take: str) -> Placed:
    step, done = progress.noted(Shelf(site.space.output / take)) or ("", 0.0)
    return Placed(take, step, done)


def _errands(steps: tuple[Step, ...], line: set[str]) -> dict[str, list[Errand]]:
    """What waits, by the person for whom; first the coordinator's own."""
    found: dict[str, list[Errand]] = {YOU: []}
    for step in steps:
        if step.waits and not (step.kind == "take" and step.name in line):
            who, do, place = _next(step)
            found.setdefault(who, []).append(Errand(step.name, step.state, do, place))
    return found


def _next(step: Step) -> tuple[str, str, str]:
    """For whom something waits, what is to be done, and where."""
    who = step.who or ANYBODY
    match step.kind, step.state:
        case "topic", _:
            return YOU, "plan or decline it", "/team/topics"
        case "recipe", "wrong":
            return YOU, "mend its file", f"/team/recipes/{step.name}"
        case "recipe", "open":
            return ANYBODY, "record it", f"/team/recipes/{step.name}"
        case "recipe", _:
            return who, "record it", f"/team/recipes/{step.name}"
        case _, "recorded":
            return YOU, "have it made", ""
        case _, "made":
            return who, "look at it and approve it", ""
    return who, "publish it", ""


def _unmade(site: Site) -> list[str]:
    """Takes of which there is no video yet, and that do not stand in line."""
    line = {take for take, _ in site.store.line()}
    found = (take for take in takes.listed(site.space.takes) if take.id not in line)
    return [take.id for take in found if circle.state_of(site.space, take.id) == "recorded"]


@doors.at("/team/batch", Need.COORDINATOR, "POST")
def make_all(request: Request, again: Annotated[str, Form()] = "") -> Response:
    """Puts every take in line that waits to be made, those that failed too.

    `again`: and those that were made and not approved yet, where their recipe or brand changed meanwhile.
    """
    site = site_of(request)
    for take in batch.handed_in(site.space) if again else _unmade(site):
        site.store.enqueue(take)
    return on("/team#line")


# --- topics -----------------------------------------------------------------------------------------------------------


@doors.at("/team/topics", Need.COORDINATOR)
def all_topics(request: Request, status: str = "new", number: int = 1) -> Response:
    """The suggestions that wait, and the board with what may become of each topic."""
    site, number = site_of(request), max(number, 1)
    status = status if status in STATUSES else "new"
    with site.board() as opened:
        found = opened.list("trending", status, _A_PAGE + 1, _A_PAGE * (number - 1))
        held = [(each, opened.similar(each.text, 3)) for each in site.store.waiting()]
    return page(
        request, "team-topics.html", topics=found[:_A_PAGE], more=len(found) > _A_PAGE, held=held, status=status,
        statuses=STATUSES, number=number, credited=recipes.credited,
    )  # fmt: skip


@doors.at("/team/waiting/{id}/appear", Need.COORDINATOR, "POST")
def let_appear(request: Request, id: int) -> Response:
    """A suggestion that waited comes onto the board. Killed in between, it is there, and waits; twice is once."""
    site = site_of(request)
    if held := _waiting(site, id):
        with site.board() as opened:
            opened.suggest(held.text, held.by, held.voter)
        site.store.release(id)
    return on("/team/topics#waiting")


@doors.at("/team/waiting/{id}/refuse", Need.COORDINATOR, "POST")
def refuse(request: Request, id: int) -> Response:
    """A suggestion that waited is thrown away."""
    site = site_of(request)
    if _waiting(site, id):
        site.store.release(id)
    return on("/team/topics#waiting")


def _waiting(site: Site, id: int) -> Waiting | None:
    return next((each for each in site.store.waiting() if each.id == id), None)


@doors.at("/team/topics/{id}", Need.COORDINATOR)
def one_topic(request: Request, id: int) -> Response:
    """Everything that may become of a topic."""
    return _topic_page(request, id)


def _topic_page(
    request: Request, id: int, status: int = 200, fault: str = "", at: str = "", typed: str = ""
) -> Response:
    with site_of(request).board() as opened:
        topic = opened.get(id)
        similar = [other for other, _ in opened.similar(topic.text) if other.id != topic.id]
    return page(
        request, "team-topic.html", status, topic=topic, similar=similar, fault=fault, at=at, typed=typed,
        credited=recipes.credited,
    )  # fmt: skip


def _decided(request: Request, id: int, at: str, typed: str, decide: Callable[[Board], Topic]) -> Response:
    """Carries out what was decided of a topic; what the board refuses is said beside the field `at`."""
    try:
        with site_of(request).board() as opened:
            topic = decide(opened)
    except CandidError as fault:
        return _topic_page(request, id, 422, str(fault), at, typed)
    return on(f"/team/topics/{topic.id}")


@doors.at("/team/topics/{id}/queue", Need.COORDINATOR, "POST")
def queue_topic(request: Request, id: int) -> Response:
    """It becomes a recipe, which is filled in next."""
    folder = site_of(request).space.recipes
    made: list[str] = []

    def decide(opened: Board) -> Topic:
        topic = opened.queue(id, lambda topic: recipes.from_topic(folder, topic))
        made.append(topic.recipe)
        return topic

    answer = _decided(request, id, "queue", "", decide)
    return on(f"/team/recipes/{made[0]}") if made and (folder / f"{made[0]}.toml").exists() else answer


@doors.at("/team/topics/{id}/decline", Need.COORDINATOR, "POST")
def decline_topic(request: Request, id: int, why: Annotated[str, Form()] = "") -> Response:
    """It leaves the list, with a reason that everybody can read."""
    return _decided(request, id, "why", why, lambda opened: opened.decline(id, why))


@doors.at("/team/topics/{id}/merge", Need.COORDINATOR, "POST")
def merge_topic(
    request: Request, id: int, into: Annotated[str, Form()] = "", other: Annotated[str, Form()] = ""
) -> Response:
    """It goes into another one, with its votes and names."""
    number = other.strip().lstrip("#") or into

    def decide(opened: Board) -> Topic:
        if not number.isdecimal():
            raise CandidError("Say into which topic it goes.", "Choose one, or write its number.")
        return opened.merge(id, int(number[:18]))

    return _decided(request, id, "other", other, decide)


@doors.at("/team/topics/{id}/answer", Need.COORDINATOR, "POST")
def answer_topic(request: Request, id: int, link: Annotated[str, Form()] = "") -> Response:
    """A video answers it."""
    return _decided(request, id, "link", link, lambda opened: opened.answer(id, link))


@doors.at("/team/topics/{id}/reopen", Need.COORDINATOR, "POST")
def reopen_topic(request: Request, id: int) -> Response:
    """It was declined, and is open again."""
    return _decided(request, id, "reopen", "", lambda opened: opened.reopen(id))
