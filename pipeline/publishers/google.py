"""Google's own client of YouTube's API, held so that nothing is sent a second time unless Candid wants it.

Three things of it are replaced, all measured (versions: pyproject.toml). httplib2 repeats a request whose connection
broke, POST too: `_Once` never does. The library's own chunks cannot be sent again, and hang: `_Chunks` can. It opens a
session and sends into it in one go, waits without regard to Retry-After and knows no session that is gone: `Upload`
does each by itself, and waiting is the caller's.

This file needs the libraries of the extra `publish`; youtube.py imports it when somebody publishes.
"""

from __future__ import annotations

import functools
import http.client
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import google.auth.credentials
import google_auth_httplib2
import googleapiclient.discovery
import googleapiclient.discovery_cache
import httplib2
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest, MediaIoBaseUpload, MediaUpload

from pipeline import signin, wire
from pipeline.accounts import Access
from pipeline.errors import AccountError, PublishError
from pipeline.publishers.youtube_says import GoneError, RefusedError, UnclearError, refusal
from pipeline.wire import AgainError, Stretch

T = TypeVar("T")

_TIMEOUT = 60.0  # seconds for a block to leave, or for an answer to come
_UNCLEAR = frozenset((400, 409, 412, 416))  # of a session: it knows another offset than we do
_SOMETHING_ELSE = "its answer is not what was asked for"

Told = dict[str, Any]
Sent = Callable[[int], None]  # how many bytes of a file have left


@dataclass(frozen=True, slots=True)
class Heard:
    """What a session says: how many bytes it has, or the video that came of them; and where it goes on."""

    session: str = field(repr=False)
    offset: int
    video: Told | None = None


class Client:
    """YouTube as one account sees it; for one thread. `root` is its address, with a slash at the end."""

    def __init__(self, access: Access, root: str) -> None:
        wire.quiet_logs()
        logging.getLogger("googleapiclient").setLevel(logging.ERROR)  # it tells of refusals that we put into words
        self._root = root
        self._http = google_auth_httplib2.AuthorizedHttp(_Renewed(access), http=_Once(timeout=_TIMEOUT))
        self.api = googleapiclient.discovery.build_from_document(_description(root), http=self._http)

    def close(self) -> None:
        self._http.close()

    def answer(self, call: str, request: HttpRequest) -> Told:
        """What YouTube answers, asked once. It raises as `refusal` says."""
        told: Any = _heard(call, lambda: request.execute(num_retries=0))
        if not isinstance(told, dict):
            raise AgainError(_SOMETHING_ELSE)
        return told

    def became(self, session: str) -> str:
        """The id of the video that a session has become; "" where it is not finished, or not known any more."""
        headers = {"Content-Range": "bytes */*", "Content-Length": "0"}
        response, content = _heard("videos.insert", lambda: self._http.request(session, "PUT", b"", headers))
        return str(_video(content)["id"]) if response.status in (200, 201) else ""

    def upload(self, path: Path, insert: Callable[[Any], HttpRequest], check: Callable[[], None], sent: Sent) -> Upload:
        """A file on its way. `insert` makes the request of a media body; `check` is called before every block leaves,
        and stops the upload by raising; `sent` hears how far it is in the file.
        """
        return Upload(self._http, self._root, insert(_Chunks(path, check, sent)))


class Upload:
    """One file and the sessions into which it is sent. Every method asks once: AgainError is for the caller."""

    def __init__(self, http: Any, root: str, request: HttpRequest) -> None:
        self._http, self._root, self._request = http, root, request
        self.size: int = request.resumable.size()

    def open(self) -> str:
        """A new session: its address, which is a secret. RefusedError where YouTube does not take the video."""
        request, media = self._request, self._request.resumable
        headers = {
            **request.headers,
            "X-Upload-Content-Type": media.mimetype(),
            "X-Upload-Content-Length": str(self.size),
        }
        response, content = _heard("videos.insert", lambda: self._asked(request.uri, "POST", request.body, headers))
        if response.status != 200:
            raise refusal("videos.insert", response.status, content, response.get("retry-after"))
        if "location" not in response:
            raise AgainError(_SOMETHING_ELSE)
        return self._checked(response["location"])

    def ask(self, session: str) -> Heard:
        """How far a session is. GoneError where it is not known any more."""
        return self._put(session, b"", f"bytes */{self.size}", self.size)

    def send(self, session: str, offset: int) -> Heard:
        """Sends the chunk that begins at `offset`. GoneError as above."""
        chunk = self._request.resumable.getbytes(offset, wire.CHUNK)
        return self._put(session, chunk, f"bytes {chunk.start}-{chunk.end - 1}/{self.size}", chunk.end)

    def _put(self, session: str, body: bytes | Stretch, content_range: str, most: int) -> Heard:
        length = body.end - body.start if isinstance(body, Stretch) else len(body)
        headers = {"Content-Range": content_range, "Content-Length": str(length)}
        response, content = _heard("videos.insert", lambda: self._asked(session, "PUT", body, headers))
        if response.status == 308:
            where = self._checked(response["location"]) if "location" in response else session
            return Heard(where, _offset(response.get("range"), most))
        if response.status not in (200, 201):
            raise _of_session(refusal("videos.insert", response.status, content, response.get("retry-after")))
        return Heard(session, self.size, _video(content))

    def _asked(self, address: str, method: str, body: Any, headers: Mapping[str, str]) -> Any:
        return self._http.request(address, method=method, body=body, headers=dict(headers))

    def _checked(self, address: str) -> str:
        """The address of a session, unless it leads away from Google: the access token would go there too."""
        root, there = urlsplit(self._root), urlsplit(address)
        at_home = (there.scheme, there.netloc) == (root.scheme, root.netloc)
        if not at_home and not (there.scheme == "https" and (there.hostname or "").endswith(".googleapis.com")):
            raise PublishError("YouTube gives no safe address for the upload.", "Try again later.")
        return address


def media(path: Path, kind: str) -> Any:
    """A small file as the body of a request. `kind`: its MIME type."""
    return MediaIoBaseUpload(io.BytesIO(path.read_bytes()), kind, resumable=False)


# --- the library, held ------------------------------------------------------------------------------------------------


class _Renewed(google.auth.credentials.Credentials):
    """An account's access token. It holds until YouTube answers 401; then it is renewed, and kept before it is used."""

    def __init__(self, access: Access) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._access = access
        self.token = access.tokens()["access_token"]

    def refresh(self, request: object) -> None:
        """AccountError where a new sign-in is needed."""
        try:
            self.token = self._access.renew(signin.refreshed)["access_token"]
        except AccountError:
            raise
        except PublishError:
            why = "the sign-in could not be renewed"
        else:
            return
        raise AgainError(why)


class _Once(httplib2.Http):  # type: ignore[misc]
    """Sends what changes something exactly once, and block by block: a time limit holds for each, not for a chunk."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self.follow_redirects = False  # 308 means something else here, and others could lead elsewhere

    def _conn_request(self, conn: Any, request_uri: str, method: str, body: Any, headers: Any) -> Any:
        if method in ("GET", "HEAD"):
            return super()._conn_request(conn, request_uri, method, body, headers)
        if method == "POST":
            conn.close()  # one that was kept open and is stale would look like an unknown outcome
        try:
            conn.request(method, request_uri, _blocks(body), headers)
            response = conn.getresponse()
            content = response.read()
        except BaseException:
            conn.close()
            raise
        answer = httplib2.Response(response)
        return answer, httplib2._decompressContent(answer, content, self.limit_kwargs)


class _Chunks(MediaUpload):  # type: ignore[misc]
    """A video in chunks, each of which can be sent again when the access token had to be renewed."""

    def __init__(self, path: Path, check: Callable[[], None], sent: Sent) -> None:
        self._path, self._check, self._sent = path, check, sent
        self._size = path.stat().st_size

    def size(self) -> int:
        return self._size

    def chunksize(self) -> int:
        return wire.CHUNK

    def mimetype(self) -> str:
        return "video/mp4"

    def resumable(self) -> bool:
        return True

    def getbytes(self, begin: int, length: int) -> Stretch:
        return Stretch(self._path, begin, min(self._size, begin + length), self._check, self._sent)


def _blocks(body: Any) -> Any:
    """Bytes in blocks, anything else as it is."""
    return _parted(memoryview(body)) if isinstance(body, bytes) and body else body


def _parted(body: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(body), wire.BLOCK):
        yield body[start : start + wire.BLOCK]


@functools.cache
def _text() -> str:
    """The description of the API that the library brings along: nothing is downloaded."""
    return str(googleapiclient.discovery_cache.get_static_doc("youtube", "v3"))


def _description(root: str) -> Told:
    described: Told = json.loads(_text())
    return {**described, "rootUrl": root, "baseUrl": root}


# --- answers ----------------------------------------------------------------------------------------------------------


def _heard(call: str, ask: Callable[[], T]) -> T:
    """What `ask` answers. What it raises is told without the library's own words: they hold addresses of sessions.

    Raised outside of the handler, so that no traceback shows them either.
    """
    told: Exception
    try:
        return ask()
    except HttpError as fault:
        told = refusal(call, fault.resp.status, fault.content, fault.resp.get("retry-after"))
    except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as fault:
        told = AgainError(f"the connection broke ({type(fault).__name__})")
    except ValueError:
        told = AgainError(_SOMETHING_ELSE)
    raise told


def _of_session(fault: Exception) -> Exception:
    """A refusal that came from a session."""
    if isinstance(fault, RefusedError):
        if fault.status in (404, 410):
            return GoneError()
        if fault.status in _UNCLEAR and not fault.known:
            return UnclearError(f"it answered {fault.status}")
    return fault


def _offset(told: str | None, most: int) -> int:
    """How many bytes a Range header says are there, `most` at most; none where there is no such header."""
    if told is None:
        return 0
    found = re.fullmatch(r"bytes=0-(\d{1,18})", told.strip())
    if not found or int(found[1]) >= most:
        raise AgainError("it does not say properly how much has arrived")
    return int(found[1]) + 1


def _video(content: bytes) -> Told:
    """What a session says that is done with."""
    try:
        video = json.loads(content)
    except ValueError:
        video = None
    if not isinstance(video, dict) or not isinstance(video.get("id"), str):
        raise AgainError("it has the video, and does not name it")
    return video
