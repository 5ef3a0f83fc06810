"""Ballots that come while others are written wait, and are then written together.

A transaction of many costs little more than one of a single vote, and one thread that writes leaves the thread that
answers alone; a thread for each of two hundred voters would not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from anyio import CapacityLimiter, to_thread

from pipeline.board import Ballot
from pipeline.errors import BoardError
from pipeline.model import Topic
from pipeline.web.boards import Boards

_MOST = 100  # ballots a transaction: other processes write to the board too


class Ballots:
    """The box of one server's event loop."""

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self._box: list[tuple[Ballot, asyncio.Future[Topic]]] = []
        self._counting: asyncio.Task[None] | None = None
        self._counter = CapacityLimiter(1)  # a thread of its own: however busy the pages are, votes are counted

    async def cast(self, ballot: Ballot) -> Topic:
        """The topic, once the ballot is stored. BoardError says why it is not."""
        told: asyncio.Future[Topic] = asyncio.get_running_loop().create_future()
        self._box.append((ballot, told))
        if self._counting is None:
            self._counting = asyncio.create_task(self._empty())
        return await told

    async def _empty(self) -> None:
        try:
            while self._box:
                taken, self._box = self._box[:_MOST], self._box[_MOST:]
                await self._count(taken)
        finally:
            self._counting = None

    async def _count(self, taken: Sequence[tuple[Ballot, asyncio.Future[Topic]]]) -> None:
        answers: Sequence[Topic | Exception]
        try:
            answers = await to_thread.run_sync(self._stored, [ballot for ballot, _ in taken], limiter=self._counter)
        except Exception as fault:
            answers = [fault] * len(taken)
        except asyncio.CancelledError:  # the server ends
            for _, told in taken:
                told.cancel()
            raise
        for (_, told), answer in zip(taken, answers, strict=True):
            if told.done():  # whoever cast it is gone
                continue
            if isinstance(answer, Exception):
                told.set_exception(answer)
            else:
                told.set_result(answer)

    def _stored(self, ballots: Sequence[Ballot]) -> tuple[Topic | BoardError, ...]:
        with self._boards.one() as board:
            return board.cast(ballots)
