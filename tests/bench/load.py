"""The page under load: 200 people who look and vote, 20 who send clips, and a render, all on one machine.

`python -m tests.bench.load` measures this alone. The crowd is a process of its own, and speaks plain HTTP/1.1 over
connections that stay open, so that it takes as little as it can of the cores that it shares with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.board import open_board
from pipeline.workspace import Workspace
from tests import recorded
from tests.conftest import ROOT
from tests.served import Served, served

VOTERS, SENDERS = 200, 20
SECONDS = 20.0
TOPICS = 300
SLICE = 8 << 20  # as our page sends them
BLOCK = 128 << 10
RATE = 2_500_000  # bytes a second of each who sends: a good line at home
CLIP = 200 << 20  # more than anybody sends in that time
GOAL = 300.0


@dataclass
class Seen:
    """What the crowd met: how long answers took, in ms, and what went wrong."""

    board: list[float] = field(default_factory=list)
    vote: list[float] = field(default_factory=list)
    sent: int = 0  # bytes
    voted: list[tuple[str, int]] = field(default_factory=list)  # who, and for which topic
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Where the crowd goes, and for how long."""

    port: int
    cookie: str  # of a person who sends
    seconds: float = SECONDS
    voters: int = VOTERS
    senders: int = SENDERS


def rows() -> Iterator[tuple[str, float, float]]:
    """What was measured, the goal and what came out."""
    with tempfile.TemporaryDirectory(prefix="candid-load-") as folder:
        yield from _measured(Path(folder))


def _measured(folder: Path) -> Iterator[tuple[str, float, float]]:
    with served(folder / "space", "--proxy", "127.0.0.1") as server, server.client("ada") as ada:
        _fill(server)
        before = _counted(server)
        for take in _to_make(server):
            ada.post(f"/takes/{take}/make")
        _renders(server)
        crowd = Crowd(server.port, ada.cookies["candid"])
        used = _cpu(server.pid)
        seen = _in_its_own_process(crowd)
        used = _cpu(server.pid) - used
        still = any(each["place"] for each in ada.get("/states").json().values())
        assert still, "the render ended before the crowd left: this measured too little"
        assert not seen.failed, seen.failed[:5]
        assert _counted(server) - before == len(set(seen.voted)), "each vote counts once"
        yield "200 voters, 20 uploads, a render: board, p99 in ms", GOAL, _p99(seen.board)
        yield "200 voters, 20 uploads, a render: vote, p99 in ms", GOAL, _p99(seen.vote)
        print(
            f"  {len(seen.board)} boards, {len(seen.vote)} votes, {seen.sent / crowd.seconds / 1e6:.0f} MB/s sent; "
            f"medians {_median(seen.board):.0f} and {_median(seen.vote):.0f} ms; "
            f"the server used {used / crowd.seconds:.0%} of a core"
        )


def _fill(server: Served) -> None:
    with open_board(Workspace(server.folder).board) as board:
        for number in range(TOPICS):
            board.suggest(f"Show us room number {number}, and who works there")


def _to_make(server: Served) -> list[str]:
    """The demo's clip as several takes, so that one is rendered all the time."""
    demo = ROOT / "assets" / "demo" / "demo.mp4"
    return [recorded.handed_in(server.folder, demo, recipe=f"made-{number}").id for number in range(4)]


def _renders(server: Served) -> None:
    """Waits until ffmpeg encodes."""
    end = time.monotonic() + 120
    while not any((server.folder / "output").glob("*/chunks*/*")):
        assert time.monotonic() < end, "nothing is rendered"
        time.sleep(0.2)


def _cpu(pid: int) -> float:
    """Seconds of a core that a process has used, without its children."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _counted(server: Served) -> int:
    with open_board(Workspace(server.folder).board) as board:
        return sum(topic.votes for topic in board.list("new", limit=TOPICS))


def _p99(took: Sequence[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def _median(took: Sequence[float]) -> float:
    return sorted(took)[len(took) // 2]


# --- the crowd --------------------------------------------------------------------------------------------------------


def _in_its_own_process(crowd: Crowd) -> Seen:
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(crowd))],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=crowd.seconds + 120,
    ).stdout  # fmt: skip
    found = json.loads(told.splitlines()[-1])
    return Seen(**found | {"voted": [(who, topic) for who, topic in found["voted"]]})


async def come(crowd: Crowd) -> Seen:
    """Everybody at once, until the time is over."""
    seen, until = Seen(), time.monotonic() + crowd.seconds
    await asyncio.gather(
        *(_votes(crowd, seen, number, until) for number in range(crowd.voters)),
        *(_sends(crowd, seen, number, until) for number in range(crowd.senders)),
    )
    return seen


async def _votes(crowd: Crowd, seen: Seen, number: int, until: float) -> None:
    """Looks at the board and votes for something, about once a second."""
    chance, who = random.Random(number), f"{number:022d}"
    headers = {"cookie": f"candid-voter={who}", "x-forwarded-for": f"198.18.{number // 250}.{number % 250 + 1}"}
    await asyncio.sleep(chance.random())
    async with Talk(crowd.port, headers) as talk:
        while time.monotonic() < until:
            began = time.monotonic()
            await talk.timed(seen, seen.board, "GET", "/", 200)
            topic = chance.randint(1, TOPICS)
            if await talk.timed(seen, seen.vote, "POST", f"/topics/{topic}/vote", 303):
                seen.voted.append((who, topic))
            await asyncio.sleep(max(0.0, began + 0.5 + chance.random() - time.monotonic()))


async def _sends(crowd: Crowd, seen: Seen, number: int, until: float) -> None:
    """Sends a clip in slices, as fast as a line at home does."""
    own = {"cookie": f"candid={crowd.cookie}", "tus-resumable": "1.0.0", "x-forwarded-for": f"203.0.113.{number + 1}"}
    async with Talk(crowd.port, own) as talk:
        _, told = await talk.ask("POST", "/uploads", {"upload-length": str(CLIP)})
        place, at = told["location"], 0
        while time.monotonic() < until:
            more = {"upload-offset": str(at), "content-type": "application/offset+octet-stream"}
            status, told = await talk.ask("PATCH", place, more, SLICE)
            if status != 204:
                seen.failed.append(f"PATCH {status}")
                return
            at += SLICE
            seen.sent += SLICE


class Talk:
    """A connection that stays open, over which one request follows another."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port = port
        self._own = {"host": f"127.0.0.1:{port}", "origin": f"http://127.0.0.1:{port}", **headers}

    async def __aenter__(self) -> Talk:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def timed(self, seen: Seen, took: list[float], method: str, path: str, expected: int) -> bool:
        began = time.monotonic()
        status, _ = await self.ask(method, path)
        took.append((time.monotonic() - began) * 1000)
        if status != expected:
            seen.failed.append(f"{method} {path}: {status}")
        return status == expected

    async def ask(
        self, method: str, path: str, more: dict[str, str] | None = None, length: int = 0
    ) -> tuple[int, dict[str, str]]:
        """The status, and the headers of the answer. A body comes as fast as a line at home sends it."""
        headers = {**self._own, **(more or {}), "content-length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        began = time.monotonic()
        for sent in range(0, length, BLOCK):
            self._writer.write(bytes(BLOCK))
            await self._writer.drain()
            await asyncio.sleep(max(0.0, began + (sent + BLOCK) / RATE - time.monotonic()))
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await self._reader.readexactly(int(told.get("content-length", "0")))
        return int(first.split()[1]), told


def main(arguments: list[str]) -> None:
    if arguments:  # the crowd, in its own process
        print(json.dumps(asdict(asyncio.run(come(Crowd(**json.loads(arguments[0])))))))
        return
    for what, goal, measured in rows():
        print(f"{what}: {measured:.1f} (at most {goal:g})")


if __name__ == "__main__":
    main(sys.argv[1:])
