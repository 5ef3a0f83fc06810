"""Signing in with a personal link, and out again. The link shows a button: a preview in a mail does not use it up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from pipeline.web.doors import Doors
from pipeline.web.entrance import COOKIE
from pipeline.web.rights import Need
from pipeline.web.site import on, page, site_of, visitor_of

doors = Doors()

_DAYS = 90
_KINDS = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux")
_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))


@doors.at("/sign-in", Need.NOTHING)
def sign_in_first(request: Request, then: str = "") -> Response:
    """Where somebody lands who is not signed in."""
    return page(request, "sign-in.html", link="", opens=False, name="")


@doors.at("/in/{link}", Need.NOTHING, rate="60/minute")
def personal_link(request: Request, link: str) -> Response:
    """A button. Opening the link does nothing yet."""
    visitor = site_of(request).store.opens(link)
    name = site_of(request).person(visitor).name if visitor.person else "the coordinator"
    return page(request, "sign-in.html", 200 if visitor.known else 410, link=link, opens=visitor.known, name=name)


@doors.at("/in/{link}", Need.NOTHING, "POST", rate="20/minute")
def sign_in(request: Request, link: str) -> Response:
    """Uses the link up, and leaves the cookie of a new session."""
    site = site_of(request)
    session = site.store.sign_in(link, _device(request.headers.get("user-agent", "")))
    if session is None:
        return page(request, "sign-in.html", 410, link=link, opens=False, name="")
    visitor = site.store.visitor(session)
    answer = on("/mine" if visitor.person else "/team")
    name = f"__Host-{COOKIE}" if site.settings.secure else COOKIE
    answer.set_cookie(
        name, session, max_age=_DAYS * 86_400, httponly=True, samesite="lax", secure=site.settings.secure, path="/"
    )
    return answer


@doors.at("/devices", Need.SIGN_IN)
def devices(request: Request) -> Response:
    """Where somebody is signed in."""
    return page(request, "devices.html", devices=site_of(request).store.devices(visitor_of(request)))


@doors.at("/sign-out", Need.SIGN_IN, "POST")
def sign_out(request: Request, session: Annotated[str, Form()] = "") -> Response:
    """Ends a session: this one, unless another of theirs is named."""
    visitor = visitor_of(request)
    site_of(request).store.sign_out(visitor, session or visitor.session)
    return on("/devices" if session and session != visitor.session else "/")


def _device(agent: str) -> str:
    """A device as a person knows it, of what its browser says."""
    kind = next((kind for kind in _KINDS if kind in agent), "a device")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "a browser")
    return f"{browser} on {kind.replace('Macintosh', 'a Mac')}"
