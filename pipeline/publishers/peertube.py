"""PeerTube: a person's own account at their own instance.

Uploads speak the resumable protocol of node-uploadx, as PeerTube's REST reference has it. What an instance answers was
observed on PeerTube 6.3: sessions die of silence, and are gone (403, 404, 410) once the video is there, so a session
that is gone is looked up before another one is opened: under the name of the file that it came from.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import httpx

from pipeline import wire
from pipeline.accounts import Access
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account, Parcel, Receipt
from pipeline.posting import Rules
from pipeline.publishers import About, Desk, vanished
from pipeline.publishers.peertube_server import (
    SAYS,
    SIGN_IN_SECONDS,
    Bearer,
    address_of,
    answered,
    app,
    good,
    granted,
    host_of,
    refusal,
    sent,
    sign_in_again,
    who,
)
from pipeline.signin import Signer
from pipeline.wire import AgainError, Patience, Stretch, UnknownError, asked, said, told

ABOUT = About(
    name="peertube",
    title="PeerTube",
    rules=Rules(title=(3, 120), description_chars=(3, 10_000), tags=5, tag_chars=(2, 30)),  # constants.ts
    signs_in="password",
    resumes="for about an hour; later it begins again from the start",
)
_UPLOADS = "api/v1/videos/upload-resumable"
_PRIVACY = {"public": 1, "unlisted": 2, "private": 3}
_GONE = frozenset((403, 404, 410))
_AT_WORK = 503
_SESSIONS = 3  # uploads that are begun before somebody has to look
_LOOK_SECONDS = 5.0  # between two looks whether a video is there; an instance asks for 300 s, and needs far less
_LOOKS = 3  # at what a request did whose answer was lost
_PAGE, _PAGES = 100, 3  # of a person's latest videos, among which ours is looked for


# --- signing in -------------------------------------------------------------------------------------------------------


def sign_in(person: str, signer: Signer, options: Mapping[str, str]) -> tuple[Account, dict[str, str]]:
    """Signs in with the name and password of the instance at options["address"]. Neither is kept."""
    address = address_of(options.get("address") or signer.ask("Address of your PeerTube instance"))
    with wire.client(address) as client:
        tokens = app(client)
        name = signer.ask(f"Your user name at {host_of(address)}")
        secrets = {"username": name, "password": signer.ask("Your password", hidden=True)}
        tokens |= granted(client, tokens, secrets, signer)
    with wire.client(address, {"Authorization": f"Bearer {tokens['access_token']}"}) as client:
        id_, shown = who(answered(client, "GET", "api/v1/users/me", "who you are"), host_of(address))
    return Account(person, ABOUT.name, id_, shown, address, ("upload", "edit", "delete")), tokens


def sign_out(access: Access) -> None:
    """Revokes the tokens at the instance. PublishError where it cannot be reached."""
    with wire.client(access.account.address, auth=Bearer(access)) as client:
        try:
            patience = Patience(client.base_url.host, SIGN_IN_SECONDS)
            good(sent(client, "POST", "api/v1/users/revoke-token", patience), "signing out")
        except AccountError:
            return  # they no longer hold


# --- publishing -------------------------------------------------------------------------------------------------------


def publisher(access: Access | None, desk: Desk) -> _Instance:
    """A Publisher of one person's account."""
    if access is None:
        raise AccountError("No PeerTube account is connected.", "Connect one: candid accounts connect peertube")
    return _Instance(access, desk)


class _Instance:
    about = ABOUT

    def __init__(self, access: Access, desk: Desk) -> None:
        self._account, self._desk = access.account, desk
        self._client = wire.client(access.account.address, auth=Bearer(access))
        self._chunk = wire.CHUNK

    def close(self) -> None:
        self._client.close()

    def account(self) -> tuple[str, str]:
        return who(self._me(), self._host)

    def steps(self, parcel: Parcel, so_far: Sequence[Receipt]) -> Iterator[Receipt]:
        """Private first; then captions, thumbnail and playlist; then shown as it is wished."""
        done = {receipt.step: receipt for receipt in so_far}
        video = done.get("video")
        if video is None:
            video = yield from self._uploaded(parcel, done.get("session"))
        dressing = {"captions": self._captions, "thumbnail": self._thumbnail, "playlist": self._playlist}
        for step, dress in dressing.items():
            if step not in done and (note := dress(parcel, video)) is not None:
                yield self._receipt(parcel.sha256, step, video.id, video.link, note=note)
        if "public" not in done:
            self._show(parcel, video)
            yield self._receipt(parcel.sha256, "public", video.id, video.link)

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        video = receipt if receipt.id else self._found(receipt)
        gone = self._receipt(receipt.sha256, "takedown", receipt.id, receipt.link, note="deleted")
        if video is None:
            return gone
        response = self._edit(video.id, _private()) if how == "private" else self._sent("DELETE", _video(video.id))
        if response.status_code == 404:
            return gone
        good(response, "taking the video down")
        return self._receipt(
            receipt.sha256, "takedown", video.id, video.link, note="private" if how == "private" else "deleted"
        )

    # --- the upload

    def _uploaded(self, parcel: Parcel, session: Receipt | None) -> Generator[Receipt, None, Receipt]:
        """Yields the receipts of sessions and of the video; the latter is the answer."""
        where = session.session if session else ""
        for _ in range(_SESSIONS):
            if where and (video := self._sent_whole(parcel, where)):
                break
            if video := self._looked_for(parcel, _LOOKS if where else 1):  # the session is gone, or was never known
                break
            where = self._opened(parcel)
            yield self._receipt(parcel.sha256, "session", session=where)
        else:
            video = self._sent_whole(parcel, where)
        if video is None:
            raise PublishError(
                f"{self._host} has forgotten the upload {_SESSIONS} times.", "Try again later, or ask who runs it."
            )
        yield video
        return video

    def _opened(self, parcel: Parcel) -> str:
        """A session: its path at the instance.

        Its id there follows from user, name, size and lastModified, so asking twice opens one.
        """
        headers = {"X-Upload-Content-Length": str(parcel.size), "X-Upload-Content-Type": "video/mp4"}
        facts = {
            **_texts(parcel),
            "channelId": self._channel(parcel)["id"],
            "privacy": _PRIVACY["private"],
            "waitTranscoding": True,
            "filename": _filename(parcel),
            "lastModified": int(parcel.sha256[:12], 16),
        }
        response = good(self._sent("POST", _UPLOADS, json=facts, headers=headers), "the video")
        path = httpx.URL(response.headers.get("location", "")).raw_path.decode()
        if "upload_id=" not in path:
            raise PublishError(f"{self._host} opens no upload.", "Look whether that is a PeerTube instance.")
        return path  # whatever host it names: the tokens go to the account's own instance alone

    def _sent_whole(self, parcel: Parcel, session: str) -> Receipt | None:
        """Sends what is missing; the receipt of the video, or None where the session is gone."""
        pace, offset = _Pace(self._host, parcel.size), None
        while True:
            self._desk.still_wanted()
            end = pace.until(offset, self._chunk)
            try:
                heard = self._heard(self._part(parcel, session, offset, end), parcel)
            except AgainError as fault:
                if pace.may_be_whole and (found := self._found(parcel)):
                    return found
                pace.failed(fault)
                offset = None
                continue
            if not isinstance(heard, int):
                return heard
            pace.reached(heard, end)
            offset = heard
            self._desk.tell("uploading", offset / parcel.size)

    def _part(self, parcel: Parcel, session: str, offset: int | None, end: int) -> httpx.Response:
        """Sends a part of the file; asks how much is there where that is not known."""
        if offset is None:
            headers = {"Content-Range": f"bytes */{parcel.size}", "Content-Length": "0"}
            return asked(self._client, "PUT", session, headers=headers)
        told_ = lambda at: self._desk.tell("uploading", at / parcel.size)  # noqa: E731
        body = Stretch(parcel.video, offset, end, self._desk.still_wanted, told_)
        headers = {"Content-Range": f"bytes {offset}-{end - 1}/{parcel.size}", **body.headers}
        return asked(self._client, "PUT", session, content=body, headers=headers)

    def _heard(self, response: httpx.Response, parcel: Parcel) -> int | Receipt | None:
        """How many bytes are there, or the video, or None: the session is gone."""
        if response.status_code in (200, 201):
            video = told(response).get("video")
            return self._of(parcel.sha256, video) if isinstance(video, dict) else None
        if response.status_code == 308:
            return _offset(response, parcel.size)
        if response.status_code in _GONE:
            return None
        if response.status_code in (409, 423):
            raise AgainError(f"it is at work on the upload already ({response.status_code})")
        if response.status_code == 400 and self._bigger(response):
            raise AgainError("it wants bigger parts")
        raise self._refused(response, "the video")

    def _bigger(self, response: httpx.Response) -> bool:
        """Whether it refused parts that are too small (its storage may want 5 MiB and more): then they grow."""
        numbers = [int(number) for number in re.findall(r"\d{6,10}", said(response, *SAYS))]
        wanted = -(-max(numbers, default=0) // wire.BLOCK) * wire.BLOCK
        grown, self._chunk = wanted > self._chunk, max(wanted, self._chunk)
        return grown

    def _found(self, sought: Parcel | Receipt) -> Receipt | None:
        """The video among the person's latest ones that was made of the file with our name."""
        for start in range(0, _PAGE * _PAGES, _PAGE):
            query = {"sort": "-createdAt", "count": _PAGE, "start": start}
            listed = self._json("GET", "api/v1/users/me/videos", "your videos", params=query).get("data") or []
            for video in filter(lambda each: _may_be(each, sought), listed):
                if self._source(video["uuid"]).startswith(sought.marker):
                    return self._of(sought.sha256, video)
            if len(listed) < _PAGE:
                break
        return None

    def _looked_for(self, parcel: Parcel, times: int) -> Receipt | None:
        """As `_found`; several times where an upload was there a moment ago, and may just have become a video."""
        for number in range(times):
            time.sleep(_LOOK_SECONDS if number else 0)
            self._desk.still_wanted()
            if found := self._found(parcel):
                return found
        return None

    def _source(self, id_: str) -> str:
        """The name of the file that a video was made of; "" where the instance does not know."""
        response = self._sent("GET", f"{_video(id_)}/source")
        found = response.json() if response.status_code == 200 else {}
        return str(found.get("inputFilename") or found.get("filename") or "")

    # --- the dressing: each answers with why it was refused, "" where it was not, None where there is nothing to do

    def _captions(self, parcel: Parcel, video: Receipt) -> str | None:
        path = parcel.vtt or parcel.srt
        if path is None:
            return None
        if not parcel.language:
            return "The captions were not sent: nobody knows their language. Set language in the recipe."
        language = parcel.language.partition("-")[0].lower()
        file = (path.name, path.read_bytes(), "text/vtt" if path.suffix == ".vtt" else "application/x-subrip")
        where = f"{_video(video.id)}/captions/{language}"
        return self._note(self._sent("PUT", where, files={"captionfile": file}), "The captions were")

    def _thumbnail(self, parcel: Parcel, video: Receipt) -> str | None:
        if parcel.thumbnail is None:
            return None
        file = (parcel.thumbnail.name, parcel.thumbnail.read_bytes(), "image/jpeg")
        files = {"thumbnailfile": file, "previewfile": file}
        return self._note(self._sent("PUT", _video(video.id), files=files), "The thumbnail was")

    def _playlist(self, parcel: Parcel, video: Receipt) -> str | None:
        """Adding twice makes two elements, so it is asked first."""
        name = parcel.post.playlist
        if not name or _named(self._channels(), name):
            return None
        number = self._json("GET", _video(video.id), "the video")["id"]
        playlist = self._playlist_id(name)
        for _ in range(_LOOKS):
            if self._is_in(number, playlist):
                return ""
            with contextlib.suppress(UnknownError):
                where = f"api/v1/video-playlists/{playlist}/videos"
                response = self._sent("POST", where, once=True, json={"videoId": number})
                return self._note(response, f"The playlist “{name}” was")
        return f"{self._host} does not say whether the video is in the playlist “{name}”."

    def _is_in(self, number: int, playlist: int) -> bool:
        where = "api/v1/users/me/video-playlists/videos-exist"
        there = self._json("GET", where, "your playlists", params={"videoIds": number}).get(str(number)) or []
        return any(element.get("playlistId") == playlist for element in there)

    def _playlist_id(self, name: str) -> int:
        """Of the person's playlist with this name, which is made, privately, where there is none."""
        form = {"displayName": (None, name), "privacy": (None, str(_PRIVACY["private"]))}
        for _ in range(_LOOKS):
            if found := _named(self._playlists(), name):
                return int(found["id"])
            with contextlib.suppress(UnknownError):
                good(self._sent("POST", "api/v1/video-playlists", once=True, files=form), f"the playlist “{name}”")
        raise PublishError(f"{self._host} does not make the playlist “{name}”.", "Make it there, then try again.")

    def _playlists(self) -> list[dict[str, Any]]:
        where = f"api/v1/accounts/{self._me()['account']['name']}/video-playlists"
        return self._json("GET", where, "your playlists", params={"count": _PAGE}).get("data") or []

    def _show(self, parcel: Parcel, video: Receipt) -> None:
        """The wished privacy, or when it becomes public; the texts too, which may have changed since the upload."""
        shown: dict[str, Any] = {"privacy": _PRIVACY[parcel.post.privacy], "scheduleUpdate": None}
        if parcel.post.schedule:
            schedule = {"updateAt": parcel.post.schedule, "privacy": _PRIVACY["public"]}
            shown = {"privacy": _PRIVACY["private"], "scheduleUpdate": schedule}
        response = self._edit(video.id, {**_texts(parcel), **shown})
        if response.status_code == 404:
            raise vanished(parcel, self._host)
        good(response, "title, description or privacy")

    # --- asking

    def _edit(self, id_: str, facts: Mapping[str, Any]) -> httpx.Response:
        return self._sent("PUT", _video(id_), json=facts)

    def _me(self) -> dict[str, Any]:
        return self._json("GET", "api/v1/users/me", "who you are")

    def _json(self, method: str, path: str, about: str, **what: Any) -> dict[str, Any]:
        """What a good answer holds. PublishError where it refuses what `about` names."""
        return answered(self._client, method, path, about, self._account, **what)

    def _sent(self, method: str, path: str, **what: Any) -> httpx.Response:
        """Any answer but that it is busy, or does not know who asks."""
        response = sent(self._client, method, path, **what)
        if response.status_code == 401:
            raise sign_in_again(self._account)
        return response

    def _note(self, response: httpx.Response, what: str) -> str:
        return "" if response.is_success else f"{what} refused by {self._host}: {said(response, *SAYS)}."

    def _refused(self, response: httpx.Response, about: str) -> PublishError | AccountError:
        return sign_in_again(self._account) if response.status_code == 401 else refusal(response, about)

    def _channels(self) -> list[dict[str, Any]]:
        found = self._me().get("videoChannels") or []
        if not found:
            raise PublishError(f"You have no channel at {self._host}.", "Make one there, then try again.")
        return list(found)

    def _channel(self, parcel: Parcel) -> dict[str, Any]:
        """The one that the recipe names as playlist or channel, else the person's first."""
        channels = self._channels()
        return _named(channels, parcel.post.playlist) or channels[0]

    @property
    def _host(self) -> str:
        return host_of(self._account.address)

    def _of(self, sha256: str, video: Mapping[str, Any]) -> Receipt:
        short = video.get("shortUUID") or video["uuid"]
        return self._receipt(sha256, "video", str(video["uuid"]), f"{self._account.address}w/{short}")

    def _receipt(self, sha256: str, step: str, id_: str = "", link: str = "", **more: str) -> Receipt:
        return Receipt(ABOUT.name, step, sha256, self._account.id, id_, link, **more)


class _Pace:
    """How an upload gets on: what fails is waited out as long as something gets through now and then."""

    def __init__(self, host: str, size: int) -> None:
        self._patience = Patience(host)
        self._at_work = Patience(host, longest=_LOOK_SECONDS)
        self._size, self._best, self._tried = size, 0, 0

    def until(self, offset: int | None, chunk: int) -> int:
        """Where the next part ends; 0 where it has to be asked first how much is there."""
        end = 0 if offset is None else min(self._size, offset + chunk)
        self._tried = max(self._tried, end)
        return end

    @property
    def may_be_whole(self) -> bool:
        """Whether the last byte may be there: it was sent, or nobody knows what was."""
        return self._tried in (0, self._size)

    def failed(self, fault: AgainError) -> None:
        if self.may_be_whole and fault.status == _AT_WORK:
            self._at_work.wait(AgainError(fault.why))  # it asks for 300 s then, and is done sooner
        else:
            self._patience.wait(fault)

    def reached(self, offset: int, end: int) -> None:
        """So much is there, after it was sent until `end`."""
        if offset < end:
            self._patience.wait(AgainError("it has lost a part of what was sent"))
        if offset > self._best:
            self._best = offset
            self._patience.progress()
            self._at_work.progress()


def _texts(parcel: Parcel) -> dict[str, Any]:
    post = parcel.post
    return {
        "name": post.title,
        "description": post.description or None,
        "tags": list(post.tags),
        "language": parcel.language.partition("-")[0].lower() or None,
    }


def _private() -> dict[str, Any]:
    return {"privacy": _PRIVACY["private"], "scheduleUpdate": None}


def _filename(parcel: Parcel) -> str:
    return f"{parcel.marker}.mp4"


def _video(id_: str) -> str:
    return f"api/v1/videos/{id_}"


def _may_be(video: Mapping[str, Any], sought: Parcel | Receipt) -> bool:
    """Whether it is worth asking what a video was made of: its name, or its length, is that of ours."""
    if isinstance(sought, Receipt):
        return True
    near = abs(float(video.get("duration") or 0) - sought.seconds) <= 2.0  # they round it to seconds
    return near or video.get("name") == sought.post.title


def _named(things: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any] | None:
    """The playlist or channel that people call so."""
    sought = name.casefold().strip()
    for each in things:
        if sought and sought in (str(each.get("displayName")).casefold(), str(each.get("name")).casefold()):
            return dict(each)
    return None


def _offset(response: httpx.Response, size: int) -> int:
    """How many bytes have arrived. An instance says `bytes=0--1` where there are none."""
    text = response.headers.get("range", "bytes=0--1")
    found = re.fullmatch(r"bytes=0-(-1|\d+)", text.strip())
    offset = int(found[1]) + 1 if found else -1
    if not 0 <= offset < size:
        raise AgainError("it does not say properly how much has arrived")
    return offset
