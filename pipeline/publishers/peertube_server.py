"""How a PeerTube instance is asked, and how it is told who asks (see peertube.py)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import httpx

from pipeline import wire
from pipeline.accounts import Access, connecting
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account
from pipeline.signin import Signer
from pipeline.wire import AgainError, Patience, asked, patiently, said, told

SAYS = ("detail", "error", "error_description")  # where an instance says what it has against something
SIGN_IN_SECONDS = 15.0  # somebody sits there and waits
_TOKENS = ("access_token", "refresh_token")
_ENDED = frozenset(("invalid_grant", "invalid_client"))  # only a new sign-in helps


def address_of(text: str) -> str:
    """The root of an instance. AccountError unless it is https, or on this machine."""
    text = text.strip()
    try:
        url = httpx.URL(text if "://" in text else f"https://{text}")
    except httpx.InvalidURL:
        url = httpx.URL("")
    safe = url.scheme == "https" or (url.scheme == "http" and url.host in ("127.0.0.1", "localhost", "::1"))
    if not safe or url.userinfo or not re.fullmatch(r"[a-z0-9.-]+|\[?[0-9a-f:]+\]?", url.raw_host.decode()):
        raise AccountError(
            "That is no address of a PeerTube instance.", "Give one that begins with https:// (--address)."
        )
    return f"{url.scheme}://{url.netloc.decode()}/"


def host_of(address: str) -> str:
    return httpx.URL(address).host


def who(me: Mapping[str, Any], host: str) -> tuple[str, str]:
    """Id and name of an account, from what an instance answers to users/me."""
    account = me.get("account")
    if not isinstance(account, dict) or not {"id", "name"} <= account.keys():
        raise _no_peertube(host)
    name = f"{account['name']}@{account.get('host') or host}"
    shown = account.get("displayName") or ""
    return str(account["id"]), f"{shown} ({name})" if shown and shown != account["name"] else name


def app(client: httpx.Client) -> dict[str, str]:
    """The instance's own client id, the same for everybody."""
    found = answered(client, "GET", "api/v1/oauth-clients/local", "signing in")
    if not {"client_id", "client_secret"} <= found.keys():
        raise _no_peertube(client.base_url.host)
    return {key: str(found[key]) for key in ("client_id", "client_secret")}


def _no_peertube(host: str) -> AccountError:
    return AccountError(f"{host} does not answer as PeerTube does.", "Look whether it is the address of an instance.")


def granted(client: httpx.Client, app: Mapping[str, str], secrets: Mapping[str, str], signer: Signer) -> dict[str, str]:
    """New tokens. Where the account has a second factor, its code is asked for."""
    form = {**app, **secrets, "grant_type": "password", "response_type": "code", "scope": "upload"}
    response = _token(client, form)
    if response.status_code == 401 and "x-peertube-otp" in response.headers:
        response = _token(client, form, {"x-peertube-otp": signer.ask("The code of your second factor", hidden=True)})
    if response.status_code != 200:
        raise AccountError(
            f"{client.base_url.host} does not let you in: {said(response, 'detail', 'error_description')}.",
            "Look at user name and password, and try again.",
        )
    try:
        return _tokens(told(response))
    except AgainError:
        raise _no_peertube(client.base_url.host) from None


def _token(client: httpx.Client, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> httpx.Response:
    return sent(client, "POST", "api/v1/users/token", data=form, headers=headers)


def _tokens(answer: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(answer.get(key), str) for key in _TOKENS):
        raise AgainError("its answer is not what was asked for")
    return {key: answer[key] for key in _TOKENS}


def _words(response: httpx.Response) -> Iterator[str]:
    """OAuth's own words in a refusal; none in a page."""
    with contextlib.suppress(AgainError):
        answer = told(response)
        yield from (str(answer.get(key)) for key in ("code", "error"))


class Bearer(httpx.Auth):
    """Puts the access token into requests; once it no longer holds, gets a new one."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._access.tokens()['access_token']}"
        response = yield request
        if response.status_code == 401:
            tokens = self._access.renew(self._renewed)
            request.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield request

    def _renewed(self, old: Mapping[str, str]) -> dict[str, str]:
        form = {key: old[key] for key in ("client_id", "client_secret", "refresh_token")}
        with wire.client(self._access.account.address) as client:
            response = asked(client, "POST", "api/v1/users/token", data={**form, "grant_type": "refresh_token"})
        if response.status_code in (400, 401) and _ENDED & set(_words(response)):
            raise sign_in_again(self._access.account)
        if response.status_code != 200:  # a proxy's page, say: the sign-in may hold all the same
            raise AgainError(f"it did not renew the sign-in ({response.status_code})")
        return {**old, **_tokens(told(response))}


def sent(client: httpx.Client, method: str, path: str, patience: Patience | None = None, **what: Any) -> httpx.Response:
    """Any answer but that the instance is busy. PublishError where that lasts too long."""
    return patiently(lambda: asked(client, method, path, **what), patience or _patience(client))


def answered(
    client: httpx.Client, method: str, path: str, about: str, account: Account | None = None, **what: Any
) -> dict[str, Any]:
    """The JSON of a good answer. PublishError where the instance refuses what `about` names; AccountError where
    `account` is no longer signed in.
    """

    def ask() -> dict[str, Any]:
        response = asked(client, method, path, **what)
        if response.status_code == 401 and account is not None:
            raise sign_in_again(account)
        return told(good(response, about))

    return patiently(ask, _patience(client))


def _patience(client: httpx.Client) -> Patience:
    """Somebody who signs in sits there and waits; an upload may wait longer."""
    return Patience(client.base_url.host) if client.auth else Patience(client.base_url.host, SIGN_IN_SECONDS)


def good(response: httpx.Response, about: str) -> httpx.Response:
    """The response, unless it is a refusal: PublishError then, of what `about` names."""
    if not response.is_success:
        raise refusal(response, about)
    return response


def refusal(response: httpx.Response, about: str) -> PublishError:
    cures = {
        413: "Your space there is full, or the video is too large: ask who runs the instance.",
        415: "The instance does not take MP4: ask who runs it.",
        429: "Try again later.",
    }
    what = f"{response.url.host} refuses {about}: {said(response, *SAYS)}."
    return PublishError(what, cures.get(response.status_code, "Look at your account there, or ask who runs it."))


def sign_in_again(account: Account) -> AccountError:
    return AccountError(
        f"{host_of(account.address)} no longer knows {account.name}: the sign-in has ended.",
        f"Sign in again: {connecting(account.person, account.service, account.address)}",
    )
