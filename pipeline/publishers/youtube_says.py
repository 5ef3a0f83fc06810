"""What YouTube answers when it does not do what it was asked, in words.

Reasons and their meaning: Data API reference, "Errors" and the errors of each method (2026-11); those of Google's
service layer (rateLimitExceeded, SERVICE_DISABLED, ...) are common to its services.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import AccountError, PublishError
from pipeline.wire import BUSY, AgainError

_LONGEST_SAID = 200  # characters of what YouTube says by itself
_BUSY_REASONS = frozenset(
    ("rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError", "SERVICE_UNAVAILABLE", "aborted")
)
QUOTA_REASONS = frozenset(("quotaExceeded", "dailyLimitExceeded", "uploadLimitExceeded"))
_NOT_SIGNED_IN = frozenset(("authError", "required", "expired", "UNAUTHENTICATED"))
_APPROVE = "Change it, approve it anew, and publish again."
_STUDIO = "Look at the account in YouTube Studio: it says what is wrong."

_ACCOUNT_WORDS = {
    "youtubeSignupRequired": (
        "This Google account has no YouTube channel.",
        "Make one at https://www.youtube.com/create_channel, then run the same command again.",
    ),
    "authenticatedUserAccountClosed": ("This YouTube account is closed.", "Connect another one."),
    "authenticatedUserAccountSuspended": ("YouTube has suspended this account.", _STUDIO),
    "insufficientPermissions": (
        "The sign-in does not allow everything that is needed.",
        "Sign in again, and leave every box ticked.",
    ),
}
_WORDS = {
    "accessNotConfigured": (
        "The company's Google project may not use the YouTube Data API.",
        "Whoever owns it opens the Google Cloud console, page APIs & Services, and enables “YouTube Data API v3”.",
    ),
    "invalidTitle": ("YouTube does not take the title: it is empty, too long, or has < or > in it.", _APPROVE),
    "invalidDescription": ("YouTube does not take the description: it is too long, or has < or > in it.", _APPROVE),
    "invalidTags": ("YouTube does not take the tags: they are too long together.", _APPROVE),
    "invalidCategoryId": (
        "YouTube does not know this category for videos.",
        "Report this: Candid sends the usual one.",
    ),
    "invalidPublishAt": ("YouTube does not take the time at which the video becomes public.", _APPROVE),
    "invalidVideoMetadata": ("YouTube does not take what is told about the video.", _APPROVE),
    "defaultLanguageNotSet": ("YouTube does not take the texts without their language.", "Set it in the recipe."),
    "forbiddenPrivacySetting": ("This account may not show its videos like that.", _STUDIO),
    "videoNotFound": ("The video is no longer at YouTube.", "If nobody deleted it there, wait a little and try again."),
    "playlistNotFound": ("The playlist is no longer at YouTube.", "Run the same command again."),
    "maxPlaylistExceeded": ("The channel has too many playlists to get another one.", "Name one that there is."),
    "playlistContainsMaximumNumberOfVideos": ("The playlist is full.", "Name another one."),
    "failedPrecondition": ("YouTube does not put this video into the playlist as it is.", "Put it there in Studio."),
    ("thumbnails.set", "forbidden"): (
        "This account may not set thumbnails of its own: YouTube wants it verified by telephone first.",
        "Do that at https://www.youtube.com/verify, then run the same command again.",
    ),
    ("thumbnails.set", "invalidImage"): ("YouTube does not take this thumbnail as a picture.", "Choose another one."),
    ("captions.insert", "nameTooLong"): ("The name of the captions is too long.", ""),
    ("captions.insert", "contentRequired"): ("YouTube sees no captions in the file.", "Look at the captions."),
}
_REJECTED = {
    "duplicate": "it is the same as another video of this channel",
    "length": "it is longer than this account may upload (YouTube wants it verified by telephone first)",
    "copyright": "it holds something that belongs to somebody else",
    "claim": "somebody claims something in it",
    "inappropriate": "YouTube finds it inappropriate",
    "termsOfUse": "it breaks YouTube's terms",
    "trademark": "somebody's trademark",
    "legal": "a legal complaint",
    "uploaderAccountClosed": "the account is closed",
    "uploaderAccountSuspended": "the account is suspended",
}
_FAILED = {
    "codec": "it does not know the codec",
    "conversion": "it could not convert it",
    "emptyFile": "the file is empty",
    "invalidFile": "it does not know the kind of file",
    "tooSmall": "the file is too small",
    "uploadAborted": "the upload was cut off",
}


class RefusedError(PublishError):
    """YouTube does not do what was asked. `reason` is its own word for why; `known`: it is one of those above."""

    def __init__(self, what: str, do: str, status: int, reason: str, known: bool) -> None:
        super().__init__(what, do)
        self.status = status
        self.reason = reason
        self.known = known


class GoneError(Exception):
    """The session of an upload is no longer known, or is done with."""


class UnclearError(AgainError):
    """A session did not understand what came: worth asking how far it is, but not for ever."""


class SignedOutError(Exception):
    """YouTube does not take the access token, although it was renewed."""


def refusal(call: str, status: int, content: bytes, after: str | None = None) -> Exception:
    """What an answer of 300 or more to `call` means: AgainError, SignedOutError, AccountError or RefusedError, to be
    raised. A RefusedError of QUOTA_REASONS is not told in words here: the ledger knows when it goes on.
    """
    reason, message = _told(content)
    if status in (403, 429) and "per day" in message:  # how Google's service layer says it, whatever the reason
        reason = "quotaExceeded"
    if reason not in QUOTA_REASONS and (status in BUSY or status == 408 or reason in _BUSY_REASONS):
        return AgainError(f"it answered {status}", after)
    if reason in _ACCOUNT_WORDS:
        return AccountError(*_ACCOUNT_WORDS[reason])
    if status == 401 or reason in _NOT_SIGNED_IN:
        return SignedOutError()
    words = _words(call, reason)
    what, do = words or (f"YouTube refuses {call}: {message or status}.", _STUDIO)
    return RefusedError(what, do, status, reason, known=bool(words) or reason in QUOTA_REASONS)


def trouble(video: Mapping[str, Any]) -> PublishError | None:
    """What has become of a video that YouTube does not keep; None where all is well so far."""
    status = video.get("status", {})
    if status.get("uploadStatus") == "rejected":
        why = _REJECTED.get(status.get("rejectionReason", ""), "it does not say why")
        return PublishError(f"YouTube has rejected the video: {why}.", _STUDIO)
    if status.get("uploadStatus") == "failed":
        why = _FAILED.get(status.get("failureReason", ""), "it does not say why")
        return PublishError(
            f"YouTube could not process the video: {why}.", "Delete it there, render it again, and publish again."
        )
    if video.get("processingDetails", {}).get("processingStatus") == "failed":
        return PublishError("YouTube could not process the video.", "Delete it there, then publish it again.")
    return None


def _words(call: str, reason: str) -> tuple[str, str] | None:
    reason = {"SERVICE_DISABLED": "accessNotConfigured"}.get(reason, reason)
    call = "captions.insert" if call == "captions.update" else call
    return _WORDS.get((call, reason)) or _WORDS.get(reason)


def _told(content: bytes) -> tuple[str, str]:
    """The reason and the sentence in an error of Google's; "" where it holds none, such as a proxy's page."""
    try:
        error = json.loads(content)["error"]
        first = (error.get("errors") or [{}])[0]
        reason = first.get("reason") or error.get("status") or ""
        return str(reason), _line(str(first.get("message") or error.get("message") or ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", ""


def _line(text: str) -> str:
    """One printable line without Google's HTML."""
    plain = re.sub(r"<[^>]*>", "", text)
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:_LONGEST_SAID].rstrip(".")
