"""From the shelf to the services: what was approved, once, from the person's own account; and back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline import approval, board, people, publish, quota, receipts, wire, workspace
from pipeline.approval import Wishes
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account, Person, Receipt
from pipeline.publishers import Desk
from pipeline.shelf import fingerprint
from pipeline.workspace import Workspace
from tests import doubles
from tests.conftest import Said, run_candid
from tests.doubles import Answer, Request
from tests.peertube_double import UPLOADS, PeerTube
from tests.test_peertube import TOKENS
from tests.test_publishers import quick

SIZE = (1 << 20) + 999


@dataclass
class House:
    """A workspace with finished takes, a PeerTube, and accounts there."""

    space: Workspace
    double: PeerTube
    home: Path

    @property
    def accounts(self):
        return doubles.accounts(self.home)

    def connect(self, person: str = "me", id_: str = "3", token: str = "token-1") -> None:
        account = Account(person, "peertube", id_, person.title(), self.double.root)
        self.accounts.keep(account, {**TOKENS, "access_token": token})

    def take(self, take: str = "servers-me", person: str = "me", seed: str = "one", size: int = SIZE) -> Path:
        """What a render leaves; the video is random bytes."""
        folder = self.space.output / take
        folder.mkdir(parents=True, exist_ok=True)
        contents = {
            "landscape.mp4": hashlib.shake_128(f"{take}{seed}".encode()).digest(size),
            "landscape.srt": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
            "landscape.vtt": b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
            "thumbnail.jpg": b"\xff\xd8\xff\xe0 a picture",
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        (folder / "edit.md").write_text("[x] 0:00.0 Hello.\n")
        stamps = {name: [(folder / name).stat().st_size, (folder / name).stat().st_mtime_ns] for name in contents}
        report = {
            "person": person, "recipe": "r", "title": "", "words": {"language": "en", "draft": False},
            "variants": {"landscape": {"seconds": doubles.SECONDS, "cues": 1, "chapters": []}},
            "files": ["edit.md", *contents], "stamps": stamps, "edit": fingerprint("[x] 0:00.0 Hello.\n"),
        }  # fmt: skip
        (folder / "report.json").write_text(json.dumps(report))
        return folder

    def approve(self, take: str = "servers-me", *services: str, person: str = "me", **wishes: Any) -> None:
        wished = Wishes(**wishes)
        parcels = approval.offers(self.space, take, services or ("peertube",), wished)
        approval.approve(self.space, take, person, parcels, wished)

    def publish(self, take: str = "servers-me", *services: str, person: str = "me") -> list[publish.Outcome]:
        return list(publish.publish(self.space, take, person, services, self.accounts))

    def candid(self, *arguments: object) -> Said:
        return run_candid(self.space.root, *arguments)

    def receipts(self, take: str = "servers-me") -> tuple[Receipt, ...]:
        return receipts.read(self.space.output / take)


@pytest.fixture
def house(tmp_path, monkeypatch) -> Iterator[House]:
    quick(monkeypatch)
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))
    space = Workspace(tmp_path / "space")
    space.root.mkdir()
    workspace.create(space.root)
    (space.recipes / "r.toml").write_text('topic = "Servers"\ntopic_id = 1\n')
    for id_ in ("me", "you"):
        people.add(space.people[0], Person(id_, id_.title(), disclosure="I work at Acme."))
    with board.open_board(space.board) as opened:
        opened.suggest("Drop a server")
    with PeerTube().running() as double:
        made = House(space, double, tmp_path / "home")
        made.connect()
        made.take()
        yield made
        assert double.violations == []


# --- what goes out, and what does not


def test_published_and_told_on_the_command_line(house):
    assert house.candid("approve", "servers-me", "--as", "me", "--to", "peertube", "--yes").status == 0
    said = house.candid("publish", "servers-me", "--as", "me", "--json")
    assert said.status == 0, said.err
    (told,) = said.takes
    (seen,) = house.double.seen
    assert (told["status"], told["service"], told["shows"]) == ("published", "peertube", "private")
    assert told["link"] == f"{house.double.root}w/{seen.id[:8]}"
    assert (seen.privacy, seen.language) == ("private", "en") and seen.description.startswith("I work at Acme.")
    again = house.candid("publish", "servers-me", "--as", "me")
    assert "is out already, private" in again.out and told["link"] in again.out and len(house.double.log) == 1


def test_receipts_hold_no_secret_and_are_their_owners(house):
    house.approve()
    house.double.fail("before", "PUT", UPLOADS, skip=2, times=10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire.Patience.__init__, "__defaults__", (0.2, wire.time.sleep, wire.time.monotonic, None))
        (outcome,) = house.publish()
    path = house.space.output / "servers-me" / receipts.NAME
    assert outcome.status == "failed" and stat.S_IMODE(path.stat().st_mode) == 0o600
    (session,) = house.receipts()
    assert session.step == "session" and session.session and "upload" not in path.read_text()
    (id_,) = house.double.sessions
    assert id_ not in path.read_text() and id_ not in str(outcome.error)
    house.double.faults.clear()
    assert house.publish()[0].status == "published"
    assert all(not each.session for each in house.receipts()), "once the video is there, nobody needs it"


def test_nothing_goes_out_without_approval(house):
    said = house.candid("publish", "servers-me", "--as", "me")
    assert said.status == 1 and "is not approved yet" in said.err and house.double.requests == []


def test_nothing_goes_out_that_changed_since(house):
    house.approve()
    house.take(seed="another")
    said = house.candid("publish", "servers-me", "--as", "me")
    assert said.status == 1 and "made again since" in said.err and house.double.requests == []


def test_nobody_publishes_what_another_speaks_in(house):
    house.approve()
    house.connect("you", "4", "token-you")
    with pytest.raises(PublishError, match="you does not speak in"):
        house.publish(person="you")
    assert house.double.requests == []


def test_nobody_publishes_from_anothers_account(house):
    """Whoever has no account of their own gets no other one, whatever lies in the vault."""
    house.take("servers-you", person="you")
    house.approve("servers-you", person="you")
    (outcome,) = house.publish("servers-you", person="you")
    assert isinstance(outcome.error, AccountError) and "you has no account" in outcome.error.what
    mine = next(house.home.rglob("me.peertube.sealed"))
    (mine.parent / "you.peertube.sealed").write_bytes(mine.read_bytes())
    (mine.parent / "you.peertube.sealed").chmod(0o600)
    (outcome,) = house.publish("servers-you", person="you")
    assert isinstance(outcome.error, AccountError) and house.double.requests == [] and house.double.log == []


def test_an_account_that_answers_as_another_gets_nothing(house):
    house.connect(id_="99")
    house.approve()
    (outcome,) = house.publish()
    assert isinstance(outcome.error, AccountError) and "answers as Me" in outcome.error.what
    assert {method for method, _ in house.double.requests} == {"GET"}


def test_what_went_out_from_another_account_of_theirs(house):
    house.approve()
    house.publish()
    house.connect(id_="4", token="token-you")
    house.approve(privacy="public")
    (outcome,) = house.publish()
    assert "another account" in outcome.error.what and house.double.seen[0].privacy == "private"


def test_one_service_that_fails_stops_no_other(house):
    house.approve("servers-me", "peertube", "folder")
    house.double.fail(413, "POST", UPLOADS)
    said = house.candid("publish", "servers-me", "--as", "me")
    assert (
        said.status == 1 and "127.0.0.1 refuses the video" in said.err and "servers-me: Folder: published" in said.out
    )
    assert (house.space.root / "published" / "servers-me" / "index.html").is_file()


def test_dry_run_asks_nobody(house):
    house.approve("servers-me", "peertube", "folder")
    said = house.candid("publish", "servers-me", "--as", "me", "--dry-run")
    assert said.status == 0 and said.out.count("would be published") == 2
    assert house.double.requests == [] and house.receipts() == ()


@pytest.mark.parametrize("take", ["nothing", "../servers-me", ".", ""])
def test_takes_that_are_not_there(house, take):
    said = house.candid("publish", take, "--as", "me")
    assert said.status == 1 and "There is no take" in said.err
    assert house.candid("takedown", take, "--as", "me", "--yes").status == 1


def test_a_service_that_is_not_there(house):
    said = house.candid("publish", "servers-me", "--as", "me", "--to", "tube")
    assert said.status == 2 and "known: youtube" in said.err


# --- once


def test_what_was_private_becomes_public(house):
    house.approve()
    house.publish()
    house.approve(privacy="public", title="Another title")
    (outcome,) = house.publish()
    (seen,) = house.double.seen
    assert (outcome.status, seen.privacy, seen.title, len(house.double.log)) == (
        "published",
        "public",
        "Another title",
        1,
    )
    house.approve(privacy="unlisted", title="Another title")
    house.publish()
    house.approve(privacy="public", title="Another title")
    house.publish()
    assert house.double.seen[0].privacy == "public" and len(house.double.log) == 1


def test_a_changed_video_is_refused_with_the_old_link(house):
    house.approve()
    link = house.publish()[0].link
    house.take(seed="another")
    house.approve()
    (outcome,) = house.publish()
    assert (
        link in outcome.error.what and "candid takedown servers-me" in outcome.error.do and len(house.double.log) == 1
    )
    list(publish.take_down(house.space, "servers-me", "me", house.accounts, delete=True))
    house.approve()
    assert house.publish()[0].status == "published" and len(house.double.seen) == 1


def test_an_unfinished_upload_of_another_version_goes(house):
    house.approve()
    folder = house.space.output / "servers-me"
    parcel = approval.require(house.space, "servers-me", "me")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "pipeline.publishers.peertube._Instance._sent_whole", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            publish.deliver(parcel, folder, house.accounts, Desk())
    assert [each.step for each in house.receipts()] == ["session"]
    house.take(seed="another")
    house.approve()
    assert house.publish()[0].status == "published"
    assert [each.step for each in house.receipts()][:3] == ["session", "takedown", "session"]


def test_a_dressing_that_was_refused_is_tried_again(house):
    house.double.refuses = {"/captions/": 400}
    house.approve()
    (outcome,) = house.publish()
    assert outcome.status == "published" and "The captions were refused" in outcome.notes[0]
    house.double.refuses = {}
    (outcome,) = house.publish()
    assert outcome.notes == () and house.double.seen[0].captions and len(house.double.log) == 1


def test_two_at_once_one_works_and_one_says_so(house):
    house.approve()
    at_work, go_on = threading.Event(), threading.Event()

    def slow(request: Request) -> Answer:
        at_work.set()
        assert go_on.wait(20)
        return house.double.answer(request)

    house.double.fail(slow, "PUT", UPLOADS, skip=1)
    found: list[publish.Outcome] = []
    first = threading.Thread(target=lambda: found.extend(house.publish()))
    first.start()
    assert at_work.wait(20)
    said = house.candid("publish", "servers-me", "--as", "me")
    go_on.set()
    first.join()
    assert said.status == 1 and "is being published by another run" in said.err
    assert found[0].status == "published" and len(house.double.log) == 1


@pytest.mark.parametrize("number", range(1, 7))
def test_full_disk_while_a_receipt_is_written(house, monkeypatch, number):
    house.approve(privacy="public", playlist="Torn down")
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(1)
        if len(calls) == number * 2 - 1:  # each receipt flushes its file, then the folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        (outcome,) = house.publish()
    assert "disk" in outcome.error.what and "full" in outcome.error.what
    assert house.publish()[0].status == "published"
    (seen,) = house.double.seen
    assert (len(house.double.log), seen.privacy, seen.playlists) == (1, "public", ("Torn down",))
    assert seen.captions and seen.thumbnail


def test_receipts_that_are_damaged_let_nothing_out(house):
    house.approve()
    (house.space.output / "servers-me" / receipts.NAME).write_text("{broken")
    (outcome,) = house.publish()
    assert "nobody knows what is published already" in outcome.error.what and house.double.log == []


def test_withdrawn_in_the_middle_it_stops(house, monkeypatch):
    monkeypatch.setattr(publish, "_ASK_SECONDS", 0.0)
    house.approve()

    def withdrawn(request: Request) -> Answer:
        approval.withdraw(house.space, "servers-me", "me")
        return house.double.answer(request)

    house.double.fail(withdrawn, "PUT", UPLOADS, skip=2)
    (outcome,) = house.publish()
    assert "withdrawn" in outcome.error.what and house.double.log == []


def test_a_file_that_changes_in_the_middle_stops_it(house):
    house.approve()

    def changed(request: Request) -> Answer:
        house.take(seed="another")
        return house.double.answer(request)

    house.double.fail(changed, "PUT", UPLOADS, skip=2)
    (outcome,) = house.publish()
    assert "was changed while it was published" in outcome.error.what and house.double.log == []


def test_stopped_by_hand_it_goes_on(house, monkeypatch):
    house.approve()
    real = publish.Desk

    def stopping(tell, *rest):
        def told(step: str, done: float) -> None:
            if done > 0.4:
                raise KeyboardInterrupt

        return real(told, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(publish, "Desk", stopping)
        said = house.candid("publish", "servers-me", "--as", "me")
    assert said.status == 130 and "goes on from here" in said.err and "about an hour" in said.err
    before = len(house.double.requests)
    assert house.publish()[0].status == "published" and len(house.double.log) == 1
    parts = [method for method, path in house.double.requests[before:] if path == UPLOADS]
    assert "POST" not in parts, "the session that was begun goes on"


def test_waits_where_the_service_says_when(house, monkeypatch):
    house.approve()
    house.double.fail(503, "PUT", UPLOADS, skip=1, headers={"Retry-After": "7200"})
    waited: list[datetime] = []
    monkeypatch.setattr("commands.publish._wait_until", lambda at, take: waited.append(at))
    said = house.candid("publish", "servers-me", "--as", "me", "--wait")
    assert said.status == 0 and "published" in said.out
    assert timedelta(hours=1, minutes=55) < waited[0] - datetime.now(UTC) < timedelta(hours=2, minutes=5)


def test_what_libraries_say_stays_inside(house, monkeypatch):
    house.approve()
    monkeypatch.setattr("pipeline.publishers.peertube._Instance._opened", lambda *_: 1 / int("secret-token"))
    (outcome,) = house.publish()
    assert "secret-token" not in str(outcome.error) and "ValueError in test_publish.py" in str(outcome.error)


# --- credit


def answered(house: House) -> str:
    with board.open_board(house.space.board) as opened:
        return opened.get(1).link


def test_whoever_asked_is_answered_once_it_is_public(house):
    house.approve()
    assert house.publish()[0].notes == () and answered(house) == ""
    house.approve(privacy="unlisted")
    assert house.publish()[0].notes == () and answered(house) == ""
    house.approve(privacy="public")
    (outcome,) = house.publish()
    assert answered(house) == outcome.link and outcome.link in outcome.notes[0]
    assert house.publish()[0].notes == ()


def test_what_is_seen_no_longer_answers_nobody(house):
    house.approve(privacy="public")
    house.publish()
    link = answered(house)
    said = house.candid("takedown", "servers-me", "--as", "me", "--delete", "--yes")
    assert link and "is open again" in said.out and answered(house) == ""
    house.approve(privacy="public")
    (outcome,) = house.publish()
    assert answered(house) == outcome.link != link
    house.approve(privacy="unlisted")
    (outcome,) = house.publish()
    assert "is open again" in outcome.notes[0] and answered(house) == ""


def test_an_answer_that_another_take_gave_stays(house):
    house.approve(privacy="public")
    house.publish()
    with board.open_board(house.space.board) as opened:
        opened.answer(1, "https://video.example/other")
    assert house.candid("takedown", "servers-me", "--as", "me", "--delete", "--yes").status == 0
    assert answered(house) == "https://video.example/other"


def test_a_topic_that_was_merged_is_answered_once(house):
    with board.open_board(house.space.board) as opened:
        other = opened.suggest("Throw a server out of a window").id
        opened.merge(1, other)
    house.approve(privacy="public")
    assert "is answered with" in house.publish()[0].notes[0]
    with board.open_board(house.space.board) as opened:
        opened.answer(other, "https://video.example/better")
    assert house.publish()[0].notes == ()
    with board.open_board(house.space.board) as opened:
        assert opened.get(other).link == "https://video.example/better"


def test_a_folder_answers_nobody(house):
    house.approve("servers-me", "folder", privacy="public")
    house.publish()
    assert answered(house) == ""


def test_what_was_scheduled_is_credited_when_its_time_has_come(house):
    when = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    house.approve(schedule=when)
    house.publish()
    assert answered(house) == "" and house.double.seen[0].schedule == when
    folder = house.space.output / "servers-me"
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    receipts._write(folder, [replace(each, shows=past) if each.shows else each for each in house.receipts()])
    assert "is answered with" in publish.credit(house.space, "servers-me") and answered(house)


def test_a_board_that_cannot_be_used_is_no_failure(house):
    house.space.board.write_bytes(b"no database")
    house.approve(privacy="public")
    (outcome,) = house.publish()
    assert outcome.status == "published" and "was not changed" in outcome.notes[0]
    house.accounts.forget("me", "peertube")
    house.approve(privacy="private")
    assert house.publish()[0].status == "failed" and house.publish()[0].notes == ()


# --- take down


def test_taken_down_everywhere_and_published_again(house):
    house.approve("servers-me", "peertube", "folder", privacy="public")
    house.publish()
    said = house.candid("takedown", "servers-me", "--as", "me", "--yes")
    assert said.status == 0, said.err
    assert house.double.seen[0].privacy == "private" and not (house.space.root / "published" / "servers-me").exists()
    assert approval.load(house.space, "servers-me").withdrawn and len(house.receipts()) > 4
    assert house.candid("publish", "servers-me", "--as", "me").status == 1
    house.approve("servers-me", "peertube", "folder", privacy="public")
    house.publish()
    assert house.double.seen[0].privacy == "public" and len(house.double.log) == 1


def test_deleted(house):
    house.approve(privacy="public")
    house.publish()
    said = house.candid("takedown", "servers-me", "--as", "me", "--delete", "--yes", "--json")
    assert said.takes[0]["status"] == "deleted" and house.double.seen == []
    assert receipts.out(house.receipts()) == ()


def test_somebody_leaves(house):
    house.connect("you", "4", "token-you")
    for take, person in (("servers-me", "me"), ("second-me", "me"), ("servers-you", "you")):
        house.take(take, person)
        house.approve(take, person=person, privacy="public")
        house.publish(take, person=person)
    shown = house.candid("takedown", "--all", "--as", "me", "--dry-run")
    assert shown.status == 0 and "second-me" in shown.err and "servers-you" not in shown.err
    assert house.candid("takedown", "--all", "--as", "me", "--yes").status == 0
    assert sorted(seen.privacy for seen in house.double.seen) == ["private", "private", "public"]


def test_what_cannot_be_reached_is_listed(house, monkeypatch):
    house.approve("servers-me", "peertube", "folder", privacy="public")
    link = house.publish("servers-me", "peertube")[0].link
    house.publish("servers-me", "folder")
    house.accounts.forget("me", "peertube")
    said = house.candid("takedown", "servers-me", "--as", "me", "--yes")
    assert said.status == 1 and "Not taken down:" in said.err and link in said.err and "deleted" in said.out
    house.connect()
    assert house.candid("takedown", "servers-me", "--as", "me", "--yes").status == 0
    assert house.double.seen[0].privacy == "private"


def test_receipts_that_are_damaged_take_the_approval_back_all_the_same(house):
    house.approve(privacy="public")
    (house.space.output / "servers-me" / receipts.NAME).write_text("[")
    said = house.candid("takedown", "servers-me", "--as", "me", "--yes")
    assert said.status == 1 and "cannot be read" in said.err
    assert approval.load(house.space, "servers-me").withdrawn


def test_nobody_takes_down_what_is_anothers(house):
    house.approve(privacy="public")
    house.publish()
    said = house.candid("takedown", "servers-me", "--as", "you", "--yes")
    assert said.status == 1 and "was published by me" in said.err and house.double.seen[0].privacy == "public"


def test_where_nothing_is_out_it_is_said(house):
    said = house.candid("takedown", "servers-me", "--as", "me", "--yes")
    assert said.status == 0 and "servers-me: nothing is out" in said.out


def test_asks_before_it_takes_down(house):
    house.approve(privacy="public")
    house.publish()
    assert house.candid("takedown", "servers-me", "--as", "me").status == 1
    assert house.double.seen[0].privacy == "public"
    assert house.candid("takedown", "--as", "me").status == 2


# --- plan


def test_a_plan_spreads_many_over_days(house):
    tokens = {"access_token": "a", "client_id": "project", "client_secret": "s"}
    house.accounts.keep(Account("me", "youtube", "UC1", "Me", "http://127.0.0.1:9/"), tokens)
    parcels = [
        replace(doubles.parcel(house.space.output / f"take-{number}", "youtube", 100), sha256=f"{number:064}")
        for number in range(45)
    ]
    parcels = [replace(each, post=replace(each.post, playlist="Torn down", privacy="public")) for each in parcels]
    local = replace(parcels[0], service="folder")
    planned = publish.plan([*parcels, local], house.space.output, house.accounts)
    days = [each.dress.astimezone(ZoneInfo("America/Los_Angeles")).date() for each in planned[:-1]]  # as the quota does
    assert planned[-1].dress is None and days == sorted(days)
    per_day = [days.count(day) for day in sorted(set(days))]
    assert max(per_day) <= 19 and len(per_day) in (3, 4)


def test_a_plan_counts_no_upload_for_what_is_out_already(house):
    account = Account("me", "youtube", "UC1", "Me", "http://127.0.0.1:9/")
    house.accounts.keep(account, {"access_token": "a", "client_id": "project", "client_secret": "s"})
    ledger = quota.Ledger(house.accounts.vault.folder.parent / "quota", quota.project("project"))
    ledger.full("uploads")
    ledger.full("account", "UC1")
    folder = house.space.output / "there"
    out, new = doubles.parcel(folder, "youtube", 100), doubles.parcel(house.space.output / "new", "youtube", 100)
    receipts.Receipts(folder).add(Receipt("youtube", "video", out.sha256, "UC1", "v1", "https://youtu.be/v1"))
    out, new = replace(out, take="there"), replace(new, take="new")
    first, second = publish.plan([new, out], house.space.output, house.accounts)
    today = datetime.now(UTC) + timedelta(minutes=1)
    assert (second.take, second.upload) == ("there", None) and second.dress < today < first.upload <= first.dress


def test_plan_on_the_command_line(house):
    house.approve("servers-me", "folder")
    said = house.candid("publish", "servers-me", "nothing", "--as", "me", "--plan")
    assert said.status == 1 and "at once" in said.out and "There is no take 'nothing'" in said.err
    told = json.loads(house.candid("publish", "servers-me", "--as", "me", "--plan", "--json").out)
    assert told["plan"][0]["service"] == "folder" and told["wrong"] == []
    house.approve(house.take("damaged-me").name, "folder")
    (house.space.output / "damaged-me" / receipts.NAME).write_text("[")
    said = house.candid("publish", "servers-me", "damaged-me", "--as", "me", "--plan", "--json")
    told = json.loads(said.out)
    assert said.status == 1 and [each["take"] for each in told["plan"]] == ["servers-me"]
    assert [each["take"] for each in told["wrong"]] == ["damaged-me"]
