"""Every page, as everybody sees it: nothing keeps anybody out, sticks out, breaks, or asks another server."""

from __future__ import annotations

import contextlib
import html
import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import approval
from pipeline.board import open_board
from pipeline.web.app import all_doors
from tests import recorded
from tests.browser import a_browser, barriers, signed_in  # noqa: F401 - a fixture
from tests.prepared import Prepared, prepared
from tests.served import served

pytestmark = pytest.mark.slow

AUDIENCE, EMPLOYEE, COORDINATOR = "audience", "employee", "coordinator"
EVERYBODY = (AUDIENCE, EMPLOYEE, COORDINATOR)
SIGNED_IN = {AUDIENCE: ("", False), EMPLOYEE: ("ada", False), COORDINATOR: ("", True)}
LARGEST = 100_000  # bytes of a page with its sheet, its modules and its mark
COLORS = {"colors.background": "#101820", "colors.text": "#ffffff", "colors.accent": "#ffc43d"}
NOT_A_PAGE = {  # doors that a GET opens and that lead to no page, and why
    "/static/{name}": "what pages are made with",
    "/topics/similar": "JSON for the form that suggests",
    "/events": "a stream of what happens to takes",
    "/states": "JSON of the same",
    "/hand-in/{handin}/waits": "JSON for the page that waits",
    "/takes/{take}/clips/{number}": "a video",
    "/takes/{take}/show/{name}": "a video, captions or a picture",
    "/takes/{take}/brand/{kind}": "a picture",
    "/takes/{take}/files/{name}": "a file to keep",
    "/takes/{take}/published/{name}": "a file to keep",
    "/takes/{take}/archive": "an archive to keep",
    "/mine/archive": "an archive to keep",
    "/team/people/{id}/preview.png": "a picture",
    "/team/brand/{name}/preview.png": "a picture",
}


@dataclass(frozen=True, slots=True)
class Look:
    """A page: the door that leads to it, an address behind that door, and who looks. `sends`: the form before it."""

    door: str
    where: str
    who: str
    status: int = 200
    sends: dict[str, str] | None = field(default=None, hash=False)

    def __str__(self) -> str:
        return f"{self.who} {'POST ' if self.sends is not None else ''}{self.where}"


def _states(door: str, who: str, *states: str) -> list[Look]:
    """A door for a topic or a take, in each of these states."""
    return [Look(door, re.sub(r"{(id|take)}", f"{{{state}}}", door), who) for state in states]


def _looks(door: str, who: str | tuple[str, ...], *where: str, status: int = 200) -> list[Look]:
    return [
        Look(door, place, each, status) for place in where or (door,) for each in ([who] if who in SIGNED_IN else who)
    ]


PAGES = [
    *_looks("/", EVERYBODY),
    *_looks("/", AUDIENCE, "/?show=new", "/?show=planned", "/?show=answered", "/?number=9", "/?said=held"),
    *_states("/topics/{id}", AUDIENCE, "planned", "answered", "declined", "merged"),
    *_looks("/topics/{id}", EVERYBODY, "/topics/{new}?said=added"),
    *_looks("/topics/{id}", AUDIENCE, "/topics/999999", status=400),
    *_looks("/sign-in", AUDIENCE),
    *_looks("/in/{link}", AUDIENCE, "/in/{link}"),
    *_looks("/in/{link}", AUDIENCE, "/in/used", status=410),
    *_looks("/devices", (EMPLOYEE, COORDINATOR)),
    *_looks("/record", EMPLOYEE),
    *_looks("/record/{recipe}", EMPLOYEE, "/record/destroy", "/record/coffee", "/record/walk"),
    *_looks("/record/{recipe}", EMPLOYEE, "/record/nothing", status=404),
    *_looks("/hand-in/{handin}", EMPLOYEE, "/hand-in/{waiting}"),
    *_looks("/mine", EMPLOYEE),
    *_states("/takes/{take}", EMPLOYEE, "recorded", "heard", "made", "published"),
    *_states("/takes/{take}/correct", EMPLOYEE, "recorded", "heard", "made"),
    *_states("/takes/{take}/publish", EMPLOYEE, "recorded", "heard", "made", "approved", "published"),
    *_looks("/takes/{take}/publish", EMPLOYEE, "/takes/{made}/publish?to=folder&to=peertube&who=public"),
    *_looks("/takes/{take}/publish", EMPLOYEE, "/takes/{made}/publish?to=folder&who=later", status=422),
    *_looks("/takes/{take}/withdraw", EMPLOYEE, "/takes/{approved}/withdraw"),
    *_looks("/takes/{take}/take-down", EMPLOYEE, "/takes/{published}/take-down", "/takes/{made}/take-down"),
    *_looks("/takes/{take}/published", EMPLOYEE, "/takes/{published}/published"),
    *_looks("/takes/{take}/delete", EMPLOYEE, "/takes/{made}/delete", "/takes/{published}/delete"),
    *_looks("/accounts", EMPLOYEE),
    *_looks("/accounts/connect/{service}", EMPLOYEE, "/accounts/connect/youtube", "/accounts/connect/peertube"),
    *_looks("/accounts/connect/{service}", EMPLOYEE, "/accounts/connect/vimeo"),
    *_looks("/accounts/return/{service}", EMPLOYEE, "/accounts/return/youtube?state=unknown", status=403),
    *_looks("/accounts/disconnect/{service}", EMPLOYEE, "/accounts/disconnect/peertube"),
    *_looks("/team", COORDINATOR),
    *_looks("/team/topics", COORDINATOR, "/team/topics", "/team/topics?status=declined"),
    *_states("/team/topics/{id}", COORDINATOR, "new", "planned", "answered", "declined", "merged"),
    *_looks("/team/people", COORDINATOR),
    *_looks("/team/people/{id}", COORDINATOR, "/team/people/ada"),
    *_looks("/team/recipes", COORDINATOR),
    *_looks("/team/recipes/{slug}", COORDINATOR, "/team/recipes/destroy", "/team/recipes/coffee"),
    *_looks("/team/brand", COORDINATOR),
    *_looks("/team/brand/{name}", COORDINATOR, "/team/brand/default", "/team/brand/default?said=saved"),
    # what a form leads to that is no page with an address
    Look("/topics", "/topics", AUDIENCE, 200, {"text": "What does a data centre sound like by night"}),
    Look("/topics", "/topics", AUDIENCE, 422, {"text": " "}),
    Look("/record/{recipe}", "/record/destroy", EMPLOYEE, 422, {}),
    Look("/takes/{take}/correct", "/takes/{heard}/correct", EMPLOYEE, 409, {"title": "Of another version"}),
    Look("/takes/{take}/approve", "/takes/{made}/approve", EMPLOYEE, 409, {"to": "folder", "seen": "else"}),
    Look("/takes/{take}/take-down", "/takes/{published}/take-down", EMPLOYEE, 422, {}),
    Look("/accounts/connect/{service}", "/accounts/connect/peertube", EMPLOYEE, 422, {"address": "no", "user": "a"}),
    Look("/team/topics/{id}/answer", "/team/topics/{new}/answer", COORDINATOR, 422, {"link": "javascript:alert(1)"}),
    Look("/team/people", "/team/people", COORDINATOR, 422, {"name": "", "look": "many"}),
    Look("/team/people/{id}", "/team/people/ben", COORDINATOR, 422, {"name": "", "look": "many"}),
    Look("/team/people/{id}/link", "/team/people/ben/link", COORDINATOR, 200, {}),
    Look("/team/recipes", "/team/recipes", COORDINATOR, 422, {"topic": "", "name": "../no"}),
    Look("/team/recipes/{slug}", "/team/recipes/destroy", COORDINATOR, 422, {"seconds": "many", "trim.pause": "long"}),
    Look("/team/brand/{name}", "/team/brand/default", COORDINATOR, 422, COLORS | {"bumper": "long"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A workspace with something of everything, and its server."""
    with served(tmp_path_factory.mktemp("looks") / "space", "--moderated") as server:
        found = prepared(server)
        with server.client() as somebody:
            assert somebody.post("/topics", data={"text": "Show us the roof", "by": "Ines"}).status_code == 303
        yield found


@pytest.fixture(scope="module")
def tabs(browser, there):
    """A tab for each of those who come, and what their browser complains of or asks for."""
    with contextlib.ExitStack() as open_ones:
        yield {
            who: _Tab(open_ones.enter_context(signed_in(browser, there.server, person, coordinator)))
            for who, (person, coordinator) in SIGNED_IN.items()
        }


class _Tab:
    """A page of a browser that notes what it complains of, and what it loads."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.answers: dict[str, Any] = {}
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        page.on("response", lambda answer: self.answers.setdefault(answer.url, answer))

    def opens(self, look: Look, there: Prepared) -> int:
        """The status."""
        self.complaints.clear()
        self.answers.clear()
        where = _address(look.where, there)
        if look.sends is None:
            answer = self.page.goto(where)
            assert answer is not None
            return int(answer.status)
        self.page.goto("/sign-in")
        self.answers.clear()
        with self.page.expect_navigation() as came:
            self.page.evaluate(_SEND, [where, look.sends])
        return int(came.value.status)

    def weighs(self) -> int:
        """Bytes of the page itself: not of pictures and videos of takes."""
        kinds = ("document", "stylesheet", "script")
        whole = (each for each in self.answers.values() if each.status not in (303, 304))
        return sum(len(each.body()) for each in whole if each.request.resource_type in kinds)


_SEND = """([where, fields]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: where, enctype: "multipart/form-data" });
  for (const [name, value] of Object.entries(fields)) {
    const field = document.createElement("textarea");
    Object.assign(field, { name, value });
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""


def _address(where: str, there: Prepared) -> str:
    named: dict[str, object] = {**there.takes, **there.topics, "waiting": there.waiting}
    if "{link}" in where:
        named["link"] = there.server.link("ben")
    return where.format(**named)


def test_no_page_is_forgotten():
    doors = {door.path for door in all_doors() if "GET" in door.methods}
    looked_at = {look.door for look in PAGES if look.sends is None}
    assert doors - looked_at - set(NOT_A_PAGE) == set(), "look at these pages too, or say why they are none"
    assert (looked_at | set(NOT_A_PAGE)) - doors == set() and looked_at & set(NOT_A_PAGE) == set()


@pytest.mark.parametrize("look", PAGES, ids=str)
def test_a_page_keeps_nobody_out(look, there, tabs):
    tab = tabs[look.who]
    page = tab.page
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # or colors would be on their way
    page.set_viewport_size({"width": 320, "height": 640})
    assert tab.opens(look, there) == look.status
    for _ in page.locator("details:not([open])").all():  # what can be unfolded is a part of the page
        page.locator("details:not([open])").first.evaluate("(each) => { each.open = true; }")
    assert page.evaluate(_STICKS_OUT) == []
    assert barriers(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert barriers(page) == []
    assert [text for text in tab.complaints if not (look.status >= 400 and f"status of {look.status}" in text)] == []
    assert [url for url in tab.answers if not url.startswith(there.server.address)] == []
    assert 1000 < tab.weighs() < LARGEST
    assert page.title().endswith(" - Candid") and page.locator("h1").count() == 1


_STICKS_OUT = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 90));
}"""


def test_every_link_leads_somewhere(there):
    """The pages were made apart from each other: what one of them names, another one has to have."""
    asked: dict[tuple[str, str], str] = {}
    for look in PAGES:
        if look.sends is None:
            with there.server.client(*SIGNED_IN[look.who]) as client:
                page = client.get(_address(look.where, there)).text
                links = re.findall(r'(?:href|src|poster)="(/[^"#]*)', page)
                for link in {html.unescape(link) for link in links} - {key[1] for key in asked if key[0] == look.who}:
                    with client.stream("GET", link) as answer:
                        asked[look.who, link] = f"{answer.status_code} on {look.where}"
    assert len(asked) > 80
    assert {key: told for key, told in asked.items() if not told.startswith(("200", "303"))} == {}


def test_the_first_page_is_small_with_all_that_it_loads(browser, there):
    with signed_in(browser, there.server) as page:
        tab = _Tab(page)
        page.goto("/", wait_until="networkidle")
        assert sum(len(answer.body()) for answer in tab.answers.values()) < LARGEST
        assert len(tab.answers) >= 4, "page, sheet, module, mark"


# --- without JavaScript -----------------------------------------------------------------------------------------------


@pytest.fixture
def plain(browser, there):
    """A tab of ada's in which no script runs."""
    with signed_in(
        browser, there.server, "ada", java_script_enabled=False, viewport={"width": 390, "height": 844}
    ) as page:
        yield page


def test_without_javascript_the_audience_suggests_and_votes(browser, there):
    with signed_in(browser, there.server, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_label("Your idea").fill("A tour of the battery room")
        page.get_by_role("button", name="Suggest it").click()
        assert "waits for somebody to read it" in page.locator("main").inner_text()
        topic = there.topics["new"]
        with open_board(there.space.board) as opened:
            votes = opened.get(topic).votes
        page.locator(f"#topic-{topic} .vote button").click()
        assert page.locator(f"#topic-{topic} .vote button").get_attribute("aria-pressed") == "true"
        with open_board(there.space.board) as opened:
            assert opened.get(topic).votes == votes + 1
        page.locator(f"#topic-{topic} .vote button").click()
        with open_board(there.space.board) as opened:
            assert opened.get(topic).votes == votes


def test_without_javascript_a_clip_is_handed_in(plain, there, tmp_path):
    clip = recorded.clip(tmp_path, start=5, seconds=3, name="plain.mp4")
    plain.goto("/record/destroy")
    plain.set_input_files("#clip-1", clip)
    plain.locator("#consent").check()
    plain.locator("#hand-in-now").click()
    plain.wait_for_url("**/takes/destroy-ada", timeout=60_000)  # the page that waits goes on by itself
    assert "destroy-ada" in {path.name for path in there.space.takes.iterdir()}


def test_without_javascript_words_are_corrected(plain, there):
    take = there.takes["heard"]
    plain.goto(f"/takes/{take}/correct")
    plain.get_by_label(re.compile("What is really said at 0:08")).fill("This one is 12 years old.")
    plain.get_by_label(re.compile("In the video, 0:10")).uncheck()
    plain.get_by_role("button", name="Save", exact=True).click()
    assert "Saved." in plain.locator("main").inner_text()
    text = (there.space.output / take / "edit.md").read_text(encoding="utf-8")
    assert "This one is 12 years old." in text and "- [ ] 0:10" in text


def test_without_javascript_it_is_approved_and_published(plain, there):
    take = there.takes["made"]
    plain.goto(f"/takes/{take}/publish")
    if plain.locator('input[name="read"]').count():  # asked where sentences are unsure
        plain.locator('input[name="read"]').check()
    plain.get_by_role("button", name="Approve exactly this").click()
    given = approval.load(there.space, take)
    assert given is not None and given.person == "ada" and not given.withdrawn
    plain.get_by_role("button", name=re.compile("^Publish")).click()
    until = time.monotonic() + 60
    while "in your folder" not in plain.locator("main").inner_text() and time.monotonic() < until:
        plain.wait_for_timeout(500)  # the page looks anew by itself
    assert "in your folder" in plain.locator("main").inner_text()
