"""The topic board: the audience suggests and votes without signing in, and sees what became of it."""

from __future__ import annotations

import functools
import re
import secrets
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import JSONResponse, Response
from jinja2 import Environment

from pipeline import board, recipes
from pipeline.board import Ballot, Board, Wish
from pipeline.errors import BoardError
from pipeline.model import Topic
from pipeline.web.doors import Doors
from pipeline.web.rights import Need
from pipeline.web.site import on, page, site_of, visitor_of, wants_json

doors = Doors()

COOKIE = "candid-voter"  # tells browsers apart, so that each counts once; it says nothing about anybody
SHOWN = {"trending": ("trending", "new"), "new": ("new", "new"), "planned": ("new", "planned"),
         "answered": ("new", "answered")}  # fmt: skip
A_PAGE = 30

_YEAR = 365 * 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_BESIDE = 5  # of the planned and of the answered ones, beside the list
_MOST_WAITING = 500  # suggestions that the coordinator has not looked at
_A_CROWD = 400  # addresses that vote at once as often as they may


# --- look -------------------------------------------------------------------------------------------------------------


@doors.at("/", Need.NOTHING)
async def topic_board(request: Request, show: str = "trending", number: int = 1, said: str = "") -> Response:
    """The topics that most people want, the newest, those that are planned, or those that are answered.

    On the thread that answers: to read a page of the board takes less than to wait for another thread, and no writer
    holds a reader up.
    """
    return _board_page(request, show, number, said=said)


def _board_page(
    request: Request, show: str = "trending", number: int = 1, /, status: int = 200, **form: str
) -> Response:
    show, number = show if show in SHOWN else "trending", max(number, 1)
    order, among = SHOWN[show]
    with site_of(request).board() as opened:
        found = opened.list(order, among, A_PAGE + 1, A_PAGE * (number - 1))
        beside = {each: opened.list("new", each, _BESIDE) for each in ("planned", "answered")}
        voted = _voted(opened, request, found)
    templates = site_of(request).templates
    cards = [_card(templates, topic, topic.id in voted, show, number) for topic in found[:A_PAGE]]
    values: dict[str, Any] = {"text": "", "by": "", "fault": "", "wrong": "", "said": ""} | form
    return page(
        request, "topics.html", status, cards=cards, more=len(found) > A_PAGE, beside=beside, show=show, number=number,
        credited=recipes.credited, **values,
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _card(templates: Environment, topic: Topic, voted: bool, show: str, number: int) -> Any:
    """A topic of the list. It is the same for many until somebody votes, and writing it is most of a page's work."""
    parts: Any = templates.get_template("topic-parts.html").module
    return parts.card(topic, voted, {"show": show, "number": number}, recipes.credited)


@doors.at("/topics/similar", Need.NOTHING, rate="90/minute")
def similar_topics(request: Request, text: str = "") -> dict[str, Any]:
    """Topics that are like what somebody types; those that are answered with their video."""
    with site_of(request).board() as opened:
        found = opened.similar(board.clean(text))
    keys = ("id", "text", "status", "votes", "link")
    return {"similar": [{key: getattr(topic, key) for key in keys} for topic, _ in found]}


@doors.at("/topics/{id}", Need.NOTHING)
def topic(request: Request, id: int, said: str = "") -> Response:
    """One topic: who asked, how many want it, and what became of it."""
    with site_of(request).board() as opened:
        found = opened.get(id)
        voted = _voted(opened, request, (found,))
    return page(request, "topic.html", topic=found, voted=voted, said=said, credited=recipes.credited)


# --- suggest ----------------------------------------------------------------------------------------------------------


@doors.at("/topics", Need.NOTHING, "POST", rate="10/minute")
def suggest(
    request: Request,
    text: Annotated[str, Form()] = "",
    by: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
) -> Response:
    """Adds a suggestion, once its author has seen what is like it: `seen` is the text for which that was shown."""
    voter, token = _voter(request)
    try:
        board.clean(text)
    except BoardError as fault:
        return _refused(request, "text", str(fault), text, by)
    try:
        wish = board.cleaned(Wish(text, by, voter))
    except BoardError as fault:
        return _refused(request, "by", str(fault), text, by)
    with site_of(request).board() as opened:
        found = opened.similar(wish.text)
        if " ".join(seen.split()) != wish.text and found and not _is_there(found, wish.text):
            return page(request, "topics-similar.html", wish=wish, similar=[topic for topic, _ in found])
        answer = _held(request, wish) if site_of(request).settings.moderated else _added(opened, wish)
    return _remembered(request, answer, token)


def _refused(request: Request, wrong: str, fault: str, text: str, by: str) -> Response:
    """The form again, with what was typed and what is wrong beside its field."""
    return _board_page(request, status=422, text=text, by=by, wrong=wrong, fault=fault)


def _is_there(found: tuple[tuple[Topic, float], ...], text: str) -> bool:
    """Whether an open topic says exactly that. Then there is nothing to ask: it is one more voice for it."""
    return any(board.same(topic.text, text) and topic.status in board.OPEN for topic, _ in found)


def _added(opened: Board, wish: Wish) -> Response:
    [heard] = opened.suggest_many([wish])
    if heard.topic is None:
        raise BoardError(heard.why)
    return on(f"/topics/{heard.topic.id}?said={heard.how}")


def _held(request: Request, wish: Wish) -> Response:
    """Puts it before the coordinator; twice is once."""
    store = site_of(request).store
    waiting = store.waiting()
    if len(waiting) >= _MOST_WAITING:
        full = "So many suggestions wait to be read that there is no room for more. Come back tomorrow."
        return _refused(request, "text", full, wish.text, wish.by)
    if (wish.text, wish.voter) not in {(each.text, each.voter) for each in waiting}:
        store.hold(wish.text, wish.by, wish.voter)
    return on("/?said=held")


# --- vote -------------------------------------------------------------------------------------------------------------


@doors.at("/topics/{id}/vote", Need.NOTHING, "POST", rate="60/minute", crowd=_A_CROWD)
async def vote(
    request: Request, id: int, show: Annotated[str, Form()] = "", number: Annotated[int, Form()] = 1
) -> Response:
    """Counts a browser once."""
    voter, token = _voter(request)
    found = await site_of(request).ballots.cast(Ballot(id, voter))
    return _remembered(request, _counted(request, found, True, show, number), token)


@doors.at("/topics/{id}/unvote", Need.NOTHING, "POST", rate="60/minute", crowd=_A_CROWD)
async def unvote(
    request: Request, id: int, show: Annotated[str, Form()] = "", number: Annotated[int, Form()] = 1
) -> Response:
    """Takes a vote back."""
    voter, _ = _voter(request)
    found = await site_of(request).ballots.cast(Ballot(id, voter, counts=False))
    return _counted(request, found, False, show, number)


def _counted(request: Request, topic: Topic, voted: bool, show: str, number: int) -> Response:
    if wants_json(request):
        return JSONResponse({"id": topic.id, "votes": topic.votes, "voted": voted})
    back = f"/?show={show}&number={number}#topic-{topic.id}" if show in SHOWN else f"/topics/{topic.id}"
    return on(back)


def _voted(opened: Board, request: Request, topics: tuple[Topic, ...]) -> frozenset[int]:
    voter = _known(request)
    return opened.voted(voter, [topic.id for topic in topics]) if voter else frozenset()


# --- who votes --------------------------------------------------------------------------------------------------------


def _known(request: Request) -> str:
    """The voter: an employee counts once on all their devices, everybody else once a browser. "" for a new one."""
    if person := visitor_of(request).person:
        return f"person:{person}"
    token = request.cookies.get(_cookie(request), "")
    return f"web:{token}" if _TOKEN.fullmatch(token) else ""


def _voter(request: Request) -> tuple[str, str]:
    """The voter, and the token that their browser has to keep where they are new."""
    if voter := _known(request):
        return voter, ""
    token = secrets.token_urlsafe(16)
    return f"web:{token}", token


def _remembered(request: Request, answer: Response, token: str) -> Response:
    if token:
        secure = site_of(request).settings.secure
        answer.set_cookie(
            _cookie(request), token, max_age=_YEAR, httponly=True, samesite="lax", secure=secure, path="/"
        )
    return answer


def _cookie(request: Request) -> str:
    return f"__Host-{COOKIE}" if site_of(request).settings.secure else COOKIE
