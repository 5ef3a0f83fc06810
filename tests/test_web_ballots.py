"""Ballots that come at once are stored together, and each gets its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("anyio", reason="for the page: pip install 'candid[web]'")

from pipeline.board import Ballot, Board, open_board
from pipeline.errors import BoardError
from pipeline.web.ballots import Ballots
from pipeline.web.boards import Boards


class Slow(Boards):
    """Boards that are open only while `free` is set; how often one was asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.free, self.asked = threading.Event(), 0

    @contextmanager
    def one(self):
        self.asked += 1
        assert self.free.wait(30)
        with super().one() as board:
            yield board


@pytest.fixture
def slow(tmp_path):
    boards = Slow(tmp_path / "board.sqlite3")
    with open_board(tmp_path / "board.sqlite3") as board:
        for id in range(1, 4):
            board.suggest(f"topic {id}")
        board.decline(3, "no")
    yield boards
    boards.close()


def _run(what: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await what()

    asyncio.run(limited())


async def _cast_while_waiting(slow: Slow, box: Ballots, ballots: list[Ballot]) -> list[asyncio.Task]:
    """The first is being stored when the others come."""
    first = asyncio.create_task(box.cast(Ballot(1, "first")))
    while not slow.asked:
        await asyncio.sleep(0.01)
    others = [asyncio.create_task(box.cast(ballot)) for ballot in ballots]
    await asyncio.sleep(0)
    return [first, *others]


def test_what_comes_while_others_are_stored_is_stored_in_one_go(slow):
    async def vote() -> None:
        box = Ballots(slow)
        voters = [Ballot(1 + number % 2, f"voter {number}") for number in range(50)]
        cast = await _cast_while_waiting(slow, box, voters)
        slow.free.set()
        told = await asyncio.gather(*cast)
        assert slow.asked == 2
        assert [topic.id for topic in told[1:]] == [ballot.topic for ballot in voters]
        assert (await box.cast(Ballot(1, "first", counts=False))).votes == 25, "it goes on afterwards"

    _run(vote)
    with slow.one() as board:
        assert [board.get(id).votes for id in (1, 2)] == [25, 25]


def test_one_that_is_refused_or_whose_voter_left_spoils_no_other(slow):
    async def vote() -> None:
        box = Ballots(slow)
        some = [Ballot(3, "a"), Ballot(77, "a"), Ballot(1, "gone"), Ballot(1, "a")]
        cast = await _cast_while_waiting(slow, box, some)
        cast[3].cancel()
        slow.free.set()
        first, declined, missing, gone, good = await asyncio.gather(*cast, return_exceptions=True)
        assert isinstance(declined, BoardError) and "declined" in str(declined)
        assert isinstance(missing, BoardError) and "no topic 77" in str(missing)
        assert isinstance(gone, asyncio.CancelledError)
        assert first.votes == 1 and good.votes == 3, "whoever voted and left has voted"

    _run(vote)


def test_where_the_disk_fails_all_are_told_and_nothing_is_stored(slow, monkeypatch):
    def full(*_: object) -> None:
        raise BoardError("The disk is full.", "Free some space.")

    async def vote() -> None:
        box = Ballots(slow)
        slow.free.set()
        with monkeypatch.context() as broken:
            broken.setattr(Board, "_count", full)
            told = await asyncio.gather(*(box.cast(Ballot(1, f"{n}")) for n in range(9)), return_exceptions=True)
        assert {str(fault) for fault in told} == {"The disk is full. Free some space."}
        assert (await box.cast(Ballot(1, "later"))).votes == 1

    _run(vote)


def test_where_the_server_ends_in_the_middle_nobody_waits_for_ever(slow):
    async def vote() -> None:
        box = Ballots(slow)
        cast = await _cast_while_waiting(slow, box, [Ballot(1, "a")])
        assert box._counting is not None
        box._counting.cancel()
        asyncio.get_running_loop().call_later(0.2, slow.free.set)
        first, _ = await asyncio.gather(cast[0], asyncio.wait([cast[1]], timeout=0.5), return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert (await box.cast(Ballot(1, "b"))).votes == 3, "what waited is stored with the next"

    _run(vote)
