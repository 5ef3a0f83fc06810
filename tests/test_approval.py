"""The speaker approves exactly these files and texts; what changed since is said, and goes nowhere."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from commands import approve as command
from pipeline import accounts, approval, circle, corrections, people, publish, publishers, receipts, vault, workspace
from pipeline.approval import Wishes
from pipeline.corrections import Kept
from pipeline.edit import Edits, Sheet
from pipeline.errors import CandidError, PublishError, RecipeError
from pipeline.model import Account, Person, Receipt
from pipeline.posting import Rules
from pipeline.publishers import About
from pipeline.shelf import Shelf, fingerprint
from pipeline.workspace import Workspace
from tests import clips
from tests.conftest import ROOT, Said

TAKE = "r-anna"
YOUTUBE = Rules((1, 100), description_bytes=5000, forbidden="<>", tags_chars=480)

_ABOUT = publishers.about

# Doubles of what publishers say of their services, with the limits of STANDARDS.
SERVICES = {
    "youtube": About("youtube", "YouTube", YOUTUBE),
    "peertube": About("peertube", "PeerTube", Rules((3, 120), (3, 10_000), tags=5, tag_chars=(2, 30))),
    "vimeo": About("vimeo", "Vimeo", Rules(), schedules=False),
    "folder": About("folder", "Folder", Rules(), signs_in=""),
    "tiktok": About("tiktok", "TikTok", Rules(), ("vertical",), branded=False),
    "small": About("small", "Small", Rules(), largest=3),
}


@pytest.fixture(autouse=True)
def services(monkeypatch, tmp_path):
    monkeypatch.setattr(publishers, "about", SERVICES.__getitem__)
    monkeypatch.setitem(cli.main.commands, "approve", command.approve)
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))


@dataclass
class Stage:
    """A workspace with a take that looks as if it had been rendered. No video is in its files."""

    space: Workspace
    take: str = TAKE

    @property
    def folder(self) -> Path:
        return self.space.output / self.take

    def recipe(self, text: str) -> None:
        (self.space.recipes / "r.toml").write_text(text, encoding="utf-8")

    def person(self, **values: Any) -> None:
        path = self.space.people[0] / "anna.toml"
        path.unlink(missing_ok=True)
        people.add(path.parent, Person(**{"id": "anna", "name": "Anna", "disclosure": "I work at Acme.", **values}))

    def hand_in(self) -> None:
        folder = self.space.takes / self.take
        folder.mkdir(parents=True)
        (folder / "1-clip.mp4").write_bytes(b"clip")
        told = {"id": self.take, "recipe": "r", "person": "anna", "clips": ["1-clip.mp4"], "originals": ["clip.mp4"]}
        told |= {"sha256": ["0"], "handed_in": "2026-11-24T10:00:00+00:00", "consent": "I agree."}
        (folder / "take.json").write_text(json.dumps(told))

    def make(self, *variants: str, edits: Edits | None = None, **told: Any) -> None:
        """Writes what a render leaves: files, edit.md and report.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [f"{variant}.{kind}" for variant in variants or ("landscape",) for kind in ("mp4", "srt", "vtt")]
        names += ["thumbnail.jpg", "thumbnail-2.jpg"]
        for name in names:
            (self.folder / name).write_bytes(name.encode())
        (self.folder / "edit.md").write_text("[x] 0:00.0 Hello.\n")
        sheet = Sheet(self.take, "", "", (), ())
        kept = corrections._KEPT.dump_json(Kept(sheet, edits or Edits()))
        (self.folder / "corrections.json").write_bytes(kept)
        self.report(names, variants or ("landscape",), **told)

    def report(self, names, variants, *, unsure=(), cues=3, seconds=60.0, chapters=(), **told: Any) -> None:
        report = {
            "person": "anna",
            "recipe": "r",
            "title": "Servers",
            "words": {"language": "en", "unsure": len(unsure)},
            "unsure": [{"clip": 1, "at": at, "text": text, "words": []} for at, text in unsure],
            "variants": {each: {"seconds": seconds, "cues": cues, "chapters": list(chapters)} for each in variants},
            "files": ["edit.md", *names],
            "stamps": {name: self.stamp(name) for name in names},
            "edit": fingerprint((self.folder / "edit.md").read_text()),
        }
        (self.folder / "report.json").write_text(json.dumps(report | told))

    def stamp(self, name: str) -> list[int]:
        found = (self.folder / name).stat()
        return [found.st_size, found.st_mtime_ns]

    def offer(self, *services: str, **wishes: Any):
        return approval.offers(self.space, self.take, services or ("youtube",), Wishes(**wishes))

    def approve(self, *services: str, read: bool = False, **wishes: Any):
        parcels = self.offer(*services, **wishes)
        return approval.approve(self.space, self.take, "anna", parcels, Wishes(**wishes), captions_read=read)

    def require(self, *services: str, person: str = "anna"):
        return approval.require(self.space, self.take, person, services)

    def candid(self, *arguments: str, answers: str | None = None) -> Said:
        result = CliRunner().invoke(cli.main, ["--workspace", str(self.space.root), *arguments], input=answers)
        assert "Traceback" not in result.output, result.output
        return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def stage(tmp_path) -> Stage:
    root = tmp_path / "space"
    root.mkdir()
    workspace.create(root)
    made = Stage(Workspace(root))
    made.recipe('topic = "Servers"\nasked_by = "Ada"\nwhy = "It is fun."\n')
    made.person()
    made.hand_in()
    made.make()
    return made


UNSURE = (("0:12.3", "We use Cooper Nettys here."), ("1:02.0", "It restarts surfers."))


@pytest.fixture
def at_a_terminal(monkeypatch):
    monkeypatch.setattr(command, "_at_a_terminal", lambda: True)


# --- what would go out ------------------------------------------------------------------------------------------------


def test_a_parcel_holds_exactly_what_lies_on_the_shelf(stage):
    (parcel,) = stage.offer()
    sha = hashlib.sha256(b"landscape.mp4").hexdigest()
    assert (parcel.video, parcel.sha256, parcel.size) == (stage.folder / "landscape.mp4", sha, 13)
    assert [name for name, _ in parcel.files] == ["landscape.mp4", "landscape.srt", "landscape.vtt", "thumbnail.jpg"]
    assert (parcel.person, parcel.variant, parcel.language, parcel.seconds) == ("anna", "landscape", "en", 60.0)
    assert (parcel.post.title, parcel.post.privacy, parcel.unsure, parcel.discloses) == (
        "Servers",
        "private",
        (),
        True,
    )


def test_the_text_has_disclosure_first_then_why_credit_and_chapters(stage):
    chapters = [{"start_seconds": at, "title": f"Part {at}"} for at in (0, 20, 40)]
    stage.make(chapters=chapters)
    assert stage.offer()[0].post.description == (
        "I work at Acme.\n\nIt is fun.\n\nAsked by Ada.\n\n0:00 Part 0\n0:20 Part 20\n0:40 Part 40"
    )


@pytest.mark.parametrize("description", ["Hello.", "Hello.\\n\\n{disclosure}", "{why}\\n{disclosure}\\nBye.", ""])
@pytest.mark.parametrize("service", ["youtube", "peertube", "vimeo", "folder"])
def test_the_disclosure_stands_in_the_first_line_for_every_service(stage, description, service):
    stage.recipe(f'topic = "T"\n[post]\ndescription = "{description}"\n')
    text = stage.offer(service)[0].post.description
    assert text.split("\n")[0] == "I work at Acme." and text.count("I work at Acme.") == 1


def test_what_the_speaker_wrote_in_edit_md_stands_above_the_recipe(stage):
    stage.recipe('topic = "T"\n[post]\ntitle = "{topic}, by {name}"\ntags = ["{title}"]\n')
    stage.make(edits=Edits("My {own} title", "My {own} words."), title="My {own} title")
    post = stage.offer()[0].post
    assert (post.title, post.description) == ("My {own} title", "I work at Acme.\n\nMy {own} words.")
    assert post.tags == ("My {own} title",)
    assert stage.offer(title="Now")[0].post.title == "Now"


def test_a_title_from_the_command_line_of_the_render_is_the_topic(stage):
    stage.recipe('topic = "T"\n[post]\ntitle = "{topic}, by {name}"\n')
    stage.make(title="Rendered so")
    assert stage.offer()[0].post.title == "Rendered so, by Anna"


@pytest.mark.parametrize(
    ("made", "service", "variant"),
    [
        (("vertical", "landscape"), "youtube", "landscape"),
        (("vertical", "square"), "youtube", "square"),
        (("landscape-unbranded", "vertical"), "youtube", "landscape-unbranded"),
        (("vertical", "vertical-unbranded"), "tiktok", "vertical-unbranded"),
    ],
)
def test_the_variant_is_chosen_by_what_the_service_wants(stage, made, service, variant):
    stage.make(*made)
    (parcel,) = stage.offer(service)
    assert (parcel.variant, parcel.video.name, parcel.srt.name) == (variant, f"{variant}.mp4", f"{variant}.srt")


@pytest.mark.parametrize(
    ("service", "wishes", "says"),
    [
        ("tiktok", {}, r'no logos.* made is landscape\. Add "vertical-unbranded" to formats in recipes/r\.toml'),
        ("small", {}, "landscape.mp4 has 0.0 GB, and Small takes 0.0 at most"),
        ("youtube", {"thumbnail": 3}, "There is no thumbnail 3. r-anna has 2: thumbnail.jpg, thumbnail-2.jpg"),
        ("youtube", {"schedule": "2001-01-31T09:00+01:00"}, "2001-01-31T09:00:00.01:00 is past"),
        ("youtube", {"schedule": "2999-01-31T09:00Z", "privacy": "public"}, "is private until then, not public"),
    ],
)
def test_what_cannot_go_out_is_refused_with_the_reason(stage, service, wishes, says):
    with pytest.raises(PublishError, match=says):
        stage.offer(service, **wishes)


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_with_candid_hold_the_rules_of_every_service(stage, recipe, monkeypatch):
    monkeypatch.setattr(publishers, "about", _ABOUT)
    stage.recipe(recipe.read_text(encoding="utf-8"))
    stage.make(title="", chapters=[{"start_seconds": at, "title": f"Part {at}"} for at in (0, 20, 40)])
    parcels = stage.offer(*publishers.names())
    assert [parcel.service for parcel in parcels] == list(publishers.names())
    assert [approval.excesses(parcel) for parcel in parcels] == [()] * len(parcels)


def test_the_thumbnail_that_the_speaker_chose_goes_out(stage):
    stage.approve()
    corrections.choose(Shelf(stage.folder), "thumbnail-2.jpg")
    assert stage.offer()[0].thumbnail.name == "thumbnail-2.jpg"
    assert stage.offer(thumbnail=1)[0].thumbnail.name == "thumbnail.jpg"
    with pytest.raises(PublishError, match=r"thumbnail-2\.jpg would go out now and was not approved\."):
        stage.require()


def test_captions_without_a_cue_do_not_go_out(stage):
    stage.make(cues=0, unsure=UNSURE)
    (parcel,) = stage.offer()
    assert (parcel.srt, parcel.vtt, parcel.unsure, approval.captions_of(parcel)) == (None, None, (), "none")


def test_a_recipe_says_that_a_machine_made_something(stage):
    stage.recipe('topic = "T"\nsynthetic = true\n')
    assert stage.offer()[0].synthetic


def test_shorts_and_a_missing_disclosure_are_told(stage):
    stage.make("vertical", seconds=170)
    assert approval.notes(stage.offer()[0]) == (
        "YouTube will show it as a Short. "
        "As it is longer than a minute, it is blocked where somebody claims its music.",
    )
    stage.make("vertical", seconds=181)
    assert approval.notes(stage.offer()[0]) == ()
    stage.person(disclosure="")
    assert "There is no disclosure in the file of anna" in approval.notes(stage.offer()[0])[0]


@pytest.mark.parametrize("name", ["landscape.mp4", "landscape.srt", "thumbnail.jpg"])
def test_a_file_that_was_touched_does_not_go_out(stage, name):
    (stage.folder / name).write_bytes(b"another")
    with pytest.raises(PublishError, match=rf"{name} is not the file that was made\. .*candid render r-anna"):
        stage.offer()
    (stage.folder / name).unlink()
    with pytest.raises(PublishError, match="is not the file that was made"):
        stage.offer()


def test_an_edit_md_that_was_not_rendered_is_said(stage):
    (stage.folder / "edit.md").write_text("[ ] 0:00.0 Hello.\n")
    with pytest.raises(PublishError, match=r"edit\.md says something else .* candid words check r-anna"):
        stage.offer()


def test_an_edit_md_that_is_not_clear_is_said(stage):
    text = "[x] 0:00.0 Hello.\nNobody says this.\n"
    (stage.folder / "edit.md").write_text(text)
    stage.report([], ("landscape",), edit="of the clear lines", unclear=fingerprint(text), stamps={}, files=["edit.md"])
    with pytest.raises(PublishError, match=r"some of its lines are not clear\. See which: candid words check r-anna"):
        stage.offer()


def test_what_an_editor_puts_before_a_text_is_no_other_text(stage):
    edit_md = stage.folder / "edit.md"
    edit_md.write_bytes(b"\xef\xbb\xbf" + edit_md.read_bytes())
    assert stage.offer()


@pytest.mark.parametrize("take", ["../r-anna", "r-anna/../r-anna", ".", "", "a\0b", "nobody", "R-ANNA"])
def test_no_name_of_a_take_leads_elsewhere(stage, take):
    with pytest.raises(PublishError, match="There is no take"):
        approval.offers(stage.space, take, ("youtube",), Wishes())
    assert approval.load(stage.space, take) is None


@pytest.mark.parametrize("report", ["{", "[]", '{"person": "anna"}', "\0", "[" * 5000])
def test_a_report_that_cannot_be_read_is_made_again(stage, report):
    (stage.folder / "report.json").write_text(report)
    with pytest.raises(PublishError, match="Make it again: candid render r-anna"):
        stage.offer()


def test_a_take_that_was_not_rendered_says_so(stage):
    (stage.folder / "report.json").unlink()
    with pytest.raises(PublishError, match=r"r-anna is not made yet\. Make it: candid render r-anna"):
        stage.offer()


# --- who speaks -------------------------------------------------------------------------------------------------------


def test_a_loose_clip_has_the_speaker_it_was_rendered_with(stage):
    loose = replace(stage, take="loose")
    loose.make()
    assert approval.speaker(stage.space, "loose") == "anna"
    (loose.folder / "landscape.mp4").unlink()
    with pytest.raises(PublishError, match="candid render loose -r r --as anna"):
        loose.offer()


def test_a_loose_clip_without_a_speaker_asks_for_one(stage):
    loose = replace(stage, take="loose")
    loose.make(person="")
    with pytest.raises(PublishError, match=r"Nobody knows who speaks in loose.* candid render loose --as PERSON"):
        loose.offer()


def test_a_video_with_the_name_of_somebody_else_is_made_again(stage):
    stage.make(person="ben")
    with pytest.raises(PublishError, match="anna speaks in r-anna, and it was made with the name of ben"):
        stage.offer()


def test_only_who_speaks_decides(stage):
    people.add(stage.space.people[0], Person("ben", "Ben"))
    parcels = stage.offer()
    for refused in (
        lambda: approval.approve(stage.space, TAKE, "ben", parcels, Wishes()),
        lambda: approval.withdraw(stage.space, TAKE, "ben"),
        lambda: stage.require(person="ben"),
    ):
        with pytest.raises(PublishError, match="ben does not speak in r-anna: anna does"):
            refused()
    stage.approve()
    with pytest.raises(PublishError, match="ben does not speak"):
        approval.withdraw(stage.space, TAKE, "ben")
    assert stage.require()


# --- approved ---------------------------------------------------------------------------------------------------------


def test_what_is_approved_is_what_goes_out(stage):
    with pytest.raises(PublishError, match=r"r-anna is not approved yet\. .*candid approve r-anna --as anna"):
        stage.require()
    parcels = stage.offer("youtube", "peertube", privacy="public")
    stage.approve("youtube", "peertube", privacy="public")
    assert stage.require() == parcels
    assert stage.require("peertube") == parcels[1:]
    with pytest.raises(PublishError, match="It was not approved for vimeo"):
        stage.require("vimeo")


def test_each_service_keeps_its_own_wishes(stage):
    stage.approve("youtube", privacy="public")
    stage.approve("peertube", title="There", thumbnail=2)
    youtube, peertube = stage.require()
    assert (youtube.post.privacy, youtube.post.title) == ("public", "Servers")
    assert (peertube.post.privacy, peertube.post.title, peertube.thumbnail.name) == (
        "private",
        "There",
        "thumbnail-2.jpg",
    )
    stage.approve("youtube")
    assert [each.service for each in stage.require()] == ["peertube", "youtube"]
    assert stage.require("youtube")[0].post.privacy == "private"


def test_what_changed_between_look_and_yes_is_not_approved(stage):
    parcels = stage.offer()
    stage.recipe('topic = "Other"\n[post]\ntags = ["new"]\n')
    with pytest.raises(PublishError, match="changed while you looked"):
        approval.approve(stage.space, TAKE, "anna", parcels, Wishes())
    assert approval.load(stage.space, TAKE) is None


def _made_again(name: str):
    def change(stage: Stage) -> None:
        (stage.folder / name).write_bytes(b"made again")
        stage.report(["landscape.mp4", "landscape.srt", "landscape.vtt", "thumbnail.jpg"], ["landscape"])

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_made_again("landscape.mp4"), "The video landscape.mp4 was made again since."),
        (_made_again("landscape.srt"), "The captions landscape.srt were made again since."),
        (_made_again("thumbnail.jpg"), "The thumbnail thumbnail.jpg was made again since."),
        (lambda stage: stage.make(title="New"), "The title was “Servers” and is “New” now."),
        (lambda stage: stage.make("square"), "The video was landscape.mp4 and is square.mp4 now."),
        (lambda stage: stage.make(cues=0), "landscape.srt was approved and does not go out now."),
        (
            lambda stage: stage.make(unsure=UNSURE),
            "Sentences are unsure now, and nobody said that they were looked at.",
        ),
        (
            lambda stage: stage.person(disclosure="I am paid by Acme."),
            "The description was “I work at Acme.” and is “I am paid by Acme.” now.",
        ),
        (
            lambda stage: stage.make(edits=Edits(None, "\x1b[31mred" * 99)),
            f"The description was “It is fun. Asked by Ada.” and is “{(' [31mred' * 99)[1:120]}…” now.",
        ),
        (
            lambda stage: stage.recipe('topic = "T"\nsynthetic = true\n'),
            "The recipe says now that something in it is made by a machine.",
        ),
        (
            lambda stage: stage.recipe('topic = "T"\n[post]\nprivacy = "public"\ntags = ["a", "b"]\n'),
            "The tags were “” and are “a, b” now.",
        ),
        (
            lambda stage: stage.recipe('topic = "T"\n[post]\nprivacy = "public"\n'),
            "The privacy was “private” and is “public” now.",
        ),
    ],
)  # fmt: skip
def test_what_changed_since_is_said_in_a_sentence(stage, change, says):
    stage.approve()
    change(stage)
    found = approval.changes(approval.load(stage.space, TAKE), stage.offer())
    assert says in found
    with pytest.raises(PublishError, match="is not as it was approved") as caught:
        stage.require()
    assert says in caught.value.what and caught.value.do.endswith("candid approve r-anna --as anna")


def test_unsure_sentences_need_somebody_who_looked_at_them(stage):
    stage.make(unsure=UNSURE)
    with pytest.raises(PublishError) as caught:
        stage.approve()
    assert "2 sentences of the captions may be misheard" in caught.value.what
    assert "0:12.3 We use Cooper Nettys here.; 1:02.0 It restarts surfers." in caught.value.what
    assert "candid words edit r-anna" in caught.value.do and "--captions-read" in caught.value.do
    given = stage.approve(read=True)
    assert given.sealed[0].captions == "unsure, looked at"
    assert len(stage.require()[0].unsure) == 2
    stage.make()
    assert stage.require()[0].unsure == ()  # better than what was approved, in the same words


def test_of_many_unsure_sentences_the_error_names_a_few(stage):
    stage.make(unsure=[(f"0:{second:02}.0", "What?") for second in range(40)])
    with pytest.raises(PublishError, match=r"40 sentences of the captions .*0:07\.0 What\?; and 32 more"):
        stage.approve()


@pytest.mark.parametrize(("before", "holds"), [("draft, read", True), ("draft", False), ("checked", False)])
def test_what_an_older_version_approved_still_counts(stage, before, holds):
    """Its report and its approval speak of drafts: all of it was unsure."""
    stage.approve()
    path = stage.folder / "approval.json"
    path.write_text(path.read_text().replace('"captions": "checked"', f'"captions": "{before}"'))
    assert f'"{before}"' in path.read_text()
    stage.make(words={"language": "en", "draft": True})
    assert approval.captions_of(stage.offer()[0]) == "unsure"
    if holds:
        assert stage.require()[0].unsure == ("all of the captions, since an older version of Candid heard them",)
    else:
        with pytest.raises(PublishError, match="Sentences are unsure now"):
            stage.require()


def test_what_is_unsure_changes_no_receipt(stage):
    """A step that was done is not done again where sentences became unsure, or were looked at."""
    (sure,) = stage.offer()
    assert publish._causes(replace(sure, unsure=("0:12.3 What?",))) == publish._causes(sure)


def test_texts_that_would_be_refused_are_not_approved(stage):
    with pytest.raises(PublishError, match=r"YouTube would refuse it\. The title has 112 characters, 12 too many\."):
        stage.approve(title="x" * 112)
    given = stage.approve(title="x" * 112, mend=True)
    assert given.sealed[0].post.title == "x" * 99 + "…"
    assert stage.require()[0].post.title == "x" * 99 + "…"


def test_a_schedule_where_none_can_be_kept_is_an_excess_and_mended(stage):
    (parcel,) = stage.offer("vimeo", schedule="2999-01-31T09:00Z")
    assert [each.says for each in approval.excesses(parcel)] == ["Vimeo cannot make a video public at a given time."]
    mended = approval.proposed(parcel)
    assert (mended.post.schedule, mended.post.privacy, approval.excesses(mended)) == ("", "private", ())
    assert stage.offer("vimeo", schedule="2999-01-31T09:00Z", mend=True) == (mended,)


def test_a_schedule_that_has_come_stops_what_is_not_out_yet_and_nothing_else(stage, monkeypatch):
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    stage.approve(schedule=at)
    (parcel,) = stage.require()

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=2)

    monkeypatch.setattr(approval.parcels, "datetime", Later)
    with pytest.raises(PublishError, match="is past"):
        stage.require()
    receipts.Receipts(stage.folder).add(Receipt("youtube", "video", parcel.sha256, link="https://x.example/1"))
    assert stage.require() == (parcel,)


@pytest.mark.parametrize("text", ["tomorrow", "2027-01-31", "31.1.2027 09:00", "2027-02-30T09:00Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(PublishError, match="is no date and time"):
        approval.when(text)


def test_a_time_has_a_zone():
    assert approval.when("2027-01-31T09:00+01:00") == "2027-01-31T09:00:00+01:00"
    assert datetime.fromisoformat(approval.when("2027-01-31 09:00")).tzinfo is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"take": "r-anna"}', "\0\ud7ff", "[" * 5000])
def test_an_approval_that_cannot_be_read_counts_for_nothing(stage, text):
    (stage.folder / approval.NAME).write_text(text)
    with pytest.raises(PublishError, match="nobody knows what was approved"):
        stage.require()
    stage.approve()
    assert stage.require()


def test_the_approval_of_another_take_counts_for_nothing(stage):
    stage.approve()
    other = replace(stage, take="loose")
    other.make()
    (other.folder / approval.NAME).write_bytes((stage.folder / approval.NAME).read_bytes())
    with pytest.raises(PublishError, match="loose is not approved yet"):
        other.require()


def test_an_approval_is_whole_or_not_there(stage, monkeypatch):
    stage.approve()
    before = (stage.folder / approval.NAME).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CandidError, match="is full"):
        stage.approve(privacy="public")
    monkeypatch.undo()
    assert (stage.folder / approval.NAME).read_bytes() == before


# --- withdrawn --------------------------------------------------------------------------------------------------------


def test_withdrawn_before_nothing_goes_out(stage):
    stage.approve()
    assert approval.withdraw(stage.space, TAKE, "anna") == ()
    with pytest.raises(PublishError, match="anna has withdrawn the approval of r-anna"):
        stage.require()
    stage.approve("peertube")
    assert [each.service for each in stage.require()] == ["peertube"]


def test_withdrawn_in_the_middle_it_stops(stage):
    stage.approve()
    (parcel,) = stage.require()
    approval.still_approved(stage.space, parcel)
    approval.withdraw(stage.space, TAKE, "anna")
    with pytest.raises(PublishError, match="was withdrawn or changed, so it stops here"):
        approval.still_approved(stage.space, parcel)
    stage.approve(title="Another")
    with pytest.raises(PublishError, match="stops here"):
        approval.still_approved(stage.space, parcel)


def test_withdrawn_afterwards_it_says_where_it_is_out(stage):
    stage.approve()
    (parcel,) = stage.require()
    out = Receipt("youtube", "video", parcel.sha256, link="https://x.example/1")
    receipts.Receipts(stage.folder).add(out)
    assert [each.link for each in approval.withdraw(stage.space, TAKE, "anna")] == ["https://x.example/1"]
    receipts.Receipts(stage.folder).add(Receipt("youtube", "takedown", parcel.sha256, note="private"))
    assert approval.withdraw(stage.space, TAKE, "anna") == ()


def test_who_has_left_can_still_withdraw(stage):
    stage.approve()
    people.remove(stage.space.people[0], "anna")
    approval.withdraw(stage.space, TAKE, "anna")
    assert approval.load(stage.space, TAKE).withdrawn
    with pytest.raises((PublishError, RecipeError)):
        stage.require()


# --- the circle knows -------------------------------------------------------------------------------------------------


def _step(stage: Stage) -> tuple[str, str]:
    return next((step.state, step.waits) for step in circle.look(stage.space).steps if step.name == stage.take)


@pytest.mark.parametrize("take", [TAKE, "loose"])
def test_the_circle_follows_a_take_until_it_is_taken_down(stage, take):
    stage = replace(stage, take=take)
    stage.make()
    approve, publish = f"anna: candid approve {take} --as anna", f"anna: candid publish {take} --as anna"
    assert _step(stage) == ("made", approve)
    stage.approve("youtube", "peertube")
    assert _step(stage) == ("approved", publish)
    book = receipts.Receipts(stage.folder)
    for service, then in (("youtube", ("published", publish)), ("peertube", ("published", ""))):
        book.add(Receipt(service, "session", "s"))
        book.add(Receipt(service, "video", "s", link=f"https://{service}.example/1"))
        assert _step(stage) == then
    approval.withdraw(stage.space, take, "anna")
    assert _step(stage) == ("published", "")
    for service, note in (("youtube", "private"), ("peertube", "deleted")):
        book.add(Receipt(service, "takedown", "s", note=note))
    assert _step(stage) == ("made", approve)


def test_a_file_that_changed_since_is_made_and_not_approved(stage):
    stage.approve()
    (stage.folder / "landscape.mp4").write_bytes(b"another")
    assert _step(stage)[0] == "made"


@pytest.mark.parametrize("text", ["{", "7", "[]", '{"sealed": 7}', '{"sealed": [{"stamps": [1]}]}', "[" * 5000])
def test_status_lives_with_any_approval_and_receipts(stage, text):
    (stage.folder / approval.NAME).write_text(text)
    (stage.folder / receipts.NAME).write_text(text)
    assert _step(stage)[0] == "made"
    assert [fault for fault in circle.look(stage.space).faults if receipts.NAME in fault] or text == "[]"


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_shows_everything_and_seals_it(stage):
    said = stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube", "--to", "folder", "--yes")
    assert said.status == 0, said.err
    for shown in (
        "YouTube, without an account yet: candid accounts connect youtube --as anna",
        "Folder, which needs no account",
        str(stage.folder / "landscape.mp4"),
        str(stage.folder / "landscape.srt"),
        "title        Servers",
        f"description  I work at Acme.\n\n{' ' * 15}It is fun.\n",
        "privacy      private",
        "Next: candid publish r-anna --as anna",
    ):
        assert shown in said.out
    assert [each.service for each in stage.require()] == ["youtube", "folder"]


def test_the_persons_own_services_are_the_usual_ones(stage):
    said = stage.candid("approve", TAKE, "--as", "anna", "--yes")
    assert said.status == 2 and "Say it with --to (youtube, peertube, vimeo, folder)" in said.err
    stage.person(services=("peertube", "folder"))
    assert stage.candid("approve", TAKE, "--as", "anna", "--yes").status == 0
    assert [each.service for each in stage.require()] == ["peertube", "folder"]


def test_the_account_is_named_and_is_where_it_goes_unless_said_otherwise(stage):
    anna, ben = (
        Account(person, "peertube", person, f"{person.title()}'s channel", "https://v.example/")
        for person in ("anna", "ben")
    )
    for account in (anna, ben):
        accounts.Accounts(vault.home()).keep(account, {"access_token": f"secret-{account.person}"})
    said = stage.candid("approve", TAKE, "--as", "anna", "--yes")
    assert said.status == 0 and "PeerTube, from the account Anna's channel" in said.out
    assert "Ben" not in said.out and "secret" not in said.out + said.err
    assert [each.service for each in stage.require()] == ["peertube"]
    assert "secret" not in "".join(path.read_text() for path in stage.folder.iterdir() if path.is_file())


def test_without_a_terminal_only_yes_says_yes(stage):
    said = stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube")
    assert said.status == 2 and "--yes" in said.err
    assert approval.load(stage.space, TAKE) is None


def test_yes_is_not_enough_for_unsure_sentences(stage):
    stage.make(unsure=UNSURE)
    said = stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube", "--yes")
    assert said.status == 1 and "landscape.srt, 2 unsure sentences" in said.out and "--captions-read" in said.err
    assert "0:12.3 We use Cooper Nettys here." in said.err
    assert approval.load(stage.space, TAKE) is None
    assert stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube", "--yes", "--captions-read").status == 0


@pytest.mark.parametrize(("answers", "status"), [("y\ny\n", 0), ("y\nn\n", 1), ("n\n", 1), ("", 1)])
def test_captions_and_approval_are_asked_separately(stage, at_a_terminal, answers, status):
    stage.make(unsure=UNSURE)
    said = stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube", answers=answers)
    assert (said.status, "Have you looked at these 2 sentences" in said.out) == (status, True)
    assert "  0:12.3 We use Cooper Nettys here.\n  1:02.0 It restarts surfers.\n" in said.out
    assert (approval.load(stage.space, TAKE) is not None) == (status == 0)


@pytest.mark.parametrize(("answers", "status"), [("y\ny\n", 0), ("n\n", 1)])
def test_a_proposal_is_shown_and_only_taken_when_told(stage, at_a_terminal, answers, status):
    arguments = ("approve", TAKE, "--as", "anna", "--to", "youtube", "--title", "a <b> " + "x" * 110)
    said = stage.candid(*arguments, answers=answers)
    assert said.status == status
    assert "The title contains < and >" in said.out and "The title has 116 characters, 16 too many." in said.out
    assert "a ‹b› " + "x" * 93 + "…" in said.out
    assert (approval.load(stage.space, TAKE) is not None) == (status == 0)


def test_yes_takes_no_proposal_and_mend_does(stage):
    arguments = ("approve", TAKE, "--as", "anna", "--to", "youtube", "--yes", "--title", "x" * 112)
    said = stage.candid(*arguments)
    assert said.status == 1 and "12 too many" in said.err and "--mend" in said.err
    assert stage.candid(*arguments, "--mend").status == 0
    assert len(stage.require()[0].post.title) == 100


def test_a_dry_run_approves_nothing_and_json_tells_it(stage):
    arguments = ("approve", TAKE, "--as", "anna", "--to", "youtube", "--title", "x" * 112, "--dry-run", "--json")
    said = stage.candid(*arguments)
    told = json.loads(said.out)
    (parcel,) = told["parcels"]
    assert (said.status, told["status"], parcel["captions"]) == (0, "offered", "checked")
    assert parcel["files"]["landscape.mp4"] == parcel["sha256"]
    assert [excess["says"] for excess in parcel["excesses"]] == ["The title has 112 characters, 12 too many."]
    assert parcel["proposal"]["title"] == "x" * 99 + "…"
    assert approval.load(stage.space, TAKE) is None


def test_withdrawing_says_where_it_is_out(stage):
    stage.approve()
    assert stage.candid("approve", TAKE, "--as", "anna", "--withdraw").out == "Nothing of r-anna goes out any more.\n"
    receipts.Receipts(stage.folder).add(Receipt("youtube", "video", "s", link="https://x.example/1"))
    said = stage.candid("approve", TAKE, "--as", "anna", "--withdraw")
    assert "https://x.example/1" in said.out and "candid takedown r-anna --as anna" in said.out
    told = json.loads(stage.candid("approve", TAKE, "--as", "anna", "--withdraw", "--json").out)
    assert told["out"] == [{"service": "youtube", "link": "https://x.example/1"}]
    assert stage.candid("approve", TAKE, "--as", "anna", "--withdraw", "--to", "youtube").status == 2


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("\x1b[31mred\x07", "?[31mred?"),
        ("a\u202eb", "a?b"),
        ("שלום עולם", "שלום עולם"),
        ("👩‍👩‍👧 and 🇩🇪", "👩‍👩‍👧 and 🇩🇪"),
    ],
)
def test_hostile_texts_cannot_play_with_the_terminal(stage, title, shown):
    said = stage.candid("approve", TAKE, "--as", "anna", "--to", "youtube", "--title", title, "--dry-run")
    assert f"title        {shown}\n" in said.out
    assert not set("\x1b\x07\u202e") & set(said.out)


def test_a_description_of_many_bytes_is_cut_between_characters(stage):
    stage.make(edits=Edits(None, "🎹" * 1500))
    arguments = ("approve", TAKE, "--as", "anna", "--to", "youtube", "--yes")
    said = stage.candid(*arguments)
    assert "The description has 6,017 bytes, 1,017 too many" in said.err
    assert stage.candid(*arguments, "--mend").status == 0
    text = stage.require()[0].post.description
    assert text.startswith("I work at Acme.\n\n🎹") and text.endswith("🎹…") and 4990 < len(text.encode()) <= 5000


def test_somebody_else_is_told_who_speaks(stage):
    said = stage.candid("approve", TAKE, "--as", "ben", "--to", "youtube", "--yes")
    assert said.status == 1 and "ben does not speak in r-anna: anna does" in said.err


def test_the_commands_services_are_those_that_there_are():
    assert publishers.names() == command.SERVICES


# --- a clip that is really rendered -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_rendered_clip_is_approved_and_every_change_is_noticed(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(publishers, "about", _ABOUT)
    clip = clips.ordinary(tmp_path, "loose.mp4")
    render = ("render", str(clip), "-r", "r", "--as", "anna", "-f", "landscape")
    assert stage.candid(*render).status == 0
    arguments = ("approve", "loose", "--as", "anna", "--to", "folder", "--yes")
    said = stage.candid(*arguments)
    assert said.status == 0, said.err
    loose = replace(stage, take="loose")
    (parcel,) = loose.require()
    assert (parcel.variant, parcel.post.title) == ("landscape", "Servers")
    assert parcel.size == (loose.folder / "landscape.mp4").stat().st_size > 10_000
    assert 2 < parcel.seconds < 10  # the clip of 1.5 s, bumper and end card
    sheet = loose.folder / "edit.md"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("title: Servers", "title: My server"), encoding="utf-8")
    with pytest.raises(PublishError, match=r"edit\.md says something else than the video shows"):
        loose.require()
    assert stage.candid("render", "loose", "-r", "r", "--as", "anna", "-f", "landscape").status == 0
    with pytest.raises(PublishError) as caught:
        loose.require()
    assert "The video landscape.mp4 was made again since." in caught.value.what
    assert "The title was “Servers” and is “My server” now." in caught.value.what
    assert stage.candid(*arguments).status == 0
    assert loose.require()[0].post.title == "My server"
