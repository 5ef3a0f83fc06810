"""How a person signs in at a service: in their own browser, or by pasting the address that it ended on.

The protocol is OAuth's authorization code with PKCE and state, spoken by Google's own library (RFC 6749, 7636, 8252).
The listener to which the browser comes back is ours: it waits for the one answer that fits.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import re
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from pipeline.errors import AccountError, PublishError

PORTS = {"vimeo": 8917}  # services that know one redirect address only, which is registered there; others take any port
INSTALL = "pip install 'candid[publish]'"
TESTING = (
    "If this happens every 7 days: Google ends sign-ins after a week while the consent screen of the company's OAuth "
    "client says “Testing”. Whoever owns it opens the Google Auth Platform, page Audience, and presses “Publish app” "
    "(or takes the user type “Internal” in a Google Workspace); then everybody signs in once more."
)

_PASTE_PORT = 8917  # nobody listens there: the browser ends on a page that it cannot show
_MINUTES = 5  # until somebody who does not come back is given up
_TIMEOUT = 30.0  # seconds for an answer of the service
_TRIES = 3  # to paste an address


class Signer(Protocol):
    """Whoever sits there: at a terminal, or at the page."""

    def ask(self, question: str, hidden: bool = False) -> str:
        """What they answer. `hidden`: a password, which nobody reads over their shoulder."""

    def authorized(self, address_for: SignIn) -> str:
        """Sends them to the address that `address_for` makes of a redirect address; the address their browser ended on.

        AccountError where they refuse, or nobody comes.
        """


@dataclass(frozen=True, slots=True)
class OAuth:
    """The company's client at a service, and where the service signs people in."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str
    token_uri: str
    revoke_uri: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in for which somebody was sent away. Whoever keeps it until they come back keeps a secret."""

    redirect: str  # where they come back to
    address: str = field(repr=False)  # where they sign in
    state: str = field(repr=False)
    verifier: str = field(repr=False)  # PKCE: shows that whoever comes with the code is who went for it


# --- the company's client ---------------------------------------------------------------------------------------------


def client(
    service: str, options: Mapping[str, str], *, auth_uri: str, token_uri: str, revoke_uri: str, scopes: tuple[str, ...]
) -> OAuth:
    """The company's client at `service`: CANDID_<SERVICE>_CLIENT names its file, else <service>.json in one of the
    folders in `options["clients"]` (as PATH has them).

    The file is what Google's console gives ({"installed": {...}}), or only {"client_id": ..., "client_secret": ...}.
    Addresses in it win over those given here. AccountError says where to put it.

    `options["redirect"]` is where browsers come back to, where that is a page and not this command: <service>-web.json
    goes first then, and may hold a client of the type that knows such an address ({"web": {...}}).
    """
    redirect = options.get("redirect", "")
    path = _client_file(service, options.get("clients", ""), redirect)
    told = _client_told(path, redirect)
    uris = {"auth_uri": auth_uri, "token_uri": token_uri, "revoke_uri": revoke_uri}
    found = {key: told.get(key, usual) for key, usual in uris.items()}
    if not all(isinstance(each, str) for each in (told.get("client_id"), told.get("client_secret"), *found.values())):
        raise _no_client(path, "has no client_id and client_secret")
    return OAuth(told["client_id"], told["client_secret"], scopes=scopes, **found)


def _client_file(service: str, folders: str, redirect: str) -> Path:
    variable = f"CANDID_{service.upper()}_CLIENT"
    if named := os.environ.get(variable, "").strip():
        return Path(named)
    names = (f"{service}-web.json", f"{service}.json") if redirect else (f"{service}.json",)
    places = [Path(folder) / name for folder in folders.split(os.pathsep) if folder for name in names]
    for path in places:
        if path.is_file():
            return path
    place = places[0] if places else f"assets/clients/{service}.json"
    raise AccountError(
        f"Candid does not know your company's OAuth client at {service}.",
        f"Put its JSON file at {place}, or its path into {variable}. "
        "The README tells how to make one: “The company's OAuth client”.",
    )


def _client_told(path: Path, redirect: str) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        raise _no_client(path, "cannot be read") from fault
    told = told if isinstance(told, dict) else {}
    kind = next((kind for kind in ("web", "installed") if kind in told), "")
    if kind == "web" and not redirect:
        raise AccountError(
            f"{path} is an OAuth client of the type “Web application”, which cannot sign in at this machine.",
            "Make one of the type “Desktop app”, and put its file there.",
        )
    if kind == "installed" and redirect and not _is_loopback(redirect):
        raise AccountError(
            f"{path} is an OAuth client of the type “Desktop app”, which comes back to its own machine only.",
            f"Make one of the type “Web application” with exactly this redirect address: {redirect}",
        )
    found = told.get(kind, told)
    return found if isinstance(found, dict) else {}


def _is_loopback(redirect: str) -> bool:
    return urlsplit(redirect).hostname in ("127.0.0.1", "::1", "localhost")


def _no_client(path: Path, why: str) -> AccountError:
    return AccountError(f"{path} {why}.", "It has to be the JSON file that the service gives for an OAuth client.")


# --- tokens -----------------------------------------------------------------------------------------------------------


def granted(oauth: OAuth, signer: Signer) -> dict[str, str]:
    """Signs a person in; the tokens, with all that is needed to renew and to revoke them.

    AccountError in words: refused, another sign-in's answer, too late, fewer rights than asked for.
    """
    away = SignIn(oauth)
    answer = signer.authorized(away)
    if away.pending is None:
        raise AccountError("Nobody was sent to the service.", "Start the sign-in again.")
    return finished(oauth, away.pending, answer)


class SignIn:
    """What a Signer gets: called with a redirect address, it begins a sign-in and answers where the person goes.

    A page cannot wait until they come back: it keeps `pending`, and `resume`s with it when they are there.
    """

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self.pending: Pending | None = None

    def __call__(self, redirect: str) -> str:
        self.pending = begun(self._oauth, redirect)
        return self.pending.address

    def resume(self, pending: Pending) -> None:
        self.pending = pending


def begun(oauth: OAuth, redirect: str) -> Pending:
    """The first half of a sign-in: where the person goes, and what has to be kept until they come back."""
    flow = _flow(oauth)
    address = _address(flow, redirect)
    return Pending(redirect, address, _query(address, "state"), str(flow.code_verifier))


def finished(oauth: OAuth, pending: Pending, answer: str) -> dict[str, str]:
    """The second half: the tokens for the address on which the person's browser ended. AccountError as in `granted`."""
    flow = _flow(oauth, pending)
    with _explained():
        token = _token(oauth, flow, answer)
    kept = {key: str(token[key]) for key in ("access_token", "refresh_token") if token.get(key)}
    uris = {"token_uri": oauth.token_uri, "revoke_uri": oauth.revoke_uri}
    return {**kept, **uris, "client_id": oauth.client_id, "client_secret": oauth.client_secret}


def _flow(oauth: OAuth, pending: Pending | None = None) -> Any:
    try:
        from google_auth_oauthlib.flow import Flow
    except ImportError as fault:
        raise AccountError("Signing in needs libraries that are not installed.", INSTALL) from fault
    _quiet_logs()
    told = {
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret,
        "auth_uri": oauth.auth_uri,
        "token_uri": oauth.token_uri,
    }
    if pending is None:
        return Flow.from_client_config({"installed": told}, list(oauth.scopes))
    flow = Flow.from_client_config(
        {"installed": told}, list(oauth.scopes), state=pending.state, code_verifier=pending.verifier
    )
    flow.redirect_uri = pending.redirect
    return flow


def _quiet_logs() -> None:
    """These libraries write tokens into their finest logs."""
    for name in ("oauthlib", "requests_oauthlib", "google", "google_auth_oauthlib", "urllib3", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _address(flow: Any, redirect: str) -> str:
    """Where the person signs in. They are asked each time: only then Google gives a token that can be renewed."""
    flow.redirect_uri = redirect
    with _explained():
        address, _ = flow.authorization_url(access_type="offline", prompt="consent")
    return str(address)


def _token(oauth: OAuth, flow: Any, answer: str) -> Mapping[str, Any]:
    """What the service gives for the answer. More rights than asked for are no fault; fewer are."""
    secure = re.sub(r"^http:", "https:", answer.strip())  # the library refuses http, which never left this machine
    try:
        token: Mapping[str, Any] = flow.fetch_token(authorization_response=secure, timeout=_TIMEOUT)
    except Warning as fault:  # the library's way to say that other rights were granted
        lacking = set(oauth.scopes) - set(getattr(fault, "new_scope", ()))
        if lacking:
            raise AccountError(
                f"You have not allowed everything that is needed: {', '.join(sorted(lacking))} is missing. "
                "Nothing was stored.",
                "Sign in once more, and leave every box ticked.",
            ) from None
        token = fault.token  # type: ignore[attr-defined]
    return token


@contextmanager
def _explained() -> Iterator[None]:
    """Puts what can go wrong with a sign-in into words; the service's own texts stay out, they may hold secrets."""
    from oauthlib.oauth2 import OAuth2Error
    from requests import RequestException

    try:
        yield
    except OAuth2Error as fault:
        raise _refused(type(fault).__name__, str(fault.error or "")) from None
    except RequestException as fault:
        raise _unreachable(type(fault).__name__) from None
    except (ValueError, TypeError):
        raise AccountError("The service answered the sign-in with something else.", "Try again later.") from None


def _refused(kind: str, error: str) -> AccountError:
    if error == "access_denied":
        return AccountError(
            "The sign-in was refused.",
            "If you did not refuse it yourself: on a consent screen in “Testing” only the test users that are listed "
            "there may sign in; whoever owns the company's OAuth client adds you, or publishes it.",
        )
    if error == "mismatching_state":
        return AccountError(
            "That answer belongs to another sign-in.", "Start again, and use only the browser window that opens then."
        )
    if error == "invalid_grant":
        return AccountError("That answer was used already, or is too old.", "Start the sign-in again.")
    if error in ("invalid_client", "unauthorized_client"):
        return AccountError(
            "The service does not know this OAuth client, or its secret is wrong.",
            "Download the client's JSON file again, and put it where the old one is.",
        )
    word = error if re.fullmatch(r"[a-z_]{1,40}", error) else kind
    return AccountError(f"The service refused the sign-in ({word}).", "Start again.")


def _unreachable(kind: str) -> PublishError:
    return PublishError(f"The service that signs people in cannot be reached ({kind}).", "Look at the network.")


def refreshed(tokens: Mapping[str, str]) -> dict[str, str]:
    """Google's tokens, renewed by its own library.

    AccountError where the person has to sign in again; PublishError where nobody can be reached.
    """
    try:
        from google.auth.exceptions import RefreshError, TransportError
        from google.auth.transport.requests import Request
    except ImportError as fault:
        raise PublishError("Renewing a sign-in needs libraries that are not installed.", INSTALL) from fault
    if not tokens.get("refresh_token"):
        raise AccountError("The sign-in has ended: the service gave nothing with which it could be renewed.")
    _quiet_logs()
    credentials = _credentials(tokens)
    with _session() as session:
        try:
            credentials.refresh(Request(session))
        except TransportError as fault:
            raise _unreachable(type(fault).__name__) from None
        except RefreshError as fault:
            raise _ended(fault) from None
        except (AttributeError, TypeError):  # the library takes for granted that it gets a JSON object
            raise _not_renewed() from None
    return {**tokens, "access_token": str(credentials.token), "refresh_token": str(credentials.refresh_token)}


def _credentials(tokens: Mapping[str, str]) -> Any:
    """Built from parts: the library's own loader ignores the token address that was stored, and takes Google's."""
    from google.oauth2.credentials import Credentials

    parts = {key: tokens.get(key) for key in ("refresh_token", "token_uri", "client_id", "client_secret")}
    return Credentials(None, **parts)  # type: ignore[no-untyped-call]


@contextmanager
def _session() -> Iterator[Any]:
    import requests

    with requests.Session() as session:
        yield session


def _ended(fault: Exception) -> AccountError | PublishError:
    """The sign-in has ended only where the service says so: without OAuth's word for it, it was a proxy's page."""
    told = fault.args[1] if len(fault.args) > 1 and isinstance(fault.args[1], dict) else {}
    error = told.get("error")
    if getattr(fault, "retryable", False) or not isinstance(error, str):
        return _not_renewed()
    if error == "invalid_grant":
        return AccountError("The sign-in has ended: it was revoked, or is too old.", TESTING)
    return AccountError("The service no longer renews the sign-in.")


def _not_renewed() -> PublishError:
    return PublishError("The service did not renew the sign-in.", "Try again in some minutes.")


def revoked(tokens: Mapping[str, str]) -> None:
    """Ends the sign-in at the service (RFC 7009). What has ended already is well. PublishError where it did not work.

    Google asks for the token alone, others for the client's name as well.
    """
    import httpx

    _quiet_logs()
    named = {key: tokens.get(key, "") for key in ("client_id", "client_secret")}
    token = {"token": tokens.get("refresh_token") or tokens["access_token"]}
    try:
        with httpx.Client(timeout=_TIMEOUT) as http:
            answer = http.post(tokens["revoke_uri"], data=token)
            if not _is_revoked(answer):
                answer = http.post(tokens["revoke_uri"], data={**token, **named})
    except httpx.HTTPError as fault:
        raise _unreachable(type(fault).__name__) from None
    if not _is_revoked(answer):
        raise PublishError(f"The service did not revoke the sign-in: it answered {answer.status_code}.", "Try later.")


def _is_revoked(answer: Any) -> bool:
    return bool(answer.is_success) or (answer.status_code == 400 and "invalid_token" in answer.text)


# --- the person at the terminal ---------------------------------------------------------------------------------------


class Terminal:
    """A person at this machine. `say` and `ask` are how one speaks to them.

    `browser`: try to open theirs. `port`: of the redirect address, where the service knows one only; 0: any free one.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        ask: Callable[[str, bool], str],
        browser: bool = True,
        port: int = 0,
        seconds: float = _MINUTES * 60,
    ) -> None:
        self._say, self._ask = say, ask
        self._browser = browser
        self._port = port
        self._seconds = seconds

    def ask(self, question: str, hidden: bool = False) -> str:
        return self._ask(question, hidden)

    def authorized(self, address_for: Callable[[str], str]) -> str:
        """The address on which their browser ended. AccountError where nobody comes."""
        if self._browser and has_browser():
            with _listening(self._port) as listener:
                address = address_for(listener.redirect)
                listener.state = _query(address, "state")
                self._say(f"Sign in in your browser. If it does not open, go to:\n\n{address}\n")
                if _opened(address):
                    return self._waited(listener)
        return self._pasted(address_for(f"http://127.0.0.1:{self._port or _PASTE_PORT}/"))

    def _waited(self, listener: Listener) -> str:
        if not listener.came.wait(self._seconds):
            raise AccountError(
                f"Nobody came back from the browser within {self._seconds / 60:.0f} minutes.",
                "Run the same command again; with --no-browser you paste the address that your browser ended on.",
            )
        return listener.answer

    def _pasted(self, address: str) -> str:
        self._say(
            f"Open this address in a browser, on any machine, and sign in there:\n\n{address}\n\n"
            "Your browser ends on a page that it cannot show. Copy the whole address of that page, and paste it here."
        )
        for _ in range(_TRIES):
            answer = self._ask("Address", False).strip()
            if _query(answer, "state") and (_query(answer, "code") or _query(answer, "error")):
                return answer
            self._say("That is not it: it begins with http://127.0.0.1 and has state= and code= in it.")
        raise AccountError("No address of a sign-in was pasted.", "Run the same command again.")


def has_browser() -> bool:
    """Whether a window can open here. Without a screen, text browsers would take the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _opened(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


class Listener(ThreadingHTTPServer):
    """Waits on loopback until the browser comes back with the answer to this sign-in; all else gets a 404.

    A thread a connection: browsers open some beforehand, and say nothing on them.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.redirect = f"http://127.0.0.1:{self.server_port}/"
        self.state = ""
        self.came = threading.Event()
        self.answer = ""
        self._one_at_a_time = threading.Lock()

    def accepts(self, target: str) -> bool:
        """Whether `target` is the answer that is waited for; the first one is."""
        fits = (
            urlsplit(target).path == "/"
            and bool(self.state)
            and hmac.compare_digest(_query(target, "state").encode(), self.state.encode())
            and bool(_query(target, "code") or _query(target, "error"))
        )
        with self._one_at_a_time:
            if not fits or self.came.is_set():
                return False
            self.answer = self.redirect + target.removeprefix("/")
            self.came.set()
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news; the standard way prints a traceback."""


class _Answer(BaseHTTPRequestHandler):
    server: Listener
    timeout = 10  # seconds for a request

    def do_GET(self) -> None:
        if not self.server.accepts(self.path):
            self.send_error(404)
            return
        page = b"<!doctype html><title>Candid</title><p>Thank you. You can close this window and go back to Candid."
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *about: object) -> None:
        """Says nothing: the code stands in the address."""


@contextmanager
def _listening(port: int) -> Iterator[Listener]:
    try:
        listener = Listener(port)
    except OSError as fault:
        raise AccountError(
            f"Another program listens on port {port} of this machine, to which your browser would come back.",
            "End it (another sign-in, perhaps), or run the same command with --no-browser.",
        ) from fault
    with listener:
        serving = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            serving.join()


def _query(address: str, name: str) -> str:
    """A value of an address's query; "" where it has none, or is no address."""
    try:
        return parse_qs(urlsplit(address).query).get(name, [""])[0]
    except ValueError:
        return ""
