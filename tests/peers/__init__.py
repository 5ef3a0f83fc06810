"""Servers that others wrote, started on loopback: real implementations of the protocols that services speak.

`start("oidc.mjs", ...)` runs a script of this folder. A script prints one line `{"port": N}` once it listens; whatever
it prints afterwards is in `Peer.lines()`. Scripts may import the packages of package.json and each other.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs
import pytest

_HERE = Path(__file__).parent
_NEEDS = "needs Node 20.19 or newer and npm"
_OLDEST = (20, 19)
_INSTALL_SECONDS, _START_SECONDS, _END_SECONDS = 180.0, 30.0, 5.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that runs. `log` holds what it prints, `errors` what it complains about."""

    port: int
    pid: int
    log: Path
    errors: Path

    @property
    def root(self) -> str:
        """Its address, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

    def lines(self) -> list[str]:
        """What it has printed since it listens, line by line; a line that is half written is not there yet."""
        return _whole_lines(self.log)[1:]


@contextmanager
def start(script: str, *arguments: object) -> Iterator[Peer]:
    """Runs a script of this folder until the end of the block. Skips the test where Node or a package is missing."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=installed()))  # inside, or ES modules do not find the packages
    try:
        for source in _HERE.glob("*.mjs"):
            shutil.copyfile(source, folder / source.name)
        with _running(folder, script, arguments) as peer:
            yield peer
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path, script: str, arguments: tuple[object, ...]) -> Iterator[Peer]:
    log, errors = folder / "log", folder / "errors"
    command = [_node(), "--import", "./with_parent.mjs", f"./{script}", *map(str, arguments)]
    with (
        log.open("wb") as said,
        errors.open("wb") as complained,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=said, stderr=complained) as process,
    ):
        try:
            yield Peer(_port(process, log, errors), process.pid, log, errors)
        finally:
            _end(process)


def _port(process: subprocess.Popen[bytes], log: Path, errors: Path) -> int:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if lines := _whole_lines(log):
            return int(json.loads(lines[0])["port"])
        time.sleep(0.01)
    raise AssertionError(f"the peer did not start: {log.read_text()}{errors.read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _whole_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


# --- the packages -----------------------------------------------------------------------------------------------------


@functools.cache
def installed() -> Path:
    """The folder with the pinned packages in node_modules, installed once a machine. Skips where that cannot be."""
    npm = shutil.which("npm")
    if not npm or _version() < _OLDEST:
        pytest.skip(_NEEDS)
    folder = platformdirs.user_cache_path("candid-tests") / f"peers-{_key()}"
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    with filelock.FileLock(folder / ".lock", timeout=_INSTALL_SECONDS):
        if not ready.exists():
            _install(npm, folder)
            ready.touch()
    return folder


def _install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_HERE / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(
            command, check=False, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm took longer than {_INSTALL_SECONDS:.0f} s to install the servers")
    if done.returncode:
        pytest.skip(f"npm could not install the servers: {done.stderr.strip()[-300:]}")


def _key() -> str:
    """One folder for each set of packages and version of Node."""
    lock = (_HERE / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(_version()).encode()).hexdigest()[:12]


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip(_NEEDS)
    return os.fspath(found)


@functools.cache
def _version() -> tuple[int, int]:
    """Of Node; (0, 0) where there is none."""
    if shutil.which("node") is None:
        return 0, 0
    said = subprocess.run([_node(), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
