"""How fast an upload to YouTube is, and how much memory it takes; `python -m tests.bench.uploads` measures this alone.

Against the double of tests/youtube_double.py, which runs in a process of its own and hashes what comes. It is compared
with the same file to the same server: a plain PUT with http.client, block by block.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.accounts import Access
from pipeline.model import Account, Parcel, Post
from pipeline.publishers import Desk, youtube
from tests import youtube_double

MIB = 1 << 20
SIZE, ROUNDS = 256 * MIB, 7
LARGE = 5 * 1024 * MIB  # sparse: it takes no room on the disk
BLOCK = 256 << 10
SPAWNED = multiprocessing.get_context("spawn")

Signed = tuple[Account, dict[str, str]]


class Known(Access):
    """A double of an account that is kept."""

    def __init__(self, signed: Signed) -> None:
        self.account, self._tokens = signed

    def tokens(self) -> Mapping[str, str]:
        return self._tokens

    def renew(self, ask: Callable[[Mapping[str, str]], dict[str, str]]) -> Mapping[str, str]:
        raise AssertionError("these tokens do not end")


def rows() -> Iterator[tuple[str, float, float, bool]]:
    """What was measured, the goal, what came out, and whether the goal is the least (else it is the most)."""
    with tempfile.TemporaryDirectory(prefix="candid-uploads-", dir=_memory()) as folder, _served() as signed:
        speed = _share(_file(Path(folder) / "landscape.mp4", SIZE), signed)
        yield "upload to YouTube's protocol: speed beside a plain PUT", 0.9, speed, True
        memory = _peak(_sparse(Path(folder) / "large.mp4", LARGE), signed)
        yield "upload to YouTube's protocol: peak memory at 5 GB, MiB", 200, memory, False


def _memory() -> str | None:
    """A folder in memory, where the system has one: a disk would only add noise."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _share(path: Path, signed: Signed) -> float:
    """The median of the ratios round by round, so that a machine that drifts treats both alike."""
    _plain(path, signed), _published(path, signed)  # warm
    ratios = [_plain(path, signed) / _published(path, signed) for _ in range(ROUNDS)]
    return statistics.median(ratios)


def _plain(path: Path, signed: Signed) -> float:
    """Seconds."""
    where = urlsplit(signed[0].address)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(where.hostname or "", where.port, blocksize=BLOCK)
    with contextlib.closing(connection), path.open("rb") as file:
        connection.request("PUT", "/plain", file, {"Content-Length": str(path.stat().st_size)})
        assert connection.getresponse().read()
    return time.perf_counter() - began


def _published(path: Path, signed: Signed) -> float:
    """Seconds until the video is there: look-up, session and bytes. Every time under another marker."""
    parcel = Parcel(
        "take", "mira", "youtube", "landscape", path, secrets.token_hex(32), path.stat().st_size, 60.0, Post("Measured")
    )
    began = time.perf_counter()
    with contextlib.closing(youtube.publisher(Known(signed), Desk())) as publisher:
        steps = [receipt.step for _, receipt in zip(range(2), publisher.steps(parcel, ()), strict=False)]
    assert steps == ["session", "video"]
    return time.perf_counter() - began


def _peak(path: Path, signed: Signed) -> float:
    """MiB of a process of its own that publishes."""
    ours, theirs = SPAWNED.Pipe()
    process = SPAWNED.Process(target=_publish_and_tell, args=(path, signed, theirs))
    process.start()
    peak = float(ours.recv())
    process.join()
    return peak


def _publish_and_tell(path: Path, signed: Signed, told: Connection) -> None:
    _published(path, signed)
    lines = Path("/proc/self/status").read_text().splitlines()  # getrusage counts what the parent had
    told.send(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")))


@contextlib.contextmanager
def _served() -> Iterator[Signed]:
    ours, theirs = SPAWNED.Pipe()
    process = SPAWNED.Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _serve(told: Connection) -> None:
    with youtube_double.started() as there:
        there.upload_quota = 1000
        told.send(there.account())
        told.recv()


def _file(path: Path, size: int) -> Path:
    path.write_bytes(secrets.token_bytes(MIB) * (size // MIB))
    return path


def _sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


if __name__ == "__main__":
    for what, goal, measured, least in rows():
        print(f"{what}: {measured:.2f} ({'at least' if least else 'at most'} {goal:g})")
