"""A batch on a Dask cluster: a real scheduler and real workers, as processes of their own.

A worker that is killed and a scheduler that is started again lose nothing, and nothing is made twice. A worker that is
not fit is refused before it spoils anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.engines import dask
from tests import ports
from tests.batches import CLIPS, Watch, bytes_of, chunks, finish, left_behind, start, workspace
from tests.conftest import ROOT, run_candid

pytest.importorskip("distributed", reason="for a Dask cluster: pip install 'candid[cluster]'")

pytestmark = pytest.mark.slow

_WORKER = """
import sys
from distributed.cli.dask_worker import main
sys.exit(main())
"""


class Cluster:
    """A scheduler and its workers, which can be killed and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = ports.unused()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._running: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> subprocess.Popen[bytes]:
        where = ["--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard"]
        return self._start([sys.executable, "-m", "distributed.cli.dask_scheduler", *where])

    def worker(self, code: str = "") -> subprocess.Popen[bytes]:
        """`code` runs first, in the process that does the tasks; it makes an unfit worker."""
        how = ["-c", code + _WORKER, "--no-nanny"] if code else ["-m", "distributed.cli.dask_worker"]
        options = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--local-directory", str(self._folder)]
        return self._start([sys.executable, *how, self.address, *options, "--death-timeout", "60"])

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self._folder / f"log-{len(self._running)}").open("wb") as log:
            # Elsewhere than in the checkout, and in a group of its own.
            process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._running.append(process)
        return process

    def answers(self) -> bool:
        with socket.socket() as knocks:
            return knocks.connect_ex(("127.0.0.1", self._port)) == 0

    def end(self) -> None:
        for process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A scheduler; the workers are the tests' own."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.scheduler()
        until(made.answers)
        yield made
    finally:
        made.end()


def until(true: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def under(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found = []
    for children in Path("/proc").glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                found += [int(child), *under(int(child))]
    return found


def the_worker(nanny: int) -> int:
    """The process that does a worker's tasks: the one that has processes of its own."""
    return next(pid for pid in under(nanny) if any(under(pid)))


def test_a_worker_that_is_killed_loses_nothing(recorded, undisturbed, cluster, tmp_path):
    place = workspace(tmp_path / "space")
    workers = [cluster.worker(), cluster.worker()]
    with Watch(place) as watch:
        process = start(place, recorded, "--engine", f"dask:{cluster.address}")
        until(lambda: chunks(place))
        os.kill(the_worker(workers[0].pid), signal.SIGKILL)  # its nanny starts another
        takes = finish(process, place)
    assert watch.twice == []
    assert bytes_of(takes) == undisturbed[0]
    assert not (place / "output" / ".batches").exists()


def test_a_scheduler_that_is_started_again_loses_nothing(recorded, undisturbed, cluster, tmp_path):
    place = workspace(tmp_path / "space")
    cluster.worker()
    with Watch(place) as watch:
        process = start(place, recorded, "--engine", f"dask:{cluster.address}")
        until(lambda: chunks(place))
        before = chunks(place)
        cluster.end()  # the workers go with it
        time.sleep(2)
        assert process.poll() is None, (place / "err").read_text()
        cluster.scheduler()
        cluster.worker()
        takes = finish(process, place)
    said = (place / "err").read_text().splitlines()
    assert len(said) == 2 and "is gone. Candid waits for it to be started again, up to 5 minutes." in said[0], said
    assert f"{CLIPS} made, 0 lay ready" in said[1]
    assert watch.twice == [] and before.items() <= chunks(place).items()
    assert bytes_of(takes) == undisturbed[0]


def test_a_scheduler_may_go_while_nothing_is_made(recorded, cluster, tmp_path):
    place, folder = workspace(tmp_path / "space"), tmp_path / "clips"
    folder.mkdir()
    first, second = sorted(recorded.iterdir())[1:3]
    shutil.copyfile(first, folder / first.name)
    cluster.worker()
    process = start(place, folder, "--watch", "--engine", f"dask:{cluster.address}")
    until(lambda: (place / "out").read_text().count('"made"') == 1)
    cluster.end()
    time.sleep(12)  # until its client gives up
    cluster.scheduler()
    cluster.worker()
    shutil.copyfile(second, tmp_path / second.name)
    (tmp_path / second.name).replace(folder / second.name)
    until(lambda: (place / "out").read_text().count('"made"') == 2 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert "2 made, 0 lay ready, 0 failed" in (place / "err").read_text()


def test_no_ffmpeg_outlives_a_killed_worker(recorded, cluster, tmp_path):
    place = workspace(tmp_path / "space")
    worker = cluster.worker()
    process = start(place, recorded, "--engine", f"dask:{cluster.address}")
    try:
        until(lambda: list(place.glob("output/*/work/*/*")))
        os.killpg(process.pid, signal.SIGKILL)
        os.killpg(worker.pid, signal.SIGKILL)
        assert left_behind(place) == []
    finally:
        process.kill()
        process.wait()


def refused(cluster: Cluster, place: Path, recorded: Path) -> str:
    process = start(place, recorded, "--engine", f"dask:{cluster.address}")
    assert process.wait(timeout=120) == 1
    said = (place / "err").read_text()
    assert "Traceback" not in said and (place / "out").read_text() == ""
    assert list(place.glob("output/*/*")) == [], "nothing was begun"
    return said


UNFIT = {
    "has Candid 0.0.1": 'import pipeline\npipeline.__version__ = "0.0.1"',
    "has another ffmpeg (ffmpeg 0.1": 'from pipeline import ffmpeg\nffmpeg.version = lambda: "ffmpeg 0.1"',
    "does not see the workspace": "from pipeline.shelf import Shelf\nShelf.noted = lambda *_: None",
    "cannot run this Candid": 'import sys\nsys.modules["pipeline.engines.dask"] = None',
}


@pytest.mark.parametrize("lacks", UNFIT)
def test_a_worker_that_is_not_fit_is_refused(lacks, recorded, cluster, tmp_path):
    cluster.worker(UNFIT[lacks])
    said = refused(cluster, workspace(tmp_path / "space"), recorded)
    assert "The worker tcp://" in said and lacks in said


@pytest.mark.parametrize("lacks", ["has Candid 0.0.1", "cannot run this Candid"])
def test_a_worker_that_joins_later_and_is_not_fit_is_refused(lacks, recorded, cluster, tmp_path):
    place = workspace(tmp_path / "space")
    cluster.worker()
    process = start(place, recorded, "--engine", f"dask:{cluster.address}")
    until(lambda: list(place.glob("output/*/.progress")))
    cluster.worker(UNFIT[lacks])
    assert process.wait(timeout=300) == 1
    said = (place / "err").read_text()
    assert lacks in said and "what is finished is kept" in said and "Traceback" not in said


def test_the_marks_of_batches_that_were_killed_long_ago_are_taken_away(tmp_path):
    for name, days in (("old", 31), ("young", 1)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    dask._sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["young"]


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(dask, "_FIRST_WAIT", 3.0)
    monkeypatch.setattr(dask, "_A_TRY", 2.0)


@pytest.mark.usefixtures("impatient")
def test_nobody_at_that_address_is_said_in_words(recorded, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        said = run_candid(
            workspace(tmp_path / "space"), "batch", recorded, "-r", "plain", "--engine", f"dask:{address}"
        )
    assert said.status == 1 and f"No Dask scheduler answers at {address}" in said.err


@pytest.mark.usefixtures("impatient")
def test_something_else_at_that_address_is_said_in_words(recorded, tmp_path):
    with socket.socket() as silent:  # as a web server does, it takes what it is sent and waits for more
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        said = run_candid(
            workspace(tmp_path / "space"), "batch", recorded, "-r", "plain", "--engine", f"dask:{address}"
        )
    assert said.status == 1 and f"No Dask scheduler answers at {address}" in said.err
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_workers_is_said_in_words(recorded, cluster, tmp_path):
    place = workspace(tmp_path / "space")
    said = run_candid(place, "batch", recorded, "-r", "plain", "--engine", f"dask:{cluster.address}")
    assert said.status == 1 and "has no workers" in said.err
    assert list(place.glob("output/*/*")) == [], "nothing was begun"
