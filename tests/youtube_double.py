"""A strict double of the YouTube Data API v3, written for these tests: it is not YouTube.

It knows the methods that Candid uses, as the API's description and reference tell them (November 2026): what is
required, what is refused with which reason, what costs how much. Its uploads follow the guide for resumable uploads to
the letter: multiples of 256 KiB, no gaps, sessions that end. What was omitted becomes what YouTube makes of it: a video
without privacy is public.

    with youtube_double.started() as youtube:
        youtube.account(...)                       # an Account and its tokens, which lead here
        youtube.fault("chunk", 2, "reset")         # the second chunk breaks the connection
        ...
        assert youtube.videos[0].sha256 == ...

With `upload_server` the bytes go through it to a real server of the protocol, such as @uploadx/core.
"""

from __future__ import annotations

import email
import hashlib
import http.client
import itertools
import json
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.model import Account

BLOCK = 256 << 10
SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl"
COSTS = {
    "videos.list": 1,
    "videos.update": 50,
    "videos.delete": 50,
    "channels.list": 1,
    "playlists.list": 1,
    "playlists.insert": 50,
    "playlistItems.list": 1,
    "playlistItems.insert": 50,
    "captions.list": 50,
    "captions.insert": 400,
    "captions.update": 450,
    "thumbnails.set": 50,
}
_WRITABLE = {
    "snippet": {"title", "description", "tags", "categoryId", "defaultLanguage", "defaultAudioLanguage"},
    "status": {
        "privacyStatus",
        "publishAt",
        "license",
        "embeddable",
        "publicStatsViewable",
        "selfDeclaredMadeForKids",
        "containsSyntheticMedia",
    },
    "paidProductPlacementDetails": {"hasPaidProductPlacement"},
}


@dataclass
class Video:
    id: str
    channel: str
    snippet: dict[str, Any]
    status: dict[str, Any]
    paid: dict[str, Any]
    sha256: str = ""
    size: int = 0
    notified: bool = True
    polls: int = 0
    thumbnail: bytes = b""
    captions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by their id
    history: list[str] = field(default_factory=list)  # its privacies, in their order

    @property
    def privacy(self) -> str:
        return str(self.status["privacyStatus"])


@dataclass
class Session:
    id: str
    channel: str
    body: dict[str, Any]
    notify: bool
    size: int
    received: int = 0
    turn: int = 0  # of requests: an older one that still writes is stopped by a newer one
    digest: Any = field(default_factory=hashlib.sha256)
    video: str = ""
    gone: int = 0  # the status with which it is unknown


@dataclass
class Channel:
    id: str
    title: str
    verified: bool = True
    uploads: list[str] = field(default_factory=list)  # newest first


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    call: str  # "videos.list", "open", "chunk", "ask", "token", ...
    method: str
    path: str
    token: str
    body: bytes = b""


@dataclass
class _Fault:
    call: str
    at: int  # the how-manieth call of this name since it was ordered; 0: every one
    how: str | int
    more: dict[str, Any]
    seen: int = 0


class Refusal(Exception):
    def __init__(self, status: int, reason: str, domain: str = "youtube", message: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.domain, self.message = status, reason, domain, message or f"Refused: {reason}."


class Cut(Exception):
    """The connection is broken without an answer."""


class Page(Exception):
    """A proxy in between answers with a page of its own."""


class YouTube:
    """What there is at YouTube, and what tests may order. `videos` are those that are there."""

    def __init__(self, upload_server: str = "") -> None:
        self.root = ""
        self.upload_server = upload_server
        self.log: list[Seen] = []
        self.channels: dict[str, Channel] = {}
        self.playlists: dict[str, dict[str, Any]] = {}
        self.items: dict[str, list[str]] = defaultdict(list)  # of playlists: ids of videos, as often as they are in it
        self.sessions: dict[str, Session] = {}
        self.spent = 0
        self.uploads_opened = 0
        self.quota, self.upload_quota = 10_000, 100
        self.processed_after = 0  # looks at a video until it is processed
        self.outcome: dict[str, str] = {}  # such as {"uploadStatus": "rejected", "rejectionReason": "length"}
        self.listed_after = 0  # looks at the uploads until a new video is among them
        self.answers_after = 0  # times that a whole session answers 308 before it answers with the video
        self.seconds_a_block = 0.0
        self._known: dict[str, Video] = {}
        self._tokens: dict[str, str] = {}  # access token -> channel
        self._refresh: dict[str, str] = {}  # refresh token -> channel
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()
        self._names = itertools.count(1)
        self._hidden: Counter[str] = Counter()

    # --- what tests order

    def account(self, person: str = "mira", title: str = "Mira", **more: Any) -> tuple[Account, dict[str, str]]:
        """A new channel: its account, and tokens that lead here."""
        with self._lock:
            channel = Channel(f"UC{next(self._names):022}", title, **more)
            self.channels[channel.id] = channel
            access, refresh = f"ya29.{secrets.token_hex(16)}", f"1//{secrets.token_hex(16)}"
            self._tokens[access] = channel.id
            self._refresh[refresh] = channel.id
        tokens = {
            "access_token": access,
            "refresh_token": refresh,
            "token_uri": f"{self.root}token",
            "revoke_uri": f"{self.root}revoke",
            "client_id": "client.apps.googleusercontent.com",
            "client_secret": "client-secret",
        }
        return Account(person, "youtube", channel.id, title, self.root, (SCOPE,)), tokens

    def fault(self, call: str, at: int, how: str | int, **more: Any) -> None:
        """Something goes wrong at the `at`-th `call` from now on (0: at every one).

        `how`: a status (`reason`, `after`); "reset" before it is read; "half": in the middle of its body; "lost": it is
        carried out, and the answer is lost; "range" (`says`): what a session has, in its own words; "page": a proxy's;
        "moved" (`to`): the session goes on elsewhere.
        """
        self._faults.append(_Fault(call, at, how, more))

    def forget_faults(self) -> None:
        self._faults.clear()

    def expire(self) -> None:
        """Access tokens hold no longer; they can be renewed."""
        self._tokens.clear()

    def revoke(self) -> None:
        """The sign-in is over."""
        self._tokens.clear()
        self._refresh.clear()

    def end_sessions(self, status: int = 404) -> None:
        for session in self.sessions.values():
            session.gone = status

    def hide(self, id_: str) -> None:
        """Somebody deletes a video in YouTube Studio."""
        with self._lock:
            self._delete(id_)

    # --- what tests look at

    @property
    def videos(self) -> list[Video]:
        return list(self._known.values())

    def calls(self, call: str) -> int:
        return sum(seen.call == call for seen in self.log)

    # --- requests

    def enter(self, seen: Seen) -> _Fault | None:
        """Notes a request; the fault that was ordered for it."""
        with self._lock:
            self.log.append(seen)
            ordered = [fault for fault in self._faults if fault.call in (seen.call, "any")]
            for fault in ordered:
                fault.seen += 1
            return next((fault for fault in ordered if fault.at in (0, fault.seen)), None)

    def answer(self, seen: Seen, query: Mapping[str, str], kind: str) -> tuple[int, Any]:
        with self._lock:
            if seen.call == "token":
                return self._renewed(seen.body)
            if seen.call == "revoke":
                return self._revoked(seen.body)
            channel = self._channel(seen.token)
            if seen.call == "open":
                return 200, self._open(channel, seen, query)
            self._spend(seen.call)
            name = seen.call.replace(".", "_")
            return getattr(self, f"_{name}")(channel, query, _Body(seen.body, kind))

    def _channel(self, token: str) -> Channel:
        if token not in self._tokens:
            raise Refusal(401, "authError", "global", "Invalid Credentials")
        return self.channels[self._tokens[token]]

    def _spend(self, call: str) -> None:
        self.spent += COSTS[call]
        if self.spent > self.quota:
            raise Refusal(403, "quotaExceeded", "youtube.quota")

    def _renewed(self, body: bytes) -> tuple[int, Any]:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        channel = self._refresh.get(form.get("refresh_token", ""))
        if form.get("grant_type") != "refresh_token" or channel is None:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        access = f"ya29.{secrets.token_hex(16)}"
        self._tokens[access] = channel
        return 200, {"access_token": access, "expires_in": 3599, "token_type": "Bearer", "scope": SCOPE}

    def _revoked(self, body: bytes) -> tuple[int, Any]:
        token = parse_qs(body.decode()).get("token", [""])[0]
        channel = self._refresh.pop(token, None)
        self._tokens = {key: value for key, value in self._tokens.items() if value != channel}
        return (200, {}) if channel else (400, {"error": "invalid_token"})

    # --- uploads

    def _open(self, channel: Channel, seen: Seen, query: Mapping[str, str]) -> Session:
        self.uploads_opened += 1
        if self.uploads_opened > self.upload_quota:
            raise Refusal(403, "quotaExceeded", "youtube.quota")
        _require(query.get("uploadType") == "resumable", 400, "badRequest")
        size = int(query.get("size", "0"))
        _require(size > 0, 400, "mediaBodyRequired")
        body = _checked_video(json.loads(seen.body), query.get("part", ""))
        session = Session(
            f"AB{secrets.token_hex(16)}", channel.id, body, query.get("notifySubscribers") != "false", size
        )
        self.sessions[session.id] = session
        return session

    def session(self, id_: str, token: str) -> Session:
        with self._lock:
            channel = self._channel(token)
            session = self.sessions.get(id_)
            if session is None or session.channel != channel.id:
                raise Refusal(404, "notFound", "global")
            if session.gone:
                raise Refusal(session.gone, "notFound", "global")
            return session

    def finished(self, session: Session, sha256: str) -> dict[str, Any]:
        """The video of a session that has all its bytes; the same one whenever it is asked."""
        with self._lock:
            if not session.video:
                session.video = self._add(session, sha256).id
            return self._shown(self._known[session.video], ("snippet", "status"))

    def _add(self, session: Session, sha256: str) -> Video:
        body = session.body
        status = {"privacyStatus": "public", "uploadStatus": "uploaded", **body.get("status", {}), **self.outcome}
        if any(other.sha256 == sha256 and other.channel == session.channel for other in self._known.values()):
            status |= {"uploadStatus": "rejected", "rejectionReason": "duplicate"}
        video = Video(
            f"v{next(self._names):010}",
            session.channel,
            {"categoryId": "22", **body.get("snippet", {})},
            status,
            body.get("paidProductPlacementDetails", {}),
            sha256,
            session.size,
            session.notify,
            history=[status["privacyStatus"]],
        )
        self._known[video.id] = video
        self._hidden[video.id] = self.listed_after
        self.channels[session.channel].uploads.insert(0, video.id)
        return video

    # --- videos

    def _videos_list(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        parts = _parts(query)
        ids = query.get("id", "").split(",")
        _require(0 < len(ids) <= 50, 400, "invalidFilters")
        found = [video for video in self._known.values() if video.id in ids and self._may_see(channel, video)]
        return 200, {"kind": "youtube#videoListResponse", "items": [self._looked_at(video, parts) for video in found]}

    def _may_see(self, channel: Channel, video: Video) -> bool:
        return video.channel == channel.id or video.privacy != "private"

    def _looked_at(self, video: Video, parts: tuple[str, ...]) -> dict[str, Any]:
        video.polls += 1
        if video.status["uploadStatus"] == "uploaded" and video.polls > self.processed_after:
            video.status["uploadStatus"] = "processed"
        return self._shown(video, parts)

    def _shown(self, video: Video, parts: tuple[str, ...]) -> dict[str, Any]:
        processing = {"processed": "succeeded", "uploaded": "processing", "failed": "failed"}
        there = {
            "snippet": {**video.snippet, "channelId": video.channel},
            "status": video.status,
            "processingDetails": {"processingStatus": processing.get(video.status["uploadStatus"], "terminated")},
            "paidProductPlacementDetails": video.paid,
        }
        return {"kind": "youtube#video", "id": video.id, **{part: there[part] for part in parts if part in there}}

    def _videos_update(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        told = json.loads(body.json)
        video = self._own(channel, told.get("id", ""))
        parts = _parts(query)
        _checked_video({key: value for key, value in told.items() if key != "id"}, query["part"], updating=True)
        kept = {
            key: video.status[key]
            for key in ("uploadStatus", "rejectionReason", "failureReason")
            if key in video.status
        }
        if "snippet" in parts:
            video.snippet = dict(told["snippet"])
        if "status" in parts:
            video.status = {"privacyStatus": "public", **told["status"], **kept}
            video.history.append(video.privacy)
        if "paidProductPlacementDetails" in parts:
            video.paid = dict(told["paidProductPlacementDetails"])
        return 200, self._shown(video, parts)

    def _videos_delete(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        self._delete(self._own(channel, query["id"]).id)
        return 204, None

    def _delete(self, id_: str) -> None:
        video = self._known.pop(id_)
        self.channels[video.channel].uploads.remove(id_)

    def _own(self, channel: Channel, id_: str) -> Video:
        video = self._known.get(id_)
        if video is None or not self._may_see(channel, video):
            raise Refusal(404, "videoNotFound", "youtube.video")
        _require(video.channel == channel.id, 403, "forbidden")
        return video

    # --- dressing

    def _thumbnails_set(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        video = self._own(channel, query["videoId"])
        _require(channel.verified, 403, "forbidden", "youtube.thumbnail")
        _require(body.kind in ("image/jpeg", "image/png"), 400, "invalidImage", "youtube.thumbnail")
        _require(
            body.media[:2] == b"\xff\xd8" or body.media[:4] == b"\x89PNG", 400, "invalidImage", "youtube.thumbnail"
        )
        short = "#short" in video.snippet["title"]
        _require(not short or video.status["uploadStatus"] == "processed", 403, "forbidden", "youtube.thumbnail")
        video.thumbnail = body.media
        return 200, {"items": [{"default": {"url": "https://i.ytimg.com/x.jpg"}}]}

    def _captions_list(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        video = self._own(channel, query["videoId"])
        return 200, {"items": [{"id": id_, "snippet": track["snippet"]} for id_, track in video.captions.items()]}

    def _captions_insert(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        _require("sync" not in query, 400, "unexpectedParameter")
        snippet = json.loads(body.json)["snippet"]
        _require({"videoId", "language", "name"} <= set(snippet), 400, "invalidMetadata", "youtube.caption")
        _require(len(snippet["name"]) <= 150, 400, "nameTooLong", "youtube.caption")
        video = self._own(channel, snippet["videoId"])
        there = [(t["snippet"]["language"], t["snippet"]["name"]) for t in video.captions.values()]
        _require((snippet["language"], snippet["name"]) not in there, 409, "captionExists", "youtube.caption")
        return 200, self._captioned(video, f"c{next(self._names)}", snippet, body)

    def _captions_update(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        told = json.loads(body.json)
        for video in self._known.values():
            if told["id"] in video.captions and video.channel == channel.id:
                return 200, self._captioned(video, told["id"], video.captions[told["id"]]["snippet"], body)
        raise Refusal(404, "captionNotFound", "youtube.caption")

    def _captioned(self, video: Video, id_: str, snippet: dict[str, Any], body: _Body) -> dict[str, Any]:
        _require(b"-->" in body.media, 400, "contentRequired", "youtube.caption")
        video.captions[id_] = {"snippet": snippet, "text": body.media}
        return {"id": id_, "snippet": snippet}

    # --- channels and playlists

    def _channels_list(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        _require(query.get("mine") == "true", 400, "missingRequiredParameter")
        if channel.id not in self.channels or not channel.title:
            return 200, {"kind": "youtube#channelListResponse"}  # a Google account without a channel
        details = {"relatedPlaylists": {"uploads": f"UU{channel.id[2:]}"}}
        return 200, {"items": [{"id": channel.id, "snippet": {"title": channel.title}, "contentDetails": details}]}

    def _playlistItems_list(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        playlist = query["playlistId"]
        if playlist == f"UU{channel.id[2:]}":
            ids = self._listed(channel)
            _require(bool(channel.uploads), 404, "playlistNotFound", "youtube.playlistItem")
        else:
            _require(playlist in self.playlists, 404, "playlistNotFound", "youtube.playlistItem")
            ids = self.items[playlist]
        return 200, _page([id_ for id_ in ids if query.get("videoId") in (None, id_)], query)

    def _listed(self, channel: Channel) -> list[str]:
        """The uploads; those that are quite new are not among them yet."""
        found = [id_ for id_ in channel.uploads if self._hidden[id_] <= 0]
        self._hidden.subtract(channel.uploads)
        return found

    def _playlistItems_insert(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        snippet = json.loads(body.json)["snippet"]
        _require(snippet["playlistId"] in self.playlists, 404, "playlistNotFound", "youtube.playlistItem")
        video = self._own(channel, snippet["resourceId"]["videoId"])
        _require(len(self.items[snippet["playlistId"]]) < 5000, 403, "playlistContainsMaximumNumberOfVideos")
        self.items[snippet["playlistId"]].append(video.id)  # the same video twice, if that is asked
        return 200, {"id": f"i{next(self._names)}"}

    def _playlists_list(self, channel: Channel, query: Mapping[str, str], _: _Body) -> tuple[int, Any]:
        _require(query.get("mine") == "true", 400, "missingRequiredParameter")
        mine = [each for each in self.playlists.values() if each["channel"] == channel.id]
        return 200, {"items": [{"id": each["id"], "snippet": {"title": each["title"]}} for each in mine]}

    def _playlists_insert(self, channel: Channel, query: Mapping[str, str], body: _Body) -> tuple[int, Any]:
        told = json.loads(body.json)
        id_ = f"PL{next(self._names)}"
        privacy = told.get("status", {}).get("privacyStatus", "public")
        self.playlists[id_] = {"id": id_, "title": told["snippet"]["title"], "channel": channel.id, "privacy": privacy}
        return 200, {"id": id_, "snippet": told["snippet"]}


class _Body:
    """A request's body: JSON, or JSON and a file (multipart/related)."""

    def __init__(self, body: bytes, kind: str) -> None:
        self.json, self.media, self.kind = body, body, kind
        if kind.startswith("multipart/related"):
            message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
            first, second = (part for part in message.walk() if not part.is_multipart())
            self.json = first.get_payload(decode=True)
            self.media = second.get_payload(decode=True)
            self.kind = second.get_content_type()


def _require(well: bool, status: int, reason: str, domain: str = "youtube") -> None:
    if not well:
        raise Refusal(status, reason, domain)


def _parts(query: Mapping[str, str]) -> tuple[str, ...]:
    _require(bool(query.get("part")), 400, "missingRequiredParameter")
    return tuple(query["part"].split(","))


def _page(ids: list[str], query: Mapping[str, str]) -> dict[str, Any]:
    first, size = int(query.get("pageToken", "0")), int(query.get("maxResults", "5"))
    _require(0 < size <= 50, 400, "invalidPageToken")
    more = {"nextPageToken": str(first + size)} if len(ids) > first + size else {}
    return {"items": [{"contentDetails": {"videoId": id_}} for id_ in ids[first : first + size]], **more}


def _checked_video(body: dict[str, Any], part: str, updating: bool = False) -> dict[str, Any]:
    """The body of videos.insert or videos.update, unless it breaks a rule."""
    _require(set(body) == set(part.split(",")), 400, "unexpectedPart")
    for name, told in body.items():
        _require(name in _WRITABLE and set(told) <= _WRITABLE[name], 400, "invalidVideoMetadata")
    snippet, status = body.get("snippet", {}), body.get("status", {})
    if "snippet" in body:
        title = snippet.get("title", "")
        _require(0 < len(title) <= 100 and not set(title) & set("<>"), 400, "invalidTitle")
        text = snippet.get("description", "")
        _require(len(text.encode()) <= 5000 and not set(text) & set("<>"), 400, "invalidDescription")
        tags = snippet.get("tags", [])
        length = sum(len(tag) + 2 * (" " in tag) for tag in tags) + max(0, len(tags) - 1)
        _require(length <= 500, 400, "invalidTags")
        assignable = snippet.get("categoryId", "" if updating else "22")
        _require(assignable in ("22", "24", "26", "27", "28"), 400, "invalidCategoryId")
        for key in ("defaultLanguage", "defaultAudioLanguage"):
            _require(
                re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*", snippet.get(key, "en")) is not None,
                400,
                "invalidVideoMetadata",
            )
    if "status" in body:
        privacy = status.get("privacyStatus", "public")
        _require(privacy in ("private", "unlisted", "public"), 400, "invalidVideoMetadata")
        at = status.get("publishAt")
        _require(at is None or (privacy == "private" and at.endswith("Z")), 400, "invalidPublishAt")
        _require(at is None or datetime.fromisoformat(at) > datetime.now(UTC), 400, "invalidPublishAt")
    return body


# --- the wire ---------------------------------------------------------------------------------------------------------

_ROUTES = {
    ("GET", "/youtube/v3/videos"): "videos.list",
    ("PUT", "/youtube/v3/videos"): "videos.update",
    ("DELETE", "/youtube/v3/videos"): "videos.delete",
    ("GET", "/youtube/v3/channels"): "channels.list",
    ("GET", "/youtube/v3/playlists"): "playlists.list",
    ("POST", "/youtube/v3/playlists"): "playlists.insert",
    ("GET", "/youtube/v3/playlistItems"): "playlistItems.list",
    ("POST", "/youtube/v3/playlistItems"): "playlistItems.insert",
    ("GET", "/youtube/v3/captions"): "captions.list",
    ("POST", "/upload/youtube/v3/captions"): "captions.insert",
    ("PUT", "/upload/youtube/v3/captions"): "captions.update",
    ("POST", "/upload/youtube/v3/thumbnails/set"): "thumbnails.set",
    ("POST", "/upload/youtube/v3/videos"): "open",
    ("POST", "/token"): "token",
    ("POST", "/revoke"): "revoke",
}
_UPLOAD = "/upload/youtube/v3/videos"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._do()

    do_POST = do_PUT = do_DELETE = do_GET

    def _do(self) -> None:
        self._fault: _Fault | None = None
        self._read = 0
        try:
            self._route()
        except Cut:
            self._cut()
        except Page:
            self._send(200, b"<html>Please sign in to the guest network.</html>")
        except Refusal as fault:
            self._drain()
            self._refuse(fault.status, fault.reason, fault.domain, fault.message)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _route(self) -> None:
        split = urlsplit(self.path)
        if self.command == "PUT" and split.path == "/plain":
            return self._plain()
        if self.command == "PUT" and split.path == _UPLOAD:
            return self._into_session(parse_qs(split.query).get("upload_id", [""])[0])
        call = _ROUTES.get((self.command, split.path))
        if call is None:
            raise Refusal(404, "notFound", "global")
        return self._call(call, {key: values[0] for key, values in parse_qs(split.query).items()})

    # --- calls

    def _call(self, call: str, query: dict[str, str]) -> None:
        youtube = self.server.youtube
        self._fault = youtube.enter(Seen(call, self.command, self.path, self._token))
        self._before()
        body = self._body()
        youtube.log[-1] = Seen(call, self.command, self.path, self._token, body)
        if call == "open":
            query["size"] = self.headers.get("X-Upload-Content-Length", "0")
            _require(self.headers.get("X-Upload-Content-Type", "").startswith("video/"), 400, "badContent")
        status, answer = youtube.answer(Seen(call, self.command, self.path, self._token, body), query, self._kind)
        if self._fault and self._fault.how == "lost":
            raise Cut
        if isinstance(answer, Session):
            return self._opened(answer, body)
        return self._send(status, answer)

    def _before(self) -> None:
        """What goes wrong before a request is carried out."""
        fault = self._fault
        if fault is None:
            return
        if fault.how == "reset":
            raise Cut
        if fault.how == "half":
            self.rfile.read(int(self.headers.get("Content-Length", "0")) // 2)
            raise Cut
        if fault.how == "page":
            self._drain()
            raise Page
        if isinstance(fault.how, int):
            raise Refusal(
                fault.how,
                fault.more.get("reason", ""),
                fault.more.get("domain", "youtube"),
                fault.more.get("message", ""),
            )

    def _opened(self, session: Session, body: bytes) -> None:
        if self.server.youtube.upload_server:
            return self._relay(session, body)
        return self._send(200, None, {"Location": self._address(session)})

    def _address(self, session: Session) -> str:
        return f"http://{self.headers['Host']}{_UPLOAD}?uploadType=resumable&upload_id={session.id}"

    # --- the bytes of a video

    def _into_session(self, id_: str) -> None:
        youtube = self.server.youtube
        told = self.headers.get("Content-Range", "")
        self._fault = youtube.enter(
            Seen("ask" if told.startswith("bytes */") else "chunk", "PUT", self.path, self._token)
        )
        self._before()
        if youtube.upload_server and id_ not in youtube.sessions:
            return self._relay(None, b"")
        session = youtube.session(id_, self._token)
        session.turn += 1
        if told.startswith("bytes */"):
            _require(told[8:] in ("*", str(session.size)), 400, "")
        else:
            self._take(session, told)
        return self._progress(session)

    def _take(self, session: Session, told: str) -> None:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", told)
        _require(found is not None, 400, "")
        assert found is not None
        first, last, size = map(int, found.groups())
        _require(size == session.size and first <= last < size, 400, "")
        _require(int(self.headers["Content-Length"]) == last - first + 1, 400, "")
        _require(first == session.received, 400, "")  # neither a gap nor anything twice
        _require((last - first + 1) % BLOCK == 0 or last == size - 1, 400, "")
        left, turn = last - first + 1, session.turn
        while left:
            block = self.rfile.read(min(BLOCK, left))
            time.sleep(self.server.youtube.seconds_a_block)
            if len(block) < min(BLOCK, left):
                raise Cut  # what came of this block does not count: a server keeps multiples of 256 KiB
            with self.server.youtube._lock:
                if session.turn != turn:
                    raise Cut
                session.digest.update(block)
                session.received += len(block)
            left -= len(block)

    def _progress(self, session: Session) -> None:
        youtube, fault = self.server.youtube, self._fault
        lost = fault is not None and fault.how == "lost"
        if session.received == session.size:
            with youtube._lock:
                answer = youtube.finished(session, session.digest.hexdigest())
                youtube.answers_after -= 1
                waits = youtube.answers_after >= 0
            if not lost and not waits:
                return self._send(200, answer)
        if lost:
            raise Cut
        headers = {"Range": f"bytes=0-{session.received - 1}"} if session.received else {}
        if fault is not None and fault.how == "range":
            headers = {"Range": fault.more["says"]} if fault.more["says"] else {}
        if fault is not None and fault.how == "moved":
            headers["Location"] = fault.more.get("to") or self._address(session) + "&moved=1"
        return self._send(308, None, headers)

    def _plain(self) -> None:
        """A plain PUT, read and hashed as a session's chunks are: what an upload is compared with."""
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            block = self.rfile.read(min(BLOCK, left))
            digest.update(block)
            left -= len(block)
        self._send(200, {"sha256": digest.hexdigest()})

    # --- a real server of the protocol behind it

    def _relay(self, session: Session | None, body: bytes) -> None:
        """Hands a request on, and the answer back; when the upload is whole, it becomes a video here."""
        youtube = self.server.youtube
        where = urlsplit(youtube.upload_server)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            if session is not None:
                connection.send(body)
            else:
                self._pass_on(connection)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = {name: value for name, value in answer.getheaders() if name.lower() in ("location", "range")}
        if session is not None:
            id_ = parse_qs(urlsplit(headers["location" if "location" in headers else "Location"]).query)["upload_id"][0]
            youtube.sessions[f"real-{id_}"] = session
        elif answer.status == 200:
            mine = youtube.sessions[f"real-{parse_qs(urlsplit(self.path).query)['upload_id'][0]}"]
            content = json.dumps(youtube.finished(mine, json.loads(content)["sha256"])).encode()
            if self._fault and self._fault.how == "lost":
                raise Cut
        self._send(answer.status, content, headers)

    def _pass_on(self, connection: http.client.HTTPConnection) -> None:
        left = int(self.headers.get("Content-Length", "0"))
        while left:
            block = self.rfile.read1(min(BLOCK, left))
            if not block:
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Cut
            connection.send(block)
            left -= len(block)

    # --- answers

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def _kind(self) -> str:
        return self.headers.get("Content-Type", "")

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length", "0"))
        self._read = length
        body = self.rfile.read(length)
        if len(body) < length:
            raise Cut
        return body

    def _drain(self) -> None:
        """A refused body is read, so that the refusal arrives."""
        left = int(self.headers.get("Content-Length", "0")) - self._read
        while left > 0 and (block := self.rfile.read(min(BLOCK, left))):
            left -= len(block)

    def _refuse(self, status: int, reason: str, domain: str, message: str) -> None:
        headers = {"Retry-After": str(self._fault.more["after"])} if self._fault and "after" in self._fault.more else {}
        if not reason:
            return self._send(status, b"Failed to parse Content-Range header.", headers)
        error = {"domain": domain, "reason": reason, "message": message}
        return self._send(status, {"error": {"code": status, "message": message, "errors": [error]}}, headers)

    def _send(self, status: int, told: Any, headers: Mapping[str, str] | None = None) -> None:
        content = told if isinstance(told, bytes) else b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        """Breaks the connection hard: a reset, and no answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, youtube: YouTube) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.youtube = youtube
        self.connections: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news; anything else is."""
        if not isinstance(sys.exception(), OSError | ValueError):  # ValueError: its connection was closed here
            super().handle_error(request, client_address)


@contextmanager
def started(upload_server: str = "") -> Iterator[YouTube]:
    """Runs the double on loopback."""
    youtube = YouTube(upload_server)
    server = _Server(youtube)
    youtube.root = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield youtube
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for connection in list(server.connections):
            connection.close()
