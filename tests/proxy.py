"""A TCP proxy between a browser and a server that loses the connection, is slow, or refuses."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

_BLOCK = 16384


class Proxy:
    """Passes bytes on to a port. `rate`: bytes a second towards the server, 0 for all there are."""

    def __init__(self, port: int, rate: int = 0) -> None:
        self.rate, self.refuses, self.passed = rate, False, 0
        self._to = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections at once, in the middle of whatever they were doing."""
        opened, self._open = self._open, []
        for each in opened:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuses = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                came, _ = self._listener.accept()
                if self.refuses:
                    came.close()
                    continue
                self._pair(came)

    def _pair(self, came: socket.socket) -> None:
        try:
            there = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            came.close()
            return
        self._open += [came, there]
        threading.Thread(target=self._pass, args=(came, there, True), daemon=True).start()
        threading.Thread(target=self._pass, args=(there, came, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(_BLOCK):
                target.sendall(block)
                if up:
                    self.passed += len(block)
                    time.sleep(len(block) / self.rate if self.rate else 0)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
