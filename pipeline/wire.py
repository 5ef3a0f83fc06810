"""How Candid speaks to services: time limits, tries that wait longer each time, and no secrets in a log."""

from __future__ import annotations

import email.utils
import functools
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import PublishError

if TYPE_CHECKING:
    import ssl

    import httpx

T = TypeVar("T")

CHUNK = 8 << 20  # bytes of an upload at a time: a multiple of 256 KiB, as YouTube asks
BLOCK = 256 << 10  # bytes read from disk at a time
BUSY = frozenset((429, 500, 502, 503, 504))  # worth another try
_DOUBTFUL = frozenset((500, 502, 504))  # it, or what stands behind it, may have done what was asked all the same
_CONNECT, _ANSWER = 15.0, 60.0  # seconds
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 64.0
_PATIENCE = 900.0  # seconds without any progress
_LONGEST_ASKED = 3600.0  # a service that asks for more is left for the next run
_LONGEST_BELIEVED = 7 * 86400.0  # seconds; more in a header is a mistake
_LONGEST_SAID = 200  # characters of what a service says


class AgainError(Exception):
    """Worth another try: the service is busy, or the connection broke.

    `after`: what it said in Retry-After; `status`: with which number it answered, 0 where it did not.
    """

    def __init__(self, why: str, after: str | None = None, status: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.after = after
        self.status = status


class UnknownError(Exception):
    """Nobody knows whether it happened: the connection broke before the answer. It has to be looked up."""


class Patience:
    """Growing, jittered waits between tries, `longest` at most (seconds); they begin anew with every progress."""

    def __init__(
        self,
        service: str,
        seconds: float = _PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        longest: float | None = None,
    ) -> None:
        self._service = service
        self._seconds = seconds
        self._longest = longest
        self._sleep, self._now = sleep, now
        self.progress()

    def progress(self) -> None:
        """Something went well."""
        self._tries = 0
        self._since = self._now()

    def wait(self, fault: AgainError) -> None:
        """Sleeps before another try. PublishError where it has taken too long already, or would."""
        seconds = self._next(fault)
        if self._now() - self._since + seconds > max(self._seconds, seconds if self._tries == 0 else 0):
            raise self._worn(fault)
        self._tries += 1
        self._sleep(seconds)

    def _next(self, fault: AgainError) -> float:
        asked = seconds_of(fault.after)
        if asked is not None and asked > _LONGEST_ASKED:
            raise self._worn(fault, _in(asked))
        growing = min(self._longest or _LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._tries, 20))
        return max(growing * random.uniform(0.5, 1.0), asked or 0.0)  # noqa: S311 - jitter, no secret

    def _worn(self, fault: AgainError, again_at: str = "") -> PublishError:
        when = f" after {again_at}" if again_at else " later"
        return PublishError(
            f"{self._service} has not answered properly for a while: {fault.why}.",
            f"Look at the network, and run the same command again{when}: what is done is not repeated.",
            again_at,
        )


def patiently(ask: Callable[[], T], patience: Patience) -> T:
    """What `ask` answers; again while it raises AgainError and the patience lasts."""
    while True:
        try:
            answer = ask()
        except AgainError as fault:
            patience.wait(fault)
        else:
            patience.progress()
            return answer


def seconds_of(retry_after: str | None, now: Callable[[], float] = time.time) -> float | None:
    """What a Retry-After header asks for: seconds, or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return min(float(retry_after), _LONGEST_BELIEVED)
    try:
        at = email.utils.parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, at - now()), _LONGEST_BELIEVED)


def _in(seconds: float) -> str:
    """The time in so many seconds, RFC 3339."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat(timespec="seconds")


def client(address: str, headers: dict[str, str] | None = None, auth: httpx.Auth | None = None) -> httpx.Client:
    """A client of the service at `address`, with time limits; no redirect is followed, for it could lead elsewhere."""
    import httpx

    quiet_logs()
    limits = httpx.Timeout(_ANSWER, connect=_CONNECT)
    return httpx.Client(
        base_url=address, headers=headers, auth=auth, timeout=limits, follow_redirects=False, verify=_trusted()
    )


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; made once, for it takes longer than a request."""
    import httpx

    return httpx.create_ssl_context()


def quiet_logs() -> None:
    """Libraries log whole addresses, and those of upload sessions are secrets."""
    for name in (
        "httpx",
        "httpcore",
        "googleapiclient",
        "google",
        "google_auth_httplib2",
        "oauthlib",
        "requests_oauthlib",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def unbroken(response: httpx.Response) -> httpx.Response:
    """The response, unless it says that the service is busy: AgainError then."""
    if response.status_code in BUSY:
        status = response.status_code
        raise AgainError(f"it answered {status}", response.headers.get("retry-after"), status)
    return response


def asked(client: httpx.Client, method: str, address: str, *, once: bool = False, **what: Any) -> httpx.Response:
    """What a service answers to one request, unless it is busy.

    AgainError: worth another try. `once`: a request that must not be sent a second time before somebody has looked;
    UnknownError then, where it may have been carried out. Neither says an address: those of sessions are secrets.
    """
    import httpx

    try:
        response = client.request(method, address, **what)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise AgainError("it cannot be reached") from None
    except httpx.TransportError as fault:
        why = f"the connection broke ({type(fault).__name__})"
        raise UnknownError(why) if once else AgainError(why) from None
    if once and response.status_code in _DOUBTFUL:
        raise UnknownError(f"it answered {response.status_code}")
    return unbroken(response)


def told(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in a response; AgainError where it holds something else, such as a proxy's page."""
    try:
        value = response.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise AgainError("its answer is not what was asked for")
    return value


def said(response: httpx.Response, *keys: str) -> str:
    """What a refusal says, under the first of these keys that it has: one printable line, or its number."""
    try:
        value = response.json()
    except ValueError:
        value = None
    texts = [value[key] for key in keys if isinstance(value, dict) and isinstance(value.get(key), str) and value[key]]
    line = " ".join("".join(c if c.isprintable() else " " for c in (texts or [""])[0]).split())
    return line[:_LONGEST_SAID].rstrip(".") or f"it answered {response.status_code}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The bytes start..end (end exclusive) of a file, as the body of a request: read block by block as they are sent.

    It can be sent again. `check` is called after every reading and before anybody gets the block; `sent` hears how
    far it is in the file.
    """

    path: Path
    start: int
    end: int
    check: Callable[[], None] = lambda: None
    sent: Callable[[int], None] = lambda _: None

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            at = self.start
            while at < self.end and (block := file.read(min(BLOCK, self.end - at))):
                self.check()
                yield block
                at += len(block)
                self.sent(at)

    @property
    def headers(self) -> Mapping[str, str]:
        """Those that belong to it: its length."""
        return {"Content-Length": str(self.end - self.start)}
