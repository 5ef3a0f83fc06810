"""Ports for servers that are told where to listen before they start."""

from __future__ import annotations

import random
import socket

_BELOW = range(12_000, 32_000)  # under the ports that systems lend to outgoing connections


def unused() -> int:
    """A port of the loopback that nobody listens at, and that no outgoing connection takes before the server is up."""
    while True:
        port = random.SystemRandom().choice(_BELOW)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
