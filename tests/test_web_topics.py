"""The topic board of the page: suggesting, voting, moderation; by whom, how often, and with what in the texts."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from markupsafe import escape

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline.board import open_board
from tests.browser import barriers, chromium, signed_in
from tests.served import served

SCRIPTS = (
    'why "><img src=x onerror=alert(1)> not',
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "' onmouseover='alert(1)",
    "a & b &lt;b&gt; \u0130",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("topics") / "space") as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def board(server):
    with open_board(server.folder / "recipes" / "board.sqlite3") as opened:
        yield opened


def test_a_suggestion_is_on_the_board_with_its_name_and_one_vote(server, board):
    with server.client() as client:
        said = client.post("/topics", data={"text": "Show the coffee machine", "by": "Mara"})
        assert said.status_code == 303 and said.headers["location"].endswith("?said=added")
        told = client.get(said.headers["location"]).text
        assert "Thank you" in told and "asked by Mara" in told
        assert "Show the coffee machine" in client.get("/?show=new").text
    topic = board.list("new")[0]
    assert (topic.text, topic.names, topic.votes) == ("Show the coffee machine", ("Mara",), 1)


def test_what_is_like_it_is_shown_before_it_is_added(server, board):
    answered = board.suggest("What is inside an old mainframe computer?")
    board.answer(answered.id, "https://videos.example.org/mainframe")
    with server.client() as client:
        asked = client.post("/topics", data={"text": "What is inside old mainframe computers?"})
        assert asked.status_code == 200 and "Is it one of these?" in asked.text
        assert 'href="https://videos.example.org/mainframe"' in asked.text
        assert not [topic for topic in board.list("new") if "old mainframe computers" in topic.text]
        seen = re.search('name="seen" value="(.+?)"', asked.text)[1]
        added = client.post("/topics", data={"text": "What is inside old mainframe computers?", "seen": seen})
        assert added.status_code == 303
        like = client.get("/topics/similar", params={"text": "inside the old mainframe"}).json()["similar"]
    assert "What is inside old mainframe computers?" in [topic.text for topic in board.list("new")]
    assert {(each["status"], each["link"]) for each in like} >= {("answered", "https://videos.example.org/mainframe")}


def test_the_very_same_words_are_one_more_vote(server, board):
    topic = board.suggest("Read the oldest ticket aloud", voter="somebody")
    with server.client() as client:
        said = client.post("/topics", data={"text": "read the oldest  ticket aloud", "by": "Jo"})
    assert said.headers["location"] == f"/topics/{topic.id}?said=known"
    assert (board.get(topic.id).votes, board.get(topic.id).names) == (2, ("Jo",))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 201}, "text"),
        ({"text": "<script>alert(1)</script>", "by": "kept"}, "text"),
        ({"text": "A good one \u202e", "by": "kept"}, "text"),
        ({"text": "A good one", "by": "<b>Mara"}, "by"),
        ({"text": "A good one", "by": "y" * 81}, "by"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(tmp_path_factory, form, field):
    with served(tmp_path_factory.mktemp("wrong") / "space") as server, server.client() as client:
        said = client.post("/topics", data=form)
        assert said.status_code == 422
        assert f'aria-describedby="{"similar-told " if field == "text" else ""}{field}-fault"' in said.text
        assert f'id="{field}-fault"' in said.text and 'aria-invalid="true"' in said.text
        for key, value in form.items():
            assert f'name="{key}" value="{escape(value)}"' in said.text
        assert "<script>alert" not in said.text and "<b>Mara" not in said.text


def test_one_browser_counts_once_and_can_take_it_back(server, board):
    topic = board.suggest("Weigh a rack")
    with server.client() as one, server.client() as other:
        for client in (one, one, other):
            said = client.post(f"/topics/{topic.id}/vote", data={"show": "new", "number": "1"})
            assert said.headers["location"] == f"/?show=new&number=1#topic-{topic.id}"
        assert board.get(topic.id).votes == 2
        cookie = one.cookies["candid-voter"]
        assert cookie != other.cookies["candid-voter"]
        assert f'action="/topics/{topic.id}/unvote"' in one.get("/?show=new").text
        told = one.post(f"/topics/{topic.id}/unvote", headers={"accept": "application/json"}).json()
        assert told == {"id": topic.id, "votes": 1, "voted": False}
        assert f'action="/topics/{topic.id}/vote"' in one.get("/?show=new").text


def test_the_voters_cookie_is_not_for_scripts_and_cannot_be_a_person(server, board):
    topic = board.suggest("Measure the noise of a fan")
    with server.client() as client:
        told = client.post(f"/topics/{topic.id}/vote").headers["set-cookie"]
        assert "HttpOnly" in told and "SameSite=lax" in told
    with server.client("ada") as ada:
        ada.post(f"/topics/{topic.id}/vote")
        assert "candid-voter" not in ada.cookies
    with server.client() as client:
        client.cookies.set("candid-voter", "person:ada", domain="127.0.0.1")
        client.post(f"/topics/{topic.id}/unvote")
    assert board.get(topic.id).votes == 2


def test_behind_https_the_cookie_is_secure(tmp_path):
    with served(tmp_path / "space", "--origin", "https://candid.example") as server:
        headers = {"host": "candid.example", "origin": "https://candid.example"}
        said = httpx.post(f"{server.address}/topics", data={"text": "Show a cable"}, headers=headers)
    assert said.headers["set-cookie"].startswith("__Host-candid-voter=") and "Secure" in said.headers["set-cookie"]


def test_an_employee_counts_once_on_all_devices(server, board):
    topic = board.suggest("Fold a server into a suitcase")
    for _ in range(2):
        with server.client("ben", anew=True) as device:
            assert device.post(f"/topics/{topic.id}/vote").status_code == 303
    assert board.get(topic.id).votes == 1


def test_a_vote_for_a_merged_topic_goes_where_it_went_and_declined_ones_take_none(server, board):
    gone, kept = board.suggest("Dance in the lobby"), board.suggest("Sing a song of the build")
    board.merge(gone.id, kept.id)
    declined = board.suggest("Burn the basement")
    board.decline(declined.id, "It is not ours.")
    with server.client() as client:
        said = client.post(f"/topics/{gone.id}/vote", headers={"accept": "application/json"})
        assert said.json()["id"] == kept.id and board.get(kept.id).votes == 1
        refused = client.post(f"/topics/{declined.id}/vote", headers={"accept": "application/json"})
        assert refused.status_code == 400 and "declined" in refused.json()["error"]["what"]
        assert f'href="/topics/{kept.id}"' in client.get(f"/topics/{gone.id}").text
        assert "It is not ours." in client.get(f"/topics/{declined.id}").text


def test_planned_and_answered_topics_are_shown_with_who_asked(server, board):
    planned = board.suggest("Paint the cooling tower", "Noor")
    board.queue(planned.id, lambda topic: "paint-the-cooling-tower")
    answered = board.suggest("Count all the blinking lights", "Lee")
    board.answer(answered.id, "https://videos.example.org/lights")
    with server.client() as client:
        first = client.get("/").text
        assert "Paint the cooling tower" in first and "asked by Noor" in first
        assert 'href="https://videos.example.org/lights"' in first and "asked by Lee" in first
        assert "Paint the cooling tower" in client.get("/?show=planned").text
        assert "Count all the blinking lights" in client.get("/?show=answered").text


def test_the_board_has_pages(tmp_path):
    with served(tmp_path / "space") as server, server.client() as client:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            for number in range(65):
                board.suggest(f"Topic of the day {number:03}")
        pages = [client.get("/", params={"show": "new", "number": number}).text for number in (1, 2, 3)]
        found = [set(re.findall(r"Topic of the day (\d+)</a>", page)) for page in pages]
        assert [len(each) for each in found] == [30, 30, 5] and not found[0] & found[1]
        assert 'rel="next"' in pages[1] and 'rel="next"' not in pages[2]
        assert "nothing on this page" in client.get("/?show=new&number=9").text
        assert client.get("/?number=99999999999999999999&show=nonsense").status_code == 200
        assert client.get("/?number=-4").status_code == 200
        assert client.get("/?number=x").status_code == 400


@pytest.mark.parametrize("text", SCRIPTS)
def test_texts_come_out_as_texts(tmp_path, text):
    with served(tmp_path / "space") as server, server.client() as client:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:  # as if it came from elsewhere
            topic = board.suggest("Something harmless", "somebody")
            board._db.execute("UPDATE topics SET text = ?", (text,))
            board._db.execute("UPDATE names SET name = ?", (text,))
        pages = [
            "/",
            "/?show=new",
            f"/topics/{topic.id}",
            f"/?said={text}",
            f"/?show={text}",
            f"/topics/{topic.id}?said={text}",
        ]
        for place in pages:
            told = client.get(place)
            assert text not in told.text or str(escape(text)) == text, place
        assert str(escape(text)) in client.get("/").text
        said = client.post("/topics", data={"text": text, "by": "<i>" + text, "seen": text})
        assert text not in said.text or str(escape(text)) == text


@pytest.mark.parametrize("id", ["0", "-1", "99999999", "9" * 30, "1e3", "..%2f..%2fetc", "%00", "x"])
def test_a_topic_that_is_not_there(server, id):
    with server.client() as client:
        for said in (
            client.get(f"/topics/{id}"),
            client.post(f"/topics/{id}/vote"),
            client.post(f"/topics/{id}/unvote"),
        ):
            assert said.status_code in (400, 404, 405)
            assert "Traceback" not in said.text


def test_suggestions_and_votes_are_limited_an_address(tmp_path):
    with served(tmp_path / "space") as server:
        said = []
        for number in range(12):
            with server.client() as client:  # a new browser each time, without its cookie
                said.append(client.post("/topics", data={"text": f"Number {number} of many unlike ideas"}).status_code)
        assert said[0] == 303 and said[9] != 429 and said[10:] == [429, 429]
        with server.client() as client:
            votes = [client.post("/topics/1/vote").status_code for _ in range(61)]
        assert votes[:60] == [303] * 60 and votes[60] == 429


def test_two_hundred_people_are_counted_once_each(tmp_path):
    """Also those who press twice. Each comes from an address of their own, as a proxy says."""
    with served(tmp_path / "space", "--proxy", "127.0.0.1") as server:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            topic = board.suggest("Drop a phone from the tower")

        def twice(number: int) -> list[int]:
            with server.client() as client:
                headers = {"x-forwarded-for": f"10.0.{number // 100}.{number % 100}"}
                return [client.post(f"/topics/{topic.id}/vote", headers=headers).status_code for _ in range(2)]

        with ThreadPoolExecutor(8) as crowd:
            assert [*crowd.map(twice, range(200))] == [[303, 303]] * 200
        server.kill()
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            assert board.get(topic.id).votes == 200


def test_another_file_in_the_place_of_the_board_is_taken(tmp_path):
    with served(tmp_path / "space") as server, server.client() as client:
        client.post("/topics", data={"text": "In the first board"})
        place = server.folder / "recipes" / "board.sqlite3"
        with open_board(tmp_path / "backup.sqlite3") as board:
            board.suggest("In the backup")
        for side in place.parent.glob("board.sqlite3*"):
            side.unlink()
        (tmp_path / "backup.sqlite3").rename(place)
        told = client.get("/").text
    assert "In the backup" in told and "In the first board" not in told


# --- moderation -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moderated(tmp_path_factory):
    with served(tmp_path_factory.mktemp("moderated") / "space", "--moderated") as running:
        yield running


def test_a_suggestion_waits_until_it_may_appear(moderated):
    with moderated.client() as client, moderated.client(coordinator=True) as coordinator:
        for _ in range(2):  # pressed twice
            said = client.post("/topics", data={"text": "Show the vault", "by": "Kim"})
            assert said.headers["location"] == "/?said=held"
        assert "waits for somebody to read it" in client.get("/?said=held").text
        assert "Show the vault" not in client.get("/?show=new").text
        assert "1 suggestion" in coordinator.get("/team").text
        told = coordinator.get("/team/topics").text
        assert told.count("/appear") == 1 and "Show the vault" in told
        id = re.search(r"/team/waiting/(\d+)/appear", told)[1]
        for _ in range(2):
            assert coordinator.post(f"/team/waiting/{id}/appear").status_code == 303
        seen = client.get("/?show=new").text
        assert "Show the vault" in seen and "asked by Kim" in seen
        assert "/unvote" in seen, "it counts as their vote"


def test_a_suggestion_that_is_refused_never_appears(moderated):
    with moderated.client() as client, moderated.client(coordinator=True) as coordinator:
        client.post("/topics", data={"text": "Buy my watches"})
        id = re.findall(r"/team/waiting/(\d+)/refuse", coordinator.get("/team/topics").text)[-1]
        coordinator.post(f"/team/waiting/{id}/refuse")
        assert "Buy my watches" not in coordinator.get("/team/topics").text
        assert "Buy my watches" not in client.get("/?show=new").text


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_similar_topics_appear_while_typing_and_a_vote_needs_no_new_page(browser, tmp_path):
    with served(tmp_path / "space") as server:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            topic = board.suggest('How loud is "the" server room & its fans?')
            answered = board.suggest("How loud is the old printer room?")
            board.answer(answered.id, "https://videos.example.org/printer")
        with signed_in(browser, server) as page:
            faults: list[str] = []
            page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda fault: faults.append(str(fault)))
            page.goto("/")
            page.locator("#text").press_sequentially("how loud is the server room")
            page.locator("#similar a[href='https://videos.example.org/printer']").wait_for()
            assert "topics are like yours" in page.locator("#similar-told").inner_text()
            button = page.locator(f"#topic-{topic.id} button")
            button.press("Enter")
            page.locator(f"#topic-{topic.id} button[aria-pressed=true]").wait_for()
            assert page.locator("#vote-told").text_content() == "Your vote counts: 1 vote."
            button.click()
            page.locator(f"#topic-{topic.id} button[aria-pressed=false]").wait_for()
            with page.expect_navigation():  # the similar ones were seen: it is added at once
                page.get_by_role("button", name="Suggest it").click()
            assert "Your topic is on the board" in page.content()
            assert faults == []


@pytest.mark.slow
def test_the_first_page_is_small_and_asks_nobody_else(browser, tmp_path):
    with served(tmp_path / "space") as server:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            for number in range(40):
                board.suggest(f"{number} long words about what a day in this house really looks like", "Somebody")
        with signed_in(browser, server) as page:
            sizes: dict[str, int] = {}
            page.on("response", lambda said: sizes.update({said.url: len(said.body())}))
            page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 3 and all(url.startswith(server.address) for url in sizes)
    assert sum(sizes.values()) < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_keeps_people_out_of_the_board(browser, tmp_path, scheme, width):
    with served(tmp_path / "space") as server:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            board.suggest("Donaudampfschifffahrtsgesellschaftskapitaen" * 4, "A very long name of somebody" * 2)
            board.answer(board.suggest("Show the roof").id, "https://videos.example.org/roof")
            board.decline(board.suggest("Nothing good").id, "It is not.")
        with signed_in(browser, server, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
            for place in ("/", "/?show=answered", "/?show=planned", "/topics/1", "/topics/3"):
                page.goto(place)
                assert barriers(page) == [], place
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), place
