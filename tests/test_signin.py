"""Signing in, against a real OAuth server (oidc-provider from npm): PKCE, state, consent, renewal, revocation."""

from __future__ import annotations

import html
import json
import logging
import multiprocessing
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest

from pipeline import publishers, signin
from pipeline.accounts import Accounts, has_ended
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account
from pipeline.signin import OAuth, Terminal
from tests import peers
from tests.doubles import Answer, Double, Request

SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl"


@pytest.fixture(autouse=True)
def _on_loopback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the library's own switch for http on loopback
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")  # the tester's own stays untouched


@pytest.fixture(scope="module")
def server() -> Iterator[peers.Peer]:
    with peers.start("oidc.mjs", SCOPE) as peer:
        yield peer


@pytest.fixture
def oauth(server: peers.Peer) -> OAuth:
    return at(server)


def at(server: peers.Peer, **changes: object) -> OAuth:
    told = {
        "client_id": "candid", "client_secret": "company-secret", "auth_uri": f"{server.root}auth",
        "token_uri": f"{server.root}token", "revoke_uri": f"{server.root}token/revocation", "scopes": (SCOPE,),
    }  # fmt: skip
    return OAuth(**{**told, **changes})


# --- a person with a browser, played ----------------------------------------------------------------------------------


def consent(address: str, refuse: bool = False) -> str:
    """Signs in and consents as a browser would; the address to which the server sends it in the end."""
    root = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    with httpx.Client(timeout=30) as browser:
        answer = browser.get(address)
        for _ in range(12):
            if answer.is_redirect:
                onward = urljoin(str(answer.url), answer.headers["location"])
                if not onward.startswith(root):
                    return onward
                answer = browser.get(onward)
            else:
                answer = _pressed(browser, answer, refuse)
    raise AssertionError(f"the server never let go: {answer.text[:500]}")


def _pressed(browser: httpx.Client, page: httpx.Response, refuse: bool) -> httpx.Response:
    """Presses the button of a page; what the form asks for is typed in."""
    if refuse:
        abort = re.search(r'href="([^"]+/abort)"', page.text)
        assert abort, page.text
        return browser.get(urljoin(str(page.url), html.unescape(abort[1])))
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return browser.post(urljoin(str(page.url), html.unescape(form[1])), data={**hidden, "login": "x", "password": "y"})


class Paster:
    """Whoever has no browser at this machine: carries the address away, and pastes what theirs ended on."""

    def __init__(self, ended_on: Callable[[str], str] = consent) -> None:
        self.ended_on = ended_on
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, question: str, hidden: bool) -> str:
        latest = re.findall(r"^http\S+", "\n".join(self.said), re.M)[-1]
        return self.ended_on(latest)


def pasting(ended_on: Callable[[str], str] = consent) -> Terminal:
    person = Paster(ended_on)
    return Terminal(person.say, person.ask, browser=False)


@contextmanager
def browsing(monkeypatch: pytest.MonkeyPatch, browse: Callable[[str], object]) -> Iterator[Terminal]:
    """A terminal whose browser does `browse` with the address that it is given, at the same time."""
    browsers: list[threading.Thread] = []

    def opened(address: str) -> bool:
        browsers.append(threading.Thread(target=browse, args=(address,)))
        browsers[-1].start()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(signin.webbrowser, "open", opened)
    try:
        yield Terminal(lambda text: None, lambda question, hidden: pytest.fail("nothing is to be pasted"), seconds=20)
    finally:
        for browser in browsers:
            browser.join(20)


# --- granted ----------------------------------------------------------------------------------------------------------


def test_with_a_browser_tokens_are_granted(oauth, server, monkeypatch):
    pages = []
    with browsing(monkeypatch, lambda address: pages.append(httpx.get(consent(address)))) as terminal:
        tokens = signin.granted(oauth, terminal)
    assert set(tokens) == {"access_token", "refresh_token", "token_uri", "revoke_uri", "client_id", "client_secret"}
    assert pages[0].status_code == 200 and "Thank you" in pages[0].text
    assert pages[0].headers["cache-control"] == "no-store" and pages[0].headers["referrer-policy"] == "no-referrer"
    assert works(server, tokens["access_token"]) and not works(server, "another")


def works(server: peers.Peer, token: str) -> bool:
    """Whether the server still knows an access token; its own endpoint for people is asked."""
    return httpx.get(f"{server.root}me", headers={"Authorization": f"Bearer {token}"}).status_code != 401


def test_by_pasting_tokens_are_granted(oauth):
    tokens = signin.granted(oauth, pasting())
    assert len(tokens["access_token"]) > 20 and len(tokens["refresh_token"]) > 20


def test_what_comes_first_and_does_not_fit_gets_a_404(oauth, monkeypatch):
    seen = []

    def browse(address: str) -> None:
        redirect = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        state = parse_qs(urlsplit(address).query)["state"][0]
        port = urlsplit(redirect).port
        with socket.create_connection(("127.0.0.1", port)):  # a browser opens one beforehand, and says nothing
            wrong = (
                "favicon.ico",
                "",
                "?code=abc",
                "?code=abc&state=another",
                f"?state={state}",
                f"x?code=a&state={state}",
            )
            seen.extend(httpx.get(redirect + path).status_code for path in wrong)
            seen.append(httpx.get(answer := consent(address)).status_code)
            with_more = answer.replace("code=", "code=more")
            try:
                seen.append(httpx.get(with_more).status_code)  # the same once more
            except httpx.TransportError:
                seen.append(404)  # it listens no longer

    with browsing(monkeypatch, browse) as terminal:
        assert signin.granted(oauth, terminal)["refresh_token"]
    assert seen == [404] * 6 + [200, 404]


def test_where_the_browser_does_not_open_the_address_is_pasted(oauth, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    for failing in (lambda address: False, _no_browser):
        monkeypatch.setattr(signin.webbrowser, "open", failing)
        person = Paster()
        assert signin.granted(oauth, Terminal(person.say, person.ask))["access_token"]


def _no_browser(address: str) -> bool:
    raise signin.webbrowser.Error("could not locate runnable browser")


def test_without_a_screen_no_text_browser_takes_the_terminal(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(signin.sys, "platform", "linux")
    assert not signin.has_browser()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert signin.has_browser()


def test_only_what_is_needed_is_asked_for_and_the_answer_is_bound(oauth):
    asked = {}

    def look(address: str) -> str:
        asked.update({key: values[0] for key, values in parse_qs(urlsplit(address).query).items()})
        return consent(address)

    signin.granted(oauth, pasting(look))
    assert asked["scope"] == SCOPE and asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent") and len(asked["state"]) >= 30
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")


# --- refused ----------------------------------------------------------------------------------------------------------


def changed(address: str, **values: str) -> str:
    """An address with other values in its query."""
    query = {key: each[0] for key, each in parse_qs(urlsplit(address).query).items()} | values
    return urlsplit(address)._replace(query=urlencode(query)).geturl()


def refusal(oauth: OAuth, ended_on: Callable[[str], str] = consent) -> AccountError:
    with pytest.raises(AccountError) as told:
        signin.granted(oauth, pasting(ended_on))
    assert told.value.do
    return told.value


def test_denied_is_told(oauth):
    told = refusal(oauth, lambda address: consent(address, refuse=True))
    assert "was refused" in told.what and "test users" in told.do


def test_denied_in_the_browser_is_told_at_once(oauth, monkeypatch):
    browse = lambda address: httpx.get(consent(address, refuse=True))  # noqa: E731
    with browsing(monkeypatch, browse) as terminal, pytest.raises(AccountError, match="was refused"):
        signin.granted(oauth, terminal)


def test_an_answer_with_another_state_is_refused(oauth):
    assert "another sign-in" in refusal(oauth, lambda address: changed(consent(address), state="another")).what


def test_a_code_that_was_begun_with_another_verifier_is_refused(oauth, server):
    before = len(server.lines())
    challenge = "x" * 43
    told = refusal(oauth, lambda address: consent(changed(address, code_challenge=challenge)))
    assert "used already, or is too old" in told.what
    assert any("PKCE" in line or "code_verifier" in line for line in server.lines()[before:])


def test_a_code_works_once(oauth):
    kept = []

    def spent(address: str) -> str:
        """The answer after its code was exchanged with the very same verifier."""
        kept.append(consent(address))
        return kept[0]

    flow = signin._flow(oauth)
    answer = pasting(spent).authorized(lambda redirect: signin._address(flow, redirect))
    with signin._explained():
        signin._token(oauth, flow, answer)
    with pytest.raises(AccountError, match="used already"), signin._explained():
        signin._token(oauth, flow, answer)


def test_fewer_rights_are_told_and_nothing_is_given(server):
    told = refusal(at(server, scopes=(SCOPE, "captions")))
    assert "captions is missing" in told.what and SCOPE not in told.what and "every box" in told.do


class Tokens(Double):
    """A double of a token service that gives more rights than were asked for, in another order, as Vimeo may."""

    said: object = {"access_token": "t", "token_type": "bearer", "scope": "private upload public"}

    def answer(self, request: Request) -> Answer:
        assert request.headers["authorization"].startswith("Basic ") and "code_verifier" in request.form
        return Answer(200, self.said)


def unchecked(address: str) -> str:
    """What a browser would end on at a service that asks nobody."""
    query = parse_qs(urlsplit(address).query)
    return f"{query['redirect_uri'][0]}?code=c&state={query['state'][0]}"


def test_more_rights_than_asked_for_are_no_fault(server):
    with Tokens().running() as double:
        oauth = at(server, token_uri=f"{double.root}token", scopes=("upload", "private"))
        assert signin.granted(oauth, pasting(unchecked))["access_token"] == "t"


@pytest.mark.parametrize("said", [b"<html>maintenance</html>", {}, {"error": "<b>!</b>"}, [1]])
def test_an_answer_that_is_none_is_told(server, said):
    with Tokens().running() as double:
        double.said = said
        told = refusal(at(server, token_uri=f"{double.root}token"), unchecked)
    assert "html" not in told.what and "<b>" not in told.what


def test_a_wrong_secret_is_told(server):
    told = refusal(at(server, client_secret="another"))
    assert "does not know this OAuth client" in told.what and "another" not in str(told)


def test_nobody_comes(oauth, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(signin.webbrowser, "open", lambda address: True)
    terminal = Terminal(lambda text: None, lambda question, hidden: "", seconds=0.2)
    with pytest.raises(AccountError, match="Nobody came back") as told:
        signin.granted(oauth, terminal)
    assert "--no-browser" in told.value.do


def test_what_is_no_address_is_asked_for_again(oauth):
    pasted = iter(["", "yes", "http://[", "https://example.com/?code=1"])
    with pytest.raises(AccountError, match="No address"):
        signin.granted(oauth, pasting(lambda address: next(pasted)))
    answers = iter(["nonsense", None])
    found = signin.granted(oauth, pasting(lambda address: next(answers) or consent(address)))
    assert found["access_token"]


def test_a_port_that_is_taken_is_told(oauth, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AccountError, match=f"port {port}") as told:
            Terminal(print, lambda question, hidden: "", port=port).authorized(lambda redirect: redirect)
    assert "--no-browser" in told.value.do


def test_a_service_that_is_away_is_told(server):
    told = at(server, token_uri="http://127.0.0.1:9/token")
    with pytest.raises(PublishError, match="cannot be reached"):
        signin.granted(told, pasting())


def test_addresses_without_encryption_are_refused(oauth, monkeypatch):
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT")
    with pytest.raises(AccountError, match="insecure_transport"):
        signin.granted(oauth, pasting())


# --- renewed and revoked ----------------------------------------------------------------------------------------------


def test_tokens_are_renewed_and_the_service_ends_them(oauth, server):
    tokens = signin.granted(oauth, pasting())
    fresh = signin.refreshed(tokens)
    assert fresh["access_token"] != tokens["access_token"] and works(server, fresh["access_token"])
    assert {**fresh, "access_token": "", "refresh_token": ""} == {**tokens, "access_token": "", "refresh_token": ""}
    signin.revoked(fresh)
    with pytest.raises(AccountError, match="has ended") as told:
        signin.refreshed(fresh)
    assert "7 days" in told.value.do and "Testing" in told.value.do
    signin.revoked(fresh)  # ended already: well


def test_the_finest_logs_hold_no_secret(oauth, server, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("requests_oauthlib", "oauthlib", "urllib3", "httpx"):
        logging.getLogger(name).setLevel(logging.NOTSET)  # as in a new process
    ended_on = []
    tokens = signin.granted(oauth, pasting(lambda address: ended_on.append(_unlogged(address)) or ended_on[0]))
    fresh = signin.refreshed(tokens)
    signin.revoked(fresh)
    logging.getLogger("tests").debug("a line")
    code = parse_qs(urlsplit(ended_on[0]).query)["code"][0]
    secrets = [
        code,
        oauth.client_secret,
        *(each[kind] for each in (tokens, fresh) for kind in ("access_token", "refresh_token")),
    ]
    assert "a line" in caplog.text and [secret for secret in secrets if secret in caplog.text] == []


def _unlogged(address: str) -> str:
    """This test's own browser logs addresses."""
    logging.disable(logging.CRITICAL)
    try:
        return consent(address)
    finally:
        logging.disable(logging.NOTSET)


def test_a_service_that_cannot_be_reached_is_no_sign_in_that_ended(oauth):
    tokens = signin.granted(oauth, pasting())
    away = {"token_uri": "http://127.0.0.1:9/token", "revoke_uri": "http://127.0.0.1:9/revoke"}
    for ask in (signin.refreshed, signin.revoked):
        with pytest.raises(PublishError, match="cannot be reached"):
            ask({**tokens, **away})


class TokenServer(Double):
    """A double of the place where tokens are renewed, which answers as it is told."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__()
        self._told = Answer(status, body)

    def answer(self, request: Request) -> Answer:
        return self._told


_PAGE = b"<html><h1>Come back later</h1></html>"


def renew(home: Path, status: int, body: object, **tokens: str) -> None:
    """Renews Ada's sign-in where it is answered so."""
    accounts = Accounts(home)
    with TokenServer(status, body).running() as server:
        addresses = {"token_uri": f"{server.root}token", "client_id": "c", "client_secret": "s"}
        account = Account("ada", "youtube", "UC1", "Ada", server.root)
        accounts.keep(account, {"access_token": "a", **addresses, **tokens})
        accounts.get("ada", "youtube").renew(signin.refreshed)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, _PAGE),
        (502, _PAGE),
        (403, _PAGE),
        (200, _PAGE),
        (200, {}),
        (400, ["no object"]),
        (500, {"error": "server_error"}),
        (400, {"error": {"code": 400}}),
    ],
)
def test_an_answer_that_is_none_ends_no_sign_in(tmp_path, monkeypatch, status, body):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library tries some of these again
    with pytest.raises(PublishError) as told:
        renew(tmp_path / "home", status, body, refresh_token="r")
    assert told.value.do and "Come back" not in str(told.value)
    assert [has_ended(each) for each in Accounts(tmp_path / "home").listed()] == [False]


@pytest.mark.parametrize(
    ("error", "tokens"),
    [("invalid_grant", {"refresh_token": "r"}), ("deleted_client", {"refresh_token": "r"}), ("", {})],
)
def test_a_sign_in_that_nobody_can_renew_has_ended(tmp_path, error, tokens):
    with pytest.raises(AccountError, match="ada at youtube"):
        renew(tmp_path / "home", 401, {"error": error}, **tokens)
    assert [has_ended(each) for each in Accounts(tmp_path / "home").listed()] == [True]


def _renew(home: str, start: object, answers: object) -> None:
    """One of two processes that find the same token too old."""
    access = Accounts(Path(home)).get("ada", "youtube")
    access.tokens()
    start.wait()
    answers.put(dict(access.renew(signin.refreshed)))


def test_of_two_processes_one_renews_and_both_go_on(oauth, server, tmp_path):
    """The server rotates: a second renewal with the old token would end the whole sign-in."""
    account = Account("ada", "youtube", "UC1", "Ada", server.root, (SCOPE,))
    old = signin.granted(oauth, pasting())
    Accounts(tmp_path / "home").keep(account, old)
    before = len(server.lines())
    processes = multiprocessing.get_context("spawn")
    start, answers = processes.Barrier(2), processes.Queue()
    both = [processes.Process(target=_renew, args=(str(tmp_path / "home"), start, answers)) for _ in range(2)]
    for each in both:
        each.start()
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    for each in both:
        each.join()
    events = [json.loads(line) for line in server.lines()[before:]]
    assert [event["grant"] for event in events if "grant" in event] == ["refresh_token"]
    assert first == second != old and works(server, first["access_token"])


def test_a_sign_in_that_ended_is_marked_until_the_next_one(oauth, server, tmp_path):
    accounts = Accounts(tmp_path / "home")
    account = Account("ada", "youtube", "UC1", "Ada", server.root, (SCOPE,))
    tokens = signin.granted(oauth, pasting())
    accounts.keep(account, tokens)
    signin.revoked(tokens)
    with pytest.raises(AccountError, match="ada at youtube") as told:
        accounts.get("ada", "youtube").renew(signin.refreshed)
    assert "candid accounts connect youtube --as ada" in told.value.do and "7 days" in told.value.do
    assert [has_ended(each) for each in accounts.listed()] == [True]
    accounts.keep(account, signin.granted(oauth, pasting()))
    assert [has_ended(each) for each in accounts.listed()] == [False]


class Channel(Double):
    """A double of the one call of YouTube that says whose channel it is."""

    def answer(self, request: Request) -> Answer:
        assert request.path == "/youtube/v3/channels" and request.query["mine"] == "true"
        assert request.headers["authorization"].startswith("Bearer ")
        return Answer(200, {"items": [{"id": "UC1", "snippet": {"title": "Ada's channel"}}]})


def test_a_youtube_channel_is_connected_and_its_sign_in_ended(server, tmp_path, monkeypatch):
    monkeypatch.delenv("CANDID_YOUTUBE_CLIENT", raising=False)
    client = {
        key: getattr(at(server), key) for key in ("client_id", "client_secret", "auth_uri", "token_uri", "revoke_uri")
    }
    (tmp_path / "youtube.json").write_text(json.dumps({"installed": client}))  # as Google's console gives it
    service, accounts = publishers.find("youtube"), Accounts(tmp_path / "home")
    with Channel().running() as double:
        options = {"clients": str(tmp_path), "address": double.root}
        account, tokens = service.sign_in("ada", pasting(), options)
    assert (account.person, account.id, account.name, account.scopes) == ("ada", "UC1", "Ada's channel", (SCOPE,))
    accounts.keep(account, tokens)
    access = accounts.get("ada", "youtube")
    service.sign_out(access)
    with pytest.raises(AccountError, match="has ended"):
        access.renew(signin.refreshed)


# --- the company's client ---------------------------------------------------------------------------------------------

USUAL = {"auth_uri": "https://a/", "token_uri": "https://t/", "revoke_uri": "https://r/", "scopes": ("s",)}


def test_the_client_comes_from_the_environment_or_the_first_folder_that_has_it(tmp_path, monkeypatch):
    monkeypatch.delenv("CANDID_YOUTUBE_CLIENT", raising=False)
    here, there, named = tmp_path / "here", tmp_path / "there", tmp_path / "named.json"
    options = {"clients": f"{here}{signin.os.pathsep}{there}"}
    with pytest.raises(AccountError, match="does not know your company's OAuth client at youtube") as told:
        signin.client("youtube", options, **USUAL)
    assert str(here / "youtube.json") in told.value.do and "CANDID_YOUTUBE_CLIENT" in told.value.do
    for place, id in ((there / "youtube.json", "two"), (here / "youtube.json", "one"), (named, "env")):
        place.parent.mkdir(exist_ok=True)
        place.write_text(
            json.dumps({"installed": {"client_id": id, "client_secret": "hush", "token_uri": "https://own/"}})
        )
    found = signin.client("youtube", options, **USUAL)
    assert found == OAuth("one", "hush", "https://a/", "https://own/", "https://r/", ("s",))
    assert "hush" not in repr(found)
    monkeypatch.setenv("CANDID_YOUTUBE_CLIENT", str(named))
    assert signin.client("youtube", options, **USUAL).client_id == "env"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"), ("{", "cannot be read"), ("[]", "no client_id"), ('{"installed": 3}', "no client_id"),
        ('{"client_id": "a"}', "no client_id"), ('{"client_id": 1, "client_secret": "s"}', "no client_id"),
        ('{"web": {"client_id": "a", "client_secret": "s"}}', "Web application"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_client_is_told(tmp_path, monkeypatch, text, says):
    monkeypatch.delenv("CANDID_VIMEO_CLIENT", raising=False)
    (tmp_path / "vimeo.json").write_text(text)
    with pytest.raises(AccountError, match=says) as told:
        signin.client("vimeo", {"clients": str(tmp_path)}, **USUAL)
    assert told.value.do


def test_a_plain_file_with_id_and_secret_will_do(tmp_path):
    (tmp_path / "vimeo.json").write_text('{"client_id": "a", "client_secret": "s"}')
    assert signin.client("vimeo", {"clients": str(tmp_path)}, **USUAL).token_uri == "https://t/"
