"""Vimeo: uploads by tus, and a create call that must not be sent twice. Against the double, and @tus/server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import publishers, signin, wire
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account
from pipeline.publishers import Desk, vimeo
from tests import doubles, peers
from tests.doubles import Answer, Request
from tests.test_publishers import quick
from tests.vimeo_double import Vimeo

SIZE = (1 << 20) + 12345  # five chunks of 256 KiB, the last one short
CHUNKS = 5


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def double() -> Iterator[Vimeo]:
    with Vimeo().running() as found:
        yield found
        assert found.violations == []


def opened(double: Vimeo, folder: Path):
    account = Account("me", "vimeo", "/users/1", "Me", double.root)
    access = doubles.connected(folder / "home", account, {"access_token": "token-1"})
    return contextlib.closing(publishers.find("vimeo").publisher(access, Desk()))


def publish(double: Vimeo, folder: Path, **more: object):
    """Publishes in one go; the one video that is there then."""
    parcel = doubles.parcel(folder / "take", "vimeo", SIZE, **{"privacy": "public", "playlist": "Torn down", **more})
    with opened(double, folder) as publisher:
        receipts = list(publisher.steps(parcel, ()))
    (seen,) = double.seen
    assert double.unfinished == []
    assert seen.sha256 == parcel.sha256 and seen.privacy == "public" and seen.playlists == ("Torn down",)
    assert seen.captions == (parcel.vtt.read_bytes(),) and seen.thumbnail == parcel.thumbnail.read_bytes()
    assert (seen.title, seen.language) == (parcel.post.title, "en") and parcel.marker in seen.tags
    return receipts


_SLOW = [pytest.param(how, marks=pytest.mark.slow) for how in ("before", "middle", 500, 502, 503, 504, 429)]


@pytest.mark.parametrize("how", ["after", *_SLOW])
def test_any_request_may_fail_once(tmp_path, how):
    """The n-th request of a publication fails, for every n: one video each time, with everything."""
    with Vimeo().running() as calm:
        publish(calm, tmp_path / "calm")
    for number in range(len(calm.requests)):
        with Vimeo().running() as double:
            double.fail(how, skip=number)
            publish(double, tmp_path / f"{number}")
            assert len(double.log) == 1 and double.violations == []


@pytest.mark.parametrize("how", ["before", "middle", "after", 503, 423, 409])
def test_every_chunk_fails_twice(double, tmp_path, how):
    for number in range(CHUNKS):
        double.fail(how, "PATCH", "/files/", skip=number, times=2)
    publish(double, tmp_path)
    assert len(double.log) == 1


def test_a_lost_create_call_is_looked_up(double, tmp_path):
    double.fail("after", "POST", "/me/videos")
    publish(double, tmp_path)
    assert len(double.log) == 1


def test_a_lost_create_call_that_shows_late(double, tmp_path):
    """The video is not listed at the first look."""
    double.fail("after", "POST", "/me/videos")
    double.fail(lambda request: Answer(200, {"data": []}), "GET", "/me/videos", times=3)
    publish(double, tmp_path)
    assert len(double.log) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_the_address_is_gone(double, tmp_path, status):
    """The empty video goes, and a new one comes."""
    double.fail(status, "PATCH", "/files/", skip=2)
    publish(double, tmp_path)
    assert len(double.log) == 2


def test_the_address_is_gone_and_the_video_is_whole(double, tmp_path):
    double.fail("after", "PATCH", "/files/", skip=CHUNKS - 1)
    double.fail(404, "HEAD", "/files/", skip=1)
    publish(double, tmp_path)
    assert len(double.log) == 1


def test_offset_goes_back(double, tmp_path):
    def lost(request: Request) -> Answer:
        data = next(iter(double.videos.values()))["data"]
        del data[300_000:]
        return Answer(204, None, {"Upload-Offset": str(len(data))})

    double.fail(lost, "PATCH", "/files/", skip=3)
    publish(double, tmp_path)


@pytest.mark.parametrize("junk", ["", "x", "-1", "9" * 30])
def test_offset_that_makes_no_sense(double, tmp_path, junk):
    double.fail(lambda request: Answer(200, None, {"Upload-Offset": junk}), "HEAD", "/files/")
    publish(double, tmp_path)


def test_no_schedule(double, tmp_path):
    with pytest.raises(PublishError, match="at a given time"):
        publish(double, tmp_path, schedule="2031-01-31T09:00:00+01:00")
    assert double.log == [] and vimeo.ABOUT.schedules is False


def test_a_dressing_that_is_refused_is_told_and_the_rest_goes_on(double, tmp_path):
    double.refuses = {"/pictures": 403, "/texttracks": 400}
    parcel = doubles.parcel(tmp_path / "take", "vimeo", SIZE)
    with opened(double, tmp_path) as publisher:
        told = {each.step: each for each in publisher.steps(parcel, ())}
    assert "thumbnail was refused by Vimeo: /pictures is refused here" in told["thumbnail"].note
    assert "captions were refused" in told["captions"].note and "public" in told


def test_no_space(double, tmp_path):
    double.fail(403, "POST", "/me/videos")
    with pytest.raises(PublishError, match="refuses the video: as told") as caught:
        publish(double, tmp_path)
    assert "plan" in caught.value.do and double.seen == []


def test_sign_in_has_ended(double, tmp_path):
    double.access.clear()
    with pytest.raises(AccountError, match="no longer knows") as caught:
        publish(double, tmp_path)
    assert "candid accounts connect vimeo --as me" in caught.value.do


@pytest.mark.parametrize("link", ["ftp://elsewhere.example/x", "", "files/1"])
def test_addresses_to_which_nothing_is_sent(double, tmp_path, link):
    def elsewhere(request: Request) -> Answer:
        answer = double.answer(request)
        answer.body["upload"]["upload_link"] = link
        return answer

    double.fail(elsewhere, "POST", "/me/videos")
    with pytest.raises(PublishError, match="no safe address"):
        publish(double, tmp_path)


def test_silence_ends_in_words(double, tmp_path, monkeypatch):
    monkeypatch.setattr(wire.Patience.__init__, "__defaults__", (0.3, wire.time.sleep, wire.time.monotonic, None))
    double.fail("before", "PATCH", times=10_000)
    with pytest.raises(PublishError, match="has not answered properly") as caught:
        publish(double, tmp_path)
    assert "/files/" not in str(caught.value)


@pytest.mark.parametrize("how", ["", "before", "middle", "after"])
def test_against_tus_server(tmp_path, how):
    folder = tmp_path / "files"
    with peers.start("tus.mjs", folder) as peer, Vimeo(peer.port, folder).running() as double:
        if how:
            for number in range(CHUNKS):
                double.fail(how, "PATCH", "/files/", skip=number)
        publish(double, tmp_path)
        assert len(double.log) == 1 and double.violations == []


def test_sign_out_revokes(double, tmp_path):
    account = Account("me", "vimeo", "/users/1", "Me", double.root)
    vimeo.sign_out(doubles.connected(tmp_path / "home", account, {"access_token": "token-1"}))
    assert "token-1" not in double.access


def test_sign_in(double, monkeypatch):
    """The OAuth part is signin.py's, and tested there: here it hands over a token."""
    asked = {}

    def client(service, options, **more):
        asked.update(more, service=service)
        return more

    monkeypatch.setattr(signin, "client", client)
    monkeypatch.setattr(signin, "granted", lambda oauth, signer: {"access_token": "token-1"})
    account, tokens = vimeo.sign_in("me", None, {"address": double.root})
    assert (account.id, account.name, account.address) == ("/users/1", "Me", double.root)
    assert tokens == {"access_token": "token-1"} and "video_files" not in asked["scopes"]
    assert asked["token_uri"] == f"{double.root}oauth/access_token"
