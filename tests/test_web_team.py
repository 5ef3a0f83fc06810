"""The coordinator's pages: what waits for whom, topics, people and their links, recipes, the brand, the line."""

from __future__ import annotations

import contextlib
import html
import io
import re
import tomllib

import httpx
import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import brand, recipes, takes
from pipeline.board import open_board
from pipeline.errors import CandidError
from pipeline.model import Person, Recipe
from pipeline.web.app import all_doors
from pipeline.web.rights import Need
from pipeline.web.store import Store
from pipeline.workspace import product_assets
from tests.browser import barriers, chromium, signed_in
from tests.clips import ordinary
from tests.served import served

SCRIPT = 'x"><img src=x onerror=alert(1)>'
FREE = (  # fields in which any text may stand
    "name", "title", "disclosure", "topic", "why", "asked_by", "prompts", "script", "vocabulary", "post.title",
    "post.description", "post.tags", "closing_line", "stands_for", "mention", "keep_out", "consent",
)  # fmt: skip
COMMENTED = """\
# About pianos.
topic = "Pianos"  # the title
why = ""

[trim]
# Shorter than usual.
pause = 0.3

[post.youtube]
title = "On the tube"
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("team") / "space") as running:
        yield running


@pytest.fixture
def team(server):
    with server.client(coordinator=True) as client:
        yield client


@pytest.fixture
def board(server):
    with open_board(server.folder / "recipes" / "board.sqlite3") as opened:
        yield opened


def test_only_a_coordinator_comes_in(server):
    doors = [door for door in all_doors() if door.path.startswith("/team")]
    assert len(doors) > 25 and all(door.need is Need.COORDINATOR for door in doors)


@pytest.mark.parametrize(
    "place", ["people/%s", "people/%s/preview.png", "recipes/%s", "brand/%s", "brand/%s/preview.png", "topics/%s"]
)
@pytest.mark.parametrize(
    "id", ["%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "x.toml", "/etc/passwd", ".removed", "A B", "9" * 40]
)
def test_what_is_not_there_leads_nowhere(team, place, id):
    said = team.get("/team/" + place % id)
    assert said.status_code in (400, 404)
    assert "root:" not in said.text


# --- topics -----------------------------------------------------------------------------------------------------------


def test_a_topic_becomes_a_recipe_that_is_filled_in_next(team, board, server):
    topic = board.suggest("Tune a piano in the rack", "Mara")
    said = team.post(f"/team/topics/{topic.id}/queue")
    assert said.headers["location"] == "/team/recipes/tune-a-piano-in-the-rack"
    assert 'value="Mara"' in team.get(said.headers["location"]).text
    assert board.get(topic.id).status == "planned"
    again = team.post(f"/team/topics/{topic.id}/queue")
    assert again.headers["location"] == said.headers["location"]
    assert len([*(server.folder / "recipes").glob("tune-a-piano*")]) == 1


def test_topics_are_declined_opened_merged_and_answered(team, board):
    one, two = board.suggest("Cook soup on a router"), board.suggest("Cook a soup upon a router, slowly")
    wrong = team.post(f"/team/topics/{one.id}/decline", data={"why": " "})
    assert wrong.status_code == 422 and 'id="fault"' in wrong.text and board.get(one.id).status == "new"
    team.post(f"/team/topics/{one.id}/decline", data={"why": "Too hot."})
    assert (board.get(one.id).status, board.get(one.id).why) == ("declined", "Too hot.")
    team.post(f"/team/topics/{one.id}/reopen")
    assert board.get(one.id).status == "new"
    assert f'value="{two.id}"' in team.get(f"/team/topics/{one.id}").text, "the one that is like it is offered"
    for other in ("", "no number", str(one.id), "99999"):
        wrong = team.post(f"/team/topics/{one.id}/merge", data={"other": other})
        assert wrong.status_code == 422 and "fault" in wrong.text
    team.post(f"/team/topics/{one.id}/merge", data={"into": str(two.id)})
    assert board.get(one.id).into == two.id
    for link in ("javascript:alert(1)", "data:text/html,x", "ftp://a/b", "https://a/' onclick='", ""):
        wrong = team.post(f"/team/topics/{two.id}/answer", data={"link": link})
        assert wrong.status_code == 422 and f'href="{escape(link)}"' not in wrong.text
    team.post(f"/team/topics/{two.id}/answer", data={"link": "https://videos.example.org/soup"})
    assert board.get(two.id).link == "https://videos.example.org/soup"


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_is_added_as_the_file_is_checked(team, server):
    form = {"name": "Noor Example", "title": "Welder", "disclosure": "I work at Example", "language": "de"}
    said = team.post("/team/people", data={**form, "services": ["youtube", "folder"], "look": "2"})
    assert said.headers["location"] == "/team/people/noor-example"
    told = tomllib.loads((server.folder / "assets/people/noor-example.toml").read_text())
    assert told == {**form, "services": ["youtube", "folder"], "look": 2}
    assert "Welder" in team.get(said.headers["location"]).text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81, "id": "long"}, "name"),
        ({"name": "Lee", "id": "../lee"}, "id"),
        ({"name": "Lee", "id": "con"}, "id"),
        ({"name": "Lee", "id": "ada"}, "id"),
        ({"name": "Lee", "language": "english"}, "language"),
        ({"name": "Lee", "look": "many"}, "look"),
        ({"name": "Lee", "services": ["myspace"]}, "services"),
        ({"name": "Lee\u202e"}, "name"),
    ],
)
def test_what_is_wrong_with_a_person_stands_beside_its_field(team, server, form, field):
    before = {path.name for path in (server.folder / "assets/people").iterdir()}
    said = team.post("/team/people", data=form)
    assert said.status_code == 422 and f'id="{field}-fault"' in said.text
    assert {path.name for path in (server.folder / "assets/people").iterdir()} == before


def test_a_person_is_changed_and_the_file_keeps_its_comments_and_wishes(team, server):
    team.post("/team/people", data={"name": "Ola Example", "title": "Cook", "services": ["folder"]})
    path = server.folder / "assets/people/ola-example.toml"
    path.write_text(path.read_text() + '[wishes]\nformats = ["vertical"]\n')
    before = _picture(team.get("/team/people/ola-example/preview.png"))
    form = {"name": "Ola Example-Baker", "title": "", "language": "de", "services": ["youtube", "folder"], "look": "2"}
    said = team.post("/team/people/ola-example", data=form)
    assert said.headers["location"] == "/team/people/ola-example?said=saved"
    assert tomllib.loads(path.read_text()) == {
        "name": "Ola Example-Baker", "language": "de", "services": ["youtube", "folder"], "look": 2,
        "wishes": {"formats": ["vertical"]},
    }  # fmt: skip
    assert "# as it stands below the picture" in path.read_text()
    shown = team.get(said.headers["location"]).text
    assert "Saved." in shown and 'value="Ola Example-Baker"' in shown
    assert (_picture(team.get("/team/people/ola-example/preview.png")) != before).any()


@pytest.mark.parametrize(("wrong", "field"), [({"name": ""}, "name"), ({"look": "many"}, "look"),
                                              ({"services": ["myspace"]}, "services")])  # fmt: skip
def test_a_wrong_change_of_a_person_is_answered_and_changes_nothing(team, server, wrong, field):
    path = server.folder / "assets/people/ben.toml"
    before = path.read_bytes()
    said = team.post("/team/people/ben", data={"name": "Ben", "title": "Typed here", **wrong})
    assert said.status_code == 422 and f'id="{field}-fault"' in said.text and "Typed here" in said.text
    assert path.read_bytes() == before
    assert team.post("/team/people/nobody", data={"name": "Ben"}).status_code == 404


def _picture(said: httpx.Response) -> np.ndarray:
    assert said.status_code == 200 and said.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(said.content)).convert("RGB"))


def test_the_preview_shows_the_persons_name(team):
    ada, ben = (_picture(team.get(f"/team/people/{id}/preview.png")) for id in ("ada", "ben"))
    assert ada.shape == (540, 960, 3)
    changed = np.argwhere((ada != ben).any(axis=2))
    assert len(changed) > 100, "another name, another picture"
    assert changed[:, 0].min() > 270, "only where the lower third stands"


def test_a_link_is_shown_once_and_signs_in_once(team, server):
    said = team.post("/team/people/ada/link")
    assert said.headers["cache-control"] == "no-store"
    link = re.search(r'value="(http\S+/in/\S+?)"', said.text)[1]
    assert link.startswith(f"{server.address}/in/") and 'src="data:image/svg+xml' in said.text
    assert link not in team.get("/team/people/ada").text
    with httpx.Client(headers={"origin": server.address}) as phone:
        assert phone.post(link).status_code == 303
        assert phone.get(f"{server.address}/devices").status_code == 200
        assert phone.get(f"{server.address}/team").status_code == 403
        assert httpx.post(link).status_code == 410
        team.post("/team/people/ada/revoke")
        assert phone.get(f"{server.address}/devices", headers={"accept": "application/json"}).status_code == 401
    assert link.rpartition("/")[2] not in server.log()


def test_a_link_may_let_a_person_coordinate(team, server):
    said = team.post("/team/people/ben/link", data={"coordinator": "yes"})
    link = re.search(r'value="(http\S+/in/\S+?)"', said.text)[1]
    with httpx.Client(headers={"origin": server.address}) as phone:
        phone.post(link)
        assert phone.get(f"{server.address}/team").status_code == 200


def test_whoever_is_removed_is_signed_out_and_their_file_is_kept(team, server):
    team.post("/team/people", data={"name": "Kim Example", "id": "kim"})
    with server.client("kim") as kim:
        assert kim.get("/devices").status_code == 200
        unused = server.link("kim")
        assert team.post("/team/people/kim/remove").status_code == 303
        assert kim.get("/devices", headers={"accept": "application/json"}).status_code == 401
        team.post("/team/people", data={"name": "Another Kim", "id": "kim"})
        assert kim.get("/devices", headers={"accept": "application/json"}).status_code == 401, "not the new one's"
        assert kim.post(f"/in/{unused}").status_code == 410
    assert len([*(server.folder / "assets/people/.removed").glob("kim-*.toml")]) == 1


# --- recipes ----------------------------------------------------------------------------------------------------------


def _form(page: str) -> dict[str, list[str]]:
    """What a browser would send of the recipe's or brand's form as it stands."""
    form = re.search(r'<form [^>]*aria-label="The (?:recipe|brand)".*?</form>', page, re.S)[0]
    found: dict[str, list[str]] = {}
    for tag in re.finditer(
        r"<input ([^>]*)>|<textarea ([^>]*)>\n(.*?)</textarea>|<select ([^>]*)>(.*?)</select>", form, re.S
    ):
        attributes = tag[1] or tag[2] or tag[4]
        name = re.search(r'name="([^"]+)"', attributes)
        if not name or ('type="checkbox"' in attributes and not attributes.endswith("checked")):
            continue
        if tag[4]:
            chosen = re.search(r'value="([^"]*)" selected', tag[5])
            value = chosen[1] if chosen else ""
        else:
            value = tag[3] if tag[2] else re.search(r'value="([^"]*)"', attributes)[1]
        found.setdefault(name[1], []).append(html.unescape(value).replace("\n", "\r\n"))
    return found


@pytest.mark.parametrize("slug", ["destroy-a-server", "the-bug-i-am-proudest-of", "what-i-do-all-day", "commented"])
def test_a_form_that_is_sent_as_it_stands_changes_nothing(team, server, slug):
    path = server.folder / "recipes" / f"{slug}.toml"
    if slug == "commented":
        path.write_text(COMMENTED, encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    said = team.post(f"/team/recipes/{slug}", data=_form(team.get(f"/team/recipes/{slug}").text))
    assert said.status_code == 303
    assert path.read_text(encoding="utf-8") == before


def test_a_recipe_is_changed_and_keeps_its_comments(team, server):
    path = server.folder / "recipes" / "pianos.toml"
    path.write_text(COMMENTED, encoding="utf-8")
    form = _form(team.get("/team/recipes/pianos").text)
    form |= {
        "topic": ["Grand pianos"], "why": ["They fall.\r\nLoudly."], "prompts": ["Lift it.", "", "Drop it."],
        "seconds": ["40"], "vocabulary": ["Steinway\r\nBechstein\r\n"], "formats": ["vertical", "square"],
        "trim.pause": [""], "trim.keep_action": ["no"], "post.title": ["{topic}!"], "post.tags": ["music"],
        "synthetic": ["yes"],
    }  # fmt: skip
    assert team.post("/team/recipes/pianos", data=form).headers["location"].endswith("said=saved")
    text, told = path.read_text(encoding="utf-8"), recipes.load(path)
    assert all(comment in text for comment in ("# About pianos.", "# the title", "# Shorter than usual."))
    assert (told.topic, told.why, told.prompts) == ("Grand pianos", "They fall.\nLoudly.", ("Lift it.", "Drop it."))
    assert (told.seconds, told.vocabulary, told.formats) == (40, ("Steinway", "Bechstein"), ("vertical", "square"))
    assert told.trim.pause_ms == 600 and not told.trim.keep_action and told.synthetic
    posts = dict(told.posts)
    assert (posts["vimeo"].title, posts["vimeo"].tags) == ("{topic}!", ("music",))
    assert posts["youtube"].title == "On the tube", "what the form does not show stays"
    assert "Grand pianos" in team.get("/team/recipes").text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seconds", "soon"), ("seconds", "-3"), ("topic", "x" * 201), ("trim.pause", "0,5"), ("trim.pause", "999"),
        ("language", "English"), ("post.title", "{nobody}"), ("post.title", "{topic"), ("formats", "round"),
        ("captions", "loud"), ("prompts", "p\u202e"), ("post.description", "{description}"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_recipe_stands_beside_its_field(team, server, key, value):
    path = server.folder / "recipes" / "what-i-do-all-day.toml"
    before = path.read_text(encoding="utf-8")
    form = _form(team.get("/team/recipes/what-i-do-all-day").text) | {key: [value]}
    said = team.post("/team/recipes/what-i-do-all-day", data=form)
    assert said.status_code == 422 and 'role="alert"' in said.text
    assert f'id="{key}-fault"' in said.text or key == "post.description"  # title and description name each other
    assert path.read_text(encoding="utf-8") == before


def test_a_new_recipe_has_its_prompts_and_a_name_that_is_free(team, server):
    said = team.post(
        "/team/recipes", data={"topic": "Paint it green", "why": "It was grey.", "prompts": ["Grey.", "", "Green."]}
    )
    assert said.headers["location"] == "/team/recipes/paint-it-green"
    assert recipes.load(server.folder / "recipes/paint-it-green.toml").prompts == ("Grey.", "Green.")
    for form, field in (
        ({"topic": "Paint it green"}, "name"), ({"topic": " "}, "topic"), ({"topic": "Ok", "name": "../up"}, "name"),
    ):  # fmt: skip
        wrong = team.post("/team/recipes", data=form)
        assert wrong.status_code == 422 and f'id="{field}-fault"' in wrong.text


def test_a_recipe_is_claimed_for_somebody_and_freed(team, server):
    place = "/team/recipes/the-bug-i-am-proudest-of"
    assert team.post(f"{place}/claim", data={"person": "nobody-here"}).status_code == 422
    assert team.post(f"{place}/claim", data={"person": "ada"}).status_code == 303
    assert "Ada Example does." in team.get(place).text
    assert "Ada Example" in team.get("/team").text, "it waits for her"
    assert team.post(f"{place}/claim", data={"person": "ben"}).status_code == 422
    team.post(f"{place}/release")
    assert recipes.claimed(server.folder / "recipes", "the-bug-i-am-proudest-of") == ""


def test_where_each_value_comes_from_is_shown(team):
    told = team.get("/team/recipes/destroy-a-server").text
    row = re.search(r"<code>trim\.pause</code></td><td>([^<]*)</td><td>([^<]*)</td>", told)
    assert row.groups() == ("0.5", "recipe destroy-a-server")
    assert re.search(r"<code>captions</code></td><td>highlight</td><td>product</td>", told)


def test_a_recipe_whose_file_is_wrong_says_so_and_is_left_alone(team, server):
    path = server.folder / "recipes" / "broken.toml"
    path.write_text('topic = "A"\nsecond = 3\n', encoding="utf-8")
    try:
        told = team.get("/team/recipes/broken").text
        assert "Did you mean" in told and 'name="topic"' not in told
        assert team.post("/team/recipes/broken", data={"topic": "B"}).status_code == 422
        assert path.read_text(encoding="utf-8") == 'topic = "A"\nsecond = 3\n'
        assert team.get("/team").status_code == 200 and "broken" in team.get("/team/recipes").text
    finally:
        path.unlink()


# --- brand ------------------------------------------------------------------------------------------------------------


def test_the_brands_preview_follows_the_values_and_writes_nothing(team, server):
    place = "/team/brand/default/preview.png"
    usual = _picture(team.get(place))
    red = _picture(team.get(place, params={"colors.accent": "#ff0000"}))
    assert (red == (255, 0, 0)).all(axis=2).sum() > 100 > (usual == (255, 0, 0)).all(axis=2).sum()
    assert not (server.folder / "assets/brands/default").exists()
    said = team.get(place, params={"colors.accent": "red"}, headers={"accept": "application/json"})
    assert said.status_code == 400 and "accent" in said.json()["error"]["what"]


def test_the_brand_is_saved_into_the_workspace_with_its_comments(tmp_path):
    with served(tmp_path / "space") as server, server.client(coordinator=True) as team:
        form = _form(team.get("/team/brand/default").text)
        assert form["colors.accent"] == ["#ffc43d"]
        team.post("/team/brand/default", data=form)
        own = server.folder / "assets/brands/default"
        untouched = own / "brand.toml"
        assert (own / "logo.png").is_file(), "a brand that comes with Candid is copied into the workspace"
        assert untouched.read_text() == (product_assets() / "brands/default/brand.toml").read_text()
        changed = form | {
            "colors.accent": ["#00ff88"],
            "title": ["Acme"],
            "bumper": ["0.5"],
            "mention": ["the date\r\nthe place"],
        }
        looked = team.post("/team/brand/default", data=changed | {"look": "yes"})
        assert looked.status_code == 200 and "not saved" in looked.text and "%2300ff88" in looked.text
        assert team.post("/team/brand/default", data=changed).headers["location"].endswith("said=saved")
        text = untouched.read_text(encoding="utf-8")
        told = tomllib.loads(text)
        assert (told["title"], told["bumper"], told["colors"]["accent"]) == ("Acme", 0.5, "#00ff88")
        assert told["mention"] == ["the date", "the place"] and told["logo"] == "logo.png"
        assert "# before the video, at most 1.5; 0 for none" in text and "# [defaults]" in text
        wrong = team.post("/team/brand/default", data=changed | {"bumper": ["9"]})
        assert wrong.status_code == 422 and 'id="bumper-fault"' in wrong.text
        wrong = team.post("/team/brand/default", data=changed | {"colors.looks": ["#123456\r\nblue"]})
        assert wrong.status_code == 422 and 'id="colors.looks-fault"' in wrong.text
        assert untouched.read_text(encoding="utf-8") == text
        hard = team.post("/team/brand/default", data=changed | {"colors.text": ["#111111"]})
        assert "hard to read" in team.get(hard.headers["location"]).text


def test_another_logo_is_taken_whatever_it_is_called_and_one_that_is_none_is_refused(tmp_path):
    with served(tmp_path / "space") as server, server.client(coordinator=True) as team:
        own, place = server.folder / "assets/brands/default", "/team/brand/default/logo"
        photo = _as_file(Image.new("RGB", (3000, 1500), "#00c0ff"), "JPEG")
        for wrong in (
            b"no picture",
            photo[:-2000],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\x89PNG" + bytes(99),
        ):
            told = team.post(place, files={"logo": ("<i>a</i>.png", wrong, "image/png")})
            assert told.status_code == 422 and 'id="logo-fault"' in told.text and "<i>a</i>" not in told.text
        program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"
        for other in (program, b"P6 9 9 255\n" + bytes(243)):  # Pillow would read both, the first by another program
            assert team.post(place, files={"logo": ("a.png", other)}).status_code == 422
        vast = _as_file(Image.new("1", (9000, 9000)), "PNG")
        told = team.post(place, files={"logo": ("vast.png", vast)})
        assert told.status_code == 422 and "9000x9000" in told.text
        assert team.post(place, files={"logo": ("a.png", bytes(brand.LARGEST_LOGO + (1 << 20)))}).status_code == 413
        assert not own.exists(), "nothing was changed"
        usual = _picture(team.get("/team/brand/default/preview.png"))
        assert team.post(place, files={"logo": ("a.gif", _as_file(Image.new("P", (9, 9)), "GIF"))}).status_code == 303
        assert team.post(place, files={"logo": ("../../a.jpg", photo)}).headers["location"].endswith("said=saved")
        kept = brand.load(own).logo
        with Image.open(kept) as picture:
            assert kept.parent == own and picture.size == (1000, 500)
        seen = _picture(team.get("/team/brand/default/preview.png"))
        assert _blue(seen) > 500 > _blue(usual)


def _as_file(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def _blue(picture: np.ndarray) -> int:
    return int((abs(picture.astype(int) - (0, 192, 255)) < 12).all(axis=2).sum())


# --- the line ---------------------------------------------------------------------------------------------------------


def test_takes_that_wait_are_put_in_line(tmp_path):
    with served(tmp_path / "space") as server:
        clip = ordinary(tmp_path)
        take, _ = takes.submit(
            [clip], Recipe("destroy-a-server"), Person("ada", "Ada Example"), "yes", server.folder / "assets/clips"
        )
        with server.client(coordinator=True) as team, server.client("ada") as ada:
            assert "have it made" in team.get("/team").text and "(1)" in team.get("/team").text
            assert team.get(f"/takes/{take.id}").status_code == 404, "her clips are hers"
            assert team.post("/team/batch").status_code == 303
            with contextlib.closing(Store(server.folder / ".candid")) as store:
                line = [id for id, _ in store.line()]
            assert line == [take.id] or ada.get("/states").json()[take.id]["state"] == "made"


# --- texts, and looks -------------------------------------------------------------------------------------------------


def test_texts_come_out_as_texts_everywhere(tmp_path):
    """A script in every field: stored, and shown again where the form was refused."""
    with served(tmp_path / "space", "--moderated") as server, server.client(coordinator=True) as team:
        with open_board(server.folder / "recipes" / "board.sqlite3") as board:
            topic = board.suggest("harmless", "somebody")
            other = board.suggest("harmless too", "somebody")
            board.decline(other.id, "because")
            board._db.execute("UPDATE topics SET text = ?, why = why || ?", (SCRIPT, SCRIPT))
            board._db.execute("UPDATE names SET name = ?", (SCRIPT,))
        with contextlib.closing(Store(server.folder / ".candid")) as store:
            store.hold(SCRIPT, SCRIPT, "web:x")
            store.enqueue(SCRIPT)
            store.done("another", 0, CandidError(SCRIPT, SCRIPT))
        every = dict.fromkeys(FREE, SCRIPT)
        made = [
            team.post("/team/people", data={**every, "id": "zed"}),
            team.post("/team/recipes", data={**every, "name": "zed"}),
            team.post("/team/recipes/zed", data=every),
            team.post("/team/brand/default", data=every),
        ]
        assert [said.status_code for said in made] == [303] * 4, "such texts are allowed: they are only texts"
        again = [
            team.post("/team/people", data={**every, "id": SCRIPT, "language": SCRIPT, "look": SCRIPT}),
            team.post("/team/people", data={**every, "services": SCRIPT}),
            team.post("/team/people/zed", data={**every, "language": SCRIPT, "look": SCRIPT}),
            team.post("/team/recipes", data={**every, "name": SCRIPT}),
            team.post("/team/recipes/zed", data={**every, "seconds": SCRIPT, "language": SCRIPT, "captions": SCRIPT,
                      "formats": SCRIPT, "brand": SCRIPT, "trim.pause": SCRIPT}),
            team.post("/team/recipes/zed/claim", data={"person": SCRIPT}),
            team.post("/team/brand/default", data={**every, "colors.accent": SCRIPT, "bumper": SCRIPT}),
            team.post("/team/brand/default", data={**every, "colors.looks": SCRIPT}),
            team.post(f"/team/topics/{topic.id}/answer", data={"link": SCRIPT}),
            team.post(f"/team/topics/{topic.id}/merge", data={"other": SCRIPT}),
            team.post(f"/team/topics/{topic.id}/decline", data={"why": SCRIPT}),
        ]  # fmt: skip
        assert [said.status_code for said in again] == [422] * 11
        places = (
            "/team", "/team/topics", "/team/topics?status=declined", f"/team/topics/{topic.id}",
            f"/team/topics/{other.id}", "/team/people", "/team/people/zed", "/team/recipes", "/team/recipes/zed",
            "/team/brand/default", f"/team/topics?status={SCRIPT}", f"/team/recipes/zed?said={SCRIPT}",
        )  # fmt: skip
        shown = [team.get(place) for place in places]
        assert [said.status_code for said in shown] == [200] * len(places)
        shown += [team.post("/team/people/zed/link"), *again]
        assert all("<img src=x" not in said.text for said in shown)
        assert sum(str(escape(SCRIPT)) in said.text for said in shown) > 15
        assert team.get("/team/people/zed/preview.png").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_keeps_people_out_of_the_coordinators_pages(browser, server, board, scheme, width):
    topic = board.suggest("Show the loading bay", "Somebody")
    places = ("/team", "/team/topics", f"/team/topics/{topic.id}", "/team/people", "/team/people/ada", "/team/recipes",
              "/team/recipes/destroy-a-server", "/team/brand/default")  # fmt: skip
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with signed_in(browser, server, coordinator=True, **options) as page:
        for place in places:
            page.goto(place)
            assert barriers(page) == [], place
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), place
        page.goto("/team/people/ada")
        with page.expect_navigation():
            page.get_by_role("button", name="Make a link").click()
        assert barriers(page) == []
        page.goto("/team/recipes")
        page.get_by_label("What the video is about").fill("A video")
        page.get_by_label("File name").fill("A B")
        with page.expect_navigation():
            page.get_by_role("button", name="Make it").click()
        assert page.get_by_label("File name").get_attribute("aria-invalid") == "true"
        assert barriers(page) == []


@pytest.mark.slow
def test_the_preview_follows_while_a_color_is_chosen(browser, server):
    with signed_in(browser, server, coordinator=True) as page:
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.goto("/team/brand/default")
        page.locator("[id='colors.accent']").fill("#ff00ff")
        page.locator("#preview[src^='blob:']").wait_for()
        assert "not saved yet" in page.locator("#preview-told").inner_text()
        pink = page.evaluate(
            """async () => {
              const picture = document.getElementById("preview");
              await picture.decode();
              const canvas = new OffscreenCanvas(960, 540).getContext("2d");
              canvas.drawImage(picture, 0, 0);
              const data = canvas.getImageData(0, 0, 960, 540).data;
              let found = 0;
              for (let at = 0; at < data.length; at += 4)
                if (data[at] > 240 && data[at + 1] < 15 && data[at + 2] > 240) found += 1;
              return found;
            }"""
        )
        assert pink > 100 and faults == []
