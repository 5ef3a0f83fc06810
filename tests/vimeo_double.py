"""A double of Vimeo's API 3.4, written after its reference and its own libraries: Vimeo itself was out of reach.

The bytes go to this double's own tus 1.0, or to @tus/server, which others wrote.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tests.doubles import Answer, Double, Request, Seen, forwarded

_VIEW = {"anybody": "public", "unlisted": "unlisted", "nobody": "private"}


class Vimeo(Double):
    """`tus` is the port of a server that takes the bytes, and `folder` where it puts them; None: this one does."""

    def __init__(self, tus: int | None = None, folder: Path | None = None) -> None:
        super().__init__()
        self.tus, self.folder = tus, folder
        self.access = {"token-1": "me", "token-you": "you"}
        self.videos: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []  # every video that was ever begun
        self.albums: list[dict[str, Any]] = []
        self.puts: dict[str, bytes] = {}  # what came to the addresses of captions and pictures
        self.refuses: dict[str, int] = {}
        self._number = 100

    @property
    def seen(self) -> list[Seen]:
        return [self._seen(uri, video) for uri, video in self.videos.items() if self._is_whole(video)]

    @property
    def unfinished(self) -> list[str]:
        return [uri for uri, video in self.videos.items() if not self._is_whole(video)]

    def _seen(self, uri: str, video: dict[str, Any]) -> Seen:
        data = self._data(video)
        captions = tuple(self.puts.get(track["link"], b"") for track in video["tracks"])
        active = next((picture for picture in reversed(video["pictures"]) if picture["active"]), None)
        albums = tuple(album["name"] for album in self.albums for one in album["videos"] if one == uri)
        tags = tuple(tag["name"] for tag in video["tags"])
        return Seen(
            uri, hashlib.sha256(data).hexdigest(), len(data), video["name"], video["description"], tags,
            _VIEW[video["privacy"]["view"]], video.get("locale", ""), captions,
            self.puts.get(active["link"]) if active else None, albums,
        )  # fmt: skip

    def _data(self, video: dict[str, Any]) -> bytes:
        if self.folder is None:
            return bytes(video["data"])
        path = self.folder / video["file"]
        return path.read_bytes() if path.exists() else b""

    def _is_whole(self, video: dict[str, Any]) -> bool:
        return len(self._data(video)) == video["size"]

    # --- answering

    def takes_parts(self, request: Request) -> bool:
        return request.path.startswith("/files/")

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/files/"):
            return self._bytes(request)
        with self.lock:
            if request.path.startswith("/put/"):
                if "authorization" in request.headers:
                    self.violations.append("the token went to an address that needs none")
                self.puts[self.root.rstrip("/") + request.path] = request.body
                return Answer(200)
            user = self.access.get(request.headers.get("authorization", "").removeprefix("bearer "))
            if user is None:
                return Answer(401, {"error": "You must provide a valid authenticated access token."})
            for part, status in self.refuses.items():
                if part in request.path and request.method in ("PUT", "POST", "PATCH"):
                    return Answer(status, {"error": "No.", "developer_message": f"{part} is refused here"})
            return self._rest(request, user)

    def _rest(self, request: Request, user: str) -> Answer:
        path, method = request.path, request.method
        if path == "/me":
            return Answer(200, {"uri": "/users/1" if user == "me" else "/users/2", "name": user.title()})
        if path == "/tokens" and method == "DELETE":
            self.access = {token: who for token, who in self.access.items() if who != user}
            return Answer(204)
        if path == "/me/videos":
            return self._begun(request, user) if method == "POST" else self._listed(request, user)
        if path.startswith("/me/albums"):
            return self._album(request)
        uri = "/".join(path.split("/")[:3])
        video = self.videos.get(uri)
        if video is None or video["user"] != user:
            return Answer(404, {"error": "The requested video couldn't be found."})
        return self._video(request, uri, video, path.removeprefix(uri))

    def _begun(self, request: Request, user: str) -> Answer:
        told = request.json
        if told["upload"].get("approach") != "tus" or not told["upload"]["size"].isdecimal():
            return Answer(400, {"error": "upload"})
        self._number += 1
        uri, file = f"/videos/{self._number}", f"upload-{self._number}"
        size = int(told["upload"]["size"])
        if self.tus is not None:
            headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Content-Length": "0"}
            made = forwarded(self.tus, Request("POST", "/files", {}, {}, b""), "/files", headers)
            file = made.headers["location"].rpartition("/")[2]
        facts = {"name": "Untitled", "description": "", "privacy": {"view": "anybody"}, **told}
        self.videos[uri] = {
            **facts, "uri": uri, "user": user, "size": size, "file": file, "data": bytearray(), "tags": [],
            "tracks": [], "pictures": [],
        }  # fmt: skip
        self.log.append(uri)
        return Answer(201, self._told(uri))

    def _told(self, uri: str) -> dict[str, Any]:
        video = self.videos[uri]
        whole = self._is_whole(video)
        upload = {"status": "complete" if whole else "in_progress", "upload_link": self._link(video)}
        told = {key: video[key] for key in ("uri", "name", "description", "privacy", "tags")}
        return {**told, "link": f"https://vimeo.example{uri.removeprefix('/videos')}", "upload": upload}

    def _link(self, video: dict[str, Any]) -> str:
        return f"{self.root}files/{video['file']}"

    def _listed(self, request: Request, user: str) -> Answer:
        page, count = int(request.query.get("page", 1)), int(request.query.get("per_page", 25))
        mine = [uri for uri, video in reversed(self.videos.items()) if video["user"] == user]
        return Answer(200, {"data": [self._told(uri) for uri in mine[(page - 1) * count : page * count]]})

    def _album(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, {"data": [{"uri": each["uri"], "name": each["name"]} for each in self.albums]})
        if request.method == "POST":
            album = {"uri": f"/me/albums/{len(self.albums) + 1}", "name": request.json["name"], "videos": []}
            self.albums.append(album)
            return Answer(201, {"uri": album["uri"], "name": album["name"]})
        uri, _, id_ = request.path.partition("/videos/")
        album = next(each for each in self.albums if each["uri"] == uri)
        if f"/videos/{id_}" not in album["videos"]:
            album["videos"].append(f"/videos/{id_}")
        return Answer(204)

    def _video(self, request: Request, uri: str, video: dict[str, Any], rest: str) -> Answer:
        kind, method = rest.strip("/").partition("/")[0], request.method
        if kind == "tags":
            video["tags"] = [*video["tags"], *(tag for tag in request.json if tag not in video["tags"])]
            return Answer(200, {"data": video["tags"]})
        if kind in ("texttracks", "pictures"):
            return self._side(request, uri, video, "tracks" if kind == "texttracks" else kind, rest)
        if method == "DELETE":
            del self.videos[uri]
            return Answer(204)
        if method == "PATCH":
            video.update(request.json)
        return Answer(200, self._told(uri))

    def _side(self, request: Request, uri: str, video: dict[str, Any], kind: str, rest: str) -> Answer:
        things = video[kind]
        if request.method == "GET":
            return Answer(200, {"data": things})
        if request.method == "POST":
            self._number += 1
            place = {"uri": f"{uri}{rest}/{self._number}", "link": f"{self.root}put/{self._number}", "active": False}
            things.append({**(request.json or {}), **place})
            return Answer(201, things[-1])
        one = next((each for each in things if each["uri"] == request.path), None)
        if one is None:
            return Answer(404, {"error": "not found"})
        if request.method == "DELETE":
            things.remove(one)
            return Answer(204)
        one.update(request.json)
        return Answer(200, one)

    # --- tus 1.0

    def _bytes(self, request: Request) -> Answer:
        if "authorization" in request.headers:
            self.violations.append("the token went to an address that needs none")
        if request.headers.get("tus-resumable") != "1.0.0":
            return Answer(412)
        video = next((each for each in self.videos.values() if request.path == f"/files/{each['file']}"), None)
        if video is None:
            return Answer(404)
        if self.tus is not None:
            names = ("tus-resumable", "upload-offset", "content-type", "content-length")
            headers = {name: request.headers[name] for name in names if name in request.headers}
            if "content-length" in headers:
                headers["content-length"] = str(len(request.body))
            return forwarded(self.tus, request, request.path, headers)
        with self.lock:
            return self._own_bytes(request, video)

    def _own_bytes(self, request: Request, video: dict[str, Any]) -> Answer:
        data: bytearray = video["data"]
        if request.method == "PATCH":
            if request.headers.get("content-type") != "application/offset+octet-stream":
                return Answer(415)
            if int(request.headers["upload-offset"]) != len(data):
                return Answer(409)
            data += request.body
        return Answer(204 if request.method == "PATCH" else 200, None, {
            "Tus-Resumable": "1.0.0", "Upload-Offset": str(len(data)), "Upload-Length": str(video["size"]),
        })  # fmt: skip
