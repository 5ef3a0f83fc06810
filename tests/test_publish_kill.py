"""Killed at any moment, a publication goes on: exactly one video, dressed completely, its bytes those of the file.

CANDID_KILLS=300 is the long campaign.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pipeline import publish, receipts
from pipeline.accounts import Accounts
from pipeline.model import Parcel
from pipeline.publishers import Desk
from tests import doubles, peers, test_publishers, youtube_double
from tests.peertube_double import PeerTube
from tests.test_publishers import STAGES, Stage, one, quick
from tests.vimeo_double import Vimeo

pytestmark = pytest.mark.slow
PROMISED = ("youtube", "peertube")  # the others get a fifth of the kills
KILLS = int(os.environ.get("CANDID_KILLS", "25"))
SIZE = (4 << 20) + 77  # 17 chunks of 256 KiB
SECONDS = 60.0  # for a run that nobody disturbs


def run(parcel: Parcel, folder: Path, begun: Connection) -> None:
    """What a killed process does: all of a publication, in small chunks. It says when it begins."""
    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        begun.send(True)
        publish.deliver(
            parcel,
            parcel.video.parent,
            Accounts(folder / "home"),
            Desk(ledgers=folder / "quota", outbox=folder / "published"),
        )


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.BaseContext:
    """Children are forked from a warm process without threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.test_publish_kill", "pipeline.publishers.youtube", "pipeline.publishers.google"]
    )
    return context


@contextlib.contextmanager
def uploadx(folder: Path) -> Iterator[Stage]:
    peer = peers.start("uploadx.mjs", folder / "files")
    with peer as found, with_double(PeerTube, found.port), test_publishers.peertube(folder) as stage:
        yield stage


@contextlib.contextmanager
def tus(folder: Path) -> Iterator[Stage]:
    files = folder / "files"
    peer = peers.start("tus.mjs", files)
    with peer as found, with_double(Vimeo, found.port, files), test_publishers.vimeo(folder) as stage:
        yield stage


@contextlib.contextmanager
def uploadx_youtube(folder: Path) -> Iterator[Stage]:
    with peers.start("uploadx_youtube.mjs", folder / "files") as found, pytest.MonkeyPatch.context() as patch:
        started = youtube_double.started
        patch.setattr(youtube_double, "started", lambda: started(found.root))
        with test_publishers.youtube(folder) as stage:
            yield stage


@contextlib.contextmanager
def with_double(kind: type, *arguments: object) -> Iterator[None]:
    """The stage's double hands the bytes to another server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_publishers, kind.__name__, lambda: kind(*arguments))
        yield


ALL = {**STAGES, "peertube at uploadx": uploadx, "vimeo at tus": tus, "youtube at uploadx": uploadx_youtube}


@pytest.mark.parametrize("service", sorted(ALL))
def test_killed_at_random_moments(service, processes, tmp_path):
    undisturbed = _undisturbed(ALL[service], processes, tmp_path / "calm")
    phases: Counter[str] = Counter()
    for number in range(KILLS if service in PROMISED else KILLS // 5 + 1):
        folder = tmp_path / str(number)
        with ALL[service](folder) as stage:
            parcel = _parcel(stage)
            for _ in range(random.choice((1, 1, 2))):
                process = _started(processes, parcel, folder)
                _wait_a_while(process, parcel, undisturbed)
                process.kill()
                process.join()
                phases[_phase(parcel)] += 1
            _finish(processes, parcel, folder)
            _check(stage, parcel)
    print(f"{service}: {sum(phases.values())} kills, undisturbed {undisturbed:.2f} s, after {dict(phases)}")
    assert len(phases) >= 2 or service not in PROMISED or KILLS < 10, "all kills hit the same phase"


def _parcel(stage: Stage) -> Parcel:
    return doubles.parcel(stage.folder / "take", stage.service, SIZE, privacy="unlisted", playlist="Torn down")


def _undisturbed(stage_of, processes, folder: Path) -> float:
    """Seconds of a run; the first one, which warms everything up, does not count."""
    for attempt in ("warm", "timed"):
        with stage_of(folder / attempt) as stage:
            parcel = _parcel(stage)
            took = _finish(processes, parcel, folder / attempt)
            _check(stage, parcel)
    return took


def _started(processes, parcel: Parcel, folder: Path):
    """A process that is about to begin: what it takes to start one is no part of a publication."""
    heard, begun = processes.Pipe(duplex=False)
    with heard, begun:
        process = processes.Process(target=run, args=(parcel, folder, begun))
        process.start()
        assert heard.poll(SECONDS) and heard.recv()
    return process


def _finish(processes, parcel: Parcel, folder: Path) -> float:
    """Publishes undisturbed; the seconds that it took."""
    process = _started(processes, parcel, folder)
    began = time.monotonic()
    process.join(SECONDS)
    took = time.monotonic() - began
    if process.is_alive():
        process.kill()
    assert process.exitcode == 0
    return took


def _wait_a_while(process, parcel: Parcel, undisturbed: float) -> None:
    """Some moment of the run, or one soon after some receipt: short steps would hardly be hit else."""
    if random.random() < 0.5:
        time.sleep(random.uniform(0.0, undisturbed))
        return
    step = random.choice(("session", "session", "video", "captions", "thumbnail", "playlist"))
    while process.is_alive() and _phase(parcel) not in (step, "public"):
        time.sleep(0.001)
    time.sleep(random.uniform(0.0, undisturbed / 4))


def _phase(parcel: Parcel) -> str:
    told = receipts.read(parcel.video.parent)
    return told[-1].step if told else "nothing"


def _check(stage: Stage, parcel: Parcel) -> None:
    seen = one(stage, parcel)
    told = receipts.read(parcel.video.parent)
    assert [each.step for each in told].count("video") == 1 and told[-1].step == "public"
    assert all(not each.session for each in told if each.step == "session")
    if stage.double:
        assert (seen.privacy, seen.playlists) == ("unlisted", ("Torn down",))
