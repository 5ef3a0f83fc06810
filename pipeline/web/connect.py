"""A person's accounts: from where their videos go out. Connecting one, and letting it go.

OAuth comes in two halves, since a page cannot wait: the form is answered with a link to the service (a form may not be
redirected to another host under our Content-Security-Policy, and a link that changes nothing may be looked at ahead by
anybody), and the service sends the browser back to /accounts/return/.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline import accounts, publishers, vault
from pipeline.accounts import Accounts
from pipeline.errors import AccountError, CandidError
from pipeline.model import Account
from pipeline.publishers import About
from pipeline.signin import Pending
from pipeline.web import fields, signers
from pipeline.web.cures import here
from pipeline.web.doors import Doors
from pipeline.web.fields import Told
from pipeline.web.rights import Need
from pipeline.web.settings import Settings
from pipeline.web.site import Site, on, page, site_of, visitor_of

doors = Doors()

_TAKE = re.compile(r"[a-z0-9-]{1,120}")
_HERE = ("127.0.0.1", "::1", "localhost")
_SOMEBODY_ELSES = AccountError(
    "That answer belongs to another sign-in, or came more than ten minutes after it began. Nothing was connected.",
    "Start again, and stay in the same browser.",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A service, and the visitor's account there."""

    about: About
    account: Account | None
    ended: bool = False  # a new sign-in is needed

    @property
    def may(self) -> tuple[str, ...]:
        return accounts.rights(self.account) if self.account else ()

    @property
    def where(self) -> str:
        return urlsplit(self.account.address).hostname or "" if self.account else ""


@functools.cache
def kept() -> Accounts:
    """All accounts of this machine; one for all requests, or each would ask a keyring for the key. AccountError."""
    return Accounts(vault.home())


def places(person: str) -> tuple[Place, ...]:
    """The services that are installed here, and a person's accounts there."""
    own = {each.service: each for each in _own(person)}
    return tuple(
        Place(about, own.get(about.name), about.name in own and accounts.has_ended(own[about.name]))
        for about in _services()
    )


def _own(person: str) -> tuple[Account, ...]:
    try:
        return kept().listed(person)
    except CandidError:  # a library is missing: then there are none
        return ()


def _services() -> Iterator[About]:
    for name in publishers.names():
        try:
            yield publishers.about(name)
        except CandidError:  # its library is not installed
            continue


# --- looking ----------------------------------------------------------------------------------------------------------


@doors.at("/accounts", Need.PERSON)
def my_accounts(request: Request, connected: str = "", gone: str = "") -> Response:
    """The visitor's accounts, what each may do, and when it needs a new sign-in."""
    return _accounts_page(request, 200, connected=connected, gone=gone)


def _accounts_page(
    request: Request, status: int, fault: CandidError | None = None, connected: str = "", gone: str = ""
) -> Response:
    person = visitor_of(request).person
    found = places(person)
    titles = {each.about.name: each.about.title for each in found}
    return page(
        request, "accounts.html", status, places=found, wrong=_wrong(request, person), fault=fault,
        connected=titles.get(connected, ""), gone=titles.get(gone, ""),
    )  # fmt: skip


def _wrong(request: Request, person: str) -> list[CandidError]:
    """What is wrong with accounts that cannot be opened."""
    try:
        return [here(fault, site_of(request).space.root) for fault in kept().examined(person)[1]]
    except CandidError as fault:
        return [here(fault, site_of(request).space.root)]


# --- connecting -------------------------------------------------------------------------------------------------------


@doors.at("/accounts/connect/{service}", Need.PERSON)
def connect(request: Request, service: str, take: str = "") -> Response:
    """Before anybody signs in: what will happen, or what is missing."""
    about = _about(service)
    if about.signs_in == "browser":
        try:
            _sent_away(site_of(request), visitor_of(request).person, service)
        except CandidError as fault:
            return _connect_page(request, about, 200, take, missing=fault)
    return _connect_page(request, about, 200, take)


@doors.at("/accounts/connect/{service}", Need.PERSON, "POST", rate="30/minute")
def begin(request: Request, service: str, told: Told) -> Response:
    """Signs in with what the form says; or begins a sign-in in the browser, and says where it goes on."""
    about, take = _about(service), fields.one(told, "take")
    if about.signs_in == "password":
        return _with_password(request, about, take, told)
    site, visitor = site_of(request), visitor_of(request)
    try:
        pending = _sent_away(site, visitor.person, service)
        sealed = kept().vault.seal(visitor.person, service, json.dumps(asdict(pending)))
    except CandidError as fault:
        return _connect_page(request, about, 409, take, missing=fault)
    site.store.go_away(visitor, service, pending.state, sealed, take if _TAKE.fullmatch(take) else "")
    return _connect_page(request, about, 200, take, goes_to=pending.address)


@doors.at("/accounts/return/{service}", Need.PERSON, rate="20/minute")
def come_back(request: Request, service: str, state: str = "") -> Response:
    """Where a service sends the browser back to. Only the session that went there can come back, once."""
    site, visitor = site_of(request), visitor_of(request)
    about = _about(service)
    began = site.store.come_back(visitor, service, state) if state else None
    if about.signs_in != "browser" or began is None:
        return _accounts_page(request, 403, _SOMEBODY_ELSES)
    try:
        pending = Pending(**json.loads(kept().vault.unseal(visitor.person, service, began[0])))
        back = signers.Back(pending, f"{pending.redirect}?{request.url.query}")
        account, tokens = publishers.find(service).sign_in(visitor.person, back, _options(site, service))
        kept().keep(account, tokens)
    except CandidError as fault:
        return _accounts_page(request, 409, here(fault, site.space.root))
    return _connected(service, began[1])


def _connected(service: str, take: str) -> Response:
    return on(f"/takes/{take}/publish" if _TAKE.fullmatch(take) else f"/accounts?connected={service}")


def _connect_page(
    request: Request, about: About, status: int, take: str, *, missing: CandidError | None = None, goes_to: str = "",
    typed: dict[str, str] | None = None, faults: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    site = site_of(request)
    return page(
        request, "connect.html", status, about=about, take=take if _TAKE.fullmatch(take) else "", goes_to=goes_to,
        missing=here(missing, site.space.root) if missing else None, host=urlsplit(goes_to).hostname or "",
        redirect=_redirect(site.settings, about.name), local=_is_local(site.settings),
        typed=typed or {"address": "", "user": ""}, faults=faults or {},
    )  # fmt: skip


def _about(service: str) -> About:
    """A service that knows accounts."""
    about = next((about for about in _services() if about.name == service and about.signs_in), None)
    if about is None:
        raise HTTPException(404)
    return about


def _options(site: Site, service: str) -> dict[str, str]:
    """What the publisher's own sign-in is told, as on the command line; and where browsers come back to."""
    folders = (site.space.root / "assets" / "clients", vault.home() / "clients")
    return {"clients": os.pathsep.join(map(str, folders)), "redirect": _redirect(site.settings, service)}


def _redirect(settings: Settings, service: str) -> str:
    return f"{settings.address}/accounts/return/{service}"


# --- in the browser, in two halves ------------------------------------------------------------------------------------


def _sent_away(site: Site, person: str, service: str) -> Pending:
    """The first half of a sign-in: nobody has been asked anything yet. AccountError where no client is set up."""
    options = _options(site, service)
    try:
        publishers.find(service).sign_in(person, signers.Away(options["redirect"]), options)
    except signers.Gone as gone:
        return gone.pending
    raise AccountError(f"{service} asked nobody to sign in.", "Use the command line.")


# --- with a password --------------------------------------------------------------------------------------------------


_EMPTY = {"address": "Where is your instance?", "user": "Who are you there?", "password": "Type your password."}


def _with_password(request: Request, about: About, take: str, told: dict[str, tuple[str, ...]]) -> Response:
    """The password is used once: it is never kept, and never put back into the page."""
    site, person = site_of(request), visitor_of(request).person
    typed = {key: fields.one(told, key) for key in ("address", "user")}
    password = next(iter(told.get("password", ())), "")
    given = typed | {"password": password}
    faults = {key: says for key, says in _EMPTY.items() if not given[key]}
    if not faults and not _may_be_asked(site.settings, typed["address"]):
        faults = {"address": "Give the name of your instance, such as https://video.example.org"}
    if not faults:
        faults = _signed_in(site, person, about, given, fields.one(told, "code"))
    if faults:
        return _connect_page(request, about, 422, take, typed=typed, faults=faults)
    return _connected(about.name, take)


def _signed_in(site: Site, person: str, about: About, given: dict[str, str], code: str) -> dict[str, str]:
    """Connects the account; or says what is wrong, by field."""
    signer = signers.Typed(given["user"], given["password"], code)
    options: dict[str, Any] = {**_options(site, about.name), "address": given["address"]}
    try:
        account, tokens = publishers.find(about.name).sign_in(person, signer, options)
        kept().keep(account, tokens)
    except signers.NoCode:
        return {"code": "Your account has a second factor: type its code, and your password once more."}
    except CandidError as fault:
        said = str(here(fault, site.space.root))
        return {"address" if "no address" in said else "": said}
    return {}


def _may_be_asked(settings: Settings, address: str) -> bool:
    """Whether this server goes to an address that somebody types: one with a name, by https.

    On the person's own machine it may be anything: there they could ask themselves.
    """
    if _is_local(settings):
        return True
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and "." in host and not _is_number(host)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit()
    return True


def _is_local(settings: Settings) -> bool:
    return urlsplit(settings.address).hostname in _HERE


# --- letting go -------------------------------------------------------------------------------------------------------


@doors.at("/accounts/disconnect/{service}", Need.PERSON)
def ask_before_disconnecting(request: Request, service: str) -> Response:
    return _disconnect_page(request, service, 200)


@doors.at("/accounts/disconnect/{service}", Need.PERSON, "POST", rate="20/minute")
def disconnect(request: Request, service: str, told: Told) -> Response:
    """Ends the sign-in at the service, and forgets the account here; where that is away, only if it is wished so."""
    person = visitor_of(request).person
    try:
        _sign_out(person, service)
    except CandidError as fault:
        if fields.one(told, "anyway") != "yes":
            return _disconnect_page(request, service, 409, here(fault, site_of(request).space.root))
    kept().forget(person, service)
    return on(f"/accounts?gone={service}")


def _sign_out(person: str, service: str) -> None:
    access = kept().get(person, _about(service).name)
    try:
        publishers.find(service).sign_out(access)
    except AccountError:  # it had ended there already
        return


def _disconnect_page(request: Request, service: str, status: int, fault: CandidError | None = None) -> Response:
    about = _about(service)
    place = next(each for each in places(visitor_of(request).person) if each.about == about)
    return page(request, "accounts-disconnect.html", status, place=place, about=about, fault=fault)
