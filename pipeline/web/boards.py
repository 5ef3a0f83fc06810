"""The board, kept open between requests: to open and close it for each takes ten times as long as a vote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.board import Board, open_board


class Boards:
    """As many open boards as there were requests at once; each serves one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[tuple[Board, object]] = []
        self._turn = threading.Lock()  # of those who write

    @contextmanager
    def one(self) -> Iterator[Board]:
        board, file = self._taken()
        try:
            yield board
        finally:
            self._idle.append((board, file))

    def checkpoint(self) -> None:
        """Brings what was logged into the file, where there is one; called now and then, so that no vote has to.

        BoardError or OSError where that cannot be done.
        """
        if self._file() is not None:
            with self.one() as board:
                board.checkpoint()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def _taken(self) -> tuple[Board, object]:
        """One that nobody uses. Somebody may have put another file in its place meanwhile."""
        with suppress(IndexError):
            while True:
                board, file = self._idle.pop()
                if file == self._file():
                    return board, file
                board.close()
        board = open_board(self._path)
        board.share(self._turn)
        return board, self._file()

    def _file(self) -> object:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino
