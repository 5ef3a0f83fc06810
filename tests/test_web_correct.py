"""Correcting on the page:

what the form says stands in edit.md, what is not clear is answered beside it, and the picture follows at once.
"""

from __future__ import annotations

import html
import json
import os
import re
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

from pipeline import corrections, edit, unheard
from pipeline.edit import Edits, Wish
from pipeline.model import Plan, Word
from pipeline.shelf import Shelf
from pipeline.web import correct
from pipeline.wording import laid, likeness
from tests import recorded
from tests.browser import a_browser, barriers, signed_in  # noqa: F401 - a fixture
from tests.served import served
from tests.test_edit import SAID, _sheet


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("correct") / "space") as running:
        yield running


@pytest.fixture(scope="module")
def heard_once(server, tmp_path_factory):
    """A take of ada's whose words are known; no video yet."""
    take = recorded.handed_in(server.folder, recorded.clip(tmp_path_factory.mktemp("clips")))
    recorded.heard(server.folder, take)
    return take


@pytest.fixture
def take(server, heard_once):
    """The same, as nobody has corrected it."""
    shelf = _shelf(server, heard_once)
    before = shelf.path("edit.md").read_text(encoding="utf-8")
    recorded.as_if_made(server.folder, heard_once)
    yield heard_once
    shelf.path("edit.md").write_text(before, encoding="utf-8")
    shelf.note("thumbnail.json", None)
    shelf.path("report.json").unlink(missing_ok=True)


def _shelf(server, take):
    return Shelf(server.folder / "output" / take.id)


def _edit_md(server, take):
    return _shelf(server, take).path("edit.md").read_text(encoding="utf-8")


def _form(text):
    """The fields of the page's form, as a browser without JavaScript sends them."""
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        told = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind = told.get("type", "text")
        if "name" in told and (kind not in ("checkbox", "radio") or re.search(r"\schecked\b", tag)):
            fields[told["name"]] = html.unescape(told.get("value", ""))
    for name, value in re.findall(r'<textarea\b[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>', text):
        fields[name] = html.unescape(value)
    return fields


def _keys(fields):
    return [name.removeprefix("text-") for name in fields if name.startswith("text-")]


def _said(fields, words):
    return next(key for key in _keys(fields) if words in fields[f"text-{key}"])


def test_the_page_shows_sentences_their_doubts_and_what_was_cut(server, take):
    with server.client("ada") as client:
        text = client.get(f"/takes/{take.id}/correct").text
    assert "1 unsure sentence left." in text
    assert '<span class="unsure">creative<span class="quiet" lang="en"> (unsure)</span></span>' in text
    assert "the filler &#34;Um.&#34; between two pauses. Tick it to bring it back." in text
    assert "Keep the whole pause of 1.7 s" in text and "nothing happens yet" in text
    fields = _form(text)
    ticked = [fields[f"text-{key}"] for key in _keys(fields) if f"keep-{key}" in fields]
    assert ticked == [
        "You asked for the most creative way to destroy a <b>server</b>.",
        "This one is twelve years old.",
        "Today, we pour coffee on it.",
    ]
    assert len(text) < 40_000


def test_what_people_wrote_is_text_wherever_it_stands(server, take):
    with server.client("ada") as client:
        before = _form(client.get(f"/takes/{take.id}/correct").text)
        evil = "</script><script>alert(1)</script>\"'>"
        wanted = before | {"title": evil, "description": f"</textarea>{evil}"}
        assert client.post(f"/takes/{take.id}/correct", data=wanted).status_code == 303
        for path in (f"/takes/{take.id}/correct", "/mine"):
            text = client.get(path).text
            assert "<script>alert" not in text and "</textarea><" not in text and "<b>server" not in text
        again = _form(client.get(f"/takes/{take.id}/correct").text)
        assert (again["title"], again["description"]) == (evil, f"</textarea>{evil}")


def test_what_was_loaded_and_saved_changes_nothing(server, take):
    before = _edit_md(server, take)
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        assert client.post(f"/takes/{take.id}/correct", data=fields).status_code == 303
    assert _edit_md(server, take) == before


def test_the_form_is_obeyed_in_edit_md(server, take):
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        first, um, last = _said(fields, "You asked"), _said(fields, "Um."), _said(fields, "Today")
        del fields[f"keep-{last}"]
        fields |= {
            f"keep-{um}": "yes",
            f"pause-{first}": "yes",
            f"text-{first}": "You asked for the most creative way\n to destroy  the server.",
            "title": "Coffee",
            "description": "First line\r\n\r\nLast line: over",
        }
        said = client.post(f"/takes/{take.id}/correct", data=fields)
        assert said.headers["location"] == f"/takes/{take.id}/correct?saved=yes"
        shown = client.get(said.headers["location"]).text
    text = _edit_md(server, take)
    assert text.startswith("title: Coffee\ndescription: First line\n\nLast line: over\n")
    assert "- [x] 0:00.6 You asked for the most creative way to destroy the server.\n[keep 1.7 s]\n" in text
    assert "- [x] 0:06.2 Um.\n" in text and "- [ ] 0:10.3 Today, we pour coffee on it.\n" in text
    told = corrections.reading(_shelf(server, take), take.sha256)
    assert told and told[1].problems == () and len(told[1].changes) == 6
    assert "Saved. It goes into the video when you make it again." in shown
    again = _form(shown)
    assert again.pop("version") != fields.pop("version")
    fields[f"text-{first}"] = "You asked for the most creative way to destroy the server."
    assert again == fields | {"description": "First line\n\nLast line: over"}


def test_an_unsure_sentence_is_found_right_and_unsure_again(server, take):
    before = _edit_md(server, take)
    path = f"/takes/{take.id}/correct"
    with server.client("ada") as client:
        fields = _form(client.get(path).text)
        key = _said(fields, "You asked")
        assert f"right-{key}" not in fields
        assert client.post(path, data=fields | {f"right-{key}": "yes"}).status_code == 303
        assert _edit_md(server, take) == before.replace("creative(?)", "creative")
        shown = client.get(path).text
        again = _form(shown)
        assert again[f"right-{key}"] == "yes" and "No unsure sentences left." in shown
        del again[f"right-{key}"]
        assert client.post(path, data=again).status_code == 303
    assert _edit_md(server, take) == before


def test_what_is_found_right_on_the_page_holds_when_it_is_made_again(server, take):
    path = f"/takes/{take.id}/correct"
    shelf = _shelf(server, take)
    kept = shelf.path("corrections.json").read_bytes()
    with server.client("ada") as client:
        fields = _form(client.get(path).text)
        key = _said(fields, "You asked")
        client.post(path, data=fields | {f"right-{key}": "yes"})
        recorded.looked(server.folder, take)
        assert "(?)" not in _edit_md(server, take).replace("(?) marks what", "")
        again = _form(client.get(path).text)
        assert again[f"right-{key}"] == "yes", "it can be taken back"
        del again[f"right-{key}"]
        client.post(path, data=again)
        recorded.looked(server.folder, take)
    assert "creative(?)" in _edit_md(server, take)
    assert shelf.path("corrections.json").read_bytes() == kept


def test_speech_without_words_is_listed_in_edit_md_and_on_the_page(server, tmp_path, monkeypatch):
    monkeypatch.setattr(unheard, "_WORTH_A_NOTE_MS", 1000)  # nobody speaks for longer in this clip
    take = recorded.handed_in(server.folder, recorded.clip(tmp_path), recipe="half-heard")
    recorded.heard(server.folder, take, recorded.SAID[:12])
    found = re.search(
        r"^> (Somebody seems to speak at 0:08 .* no word was understood.*)$", _edit_md(server, take), re.M
    )
    assert found and "candid models download small" in found[1]
    with server.client("ada") as client:
        assert f'<p class="note">{found[1]}</p>' in client.get(f"/takes/{take.id}/correct").text


def test_a_corrected_or_cut_sentence_is_not_asked_about(server, take):
    path = f"/takes/{take.id}/correct"
    with server.client("ada") as client:
        fields = _form(client.get(path).text)
        key = _said(fields, "You asked")
        text = fields[f"text-{key}"]
        client.post(path, data=fields | {f"text-{key}": text.replace("creative", "brutal"), f"right-{key}": "yes"})
        assert f'name="right-{key}"' not in client.get(path).text
        cut = _form(client.get(path).text) | {f"text-{key}": text}
        del cut[f"keep-{key}"]
        client.post(path, data=cut)
        assert "No unsure sentences left." in client.get(path).text


def test_the_player_leaves_out_what_a_sentence_stands_for():
    """Words that were taken out of it are still said."""
    line = edit.Line(0, (Word("piano", 1500, 1900),), "We drop the piano", lead_ms=500, tail_ms=900, pause_ms=2000)
    sheet = edit.Sheet("t", "", "", (("a" * 64, "a.mp4"),), (line,))
    opened = corrections.Opened(corrections.Kept(sheet, Edits()), None, edit.Reading(Edits()))
    draft = correct.Draft("", "", "", (Wish(True, "piano"),))
    (row,) = correct._rows(opened, draft, correct.Answer({}, {}))
    assert (row.at, row.start, row.end) == ("0:01.5", 1.0, 2.8)


@pytest.mark.parametrize("before", ["", "Coffee"])
def test_an_empty_title_is_the_recipes(server, take, before):
    with server.client("ada") as client:
        for title in (before, ""):
            fields = _form(client.get(f"/takes/{take.id}/correct").text)
            assert client.post(f"/takes/{take.id}/correct", data=fields | {"title": title}).status_code == 303
    told = corrections.reading(_shelf(server, take), take.sha256)
    assert told and told[1].edits.title is None and told[1].problems == ()


def test_taking_it_back_leaves_no_trace(server, take):
    before = _edit_md(server, take)
    with server.client("ada") as client:
        first = _form(client.get(f"/takes/{take.id}/correct").text)
        changed = {name: value for name, value in first.items() if not name.startswith("keep-")}
        changed |= {f"keep-{_said(first, 'Today')}": "yes", "title": "Another"}
        client.post(f"/takes/{take.id}/correct", data=changed)
        assert _edit_md(server, take) != before
        back = first | {"version": _form(client.get(f"/takes/{take.id}/correct").text)["version"]}
        assert client.post(f"/takes/{take.id}/correct", data=back).status_code == 303
    assert _edit_md(server, take) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "This sentence has no words. To cut it, untick it."),
        ("Buzz puppy jumbo club buzz mumbo", "Nobody says"),
        ("This one is [keep] twelve years old.", "A pause has a line of its own"),
    ],
)
def test_what_is_not_clear_is_answered_beside_the_sentence(server, take, words, says):
    before = _edit_md(server, take)
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        key = _said(fields, "twelve")
        fields |= {f"text-{key}": words, "title": "Kept in the field"}
        said = client.post(f"/takes/{take.id}/correct", data=fields)
    assert said.status_code == 422 and _edit_md(server, take) == before
    beside = re.search(rf'<p class="fault" lang="en" id="fault-{key}">([^<]*)</p>', said.text)
    assert beside and says in html.unescape(beside[1])
    assert f'aria-describedby="fault-{key}"' in said.text and said.text.count('class="fault"') == 1
    again = _form(said.text)
    assert (again[f"text-{key}"], again["title"]) == (words, "Kept in the field")


def test_a_video_needs_a_sentence(server, take):
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        none = {name: value for name, value in fields.items() if not name.startswith("keep-")}
        said = client.post(f"/takes/{take.id}/correct", data=none)
    assert said.status_code == 422 and "All sentences are unticked" in said.text


@pytest.mark.parametrize(
    "text", ["> quoted", "- [ ] 0:00.6 You asked", "fine\ntitle: mine", "a <!-- b --> c", "[keep]"]
)
def test_a_description_cannot_pass_for_something_else(server, take, text):
    before = _edit_md(server, take)
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        said = client.post(f"/takes/{take.id}/correct", data=fields | {"description": f"Well\n{text}\n{text}"})
        again = _form(said.text) if said.status_code == 422 else _form(client.get(f"/takes/{take.id}/correct").text)
    assert again["description"] == f"Well\n{text}\n{text}"
    assert said.status_code == 303 or _edit_md(server, take) == before
    told = corrections.reading(_shelf(server, take), take.sha256)
    assert told and told[1].problems == () and told[1].edits.rulings == () and told[1].edits.title is None


def test_two_who_save_at_once_both_see_what_the_other_did(server, take):
    with server.client("ada") as client:
        path = f"/takes/{take.id}/correct"
        mine, theirs = (_form(client.get(path).text) for _ in range(2))
        last, middle = _said(mine, "Today"), _said(mine, "twelve")
        del theirs[f"keep-{last}"]
        assert client.post(path, data=theirs | {"title": "Theirs"}).status_code == 303
        saved = _edit_md(server, take)
        mine |= {f"text-{middle}": "This one is 12 years old.", "title": "Mine"}
        said = client.post(path, data=mine)
        assert said.status_code == 409 and _edit_md(server, take) == saved
        assert "Meanwhile it was changed to “Theirs”." in said.text
        assert "Meanwhile somebody made this of it: cut, “Today, we pour coffee on it.”" in html.unescape(said.text)
        again = _form(said.text)
        assert (again["title"], again[f"text-{middle}"]) == ("Mine", "This one is 12 years old.")
        assert client.post(path, data=again).status_code == 303
    assert "title: Mine" in _edit_md(server, take) and "This one is 12 years old." in _edit_md(server, take)


def test_what_an_editor_changed_meanwhile_is_not_lost(server, take):
    shelf = _shelf(server, take)
    with server.client("ada") as client:
        path = f"/takes/{take.id}/correct"
        fields = _form(client.get(path).text)
        by_hand = _edit_md(server, take).replace("[x] 0:10.3", "[ ] 0:10.3").replace("[x] 0:08.1", "[y] 0:08.1")
        shelf.path("edit.md").write_text(by_hand, encoding="utf-8")
        assert client.post(path, data=fields | {"title": "Mine"}).status_code == 409
        shown = client.get(path).text
    assert "was changed by hand and is not clear" in shown
    assert f"keep-{_said(fields, 'Today')}" not in _form(shown)
    assert _edit_md(server, take) == by_hand


def test_a_thumbnail_is_chosen_and_holds_for_that_picture(server, take):
    shelf = _shelf(server, take)
    with server.client("ada") as client:
        path = f"/takes/{take.id}/correct"
        fields = _form(client.get(path).text)
        assert fields["thumbnail"] == "thumbnail.jpg"
        assert client.post(path, data=fields | {"thumbnail": "thumbnail-2.jpg"}).status_code == 303
        assert corrections.chosen(shelf) == _form(client.get(path).text)["thumbnail"] == "thumbnail-2.jpg"
        for wrong in ("thumbnail-3.jpg", "../../outside.txt", "thumbnail-2.jpg\n"):
            assert client.post(path, data=fields | {"thumbnail": wrong}).status_code == 400
        assert corrections.chosen(shelf) == "thumbnail-2.jpg"
    shelf.path("thumbnail-2.jpg").write_bytes(b"another picture")
    assert corrections.chosen(shelf) == "thumbnail.jpg"


def test_an_hour_of_words_fits_into_the_form(server, take):
    with server.client("ada") as client:
        fields = _form(client.get(f"/takes/{take.id}/correct").text)
        many = {f"text-0-{100_000 + n}": "A sentence of a usual length, which somebody said." for n in range(4000)}
        assert client.post(f"/takes/{take.id}/correct", data=fields | many).status_code == 303
        assert client.post(f"/takes/{take.id}/correct", data={"title": "x" * (3 << 20)}).status_code == 413


# --- what is asked, and the text that asks it -------------------------------------------------------------------------

texts = st.sampled_from(
    ["We use Kubernetes here.", "It restarts servers.", "We use Cooper Netty's here", "the end comes"]
)


@given(st.data())
def test_wishes_are_read_as_they_were_written(data):
    sheet = _sheet()
    asked = [
        Wish(
            data.draw(st.booleans()),
            data.draw(texts | st.just(line.text)) if likeness(line.text, "We use servers") > 0.4 else line.text,
            bool(line.pause_ms) and data.draw(st.booleans()),
        )
        for line in sheet.lines
    ]
    text, places = edit.asking(sheet, asked, "Servers", "")
    told = edit.read(text, sheet, Edits())
    lines = text.splitlines()
    assert [lines[place - 1].startswith("- [") for place in places] == [True] * len(sheet.lines)
    unclear = {problem.line for problem in told.problems}
    for place, wish, found in zip(places, asked, edit.wishes(sheet, Edits(), told.edits), strict=True):
        assert found == wish or place in unclear


def test_a_text_that_was_taken_back_is_what_was_heard():
    told = edit.Text("a" * 64, 1000, 2800, tuple(laid(["We", "use", "Kubernetes", "here."], 1000, 2800)))
    edits = Edits(texts=(told,))
    sheet = _sheet(SAID, edits)
    assert edit.wishes(sheet, edits, edits)[0].text == "We use Kubernetes here."
    assert edit.wishes(sheet, edits, Edits())[0].text == "We use Cooper Nettys here."
    shown = replace(edits, texts=(replace(told, words=tuple(laid(["We", "use", "cats", "here."], 1000, 2800))),))
    assert edit.wishes(sheet, edits, shown)[0].text == "We use cats here."


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(server, tmp_path_factory):
    """A take of ada's that the server's worker has made a video of."""
    folder = tmp_path_factory.mktemp("made")
    take = recorded.handed_in(server.folder, recorded.clip(folder), recipe="in-a-browser")
    recorded.heard(server.folder, take)
    with server.client("ada") as client:
        assert client.post(f"/takes/{take.id}/make").status_code == 303
        _finished(client, take)
    return take


def _finished(client, take, before=""):
    end = time.monotonic() + 240
    while time.monotonic() < end:
        now = client.get("/states").json()[take.id]
        assert not now["fault"], now
        if now["made"] not in ("", before) and not now["place"]:
            return now["made"]
        time.sleep(0.3)
    raise AssertionError("it was not made in time")


def _report(server, take):
    return json.loads(_shelf(server, take).path("report.json").read_text(encoding="utf-8"))


def _holes(server, take):
    plan = TypeAdapter(Plan).validate_json(_shelf(server, take).path("plan.json").read_bytes())
    return plan, [(float(p.start / plan.fps), float(p.end / plan.fps)) for p in plan.pieces if not p.kept]


@pytest.mark.slow
def test_made_again_only_what_changed_is_encoded(server, made):
    first = _report(server, made)
    with server.client("ada") as client:
        before = client.get("/states").json()[made.id]["made"]
        assert client.get(f"/takes/{made.id}").text.count("<video") == 1
        path = f"/takes/{made.id}/correct"
        fields = _form(client.get(path).text)
        key = _said(fields, "Today")
        del fields[f"keep-{key}"]
        said = client.post(path, data=fields | {"then": "make"})
        assert said.headers["location"].endswith("saved=make")
        _finished(client, made, before)
        report = _report(server, made)
        captions = client.get(f"/takes/{made.id}/show/square.vtt").text
        assert "coffee" not in captions and "twelve years" in captions
        assert report["video_seconds"] < first["video_seconds"] - 1.5
        assert 0 < report["chunks"]["made"] < first["chunks"]["made"] and report["chunks"]["kept"] > 0
        before, fields[f"keep-{key}"] = client.get("/states").json()[made.id]["made"], "yes"
        fields["version"] = _form(client.get(path).text)["version"]
        client.post(path, data=fields | {"then": "make"})
        _finished(client, made, before)
        assert _report(server, made)["chunks"]["made"] == 0, "what is brought back was kept"


@pytest.fixture
def opened(browser, server, made):
    with signed_in(browser, server, "ada", viewport={"width": 1280, "height": 900}) as page:
        page.faults = []
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.goto(f"/takes/{made.id}/correct")
        page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        yield page
        assert page.faults == []


_WATCH = """() => new Promise((done) => {
  const video = document.querySelector("video");
  const caption = document.querySelector("[data-caption]");
  const seen = [];
  const look = () => {
    if (!video.seeking && video.readyState >= 2) seen.push([video.currentTime, caption.textContent]);
    const over = video.paused && seen.length > 20;
    if (over) done(seen); else setTimeout(look, 15);
  };
  document.querySelector("[data-play]").click();
  look();
})"""


@pytest.mark.slow
def test_it_plays_at_once_without_what_is_cut_and_with_the_captions(server, made, opened):
    plan, holes = _holes(server, made)
    seen = opened.evaluate(_WATCH)
    frame, length = 1 / float(plan.fps), float(sum(piece.frames for piece in plan.pieces) / plan.fps)
    inside = [at for at, _ in seen for a, b in holes if a + 2.5 * frame < at < b - frame]
    assert inside == [], "it stood or played where it is cut"
    jumps = [(one[0], other[0]) for one, other in pairwise(seen) if other[0] - one[0] > 0.5]
    assert len(jumps) == 1 and jumps[0][1] - jumps[0][0] > 2, "over the pauses and the filler between them"
    assert seen[0][0] >= holes[0][1] and seen[-1][0] > length - 0.5
    assert {text for _, text in seen} - {""} == {cue.text for cue in plan.variants[0].cues}


@pytest.mark.slow
def test_it_ends_where_what_is_kept_ends(opened):
    opened.locator(".line", has_text="Today").get_by_role("checkbox").first.uncheck()
    opened.evaluate("() => { document.querySelector('video').currentTime = 9.2; }")
    opened.wait_for_function("() => !document.querySelector('video').seeking")
    opened.get_by_role("button", name="Play", exact=True).click()
    opened.wait_for_function("() => document.querySelector('video').currentTime > 9.6")
    opened.wait_for_function("() => document.querySelector('video').paused")
    opened.wait_for_timeout(300)
    at = opened.evaluate("() => document.querySelector('video').currentTime")
    assert 9.6 < at < 10.3, "it rests on the last picture that is kept"


@pytest.mark.slow
def test_the_caption_is_that_of_its_time_and_the_name_stands_over_it(server, made, opened):
    plan, _ = _holes(server, made)
    variant = plan.variants[0]
    at, offset = {}, variant.opening.frames if variant.opening else 0
    for piece in plan.kept:  # a frame of the video -> the second of the clip that it shows
        at |= {offset + n: float((piece.start + n) / plan.fps) for n in range(piece.frames)}
        offset += piece.frames
    for cue in variant.cues:
        middle = at[(cue.start + cue.end) // 2]
        opened.evaluate("(to) => { document.querySelector('video').currentTime = to; }", middle)
        opened.wait_for_function(
            "(text) => document.querySelector('[data-caption]').textContent === text", arg=cue.text, timeout=5000
        )
    name = next(layer for layer in variant.layers if layer.kind == "lower_third")
    for frame, there in (((name.start + name.end) // 2, True), (name.end + 30, False)):
        opened.evaluate("(to) => { document.querySelector('video').currentTime = to; }", at[frame])
        opened.wait_for_function(
            "(there) => document.querySelector('[data-layer=lower_third]').hidden !== there", arg=there, timeout=5000
        )


@pytest.mark.slow
def test_a_word_jumps_and_a_struck_sentence_is_left_out_at_once(opened):
    now = "() => document.querySelector('video').currentTime"
    word = opened.locator(".word", has_text="twelve")
    word.click()
    opened.wait_for_function("() => !document.querySelector('video').seeking")
    assert 8.3 < opened.evaluate(now) < 9.2
    sentence = opened.locator(".line", has_text="twelve")
    tick = sentence.get_by_role("checkbox").first
    tick.uncheck()
    opened.wait_for_function("() => document.querySelector('video').currentTime > 9.6")
    assert "struck" in sentence.get_attribute("class")
    assert opened.locator("[data-unsaved]").inner_text() == "1 change not saved yet"
    opened.get_by_role("button", name="Undo").click()
    assert tick.is_checked() and opened.locator("[data-unsaved]").inner_text() == ""
    word.click()
    opened.wait_for_timeout(300)
    assert 8.3 < opened.evaluate(now) < 9.2, "it is there again"


@pytest.mark.slow
def test_a_mended_word_stands_in_the_caption_at_once(opened):
    line = opened.locator(".line", has_text="twelve")
    line.get_by_role("button", name="Mend").click()
    field = line.locator("textarea")
    field.fill("This one is thirteen years old.")
    line.get_by_role("button", name="thirteen").click()
    opened.wait_for_function("() => document.querySelector('[data-caption]').textContent.includes('thirteen')")
    field.press("Tab")
    opened.get_by_role("button", name="Undo").click()
    assert field.input_value() == "This one is twelve years old."
    assert line.get_by_role("button", name="twelve").count() == 1


@pytest.mark.slow
def test_what_is_cut_can_be_heard_and_brought_back(server, made, opened):
    um = opened.locator(".line", has_text="Um.")
    um.get_by_role("button", name="Play from").click()
    opened.wait_for_function(
        "() => { const v = document.querySelector('video'); return !v.paused && Math.abs(v.currentTime - 6.4) < 0.4; }"
    )
    opened.wait_for_function("() => document.querySelector('video').currentTime > 7.9")  # then it goes on as it will be
    opened.get_by_role("button", name="Pause").click()
    um.get_by_role("checkbox").first.check()
    opened.evaluate("() => { document.querySelector('video').currentTime = 6.4; }")
    opened.wait_for_timeout(400)
    assert abs(opened.evaluate("() => document.querySelector('video').currentTime") - 6.4) < 0.1
    assert opened.locator("[data-caption]").inner_text() == "Um."


_DOUBTED = tuple(replace(word, confidence=0.1) if word.text in ("twelve", "coffee") else word for word in recorded.SAID)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_unsure_sentences_count_down_while_they_are_settled(browser, server, tmp_path, width):
    take = recorded.handed_in(server.folder, recorded.clip(tmp_path), recipe=f"doubts-{width}")
    recorded.heard(server.folder, take, _DOUBTED)
    with signed_in(browser, server, "ada", viewport={"width": width, "height": 844}) as page:
        page.goto(f"/takes/{take.id}/correct")
        left, focused = page.locator("[data-left]"), "() => document.activeElement.closest('.line')?.innerText ?? ''"
        page.get_by_role("button", name="Look at them").click()
        assert left.inner_text() == "3 unsure sentences left." and "creative" in page.evaluate(focused)
        page.keyboard.press("Space")
        assert left.inner_text() == "2 unsure sentences left."
        assert not page.locator(".line", has_text="creative").get_by_text("(unsure)").is_visible()
        page.locator(".line", has_text="creative").get_by_role("button", name="Next unsure").click()
        assert "twelve" in page.evaluate(focused)
        second = page.locator(".line", has_text="twelve")
        second.get_by_role("button", name="Mend").click()
        second.get_by_role("textbox").fill("This one is ten years old.")
        assert left.inner_text() == "1 unsure sentence left." and not second.get_by_text("Right as it is").is_visible()
        last = page.locator(".line", has_text="coffee")
        last.get_by_role("checkbox").first.uncheck()
        assert left.inner_text() == "No unsure sentences left." and not page.locator("[data-next]").is_visible()
        page.get_by_role("button", name="Undo").click()
        assert left.inner_text() == "1 unsure sentence left."
        assert barriers(page) == [] and page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**saved=yes")
        assert left.inner_text() == "1 unsure sentence left."
    text = _edit_md(server, take)
    assert "creative way" in text and "This one is ten years old." in text and "coffee(?)" in text


@pytest.mark.slow
def test_several_clips_play_one_after_the_other(browser, server, tmp_path):
    second = recorded.clip(tmp_path, start=7.5, seconds=4.5, name="second.mp4")
    take = recorded.handed_in(server.folder, recorded.clip(tmp_path), second, recipe="in-two-parts")
    recorded.heard(server.folder, take)
    with signed_in(browser, server, "ada") as page:
        page.goto(f"/takes/{take.id}/correct")
        with server.client("ada") as client:
            end = time.monotonic() + 20
            while not client.get("/states").json()[take.id]["plays"] and time.monotonic() < end:
                time.sleep(0.2)
        page.goto(f"/takes/{take.id}/correct")
        assert page.locator("video:visible").count() == 1 and page.get_by_role("heading", name="Clip 2").count() == 1
        page.wait_for_function("() => [...document.querySelectorAll('video')].every((each) => each.readyState >= 1)")
        page.evaluate("() => { document.querySelector('video').currentTime = 11.5; }")
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function(
            "() => { const [one, two] = document.querySelectorAll('video'); return one.hidden && two.currentTime > 1; }"
        )
        page.get_by_role("button", name="Pause").click()
        page.locator(".word").first.click()
        assert page.evaluate("() => document.querySelectorAll('video')[1].hidden"), "back in the first clip"


@pytest.mark.slow
def test_what_is_made_meanwhile_is_told_and_takes_nothing_away(server, made, opened):
    report = _shelf(server, made).path("report.json")
    before = report.stat()
    opened.get_by_label("Title", exact=True).fill("Still being written")
    notice = opened.locator("[data-made-anew]")
    assert not notice.is_visible()
    try:
        os.utime(report)
        notice.wait_for(state="visible")
    finally:
        os.utime(report, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert opened.get_by_label("Title", exact=True).input_value() == "Still being written"


@pytest.mark.slow
def test_by_keyboard_alone(server, made, opened):
    keys = opened.keyboard
    opened.locator("#words-title").evaluate("(title) => { title.tabIndex = -1; title.focus(); }")

    def focused(what):
        return opened.evaluate(f"() => document.activeElement.{what}")

    def tab_to(selector, most=40):
        for _ in range(most):
            if opened.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
                return
            keys.press("Tab")
        raise AssertionError(f"no way to {selector}")

    tab_to(".word")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    assert focused("textContent") == "for"
    keys.press("Enter")
    opened.wait_for_function("() => document.querySelector('video').currentTime > 0.9")
    keys.press("Home")
    assert focused("textContent") == "You"
    tab_to("input[name^=keep-]")
    keys.press("Space")
    assert opened.locator("[data-unsaved]").inner_text() == "1 change not saved yet"
    tab_to("[data-undo]")
    keys.press("Enter")
    assert focused("value") == "save", "the focus is not lost with the button that is done"
    assert opened.locator("[data-unsaved]").inner_text() == ""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_barriers_and_nothing_is_cut_off(browser, server, made, scheme, width):
    with signed_in(browser, server, "ada", viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        for place in ("/mine", f"/takes/{made.id}", f"/takes/{made.id}/correct", f"/takes/{made.id}/delete"):
            page.goto(place)
            page.wait_for_load_state()
            assert barriers(page) == [], place
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, place


@pytest.mark.slow
def test_without_javascript_it_is_one_form(browser, server, made):
    with signed_in(browser, server, "ada", java_script_enabled=False) as page:
        page.goto(f"/takes/{made.id}/correct")
        assert page.locator("video[controls]").count() == 1
        field = page.get_by_label("What is really said at 0:08.1")
        field.fill("This one is twelve years old!")
        page.get_by_role("button", name="Save", exact=True).click()
        assert page.get_by_label("What is really said at 0:08.1").input_value() == "This one is twelve years old!"
        page.get_by_label("What is really said at 0:08.1").fill("This one is twelve years old.")
        page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.slow
def test_the_first_page_is_light(browser, server, made):
    with signed_in(browser, server, "ada") as page:
        sizes = []
        page.on("response", lambda said: sizes.append((said.url, len(said.body()))) if "static" in said.url else None)
        page.goto(f"/takes/{made.id}/correct")
        page.wait_for_load_state()
        own = len(page.content())
    names = {url.split("?")[0].rsplit("/")[-1] for url, _ in sizes}
    assert names >= {"correct.js", "player.js", "live.js", "stream.js"}
    assert sum(size for _, size in sizes) + own < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("told", ["", "addEventListener('beforeunload', (event) => event.stopImmediatePropagation())"])
def test_news_takes_nobody_back_from_the_page_that_they_went_on_to(browser, server, made, told):
    """Also where a browser does not tell that somebody leaves a page, as on phones by Apple."""
    asked, held = [], []
    with signed_in(browser, server, "ada") as page:
        page.add_init_script(told)
        page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
        with page.expect_request("**/events"):
            page.goto(f"/takes/{made.id}")
        page.route("**/correct", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it calls
        page.get_by_role("link", name="Look and correct").and_(page.locator(":visible")).first.click(no_wait_after=True)
        os.utime(_shelf(server, made).path("report.json"))  # as where it is made anew
        page.wait_for_timeout(2500)
        [slow] = held
        slow.continue_()
        page.wait_for_url("**/correct")
        assert [url.rpartition("/")[2] for url in asked] == [made.id, "correct"]
        page.goto(f"/takes/{made.id}")
        with page.expect_navigation(timeout=5_000):
            os.utime(_shelf(server, made).path("report.json"))
