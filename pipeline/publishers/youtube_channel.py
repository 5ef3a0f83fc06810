"""One person's channel: every call is counted, tried again where that is worth it, and told in words where it fails."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline import quota, signin
from pipeline.accounts import Access, connecting
from pipeline.errors import AccountError, PublishError
from pipeline.publishers.youtube_says import QUOTA_REASONS, RefusedError, SignedOutError
from pipeline.wire import AgainError, Patience, patiently

if TYPE_CHECKING:
    from pipeline.publishers.google import Client

T = TypeVar("T")

_PAGE, _PAGES = 50, 4  # of the channel's latest uploads, or of its playlists: what is further down is not looked at
_KNOWN = 120.0  # seconds within which every part of YouTube knows of a new video or playlist
_UNKNOWN = frozenset(("videoNotFound", "playlistNotFound"))


class Channel:
    """A channel at YouTube, for one thread.

    `ledgers` is the folder in which quotas are counted, or None; `sleep` and `now` are how it waits (seconds).
    """

    def __init__(
        self, access: Access, ledgers: Path | None, sleep: Callable[[float], None], now: Callable[[], float]
    ) -> None:
        self._access, self._sleep, self._now = access, sleep, now
        self._ledger = _ledger(access, ledgers)
        self.client = _client(access)

    def close(self) -> None:
        self.client.close()

    @property
    def id(self) -> str:
        return str(self._own["id"])

    @property
    def name(self) -> str:
        return str(self._own["snippet"]["title"])

    @property
    def uploads(self) -> str:
        """The playlist of all that was uploaded."""
        return str(self._own["contentDetails"]["relatedPlaylists"]["uploads"])

    @property
    def person(self) -> str:
        return self._access.account.person

    @functools.cached_property
    def _own(self) -> dict[str, Any]:
        items = self.call("channels.list", part="snippet,contentDetails", mine=True).get("items")
        if not items:
            raise AccountError(
                "This Google account has no YouTube channel.",
                "Make one at https://www.youtube.com/create_channel, then run the same command again.",
            )
        return dict(items[0])

    def call(self, name: str, reserve: bool = False, **what: Any) -> dict[str, Any]:
        """What YouTube answers to a call, such as "videos.list". `reserve`: it may use what is kept back of the quota.

        RefusedError, PublishError, AccountError.
        """
        return patiently(lambda: self.once(name, reserve, **what), self.patience())

    def once(self, name: str, reserve: bool = False, **what: Any) -> dict[str, Any]:
        """As `call`, tried once; AgainError where another try is worth it."""
        collection, _, method = name.partition(".")
        request = getattr(getattr(self.client.api, collection)(), method)(**what)
        self._spend(name, reserve)
        return self.heard(lambda: self.client.answer(name, request), name)

    def pages(self, name: str, **what: Any) -> Iterator[list[dict[str, Any]]]:
        """The latest items of a list, page by page."""
        token = None
        for _ in range(_PAGES):
            answer = self.call(name, maxResults=_PAGE, **what, **({"pageToken": token} if token else {}))
            yield answer.get("items", [])
            token = answer.get("nextPageToken")
            if not token:
                return

    def opened(self, open_: Callable[[], T]) -> T:
        """What `open_` answers, which opens an upload: counted and tried again as a call is."""

        def once() -> T:
            self._spend("videos.insert", False)
            return self.heard(open_)

        return patiently(once, self.patience())

    def until_known(self, ask: Callable[[], T]) -> T:
        """What `ask` answers about a video or a playlist that not every part of YouTube may know yet."""

        def once() -> T:
            try:
                return ask()
            except RefusedError as fault:
                if fault.reason not in _UNKNOWN:
                    raise
            raise AgainError("it does not know the video, or the playlist, yet")

        return patiently(once, self.patience(_KNOWN))

    def heard(self, ask: Callable[[], T], name: str = "videos.insert") -> T:
        """What `ask` answers. A refusal that concerns quota or sign-in is told with what to do about it."""
        try:
            return ask()
        except RefusedError as fault:
            if fault.reason not in QUOTA_REASONS:
                raise
            told = self._used_up(name, fault.reason)
        except SignedOutError:
            told = self._signed_out()
        raise told

    def patience(self, seconds: float = 900.0) -> Patience:
        return Patience("YouTube", seconds, self._sleep, self._now)

    def _spend(self, name: str, reserve: bool) -> None:
        if self._ledger:
            self._ledger.spend(name, self._access.account.id, reserve)

    def _used_up(self, name: str, reason: str) -> PublishError | AccountError:
        bucket = "account" if reason == "uploadLimitExceeded" else "uploads" if name == "videos.insert" else "units"
        if self._ledger is None:
            return PublishError("YouTube takes no more for now.", "Run the same command again tomorrow.")
        return quota.used_up(bucket, self._ledger.full(bucket, self._access.account.id))

    def _signed_out(self) -> PublishError | AccountError:
        command = connecting(self.person, "youtube")
        return AccountError(
            f"YouTube no longer knows {self._access.account.name or self.person}: the sign-in has ended.",
            f"Sign in again: {command}\n  {signin.TESTING}",
        )


def _ledger(access: Access, folder: Path | None) -> quota.Ledger | None:
    return quota.Ledger(folder, quota.project(access.tokens()["client_id"])) if folder else None


def _client(access: Access) -> Client:
    try:
        from pipeline.publishers.google import Client
    except ModuleNotFoundError as fault:
        raise PublishError(
            f"A library for YouTube is missing: {fault.name}.", f"Install it with: {signin.INSTALL}"
        ) from fault
    return Client(access, access.account.address)
