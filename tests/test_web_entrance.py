"""The entrance: who may see what, from which pages, under which names, how much and how often."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.web.app import all_doors
from pipeline.web.rights import NOBODY, Answer, Need, Visitor, answer, from_our_page
from tests.served import served

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page") / "space") as running:
        yield running


VISITORS = {
    "nobody": NOBODY,
    "ada": Visitor("ada", False, "s1"),
    "ben": Visitor("ben", False, "s2"),
    "coordinator": Visitor("", True, "s3"),
    "ada who coordinates": Visitor("ada", True, "s4"),
}
# What each of them meets where a door asks for this; a take is ada's.
TABLE = {
    Need.NOTHING: dict.fromkeys(VISITORS, Answer.COME_IN),
    Need.SIGN_IN: {name: Answer.SIGN_IN if name == "nobody" else Answer.COME_IN for name in VISITORS},
    Need.PERSON: {
        "nobody": Answer.SIGN_IN, "ada": Answer.COME_IN, "ben": Answer.COME_IN, "coordinator": Answer.NOT_YOURS,
        "ada who coordinates": Answer.COME_IN,
    },
    Need.OWNER: {
        "nobody": Answer.SIGN_IN, "ada": Answer.COME_IN, "ben": Answer.NOT_THERE, "coordinator": Answer.NOT_THERE,
        "ada who coordinates": Answer.COME_IN,
    },
    Need.COORDINATOR: {
        "nobody": Answer.SIGN_IN, "ada": Answer.NOT_YOURS, "ben": Answer.NOT_YOURS, "coordinator": Answer.COME_IN,
        "ada who coordinates": Answer.COME_IN,
    },
}  # fmt: skip


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("name", VISITORS)
def test_the_table_of_rights(need, name):
    assert answer(VISITORS[name], need, "ada") is TABLE[need][name]


@given(st.builds(Visitor, st.text(max_size=3), st.booleans()))
def test_what_is_nobodys_is_not_there(visitor):
    assert answer(visitor, Need.OWNER, "") in (Answer.NOT_THERE, Answer.SIGN_IN)


def test_every_door_says_what_it_needs_and_has_a_name_of_its_own():
    names = [(door.name, door.path) for door in all_doors()]
    assert len(names) == len(set(names)) > 5
    assert all(door.owned and f"{{{door.owned}}}" in door.path for door in all_doors() if door.need is Need.OWNER)
    assert all(door.largest for door in all_doors() if "GET" not in door.methods and door.need is Need.NOTHING)


def _filled(path: str) -> str:
    """A door's path, with names in it that do not exist."""
    return "/".join("nothing-like-it" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("door", all_doors(), ids=lambda door: f"{door.methods[0]} {door.path}")
def test_whoever_must_not_come_in_does_not(server, door):
    for person, meets in (("", Answer.SIGN_IN), ("ben", None)):
        with server.client(person) as client:
            headers = {"accept": "application/json"}
            with client.stream(door.methods[0], _filled(door.path), headers=headers) as said:  # some never end
                pass
            if meets and door.need is not Need.NOTHING:
                assert said.status_code == 401
            if not meets and door.need is Need.COORDINATOR:
                assert said.status_code == 403
            if not meets and door.need is Need.OWNER:
                assert said.status_code == 404
            assert said.status_code != 500


@pytest.mark.parametrize(
    ("method", "headers", "comes_in"),
    [
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "none"}, True),
        ("POST", {"sec-fetch-site": "same-site", "origin": "http://a:1"}, False),  # another port of the same host
        ("POST", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"origin": "http://a:1"}, True),
        ("POST", {"origin": "http://a:2"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {"cookie": "candid=x"}, False),
        ("POST", {}, True),
        ("GET", {"sec-fetch-site": "cross-site"}, True),
        ("DELETE", {"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_changes_come_from_our_pages_only(method, headers, comes_in):
    assert from_our_page(method, headers, "http://a:1") is comes_in


def test_a_change_from_another_site_is_refused(server):
    with server.client("ada") as client:
        for headers in ({"sec-fetch-site": "same-site"}, {"origin": "http://127.0.0.1:1"}, {"origin": "null"}):
            assert client.post("/sign-out", headers=headers).status_code == 403
        assert client.get("/devices").status_code == 200


def test_a_method_cannot_be_overridden(server):
    with server.client("ada") as client:
        said = client.get("/sign-out", headers={"x-http-method-override": "POST"})
        assert said.status_code == 405 and client.get("/devices").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_another_name_is_refused(server, host):
    assert httpx.get(server.address, headers={"host": host}).status_code in (400, 421)


def test_every_answer_has_its_headers(server):
    for path in ("/", "/nowhere", "/static/style.css", "/mine"):
        headers = httpx.get(server.address + path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "cache-control" in headers


def test_a_link_signs_in_once_and_a_preview_does_not_use_it_up(server):
    with httpx.Client(base_url=server.address) as client:
        link = server.link("ada")
        for _ in range(3):
            assert "Sign in on this device" in client.get(f"/in/{link}").text
        first = client.post(f"/in/{link}", headers={"cookie": "candid=chosen-by-somebody"})
        assert first.status_code == 403, "a form from nowhere, with a cookie"
        first = client.post(f"/in/{link}", headers={"origin": server.address})
        assert first.status_code == 303 and "HttpOnly" in first.headers["set-cookie"]
        assert client.post(f"/in/{link}", headers={"origin": server.address}).status_code == 410
        assert client.get(f"/in/{link}").status_code == 410


def test_signing_out_ends_the_session_on_the_server(server):
    with server.client("ada", anew=True) as client:
        cookie = client.cookies["candid"]
        assert client.get("/devices").status_code == 200
        assert client.post("/sign-out").status_code == 303
        client.cookies.set("candid", cookie)
        assert client.get("/devices", headers={"accept": "application/json"}).status_code == 401


def test_too_often_is_refused(tmp_path):
    with served(tmp_path / "space") as server, server.client() as client:
        said = [client.post("/in/wrong").status_code for _ in range(40)]
    assert said[0] == 410 and said[-1] == 429


def test_a_body_that_is_too_large_is_refused(server):
    def endless():
        for _ in range(64):
            yield b"x" * 65536

    with server.client("ada") as client:
        assert client.post("/sign-out", content=b"x" * 300_000).status_code == 413
        with contextlib.suppress(httpx.HTTPError):  # or the connection is closed
            headers = {"content-type": "application/x-www-form-urlencoded"}
            assert client.post("/sign-out", content=endless(), headers=headers).status_code >= 400
        assert client.get("/devices").status_code == 200


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%00"])
def test_nothing_but_what_lies_in_static_is_given(server, path):
    assert httpx.get(server.address + path).status_code == 404


def test_it_ends_with_ctrl_c_and_says_no_traceback(tmp_path):
    with served(tmp_path / "space") as server:
        httpx.get(server.address)
        assert server.stop() in (0, 130)
        assert "Traceback" not in server.log()
