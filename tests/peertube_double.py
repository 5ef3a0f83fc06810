"""A double of PeerTube's REST API: what a real 6.3 server was seen to answer, and what its reference says.

Uploads go to this double's own implementation, which is strict, or to @uploadx/core, which others wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from typing import Any

from tests.doubles import SECONDS, Answer, Double, Request, Seen, forwarded

UPLOADS = "/api/v1/videos/upload-resumable"
_PRIVACY = {1: "public", 2: "unlisted", 3: "private"}


class PeerTube(Double):
    """One instance. `uploadx` is the port of a server that takes the bytes; None: this one does."""

    def __init__(self, uploadx: int | None = None) -> None:
        super().__init__()
        self.uploadx = uploadx
        self.users = {"me": "secret", "you": "other"}
        self.otp = ""  # the code that "me" has to give
        self.access = {"token-1": "me", "token-you": "you"}
        self.refresh = {"refresh-1": "me"}
        self.channels = [
            {"id": 7, "name": "main", "displayName": "Main"},
            {"id": 8, "name": "lab", "displayName": "Lab"},
        ]
        self.videos: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []  # every video that was ever made
        self.sessions: dict[str, dict[str, Any]] = {}
        self.playlists: list[dict[str, Any]] = []
        self.processing = 0.0  # seconds that a finished upload takes
        self.smallest_chunk = 0
        self.refuses: dict[str, int] = {}  # a part of a path -> status

    @property
    def seen(self) -> list[Seen]:
        return [self._seen(video) for video in self.videos.values()]

    def _seen(self, video: dict[str, Any]) -> Seen:
        mine = tuple(each["displayName"] for each in self.playlists for one in each["videos"] if one == video["id"])
        return Seen(
            video["uuid"], video["sha256"], video["size"], video["name"], video["description"] or "",
            tuple(video["tags"]), _PRIVACY[video["privacy"]], video["language"], tuple(video["captions"].values()),
            video["thumbnail"], mine, (video["scheduleUpdate"] or {}).get("updateAt", ""),
        )  # fmt: skip

    # --- answering

    def takes_parts(self, request: Request) -> bool:
        return (request.method, request.path) == ("PUT", UPLOADS)

    def answer(self, request: Request) -> Answer:
        for part, status in self.refuses.items():
            if part in request.path and request.method in ("PUT", "POST"):
                return _problem(status, f"{part} is refused here")
        if request.path == "/api/v1/oauth-clients/local":
            return Answer(200, {"client_id": "app", "client_secret": "app-secret"})
        if request.path == "/api/v1/users/token":
            with self.lock:
                return self._token(request)
        user = self.access.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            return _problem(401, "The token is invalid.")
        if request.path == UPLOADS:
            return self._upload(request, user)
        with self.lock:
            return self._rest(request, user)

    def _token(self, request: Request) -> Answer:
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != ("app", "app-secret"):
            return _problem(400, "The client is unknown.")
        if form.get("grant_type") == "refresh_token":
            user = self.refresh.pop(form.get("refresh_token", ""), None)
            if user is None:
                return _problem(400, "Invalid grant: refresh token is invalid", code="invalid_grant")
            self.access = {token: who for token, who in self.access.items() if who != user}  # both old ones die
            return self._fresh(user)
        user = form.get("username", "")
        if self.users.get(user) != form.get("password"):
            return _problem(400, "Invalid grant: user credentials are invalid", code="invalid_grant")
        if self.otp and request.headers.get("x-peertube-otp") != self.otp:
            return Answer(401, {"code": "missing_two_factor"}, {"x-peertube-otp": "required; app"})
        return self._fresh(user)

    def _fresh(self, user: str) -> Answer:
        number = len(self.access) + len(self.refresh) + 10
        access, refresh = f"token-{number}-{uuid.uuid4().hex}", f"refresh-{number}-{uuid.uuid4().hex}"
        self.access[access], self.refresh[refresh] = user, user
        return Answer(200, {"access_token": access, "refresh_token": refresh, "expires_in": 86400})

    def expire(self) -> None:
        self.access = {token: who for token, who in self.access.items() if who != "me"}

    def _rest(self, request: Request, user: str) -> Answer:
        path, method = request.path, request.method
        if path == "/api/v1/users/me":
            account = {
                "id": 3 if user == "me" else 4,
                "name": user,
                "displayName": user.title(),
                "host": "tube.example",
            }
            return Answer(200, {"id": 1, "username": user, "account": account, "videoChannels": self.channels})
        if path == "/api/v1/users/revoke-token":
            self.access = {token: who for token, who in self.access.items() if who != user}
            return Answer(200, {})
        if path == "/api/v1/users/me/videos":
            return self._listed(request, user)
        if "/video-playlists" in path:
            return self._playlist(request, user)
        found = re.fullmatch(r"/api/v1/videos/([^/]+)(/.*)?", path)
        video = self.videos.get(found[1]) if found else None
        if video is None or video["user"] != user:
            return _problem(404, "Video not found")
        return self._video(request, method, video, found[2] or "" if found else "")

    def _listed(self, request: Request, user: str) -> Answer:
        start, count = int(request.query.get("start", 0)), int(request.query.get("count", 15))
        if count > 100 or request.query.get("sort", "").lstrip("-") not in ("", "createdAt", "name"):
            return _problem(400, "Invalid count or sort")
        mine = [video for video in reversed(self.videos.values()) if video["user"] == user]
        keys = ("id", "uuid", "shortUUID", "name", "duration", "privacy")
        told = [{key: video[key] for key in keys} for video in mine[start : start + count]]
        return Answer(200, {"total": len(mine), "data": told})

    def _video(self, request: Request, method: str, video: dict[str, Any], rest: str) -> Answer:
        if rest == "/source":
            return Answer(200, {"inputFilename": video["filename"], "size": video["size"]})
        if method == "DELETE" and not rest:
            del self.videos[video["uuid"]]
            return Answer(204)
        if method == "GET":
            return Answer(200, {"id": video["id"], "uuid": video["uuid"], "name": video["name"]})
        if rest.startswith("/captions/"):
            return self._caption(request, video, rest.removeprefix("/captions/"))
        if request.headers.get("content-type", "").startswith("multipart/"):
            parts = request.parts()
            if not {"thumbnailfile", "previewfile"} <= parts.keys():
                return _problem(400, "Both pictures are wanted")
            video["thumbnail"] = parts["thumbnailfile"]
            return Answer(204)
        return self._updated(video, request.json)

    def _caption(self, request: Request, video: dict[str, Any], language: str) -> Answer:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            return _problem(400, "captionLanguage should be a valid language")
        video["captions"][language] = request.parts()["captionfile"]
        return Answer(204)

    def _updated(self, video: dict[str, Any], told: dict[str, Any]) -> Answer:
        if fault := _wrong(told):
            return _problem(400, fault)
        video.update({key: value for key, value in told.items() if key != "scheduleUpdate" or value is None})
        if schedule := told.get("scheduleUpdate"):
            if schedule.get("privacy") not in (1, 2, 4) or not schedule.get("updateAt"):
                return _problem(400, "Should have a schedule update privacy conform to the video privacy")
            video["scheduleUpdate"] = schedule
        return Answer(204)

    def _playlist(self, request: Request, user: str) -> Answer:
        if request.path.endswith("/videos-exist"):
            id_ = int(request.query["videoIds"])
            there = [
                {"playlistId": each["id"], "playlistElementId": 1} for each in self.playlists if id_ in each["videos"]
            ]
            return Answer(200, {str(id_): there})
        if request.method == "GET":
            mine = [
                {"id": each["id"], "displayName": each["displayName"]}
                for each in self.playlists
                if each["user"] == user
            ]
            return Answer(200, {"total": len(mine), "data": mine})
        if request.path == "/api/v1/video-playlists":
            parts = request.parts()
            made = {
                "id": len(self.playlists) + 1,
                "displayName": parts["displayName"].decode(),
                "videos": [],
                "user": user,
            }
            self.playlists.append({**made, "privacy": int(parts["privacy"])})
            return Answer(200, {"videoPlaylist": {"id": made["id"], "uuid": str(uuid.uuid4())}})
        number = int(request.path.split("/")[-2])
        playlist = next(each for each in self.playlists if each["id"] == number)
        playlist["videos"].append(request.json["videoId"])  # twice makes two elements
        return Answer(200, {"videoPlaylistElement": {"id": 1}})

    # --- uploads

    def _upload(self, request: Request, user: str) -> Answer:
        if request.method == "POST" and (fault := _wrong(request.json) or self._wrong_upload(request.json)):
            return _problem(400, fault)
        if self.uploadx is not None:
            return self._at_uploadx(request, user)
        if request.method == "POST":
            with self.lock:
                return self._begun(request, user)
        session = self.sessions.get(request.query.get("upload_id", ""))
        if session is None:
            return _problem(404, "Not found")
        if session["user"] != user:
            return _problem(403, "Forbidden")
        if request.method == "DELETE":
            del self.sessions[request.query["upload_id"]]
            return Answer(204)
        return self._part(request, session)

    def _wrong_upload(self, told: dict[str, Any]) -> str:
        if told.get("channelId") not in [channel["id"] for channel in self.channels]:
            return "Unknown channel"
        return "" if told.get("filename", "").endswith(".mp4") and told.get("name") else "name and filename are wanted"

    def _begun(self, request: Request, user: str) -> Answer:
        told, size = request.json, int(request.headers["x-upload-content-length"])
        if request.headers.get("x-upload-content-type") != "video/mp4":
            return _problem(415, "Unsupported media type")
        facts = json.dumps([user, told["name"], size, told.get("lastModified")])
        id_ = hashlib.md5(facts.encode(), usedforsecurity=False).hexdigest()
        known = self.sessions.setdefault(
            id_, {"id": id_, "user": user, "facts": told, "size": size, "data": bytearray(), "at_work": False}
        )
        headers = {"Location": f"//{request.headers['host']}{UPLOADS}?upload_id={id_}"}
        if known["data"]:
            return Answer(200, None, {**headers, "Range": f"bytes=0-{len(known['data']) - 1}"})
        return Answer(201, None, headers)

    def _part(self, request: Request, session: dict[str, Any]) -> Answer:
        with self.lock:
            if session["at_work"] == "processing":
                return Answer(503, {"error": "processing"}, {"Retry-After": "300"})
            if session["at_work"]:
                return _problem(423, "Locked")
            session["at_work"] = True
        try:
            answer = self._written(request, session)
        finally:
            session["at_work"] = False
        return answer

    def _written(self, request: Request, session: dict[str, Any]) -> Answer:
        data, size = session["data"], session["size"]
        found = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", request.headers.get("content-range", ""))
        if not found or int(found[3]) != size:
            self.violations.append(f"Content-Range {request.headers.get('content-range')} of {size}")
            return _problem(400, "Bad Content-Range")
        if found[1] is not None:
            start, end = int(found[1]), int(found[2]) + 1
            if int(request.headers["content-length"]) != end - start or start > len(data) or end > size:
                self.violations.append(f"{start}-{end} after {len(data)} of {size}")  # the real one leaves a hole
                return _problem(409, "Conflict")
            if self.smallest_chunk and end < size and end - start < self.smallest_chunk:
                return _problem(400, f"Chunk size must be at least {self.smallest_chunk} bytes")
            data[start : start + len(request.body)] = request.body
        if len(data) < size:
            return Answer(308, None, {"Range": f"bytes=0-{len(data) - 1}"})
        return self._finished(session, hashlib.sha256(data).hexdigest())

    def _finished(self, session: dict[str, Any], sha256: str) -> Answer:
        session["at_work"] = "processing"
        time.sleep(self.processing)
        with self.lock:
            video = self._made(session["user"], session["facts"], session["size"], sha256)
            self.sessions.pop(session["id"], None)
        return Answer(200, {"video": {key: video[key] for key in ("id", "uuid", "shortUUID")}})

    def _made(self, user: str, facts: dict[str, Any], size: int, sha256: str) -> dict[str, Any]:
        id_ = str(uuid.uuid4())
        video = {
            "id": len(self.log) + 100, "uuid": id_, "shortUUID": id_[:8], "user": user, "sha256": sha256, "size": size,
            "duration": round(SECONDS), "filename": facts["filename"], "name": facts["name"],
            "description": facts.get("description"), "tags": facts.get("tags") or [], "language": facts.get("language"),
            "privacy": facts.get("privacy", 1), "channel": facts["channelId"], "captions": {}, "thumbnail": None,
            "scheduleUpdate": None,
        }  # fmt: skip
        self.videos[id_] = video
        self.log.append(id_)
        return video

    def _at_uploadx(self, request: Request, user: str) -> Answer:
        assert self.uploadx is not None
        names = ("content-type", "content-range", "content-length", "x-upload-content-length", "x-upload-content-type")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        headers["content-length"] = str(len(request.body))
        query = f"?upload_id={request.query['upload_id']}" if "upload_id" in request.query else ""
        answer = forwarded(self.uploadx, request, UPLOADS + query, {**headers, "x-user": user})
        if answer.status == 200 and answer.body and b'"video"' in answer.body:
            told = json.loads(answer.body)["video"]
            with self.lock:
                video = self._made(user, told["metadata"], told["size"], told["sha256"])
            return Answer(200, {"video": {key: video[key] for key in ("id", "uuid", "shortUUID")}})
        return answer


def _wrong(told: dict[str, Any]) -> str:
    """What of the texts PeerTube refuses (constants.ts)."""
    if "name" in told and not 3 <= len(told["name"]) <= 120:
        return "Should have a valid name"
    if told.get("description") is not None and not 3 <= len(told["description"]) <= 10_000:
        return "Should have a valid description"
    tags = told.get("tags") or []
    if len(tags) > 5 or not all(2 <= len(tag) <= 30 for tag in tags):
        return "Should have correct tags"
    return "" if told.get("privacy", 3) in _PRIVACY else "Should have a valid privacy"


def _problem(status: int, detail: str, code: str = "") -> Answer:
    return Answer(status, {"type": "about:blank", "detail": detail, "status": status, "code": code, "error": detail})
