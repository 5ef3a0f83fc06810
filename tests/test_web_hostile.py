"""Somebody who means harm: script in every field of every form, paths that climb, foreign pages, sessions that wait."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
import pytest

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline.board import open_board
from pipeline.web.app import all_doors
from pipeline.web.doors import Door
from pipeline.web.rights import SAFE
from tests.browser import a_browser, signed_in  # noqa: F401 - a fixture
from tests.prepared import Prepared, prepared
from tests.served import served
from tests.test_web_looks import AUDIENCE, COORDINATOR, EMPLOYEE, PAGES, SIGNED_IN, _address
from tests.test_web_uploads import begin, told

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
CANARY = "what lies outside of the workspace's doors"
EVIL = {
    "a script": "</script></textarea></title><script>window.hurt = 1</script>",
    "an attribute": 'x" onfocus="window.hurt = 1" autofocus style="color:red" x=\'',
    "an element": "'\"><img src=x onerror=window.hurt=1><svg onload=window.hurt=1><iframe src=//evil.example>",
    "a link": "javascript:window.hurt=1//https://evil.example",
    "a template": "{{ 7191*7 }}{% if 1 %}${7191*7}#{7191*7}{topic.__class__}{name:>99}",
    "control characters": "a\x07b\x1b[31mc\x7f\x85d",
    "the other direction": "invoice\u202egpj.exe\u2066\u2069",
}


# --- what a page is made of -------------------------------------------------------------------------------------------


class Parts(HTMLParser):
    """The elements of a page: its forms, and what a page of ours never has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._area = ""
        self.feed(text)
        if "50337" in text:
            self.wrong.append("a template was filled in with what somebody typed")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.wrong += [f"<{tag} {name}={value!r}>" for name, value in told.items() if _is_bad(tag, name, value)]
        if tag in ("iframe", "object", "embed", "base", "svg", "style", "frame"):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (
            told.get("src", "").startswith("/static/") or told.get("type") == "application/json"
        ):
            self.wrong.append(f"<script {told}>")
        if tag == "form":
            self._open = Form(told.get("action", ""), told.get("method", "get"))
            self.forms.append(self._open)
        elif self._open is not None and told.get("name"):
            self._filled_in(self._open, tag, told)

    def _filled_in(self, form: Form, tag: str, told: dict[str, str]) -> None:
        kind = told.get("type", "text")
        if tag == "textarea":
            self._area = told["name"]
            form.fields[told["name"]] = ""
        if tag in ("textarea", "select") or (tag == "input" and kind not in ("checkbox", "radio", "file")):
            form.texts.append(told["name"])
        if tag == "input" and kind != "file" and (kind not in ("checkbox", "radio") or "checked" in told):
            form.fields[told["name"]] = told.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area and self._open is not None:
            self._open.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area
        self._open = None if tag == "form" else self._open


@dataclass
class Form:
    """A form as a browser sends it: its values, and the names of those that anybody may change at will."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


def _is_bad(tag: str, name: str, value: str) -> bool:
    if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
        return True
    if name in ("href", "src", "action", "poster", "data"):
        ours = value.startswith(("/", "#", "data:image/svg+xml", "https://video.example", "https://tube.example"))
        return not ours or value.startswith("//")
    return tag == "meta" and name == "content" and "url" in value.lower()


# --- every field of every form ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attack:
    """A form: the door behind it, who fills it in, the page with it, and pages that show what was typed."""

    door: str
    who: str
    page: str
    shown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.who} {self.door}"


TAKE = ("/mine", "/takes/{heard}", "/takes/{heard}/correct", "/takes/{heard}/publish")
TOPIC = ("/topics/{spare}", "/team/topics/{spare}")
RECIPE = ("/record", "/record/destroy", "/team/recipes", "/team/recipes/destroy", "/team")
ATTACKS = (
    Attack("/topics", AUDIENCE, "/", ("/", "/?show=new", "/team/topics", "/team")),
    Attack("/topics/{id}/vote", AUDIENCE, "/?show=new", ("/",)),
    Attack("/sign-out", EMPLOYEE, "/devices", ("/devices",)),
    Attack("/takes/{take}/correct", EMPLOYEE, "/takes/{heard}/correct", TAKE),
    Attack("/takes/{take}/approve", EMPLOYEE, "/takes/{made}/publish", ("/takes/{made}/publish",)),
    Attack("/takes/{take}/publish", EMPLOYEE, "/takes/{approved}/publish", ("/takes/{approved}/publish",)),
    Attack("/accounts/connect/{service}", EMPLOYEE, "/accounts/connect/peertube", ("/accounts",)),
    Attack("/team/topics/{id}/answer", COORDINATOR, "/team/topics/{spare}", ("/", *TOPIC)),
    Attack("/team/topics/{id}/merge", COORDINATOR, "/team/topics/{spare}", TOPIC),
    Attack("/team/topics/{id}/decline", COORDINATOR, "/team/topics/{spare}", TOPIC),
    Attack("/team/people", COORDINATOR, "/team/people", ("/team/people", "/team")),
    Attack("/team/people/{id}", COORDINATOR, "/team/people/ben", ("/team/people", "/team/people/ben")),
    Attack("/team/recipes", COORDINATOR, "/team/recipes", RECIPE),
    Attack("/team/recipes/{slug}", COORDINATOR, "/team/recipes/destroy", RECIPE),
    Attack("/team/recipes/{slug}/claim", COORDINATOR, "/team/recipes/walk", RECIPE),
    Attack("/team/brand/{name}", COORDINATOR, "/team/brand/default", ("/team/brand/default", "/record/destroy")),
)  # fmt: skip
ONLY_MULTIPART = {"/record/{recipe}": "test_a_clips_name_is_only_shown and test_web_record.py fill it in"}


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Iterator[Prepared]:
    with served(tmp_path_factory.mktemp("hostile") / "space", "--proxy", "127.0.0.1") as server:
        found = prepared(server)
        with open_board(found.space.board) as board:
            found.topics["spare"] = board.suggest("A topic to decide of", "", "x").id
        yield found


@pytest.fixture(scope="module")
def people(there) -> Iterator[dict[str, httpx.Client]]:
    """A client of each of those who come; every request comes from another address, so that none comes too often."""
    addresses = itertools.count(1)

    def elsewhere(request: httpx.Request) -> None:
        number = next(addresses)
        request.headers["x-forwarded-for"] = f"198.18.{number // 250 % 250}.{number % 250}"

    with (
        there.server.client() as nobody,
        there.server.client("ada") as ada,
        there.server.client("", coordinator=True) as coordinator,
    ):
        found = {AUDIENCE: nobody, EMPLOYEE: ada, COORDINATOR: coordinator}
        for client in found.values():
            client.event_hooks = {"request": [elsewhere]}
        yield found


@pytest.fixture(scope="module")
def attacked(there, people) -> dict[str, list[str]]:
    """By form, what was wrong with the pages after every evil text was put into every field."""
    return {str(attack): list(_attacked(attack, there, people)) for attack in ATTACKS}


def _attacked(attack: Attack, there: Prepared, people: dict[str, httpx.Client]) -> Iterator[str]:
    client, sent = people[attack.who], 0
    for name, evil in EVIL.items():
        _fresh_topic(attack, there)
        form = _form_of(attack, client.get(_address(attack.page, there)).text)
        for key in form.texts:
            answer = client.post(form.action, data=form.fields | {key: evil})
            yield from (f"{name} in {key}: {wrong}" for wrong in _wrong(answer))
            sent += 1
            if answer.has_redirect_location and answer.headers["location"].startswith("/"):
                yield from (
                    f"{name} in {key}, then: {wrong}" for wrong in _wrong(client.get(answer.headers["location"]))
                )
        for where, who in itertools.product(attack.shown, people.values()):
            answer = who.get(_address(where, there))
            yield from (f"{name}, shown at {where}: {wrong}" for wrong in _wrong(answer))
            yield from (f"{name} is kept, shown at {where}: {found!r}" for found in CONTROL.findall(answer.text))
    assert sent >= len(EVIL), f"nothing was typed into {attack}"


def _fresh_topic(attack: Attack, there: Prepared) -> None:
    if "{spare}" in attack.page:
        with open_board(there.space.board) as board:
            there.topics["spare"] = board.suggest(f"Another topic, {there.topics['spare']}", "", "x").id


def _form_of(attack: Attack, page: str) -> Form:
    found = next((form for form in Parts(page).forms if _leads_to(form, attack.door)), None)
    assert found is not None, f"no form for {attack}"
    return found


def _leads_to(form: Form, door: str) -> bool:
    return form.method == "post" and re.fullmatch(re.sub(r"{\w+}", "[^/]+", door), form.action) is not None


def _wrong(answer: httpx.Response) -> list[str]:
    assert answer.status_code < 500, f"{answer.request.url}: {answer.text}"
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    return Parts(answer.text).wrong if is_page else []


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_what_anybody_types_is_only_text(attack, attacked):
    assert attacked[str(attack)] == []


@pytest.mark.slow
def test_no_form_is_forgotten(there, people):
    seen = set()
    for look in PAGES:
        if look.sends is None:
            for form in Parts(people[look.who].get(_address(look.where, there)).text).forms:
                if form.method == "post" and form.texts:
                    seen |= {door.path for door in all_doors() if "POST" in door.methods and _leads_to(form, door.path)}
    known = {attack.door for attack in ATTACKS} | set(ONLY_MULTIPART)
    hidden = {"/accounts/disconnect/{service}", "/topics/{id}/unvote"}  # fields that the server itself fills in
    assert seen - known - hidden == set() and len(seen) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("who", SIGNED_IN)
def test_in_a_browser_nothing_of_it_runs(browser, there, attacked, who):
    person, coordinator = SIGNED_IN[who]
    places = {look.where for look in PAGES if look.who == who and look.sends is None and look.status == 200}
    with signed_in(browser, there.server, person, coordinator) as page:
        said: list[str] = []
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda line: said.append(line.text) if "Content Security" in line.text else None)
        page.on("request", lambda asks: said.append(asks.url) if "evil.example" in asks.url else None)
        for where in sorted(places):
            page.goto(_address(where, there))
            assert page.evaluate("() => window.hurt === undefined"), where
        assert said == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EVIL)
def test_a_clips_name_is_only_shown(there, people, name):
    ada = people[EMPLOYEE]
    metadata = told(filename=EVIL[name], recipe="walk", slot="2")
    place = begin(ada, 10, **{"upload-metadata": metadata}).headers["location"]
    page = ada.get("/record/walk").text
    assert Parts(page).wrong == [] and "is not here yet" in page, page
    ada.delete(place, headers={"tus-resumable": "1.0.0"})


# --- addresses --------------------------------------------------------------------------------------------------------

CLIMBS = (
    "..", "%2e%2e", "..%2f..%2f..%2fcanary.txt", "%2e%2e%2f%2e%2e%2fcanary.txt", "..%5c..%5ccanary.txt", "%00",
    "canary.txt%00.mp4", "....//....//canary.txt", "%2fetc%2fpasswd", "%252e%252e%252fcanary.txt", "-rf", "~",
    "%0d%0aset-cookie:a=b", "a" * 3000, "0", "-1", "9" * 40, "%ff", "%F0%9F%92%A3", "con", ".candid", "web.sqlite3",
)  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A server on an empty workspace, in which somebody speaks who also coordinates."""
    folder = tmp_path_factory.mktemp("plain") / "space"
    with served(folder, "--proxy", "127.0.0.1") as server, server.client("ada", coordinator=True) as client:
        for place in (folder, folder.parent, folder / "output", folder / "assets"):
            place.mkdir(exist_ok=True)
            (place / "canary.txt").write_text(CANARY)
        yield server, client


@pytest.mark.parametrize(
    "door", [door for door in all_doors() if "{" in door.path], ids=lambda door: f"{door.methods[0]} {door.path}"
)
def test_a_path_cannot_climb(plain, door: Door):
    _, client = plain
    for number, climb in enumerate(CLIMBS):
        place = re.sub(r"{\w+}", lambda _, climb=climb: climb, door.path)
        headers = {"x-forwarded-for": f"198.19.{number}.1", "tus-resumable": "1.0.0"}
        answer = client.request(door.methods[0], place, headers=headers)
        assert answer.status_code < 500, (place, answer.text)
        assert CANARY not in answer.text and "root:" not in answer.text and "SQLite" not in answer.text
        assert "a" not in answer.cookies
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/html"), (place, "a file that nobody asked for")


# --- pages of others --------------------------------------------------------------------------------------------------

CHANGES = [(door, method) for door in all_doors() for method in door.methods if method not in SAFE]


@pytest.mark.parametrize(("door", "method"), CHANGES, ids=lambda each: each if isinstance(each, str) else each.path)
def test_no_other_page_changes_anything(plain, door, method):
    server, client = plain
    place = re.sub(r"{\w+}", "ada", door.path)
    cookie = {"cookie": f"candid={client.cookies['candid']}"}
    for foreign in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": server.address.replace(str(server.port), "1")},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},  # no browser that has a cookie says nothing at all
    ):
        answer = httpx.request(method, server.address + place, headers=foreign | cookie)
        assert answer.status_code == 403, (foreign, answer.text)


def test_there_are_changing_doors():
    assert len(CHANGES) > 25


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_that_somebody_left_there_never_becomes_anybodys(plain):
    server, _ = plain
    planted = "planted-by-somebody-else-000000000000000000"
    with httpx.Client(base_url=server.address, headers={"origin": server.address}) as victim:
        victim.cookies.set("candid", planted)
        answer = victim.post(f"/in/{server.link('ada')}")
        assert answer.status_code == 303
        fresh = answer.cookies["candid"]
    assert fresh != planted and len(fresh) >= 43, "256 bits of its own"
    assert _knows(server, fresh) and not _knows(server, planted)


def test_signing_in_as_another_leaves_the_first_session_as_it_was(plain):
    server, _ = plain
    with server.client("ben", anew=True) as client:
        of_ben = client.cookies["candid"]
        answer = client.post(f"/in/{server.link('ada')}")
        assert answer.status_code == 303 and answer.cookies["candid"] != of_ben
    with httpx.Client(base_url=server.address, headers={"cookie": f"candid={of_ben}"}) as attacker:
        assert "Ada" not in attacker.get("/accounts").text
        assert attacker.get("/team").status_code in (303, 401, 403)


@pytest.mark.parametrize("way", ["query", "form", "header"])
def test_a_session_comes_in_a_cookie_and_in_no_other_way(plain, way):
    server, client = plain
    secret = client.cookies["candid"]
    asks = {"query": {"params": {"candid": secret}}, "header": {"headers": {"authorization": f"Bearer {secret}"}}}
    with httpx.Client(base_url=server.address, headers={"accept": "application/json"}) as nobody:
        if way == "form":
            assert nobody.post("/sign-out", data={"candid": secret, "session": secret}).status_code == 401
        else:
            assert nobody.get("/devices", **asks[way]).status_code == 401


def _knows(server, session: str) -> bool:
    headers = {"cookie": f"candid={session}", "accept": "application/json"}
    return httpx.get(f"{server.address}/devices", headers=headers).status_code == 200
