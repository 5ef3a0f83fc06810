"""PeerTube: signing in, and uploads that survive whatever an instance does. Against the double, and @uploadx/core."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import publishers, wire
from pipeline.accounts import has_ended
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account
from pipeline.publishers import Desk, peertube
from tests import doubles, peers
from tests.doubles import Answer, Double, Request
from tests.peertube_double import UPLOADS, PeerTube
from tests.test_publishers import quick

TOKENS = {"access_token": "token-1", "refresh_token": "refresh-1", "client_id": "app", "client_secret": "app-secret"}
SIZE = (1 << 20) + 12345  # five chunks of 256 KiB, the last one short
CHUNKS = 5


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def double() -> Iterator[PeerTube]:
    with PeerTube().running() as found:
        yield found
        assert found.violations == []


def access(double: Double, folder: Path, person: str = "me"):
    account = Account(person, "peertube", "3", "Me (me@tube.example)", double.root)
    return doubles.connected(folder / "home", account, TOKENS)


def publish(double: PeerTube, folder: Path, **more: object):
    """Publishes in one go; the one video that is there then."""
    parcel = doubles.parcel(folder / "take", "peertube", SIZE, **{"privacy": "public", "playlist": "Torn down", **more})
    with contextlib.closing(publishers.find("peertube").publisher(access(double, folder), Desk())) as publisher:
        receipts = list(publisher.steps(parcel, ()))
    assert len(double.log) == 1, "one video, once"
    (seen,) = double.seen
    assert seen.sha256 == parcel.sha256 and seen.privacy == "public" and seen.playlists == ("Torn down",)
    assert seen.captions == (parcel.vtt.read_bytes(),) and seen.thumbnail == parcel.thumbnail.read_bytes()
    return receipts


# --- the upload


_SLOW = [pytest.param(how, marks=pytest.mark.slow) for how in ("before", "middle", 500, 502, 503, 504, 429)]


@pytest.mark.parametrize("how", ["after", *_SLOW])
def test_any_request_may_fail_once(tmp_path, how):
    """The n-th request of a publication fails, for every n: one video each time, with everything."""
    with PeerTube().running() as calm:
        publish(calm, tmp_path / "calm")
    for number in range(len(calm.requests)):
        with PeerTube().running() as double:
            double.fail(how, skip=number)
            publish(double, tmp_path / f"{number}")
            assert double.violations == []


@pytest.mark.parametrize("how", ["before", "middle", "after", 503])
def test_every_chunk_fails_twice(double, tmp_path, how):
    for number in range(CHUNKS):
        double.fail(how, "PUT", UPLOADS, skip=number, times=2)
    publish(double, tmp_path)


def test_retry_after_is_honored(double, tmp_path, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(wire.Patience.__init__, "__defaults__", (900.0, waited.append, wire.time.monotonic, None))
    double.fail(429, "PUT", UPLOADS, skip=1, headers={"Retry-After": "17"})
    publish(double, tmp_path)
    assert 17.0 in waited


def test_a_wait_that_is_too_long_is_left_for_later(double, tmp_path):
    double.fail(503, "PUT", UPLOADS, skip=1, headers={"Retry-After": "7200"})
    with pytest.raises(PublishError) as caught:
        publish(double, tmp_path)
    assert caught.value.again_at and "again" in caught.value.do


def test_token_expires_in_the_middle(double, tmp_path):
    def expired(request: Request) -> Answer:
        double.expire()
        return double.answer(request)

    double.fail(expired, "PUT", UPLOADS, skip=2)
    publish(double, tmp_path)
    kept = doubles.accounts(tmp_path / "home").get("me", "peertube").tokens()
    assert kept["access_token"] != "token-1" and kept["access_token"] in double.access
    assert kept["refresh_token"] in double.refresh and "refresh-1" not in double.refresh


def test_sign_in_has_ended(double, tmp_path):
    double.expire()
    double.refresh.clear()
    with pytest.raises(AccountError, match="no longer knows") as caught:
        publish(double, tmp_path)
    assert "candid accounts connect peertube --as me" in caught.value.do


_REFUSED = {"detail": "Invalid grant: refresh token is invalid", "code": "invalid_grant"}


@pytest.mark.parametrize(
    ("status", "body", "ends"),
    [(400, _REFUSED, True), (401, {"error": "invalid_grant"}, True), (403, b"<html>", False), (400, b"<html>", False),
     (404, {"detail": "x"}, False), (200, b"<html>", False), (200, {}, False)],
)  # fmt: skip
def test_only_the_instance_ends_a_sign_in(double, tmp_path, monkeypatch, status, body, ends):
    monkeypatch.setattr(wire.Patience.__init__, "__defaults__", (0.2, wire.time.sleep, wire.time.monotonic, None))
    double.expire()
    double.fail(lambda request: Answer(status, body), "POST", "users/token", times=10_000)
    with pytest.raises(AccountError if ends else PublishError):
        publish(double, tmp_path)
    (account,) = doubles.accounts(tmp_path / "home").listed()
    assert has_ended(account) is ends


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("at", [1, 3])
def test_session_is_gone(double, tmp_path, status, at):
    """Purged by the instance: it is looked up, and begun anew."""

    def gone(request: Request) -> Answer:
        double.sessions.clear()
        return Answer(status, {"error": "gone"})

    double.fail(gone, "PUT", UPLOADS, skip=at)
    publish(double, tmp_path)
    assert [method for method, path in double.requests if path == UPLOADS].count("POST") == 2


def test_308_without_range_begins_anew(double, tmp_path):
    def nothing(request: Request) -> Answer:
        next(iter(double.sessions.values()))["data"].clear()
        return Answer(308)

    double.fail(nothing, "PUT", UPLOADS, skip=2)
    publish(double, tmp_path)


def test_range_goes_back(double, tmp_path):
    def lost(request: Request) -> Answer:
        data = next(iter(double.sessions.values()))["data"]
        del data[300_000:]
        return Answer(308, None, {"Range": f"bytes=0-{len(data) - 1}"})

    double.fail(lost, "PUT", UPLOADS, skip=3)
    publish(double, tmp_path)


@pytest.mark.parametrize("junk", ["bytes=5-9", "junk", "bytes=0-99999999999", ""])
def test_range_that_makes_no_sense(double, tmp_path, junk):
    double.fail(lambda request: Answer(308, None, {"Range": junk} if junk else {}), "PUT", UPLOADS, skip=0)
    publish(double, tmp_path)


def test_finished_answer_lost_while_it_is_at_work(double, tmp_path):
    """It says 503 and Retry-After: 300 then; nobody waits so long."""
    double.processing = 0.5
    double.fail("after", "PUT", UPLOADS, skip=CHUNKS)
    publish(double, tmp_path)


def test_chunks_that_are_too_small_grow(double, tmp_path):
    double.smallest_chunk = 600_000
    publish(double, tmp_path)


@pytest.mark.parametrize(("status", "word"), [(413, "space"), (415, "MP4"), (422, "account"), (400, "account")])
def test_refusals_are_told_with_a_cure(double, tmp_path, status, word):
    double.fail(status, "POST", UPLOADS)
    with pytest.raises(PublishError) as caught:
        publish(double, tmp_path)
    assert word in caught.value.do and "127.0.0.1 refuses the video" in caught.value.what
    assert double.seen == []


def test_silence_ends_in_words(double, tmp_path, monkeypatch):
    monkeypatch.setattr(wire.Patience.__init__, "__defaults__", (0.3, wire.time.sleep, wire.time.monotonic, None))
    double.fail("before", times=10_000)
    with pytest.raises(PublishError, match="has not answered properly") as caught:
        publish(double, tmp_path)
    assert double.root not in str(caught.value)


def test_a_dressing_that_is_refused_is_told_and_the_rest_goes_on(double, tmp_path):
    double.refuses = {"/captions/": 400}
    parcel = doubles.parcel(tmp_path / "take", "peertube", SIZE)
    with contextlib.closing(publishers.find("peertube").publisher(access(double, tmp_path), Desk())) as publisher:
        told = {each.step: each for each in publisher.steps(parcel, ())}
    assert "The captions were refused" in told["captions"].note and "refused here" in told["captions"].note
    assert told["thumbnail"].note == "" and "public" in told


def test_schedule_channel_and_unknown_language(double, tmp_path):
    when = "2031-01-31T09:00:00+01:00"
    parcel = doubles.parcel(tmp_path / "take", "peertube", SIZE, schedule=when, playlist="lab", language="")
    with contextlib.closing(publishers.find("peertube").publisher(access(double, tmp_path), Desk())) as publisher:
        told = {each.step: each for each in publisher.steps(parcel, ())}
    (video,) = double.videos.values()
    assert (video["privacy"], video["scheduleUpdate"]) == (3, {"updateAt": when, "privacy": 1})
    assert video["channel"] == 8 and double.playlists == []
    assert "nobody knows their language" in told["captions"].note


def test_location_at_another_host_gets_no_token(double, tmp_path):
    def elsewhere(request: Request) -> Answer:
        answer = double.answer(request)
        path = answer.headers["Location"].partition(UPLOADS)[2]
        return Answer(201, None, {"Location": f"https://elsewhere.example{UPLOADS}{path}"})

    double.fail(elsewhere, "POST", UPLOADS)
    publish(double, tmp_path)  # it stays with the account's own instance


def test_found_by_its_marker_among_many_with_the_same_title(double, tmp_path):
    parcel = doubles.parcel(tmp_path / "take", "peertube", SIZE)
    facts = {"name": parcel.post.title, "channelId": 7, "filename": "other.mp4"}
    for _ in range(3):
        double._made("me", facts, 5, "00")
    ours = double._made("me", {**facts, "filename": f"{parcel.marker}.mp4"}, parcel.size, parcel.sha256)
    double._made("me", facts, 5, "00")
    with contextlib.closing(publishers.find("peertube").publisher(access(double, tmp_path), Desk())) as publisher:
        first = next(iter(publisher.steps(parcel, ())))
    assert (first.step, first.id) == ("video", ours["uuid"])


# --- @uploadx/core


@pytest.mark.parametrize("how", ["", "before", "middle", "after"])
def test_against_uploadx(tmp_path, how):
    with peers.start("uploadx.mjs", tmp_path / "files") as peer, PeerTube(peer.port).running() as double:
        if how:
            for number in range(CHUNKS):
                double.fail(how, "PUT", UPLOADS, skip=number)
        publish(double, tmp_path)
        assert len(peer.lines()) == 1


# --- signing in


class Answers:
    """A Signer that gives these answers."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), []

    def ask(self, question: str, hidden: bool = False) -> str:
        self.asked.append((question, hidden))
        return self.answers.pop(0)

    def authorized(self, address_for) -> str:
        raise AssertionError("no browser")


def test_sign_in(double):
    signer = Answers("me", "secret")
    account, tokens = peertube.sign_in("me", signer, {"address": double.root.rstrip("/")})
    assert (account.id, account.name, account.address) == ("3", "Me (me@tube.example)", double.root)
    assert tokens["access_token"] in double.access and tokens.keys() == TOKENS.keys()
    assert [hidden for _, hidden in signer.asked] == [False, True]


def test_sign_in_with_a_second_factor(double):
    double.otp = "123456"
    signer = Answers("me", "secret", "123456")
    peertube.sign_in("me", signer, {"address": double.root})
    assert signer.asked[-1][1] is True


@pytest.mark.parametrize("answers", [("me", "wrong"), ("nobody", "secret")])
def test_sign_in_with_a_wrong_password(double, answers):
    with pytest.raises(AccountError, match="does not let you in") as caught:
        peertube.sign_in("me", Answers(*answers), {"address": double.root})
    assert answers[1] not in str(caught.value)


@pytest.mark.parametrize("address", ["http://tube.example", "ftp://x", "https://", "https://me:pw@tube.example", "a b"])
def test_addresses_that_are_refused(address):
    with pytest.raises(AccountError, match="no address of a PeerTube instance"):
        peertube.sign_in("me", Answers(), {"address": address})


def test_sign_out_revokes(double, tmp_path):
    peertube.sign_out(access(double, tmp_path))
    assert "token-1" not in double.access


def test_whose_it_is(double, tmp_path):
    with contextlib.closing(publishers.find("peertube").publisher(access(double, tmp_path), Desk())) as publisher:
        assert publisher.account() == ("3", "Me (me@tube.example)")


def test_memory_stays_flat(double, tmp_path, monkeypatch):
    """A sparse file of 300 MB in chunks of 8 MiB; the double drops what comes, and only counts."""
    import tracemalloc

    monkeypatch.setattr(wire, "CHUNK", 8 << 20)
    size = 300 << 20
    parcel = replace(doubles.parcel(tmp_path / "take", "peertube", SIZE), size=size, sha256="ab" * 32)
    with parcel.video.open("wb") as file:
        file.truncate(size)
    at = {"sent": 0}

    def swallow(request: Request) -> Answer:
        start, _, end = request.headers["content-range"].removeprefix("bytes ").partition("/")[0].partition("-")
        if start != "*":
            at["sent"] = int(end) + 1
        request.body = b""
        if at["sent"] == size:
            return Answer(200, {"video": {"id": 1, "uuid": "u", "shortUUID": "u"}})
        return Answer(308, None, {"Range": f"bytes=0-{at['sent'] - 1}"})

    double.fail(swallow, "PUT", UPLOADS, times=1000)
    with contextlib.closing(publishers.find("peertube").publisher(access(double, tmp_path), Desk())) as publisher:
        steps = publisher.steps(parcel, ())
        tracemalloc.start()
        try:
            assert [next(steps).step, next(steps).step] == ["session", "video"]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            steps.close()
    assert peak < 60 << 20  # most of it is the double's, which reads each request whole
