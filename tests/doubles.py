"""What the doubles of services share: a server on loopback that can be told to fail at a given request.

A double is not the service. It holds what was observed or read of it, and refuses what the service would refuse.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import http.client
import json
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.accounts import Access, Accounts
from pipeline.model import Account, Parcel, Post


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # lower case
    body: bytes
    whole: bool = True  # all that was announced has come

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}

    def parts(self) -> dict[str, bytes]:
        """The parts of a multipart form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
        return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                for part in message.iter_parts()}  # fmt: skip


@dataclass
class Answer:
    status: int
    body: Any = None  # a dict becomes JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """At requests of `method` whose path holds `path`: the first `skip` go well, then `times` fail.

    `how`: a status; "before": the connection is reset, nothing was done; "after": done, then reset; "middle": half of
    the body arrives; or a function that makes the answer.
    """

    how: int | str | Callable[[Request], Answer]
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    def hits(self, request: Request) -> bool:
        if self.method not in ("", request.method) or self.path not in request.path or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Double:
    """Answers requests one after the other; subclasses say how."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []  # of the protocol, by the client
        self.lock = threading.RLock()
        self.root = ""

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def takes_parts(self, request: Request) -> bool:
        """Whether something is done with a body of which only a part came: so it is with the bytes of uploads."""
        return False

    def fail(self, how: int | str | Callable[[Request], Answer], method: str = "", path: str = "", **more: Any) -> None:
        self.faults.append(Fault(how, method, path, **more))

    def fault_of(self, request: Request) -> Fault | None:
        with self.lock:
            self.requests.append((request.method, request.path))
            return next((fault for fault in self.faults if fault.hits(request)), None)

    @contextlib.contextmanager
    def running(self) -> Iterator[Double]:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.double = self
        self.root = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    request_queue_size = 64
    double: Double

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error; anything else is the double's own."""
        fault = sys.exception()
        if not isinstance(fault, OSError):
            self.double.violations.append(f"the double failed: {fault!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        request = self._head()
        fault = self.server.double.fault_of(request)
        if fault and fault.how == "before":
            return self._reset()
        self._read(request, half=bool(fault and fault.how == "middle"))
        if fault and isinstance(fault.how, int):
            return self._send(Answer(fault.how, {"error": "as told"}, fault.headers))
        if not request.whole and not self.server.double.takes_parts(request):
            return self._reset()
        answer = fault.how(request) if fault and callable(fault.how) else self.server.double.answer(request)
        if (fault and fault.how in ("after", "middle")) or not request.whole:
            return self._reset()
        return self._send(answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _head(self) -> Request:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return Request(
            self.command, parts.path, query, {key.lower(): value for key, value in self.headers.items()}, b""
        )

    def _read(self, request: Request, half: bool) -> None:
        length = int(request.headers.get("content-length", 0))
        wanted = length // 2 if half else length
        blocks, left = [], wanted
        with contextlib.suppress(OSError):
            while left and (block := self.rfile.read1(min(left, 1 << 16))):
                blocks.append(block)
                left -= len(block)
        request.body = b"".join(blocks)
        request.whole = len(request.body) == length

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        if isinstance(answer.body, dict | list):
            body = json.dumps(answer.body).encode()
            answer.headers.setdefault("Content-Type", "application/json")
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        """Not closed: broken."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def forwarded(port: int, request: Request, path: str, headers: dict[str, str]) -> Answer:
    """What another server on loopback answers to the same request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(request.method, path, request.body, headers)
        response = connection.getresponse()
        body = response.read()
        dropped = ("connection", "keep-alive", "transfer-encoding", "content-length", "date")
        return Answer(response.status, body, {k: v for k, v in response.getheaders() if k.lower() not in dropped})
    finally:
        connection.close()


# --- what is published ------------------------------------------------------------------------------------------------

SECONDS = 12.0


@dataclass
class Seen:
    """A video as it is at the service."""

    id: str
    sha256: str
    size: int
    title: str
    description: str
    tags: tuple[str, ...]
    privacy: str
    language: str
    captions: tuple[bytes, ...] = ()
    thumbnail: bytes | None = None
    playlists: tuple[str, ...] = ()
    schedule: str = ""


def parcel(folder: Path, service: str, size: int = 1 << 20, seed: str = "", **more: Any) -> Parcel:
    """A video of random bytes with captions and a thumbnail, in a take's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    video, srt, vtt, picture = (folder / name for name in ("landscape.mp4", "landscape.srt", "landscape.vtt", "t.jpg"))
    if not video.exists():
        video.write_bytes(hashlib.shake_128(f"{size}{seed}".encode()).digest(size))
        srt.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
        vtt.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
        picture.write_bytes(b"\xff\xd8\xff\xe0 a picture")
    texts = {"title": "We drop a server", "description": "I work at Acme.\n\nAs asked.", "tags": ("servers", "demo")}
    post = Post(**{**texts, **{key: more.pop(key) for key in list(more) if key in Post.__dataclass_fields__}})
    files = tuple((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in (video, srt, vtt, picture))
    facts: dict[str, Any] = {
        "take": folder.name, "person": "me", "service": service, "variant": "landscape", "video": video,
        "sha256": files[0][1], "size": video.stat().st_size, "seconds": SECONDS, "post": post, "files": files,
        "language": "en", "srt": srt, "vtt": vtt, "thumbnail": picture,
    }  # fmt: skip
    return Parcel(**{**facts, **more})


@functools.cache
def _seeded() -> Path:
    """A vault with its key: to look for a keyring takes a moment, and need not be done for every test."""
    home = Path(tempfile.mkdtemp(prefix="candid-vault-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    Accounts(home).vault.seal("me", "folder", "to have a key made")
    return home


def accounts(home: Path) -> Accounts:
    """Real accounts in a real vault of their own."""
    if not home.exists():
        shutil.copytree(_seeded(), home, ignore=shutil.ignore_patterns("*.lock"))
    return Accounts(home)


def connected(home: Path, account: Account, tokens: dict[str, str]) -> Access:
    """A real account in a real vault."""
    there = accounts(home)
    there.keep(account, tokens)
    return there.get(account.person, account.service)
