"""Sources of weights on loopback, for tests: a server that plays the model hub, and an index for the real pip."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

_BLOCK = 65536


class Server:
    """Serves bytes by path, with Range. `ails` says what goes wrong with whole files; `asked` lists "PATH RANGE".

    "hang": no answer. "stall", "trickle", "cut": half of the file, then nothing, a byte now and then, or the end of the
    connection. "short": half, as if it were all. "broken": one byte is another. "page": a sign-in page. "404".
    "no range": always all of it. "redirect": as the hub sends from an old name on to a new one, and on to its storage.
    Asked for its first byte only, it is well unless it hangs, shows a page or 404.
    """

    def __init__(self, files: Mapping[str, bytes], ails: str = "") -> None:
        self.files, self.ails, self.asked = dict(files), ails, []
        self.midway: Callable[[], None] = lambda: None  # called when half of a file was sent
        self.go_on = threading.Event()  # ends what hangs
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._answer(self)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        span = request.headers.get("Range", "")
        self.asked.append(f"{request.path} {span}".strip())
        path, _, there = request.path.partition("?")
        content = self.files.get(path)
        if self.ails == "hang":
            self.go_on.wait(60)
        if content is None or self.ails == "404":
            request.send_error(404)
        elif self.ails == "redirect" and there != "stored":
            request.send_response(302 if there else 307)
            request.send_header("Location", f"{self.address}{path}?stored" if there else f"{path}?renamed")
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif self.ails == "page":
            self._send(request, 200, b"<html>Please sign in</html>", "text/html")
        else:
            self._file(request, content, span)

    def _file(self, request: BaseHTTPRequestHandler, content: bytes, span: str) -> None:
        first = int(span.removeprefix("bytes=").partition("-")[0]) if span and self.ails != "no range" else 0
        probe = span == "bytes=0-0"
        if self.ails == "broken" and not probe:
            content = bytes([content[0] ^ 1]) + content[1:] if first == 0 else content[:-1] + bytes([content[-1] ^ 1])
        part = content[:1] if probe and self.ails != "no range" else content[first:]
        if self.ails == "short" and not probe:
            part = content = content[: len(content) // 2]
        request.send_response(206 if span and self.ails != "no range" else 200)
        if span and self.ails != "no range":
            request.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(part)))
        request.send_header("Content-Type", "text/html" if request.path.startswith("/simple/") else "application/x")
        request.end_headers()
        half = len(part) // 2 if len(part) > _BLOCK else len(part)
        try:
            request.wfile.write(part[:half])
            if half < len(part):
                request.wfile.flush()
                self.midway()
                if self.ails == "cut":
                    request.close_connection = True
                    return
                if self.ails == "stall":
                    self.go_on.wait(60)
                while self.ails == "trickle" and not self.go_on.wait(0.05):
                    request.wfile.write(part[half : half + 1])
                    half += 1
                request.wfile.write(part[half:])
        except OSError:
            pass  # whoever asked went away

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, content: bytes, kind: str) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def wheel(folder: Path, name: str, version: str, members: Mapping[str, bytes]) -> tuple[str, bytes]:
    """A wheel of pure data, and its name."""
    plain = name.replace("-", "_")
    info = f"{plain}-{version}.dist-info"
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.name, path.read_bytes()


def index_page(name: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a simple index (PEP 503) serves for one package."""
    links = "".join(
        f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
        for file, content in files.items()
    )
    page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
    return {f"/simple/{name}/": page, **{f"/files/{file}": content for file, content in files.items()}}
