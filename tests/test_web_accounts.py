"""Connecting accounts on the page: with a password (a double of PeerTube), and in the browser (a real OAuth server)."""

from __future__ import annotations

import contextlib
import html
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import people, signin, workspace
from pipeline.accounts import Accounts
from pipeline.errors import AccountError
from pipeline.model import Account
from pipeline.publishers import youtube
from pipeline.web import app, connect
from pipeline.web.rights import Visitor
from pipeline.web.settings import Settings
from pipeline.web.store import Store
from tests import doubles, peers
from tests.browser import barriers, chromium, signed_in
from tests.doubles import Answer, Double, Request
from tests.peertube_double import PeerTube
from tests.served import PEOPLE, served
from tests.test_signin import SCOPE, changed, consent

SECRET = "MarkerQ7x secret"  # a password


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    doubles.accounts(folder / "space-home")
    with served(folder / "space") as running:
        yield running


@pytest.fixture
def tube() -> Iterator[PeerTube]:
    with PeerTube().running() as double:
        double.users = {"me": SECRET, "you": "other"}
        yield double


def typed(tube: PeerTube, **more: str) -> dict[str, str]:
    return {"address": tube.root, "user": "me", "password": SECRET, "code": "", **more}


def kept(server) -> Accounts:
    return doubles.accounts(server._home)


# --- with a password --------------------------------------------------------------------------------------------------


def test_an_account_is_connected_shown_and_let_go(server, tube):
    with server.client("ada") as client:
        assert "not connected" in client.get("/accounts").text
        assert client.get("/accounts/connect/peertube").status_code == 200
        said = client.post("/accounts/connect/peertube", data=typed(tube))
        assert said.status_code == 303 and said.headers["location"] == "/accounts?connected=peertube"
        page = client.get(said.headers["location"]).text
        assert "You are connected at PeerTube" in page and "Me (me@tube.example)" in page and "edit" in page
        token = kept(server).get("ada", "peertube").tokens()["access_token"]
        assert tube.access[token] == "me" and token not in page

        page = client.get("/accounts/disconnect/peertube").text
        assert "Disconnect PeerTube?" in page and "Me (me@tube.example)" in page
        assert client.post("/accounts/disconnect/peertube").headers["location"] == "/accounts?gone=peertube"
        assert token not in tube.access and kept(server).listed("ada") == ()


def test_the_password_is_never_put_back_kept_or_logged(server, tube):
    with server.client("ada") as client:
        for wrong in ({"address": "http://["}, {"user": ""}, {"password": f"{SECRET} wrong"}, {"code": "123"}):
            said = client.post("/accounts/connect/peertube", data=typed(tube, **wrong))
            assert SECRET not in html.unescape(said.text)
        tube.otp = "123456"
        said = client.post("/accounts/connect/peertube", data=typed(tube))
        assert said.status_code == 422 and "second factor: type its code" in said.text
        assert 'id="code-fault"' in said.text and 'value="me"' in said.text and SECRET not in html.unescape(said.text)
        said = client.post("/accounts/connect/peertube", data=typed(tube, code="123456", take="servers-ada"))
        assert said.headers["location"] == "/takes/servers-ada/publish"
    written = [path for root in (server.folder, server._home) for path in root.rglob("*") if path.is_file()]
    assert written and [path for path in written if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"address": ""}, "Where is your instance?"),
        ({"user": "  "}, "Who are you there?"),
        ({"password": ""}, "Type your password."),
        ({"address": "ftp://x"}, "no address of a PeerTube instance"),
        ({"password": "another"}, "does not let you in"),
        ({"take": "//evil.example", "user": ""}, "Who are you there?"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(server, tube, wrong, says):
    with server.client("ben") as client:
        said = client.post("/accounts/connect/peertube", data=typed(tube, **wrong))
    assert said.status_code == 422 and says in said.text and "evil.example" not in said.text
    assert 'aria-invalid="true"' in said.text or 'role="alert"' in said.text
    assert kept(server).listed("ben") == ()


def test_nobody_connects_what_is_anothers(server, tube):
    with server.client("ada") as ada, server.client("ben") as ben:
        assert ada.post("/accounts/connect/peertube", data=typed(tube)).status_code == 303
        said = ben.post("/accounts/connect/peertube", data=typed(tube))
        assert said.status_code == 422 and "ada&#39;s account already" in said.text and "candid " not in said.text
        assert "Me (me@tube.example)" not in ben.get("/accounts").text


def test_an_instance_that_is_away_is_forgotten_only_if_that_is_wished(server):
    with PeerTube().running() as double, server.client("ada") as client:
        double.users = {"me": SECRET}
        client.post("/accounts/connect/peertube", data=typed(double))
        double.refuses = {"revoke-token": 500}
        said = client.post("/accounts/disconnect/peertube")
        assert said.status_code == 409 and "Forget it here all the same" in said.text
        assert len(kept(server).listed("ada")) == 1
        assert client.post("/accounts/disconnect/peertube", data={"anyway": "yes"}).status_code == 303
    assert kept(server).listed("ada") == ()


def test_texts_of_an_account_are_text(server):
    name = "<script>alert(1)</script> \" onload='x'"
    kept(server).keep(Account("ben", "vimeo", "/users/1", name, "https://api.vimeo.com/"), {"access_token": "x"})
    with server.client("ben") as client:
        pages = [client.get(path).text for path in ("/accounts", "/accounts/disconnect/vimeo")]
        assert "<script>alert" not in "".join(pages) and "&lt;script&gt;" in pages[0]
        assert client.get("/accounts?connected=%3Cscript%3E").text.count("<script>") == 0
    kept(server).forget("ben", "vimeo")


@pytest.mark.parametrize("service", ["folder", "nowhere", "return", "..%2f"])
def test_only_services_with_accounts_are_connected(server, service):
    with server.client("ada") as client:
        assert client.get(f"/accounts/connect/{service}").status_code == 404
        assert client.post(f"/accounts/connect/{service}").status_code == 404


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("https://video.example.org", True), ("video.example.org", True), ("http://video.example.org", False),
        ("http://127.0.0.1:9000", False), ("https://127.0.0.1", False), ("https://10.0.0.1:8443/", False),
        ("https://[::1]/", False), ("https://localhost", False), ("https://2130706433", False),
        ("https://0x7f.1", False), ("https://[", False), ("", False),
    ],
)  # fmt: skip
def test_a_server_that_others_reach_goes_to_names_only(tmp_path, address, asked):
    public = Settings(tmp_path, origin="https://candid.example.org")
    assert connect._may_be_asked(public, address) is asked
    assert connect._may_be_asked(Settings(tmp_path), address)


# --- in the browser ---------------------------------------------------------------------------------------------------


class Google(Double):
    """What YouTube says of whoever holds a token of the OAuth server."""

    def answer(self, request: Request) -> Answer:
        assert request.path == "/youtube/v3/channels", request.path
        known = httpx.get(f"{self.oauth}me", headers={"authorization": request.headers["authorization"]})
        if known.status_code == 401:
            return Answer(401, {"error": {"code": 401, "errors": [{"reason": "authError", "domain": "global"}]}})
        details = {"relatedPlaylists": {"uploads": "UU1"}}
        channel = {"id": "UC1", "snippet": {"title": "Ada's channel"}, "contentDetails": details}
        return Answer(200, {"items": [channel]})

    oauth = ""


@pytest.fixture(scope="module")
def oauth() -> Iterator[peers.Peer]:
    with peers.start("oidc.mjs", SCOPE) as peer:
        yield peer


class Here:
    """A page in this process, whose YouTube is a double."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    def client(self, person: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.address, headers={"origin": self.address}, timeout=30) as made:
            with contextlib.closing(Store(self.folder / ".candid")) as store:
                link = store.link(person)
            assert made.post(f"/in/{link}").status_code == 303
            yield made


@pytest.fixture
def here(oauth, tmp_path, monkeypatch) -> Iterator[Here]:
    import uvicorn

    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the library's own switch for http on loopback
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))
    doubles.accounts(tmp_path / "home")
    connect.kept.cache_clear()
    folder = tmp_path / "space"
    workspace.create(folder)
    for person in PEOPLE:
        people.add(folder / "assets" / "people", person)
    told = {
        "client_id": "candid", "client_secret": "company-secret", "auth_uri": f"{oauth.root}auth",
        "token_uri": f"{oauth.root}token", "revoke_uri": f"{oauth.root}token/revocation",
    }  # fmt: skip
    (folder / "assets" / "clients").mkdir(parents=True)
    (folder / "assets" / "clients" / "youtube-web.json").write_text(json.dumps({"web": told}))
    with socket.create_server(("127.0.0.1", 0)) as free, Google().running() as google:  # it listens from the start
        google.oauth = oauth.root
        monkeypatch.setattr(youtube, "_ROOT", google.root)
        settings = Settings(folder, port=free.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(app.create(settings), log_level="warning", access_log=False))
        running = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        running.start()
        try:
            yield Here(folder, settings.port)
        finally:
            server.should_exit = True
            running.join(10)
            connect.kept.cache_clear()


def goes_to(page: str) -> str:
    found = re.search(r'<a class="button main" href="(http[^"]+)" rel="noreferrer">Go on to YouTube', page)
    assert found, page
    return html.unescape(found[1])


def sent_away(client: httpx.Client, **more: str) -> str:
    assert "Sign in at YouTube" in client.get("/accounts/connect/youtube").text
    return goes_to(client.post("/accounts/connect/youtube", data=more).text)


def test_a_person_signs_in_at_the_service_and_comes_back(here):
    with here.client("ada") as client:
        address = sent_away(client, take="servers-ada")
        asked = {key: each[0] for key, each in parse_qs(urlsplit(address).query).items()}
        assert asked["redirect_uri"] == f"{here.address}/accounts/return/youtube"
        assert asked["code_challenge_method"] == "S256" and len(asked["state"]) >= 30
        back = consent(address)
        assert back.startswith(asked["redirect_uri"])
        said = client.get(back)
        assert said.status_code == 303 and said.headers["location"] == "/takes/servers-ada/publish", said.text
        page = client.get("/accounts").text
        assert "Ada&#39;s channel" in page and "manage videos, captions" in page
        tokens = connect.kept().get("ada", "youtube").tokens()
        assert tokens["refresh_token"] and not any(value in page for value in tokens.values())

        again = client.get(back)
        assert again.status_code == 403 and "belongs to another sign-in" in again.text, "used once"
        assert client.post("/accounts/disconnect/youtube").status_code == 303
    assert connect.kept().listed("ada") == ()
    with pytest.raises(AccountError):
        signin.refreshed(tokens)


def test_the_answer_to_anothers_sign_in_is_refused_and_not_used_up(here):
    with here.client("ada") as ada, here.client("ben") as ben, here.client("ada") as elsewhere:
        back = consent(sent_away(ada))
        for other in (ben, elsewhere):  # somebody else, and the same person in another browser
            said = other.get(back)
            assert said.status_code == 403 and "Start again" in said.text
        for wrong in (changed(back, state="another"), changed(back, state=""), f"{here.address}/accounts/return/vimeo"):
            assert ada.get(wrong).status_code == 403
        assert connect.kept().listed() == ()
        assert ada.get(back).status_code == 303
    assert [each.person for each in connect.kept().listed()] == ["ada"]


def test_a_refusal_and_a_wrong_code_are_told(here):
    with here.client("ada") as client:
        said = client.get(consent(sent_away(client), refuse=True))
        assert said.status_code == 409 and "The sign-in was refused." in said.text
        said = client.get(changed(consent(sent_away(client)), code="another"))
        assert said.status_code == 409 and "used already, or is too old" in said.text
    assert connect.kept().listed() == ()


def test_only_the_latest_sign_in_counts_and_not_for_long(here, tmp_path):
    with here.client("ada") as client:
        first, second = consent(sent_away(client)), consent(sent_away(client))
        assert client.get(first).status_code == 403 and client.get(second).status_code == 303
    now = [1000.0]
    visitor = Visitor("ada", False, "s")
    with contextlib.closing(Store(tmp_path / "other", lambda: now[0])) as store:
        store.go_away(visitor, "youtube", "state", "sealed", "")
        now[0] += 601
        assert store.come_back(visitor, "youtube", "state") is None
        store.go_away(visitor, "youtube", "state", "sealed", "a-take")
        assert b"state" not in store.path.read_bytes().replace(b" state TEXT", b"").replace(b", state", b"")
        assert store.come_back(visitor, "youtube", "state") == ("sealed", "a-take")
        assert store.come_back(visitor, "youtube", "state") is None


def test_what_is_kept_meanwhile_opens_nothing(here):
    with here.client("ada") as client:
        address = sent_away(client)
        state = parse_qs(urlsplit(address).query)["state"][0]
    files = [path.read_bytes() for path in (here.folder / ".candid").iterdir()]
    assert files and not any(state.encode() in each or b"verifier" in each for each in files)


def test_without_a_client_the_page_says_who_can_help(here):
    (here.folder / "assets" / "clients" / "youtube-web.json").unlink()
    with here.client("ada") as client:
        page = client.get("/accounts/connect/youtube")
        assert page.status_code == 200 and "Ask the coordinator" in page.text
        assert "assets/clients/youtube-web.json" in page.text and str(here.folder) not in page.text
        assert client.post("/accounts/connect/youtube").status_code == 409


DESKTOP = {"installed": {"client_id": "x", "client_secret": "y"}}
WEB = {"web": {"client_id": "x", "client_secret": "y"}}
AWAY = "https://candid.example.org/accounts/return/youtube"
LOOPBACK = "http://127.0.0.1:8000/accounts/return/youtube"


@pytest.mark.parametrize(
    ("told", "redirect", "fault"),
    [
        (DESKTOP, "", ""), (DESKTOP, LOOPBACK, ""), (DESKTOP, AWAY, f"exactly this redirect address: {AWAY}"),
        (WEB, "", "“Desktop app”"), (WEB, LOOPBACK, ""), (WEB, AWAY, ""),
    ],
)  # fmt: skip
def test_which_kind_of_client_may_come_back_where(tmp_path, told, redirect, fault):
    (tmp_path / "youtube.json").write_text(json.dumps(told))
    options = {"clients": str(tmp_path), "redirect": redirect}
    uris = {"auth_uri": "https://a", "token_uri": "https://t", "revoke_uri": "https://r", "scopes": ("s",)}
    if not fault:
        assert signin.client("youtube", options, **uris).client_id == "x"
        return
    with pytest.raises(AccountError) as refused:
        signin.client("youtube", options, **uris)
    assert fault in refused.value.do


# --- a real browser ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_a_real_browser(server, tube, scheme):
    phone = {"viewport": {"width": 320, "height": 640}, "color_scheme": scheme}
    with chromium() as browser, signed_in(browser, server, "ben", **phone) as page:
        page.goto("/accounts")
        assert barriers(page) == [] and page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("link", name="Connect to PeerTube").click()
        page.get_by_label("Address of your instance").fill(tube.root)
        page.get_by_label("Your user name there").fill("you")
        page.get_by_label("Your password").fill("wrong")
        page.get_by_role("button", name="Connect").click()
        assert "does not let you in" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("Your password").input_value() == "" and barriers(page) == []
        page.get_by_label("Your password").fill("other")
        page.get_by_label("Your password").press("Enter")
        page.get_by_text("You are connected at PeerTube").wait_for()
        assert barriers(page) == []
        page.get_by_role("link", name="Disconnect PeerTube").click()
        page.get_by_role("button", name="Disconnect").click()
        page.get_by_text("You are no longer connected").wait_for()
        page.goto("/accounts/connect/youtube")
        assert barriers(page) == []
