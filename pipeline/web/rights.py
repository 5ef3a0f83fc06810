"""PURE: who may do what. The only place that decides it; entrance.py asks here for every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Need(Enum):
    """What a door asks of whoever comes."""

    NOTHING = "nothing"  # the audience
    SIGN_IN = "sign-in"  # an employee, or the coordinator
    PERSON = "person"  # somebody who can speak in a video: a coordinator may be nobody's person
    OWNER = "owner"  # the person whose take or upload it is, and nobody else
    COORDINATOR = "coordinator"


class Answer(Enum):
    """What the entrance does."""

    COME_IN = 200
    SIGN_IN = 401  # first
    NOT_YOURS = 403
    NOT_THERE = 404  # what belongs to somebody else looks like what does not exist


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: nobody who is known, an employee, a coordinator, or both. `session` names their sign-in."""

    person: str = ""
    coordinator: bool = False
    session: str = ""

    @property
    def known(self) -> bool:
        return bool(self.person) or self.coordinator


NOBODY = Visitor()


def answer(visitor: Visitor, need: Need, owner: str = "") -> Answer:
    """Whether the visitor may come in. `owner` is the person whose thing it is, "" where there is no such thing."""
    if need is Need.NOTHING:
        return Answer.COME_IN
    if not visitor.known:
        return Answer.SIGN_IN
    if need is Need.OWNER:
        return Answer.COME_IN if owner and owner == visitor.person else Answer.NOT_THERE
    allowed = {Need.SIGN_IN: True, Need.PERSON: bool(visitor.person), Need.COORDINATOR: visitor.coordinator}
    return Answer.COME_IN if allowed[need] else Answer.NOT_YOURS


SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def from_our_page(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Whether a change comes from our own pages and not from another site that a browser has open.

    Cookies ignore ports, so SameSite alone is not enough. Browsers say where a request comes from (Fetch Metadata);
    over plain http they do not, and then Origin has to be ours (OWASP, Cross-Site Request Forgery Prevention).
    """
    if method in SAFE:
        return True
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    if told := headers.get("origin"):
        return told == origin
    return "cookie" not in headers  # nobody's browser: whoever has no cookie can do no harm with one
