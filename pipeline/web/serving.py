"""Starts the server, the process that renders and the one that publishes, and ends them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from pipeline.errors import CandidError
from pipeline.web.settings import Settings
from pipeline.web.store import Store

_TURN = 0.0005  # seconds that a thread may keep the interpreter: who writes votes waits after each question to SQLite
_GRACE = 3  # seconds: without a limit uvicorn waits for open event streams for ever


def serve(settings: Settings) -> None:
    """Answers until it is stopped. CandidError where it cannot listen there."""
    import uvicorn

    from pipeline.web import app, sender, worker

    sys.setswitchinterval(_TURN)
    with (
        _listening(settings),
        contextlib.closing(worker.Watch(settings.root, worker.work)),
        contextlib.closing(worker.Watch(settings.root, sender.work)),
    ):
        uvicorn.run(
            app.create(settings),
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.certfile,
            ssl_keyfile=settings.keyfile,
            loop="asyncio",  # uvloop takes one new connection a turn: on a busy server a visitor waits seconds for it
            proxy_headers=False,  # the entrance looks at them itself, where a proxy is configured
            server_header=False,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
        )


def first_link(settings: Settings) -> str:
    """The address that signs the first coordinator in; "" where there is one already."""
    with contextlib.closing(Store(settings.root / ".candid")) as store:
        return "" if store.has_coordinator() else f"{settings.address}/in/{store.link('', coordinator=True)}"


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[None]:
    """Looks whether the port is free, before anything starts."""
    import socket

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            raise CandidError(
                f"Nothing can listen at {settings.host}, port {settings.port}: {fault.strerror}.",
                "Another server may be there: choose another port with --port.",
            ) from fault
    yield
