"""Everybody comes in here: host, sender, sign-in, rights, size and rate are looked at before a page sees anything.

Pure ASGI, so that uploads and streams pass through untouched. The rules are in rights.py.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, MutableMapping, Sequence
from html import escape
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web.doors import Door
from pipeline.web.rights import NOBODY, Answer, Need, Visitor, answer, from_our_page
from pipeline.web.settings import Settings

COOKIE = "candid"

_log = logging.getLogger("candid")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # no-referrer would make browsers send "Origin: null" with forms
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), display-capture=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_SAYS: dict[int, tuple[str, str]] = {
    400: ("This cannot be understood.", "Go back and try again."),
    403: ("This is not yours to see.", "Ask the coordinator, if you think it should be."),
    404: ("There is nothing here.", "It may have been taken away, or belong to somebody else."),
    405: ("This cannot be done here.", "Go back and try again."),
    413: ("This is too large.", "Send less at once."),
    421: ("This server is not called that.", "Use the address that candid serve printed."),
    429: ("That was too often.", "Wait a minute, then try again."),
}


class Entrance:
    """Wraps the application. `whose` says whose take or upload an id is; `visitor` who a session belongs to."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        doors: Sequence[tuple[BaseRoute, Door]],
        visitor: Callable[[str], Visitor],
        whose: Callable[[str, str], str],
    ) -> None:
        self._app = app
        self._settings = settings
        self._doors = doors
        self._visitor, self._whose = visitor, whose
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._with_headers(send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if _name(headers.get("host", "")) not in self._settings.hosts:
            await _refuse(421, headers, send)
            return
        if not from_our_page(scope["method"], headers, self._settings.address):
            await _refuse(403, headers, send)
            return
        door, parameters, status = self._door(scope)
        if door is None:
            await _refuse(status, headers, send)
            return
        visitor = await _in_thread(self._visitor, _session(headers)) if _session(headers) else NOBODY
        scope.setdefault("state", {})["visitor"] = visitor
        scope["state"]["address"] = _address(scope, headers, self._settings.proxies)
        owner = ""
        if door.need is Need.OWNER and visitor.known:
            owner = await _in_thread(self._whose, door.owned, parameters.get(door.owned, ""))
        said = answer(visitor, door.need, owner)
        if said is Answer.SIGN_IN and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            await _redirect(f"/sign-in?then={quote(scope['path'])}", send)
        elif said is not Answer.COME_IN:
            await _refuse(said.value, headers, send)
        elif door.rate and not self._within(door, scope["state"]["address"]):
            await _refuse(429, headers, send)
        elif door.largest is not None and _announced(headers) > door.largest:
            await _refuse(413, headers, send)
        else:
            await self._inside(scope, _bounded(receive, door.largest), send)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What no page foresaw has been answered in words by then; here whoever runs the server is told."""
        try:
            await self._app(scope, receive, send)
        except Exception as fault:
            if os.environ.get("CANDID_DEBUG"):
                raise
            _log.error("%s %s: %s: %s", scope["method"], scope["path"], type(fault).__name__, fault)

    def _door(self, scope: Scope) -> tuple[Door | None, dict[str, Any], int]:
        """The door that a request stands before, what its path says, and what is said where there is none."""
        status = 404
        for route, door in self._doors:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return door, child.get("path_params", {}), 200
            if match is Match.PARTIAL:
                status = 405
        return None, {}, status

    def _within(self, door: Door, address: str) -> bool:
        """Whether one address comes seldom enough, and all of them together do."""
        one = parse(door.rate)
        many = type(one)(one.amount * door.crowd, one.multiples)
        return self._rates.hit(one, door.name, _network(address)) and self._rates.hit(many, door.name, "all")

    def _with_headers(self, send: Send) -> Send:
        own = dict(_HEADERS)
        if self._settings.secure:
            own["strict-transport-security"] = "max-age=31536000"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                extra = own if b"cache-control" in known else own | {"cache-control": "private, no-cache"}
                more = [(name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in known]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        return sending


async def _in_thread(ask: Callable[..., Any], *arguments: object) -> Any:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(ask, *arguments)


def _name(host: str) -> str:
    """The name in a Host header, without its port; "" where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _session(headers: MutableMapping[str, str]) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(f"__Host-{COOKIE}") or cookies.get(COOKIE)
    return found.value if found else ""


def _address(scope: Scope, headers: MutableMapping[str, str], proxies: Sequence[str]) -> str:
    """Whose request it is. What a proxy says counts only where it is one of ours; it adds itself at the end."""
    peer = str((scope.get("client") or ("",))[0])
    told = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")]
    while peer in proxies and told and told[-1]:
        peer = told.pop()
    return peer


def _network(address: str) -> str:
    """Who counts as one: an address, but with IPv6 the /64 that one customer has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(found, IPv6Address) else str(found)


def _announced(headers: MutableMapping[str, str]) -> int:
    told = headers.get("content-length", "0")
    return int(told) if told.isdecimal() else 0


def _bounded(receive: Receive, largest: int | None) -> Receive:
    """A body that says nothing about its length ends where it is too long."""
    if largest is None:
        return receive
    left = largest

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return receiving


async def _refuse(status: int, headers: MutableMapping[str, str], send: Send) -> None:
    """A refusal in words; as JSON for our scripts."""
    what, do = _SAYS.get(status, ("Sign in first.", "Open the personal link that the coordinator gave you."))
    if "application/json" in headers.get("accept", ""):
        body, kind = json.dumps({"error": {"what": what, "do": do}}), "application/json"
    else:
        body, kind = _PAGE.format(what=escape(what), do=escape(do)), "text/html; charset=utf-8"
    told = [(b"content-type", kind.encode()), (b"content-length", str(len(body.encode())).encode())]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body.encode()})


async def _redirect(place: str, send: Send) -> None:
    await send({"type": "http.response.start", "status": 303, "headers": [(b"location", place.encode("ascii"))]})
    await send({"type": "http.response.body", "body": b""})


_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{what} - Candid</title><link rel="stylesheet" href="/static/style.css">'
    '<main class="narrow"><h1>{what}</h1><p>{do}</p><p><a href="/">To the topics</a></p></main></html>'
)
