"""The page as a real server in a process of its own, and people who come to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipeline import people, workspace
from pipeline.model import Person
from pipeline.web.store import Store
from tests import ports
from tests.conftest import ROOT

PEOPLE = (
    Person("ada", "Ada Example", "Engineer", "I work at Example", "en", services=("folder",)),
    Person("ben", "Ben Example", "Engineer", "I work at Example", "en", services=("folder",)),
)


class Served:
    """A workspace with people in it, and `candid serve` on it; it may be killed and started again."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        workspace.create(folder)
        for person in PEOPLE:
            with contextlib.suppress(Exception):  # a second server on the same workspace
                people.add(folder / "assets" / "people", person)
        self.port = ports.unused()
        self.address = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._sessions: dict[tuple[str, bool], str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._home = folder.parent / f"{folder.name}-home"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Served:
        command = [sys.executable, "-m", "cli", "--workspace", str(self.folder), "serve", "--port", str(self.port)]
        environment = {**os.environ, "CANDID_HOME": str(self._home)}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._options], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log()
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(self.address, timeout=2)
                return self
            time.sleep(0.1)
        raise AssertionError(f"the server did not answer: {self.log()}")

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def kill(self) -> None:
        """kill -9: nothing is told, nothing is tidied."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(timeout=20)
        self._process = None
        return status

    @contextmanager
    def client(self, person: str = "", coordinator: bool = False, *, anew: bool = False) -> Iterator[httpx.Client]:
        """Somebody's browser, without JavaScript: signed in by a link of their own, or the audience.

        The same person has the same session each time, unless they sign in anew.
        """
        with httpx.Client(base_url=self.address, timeout=30, headers={"origin": self.address}) as made:
            if person or coordinator:
                self._signed_in(made, person, coordinator, anew)
            yield made

    def _signed_in(self, client: httpx.Client, person: str, coordinator: bool, anew: bool) -> None:
        if (person, coordinator) in self._sessions and not anew:
            client.cookies.set("candid", self._sessions[person, coordinator])
            if client.get("/devices").status_code == 200:
                return
            client.cookies.clear()
        answer = client.post(f"/in/{self.link(person, coordinator)}")
        assert answer.status_code == 303, answer.text
        if not anew:
            self._sessions[person, coordinator] = client.cookies["candid"]

    def link(self, person: str = "", coordinator: bool = False) -> str:
        """The secret of a new personal link."""
        with contextlib.closing(Store(self.folder / ".candid")) as store:
            return store.link(person, coordinator)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """A server for as long as it takes; whatever was started is gone afterwards."""
    server = Served(folder, options)
    try:
        yield server.start()
    finally:
        server.kill()
