"""Vimeo: a person's own account, by Vimeo's API 3.4 and the tus protocol 1.0.

The call that begins an upload makes the video, empty, private and under its marker as a working title; its title comes
in the last step. So a call whose answer was lost is looked up before it is sent again, and the marker stays as a tag.
The calls are those of Vimeo's reference and of its own libraries; they were tried against a double and against
@tus/server, not against Vimeo itself.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from pipeline import signin, wire
from pipeline.accounts import Access, connecting
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account, Parcel, Receipt
from pipeline.posting import Rules
from pipeline.publishers import About, Desk, vanished
from pipeline.signin import Signer
from pipeline.wire import AgainError, Patience, Stretch, UnknownError, asked, patiently, said, told

ABOUT = About(
    name="vimeo",
    title="Vimeo",
    rules=Rules(title=(1, 128), description_chars=(0, 5_000), tags=19),  # 20 tags, one of which is the marker
    resumes="until tomorrow",
    schedules=False,
)
_ROOT = "https://api.vimeo.com/"
_SCOPES = ("private", "public", "edit", "upload", "delete")
_VIEW = {"private": "nobody", "unlisted": "unlisted", "public": "anybody"}
_GONE = frozenset((403, 404, 410))
_TUS = {"Tus-Resumable": "1.0.0"}
_HEADERS = {"Accept": "application/vnd.vimeo.*+json;version=3.4"}
_SESSIONS = 3  # uploads that are begun before somebody has to look
_LOOKS, _LOOK_SECONDS = 4, 3.0  # for a video whose making was not answered, and between two of them
_PAGE, _PAGES = 100, 3  # of a person's latest videos, among which ours is looked for
_FIELDS = "uri,name,link,tags.name,tags.tag,upload.status,upload.upload_link"
_SAYS = ("developer_message", "error")


# --- signing in -------------------------------------------------------------------------------------------------------


def sign_in(person: str, signer: Signer, options: Mapping[str, str]) -> tuple[Account, dict[str, str]]:
    """Signs in at Vimeo, in the browser."""
    root = options.get("address") or _ROOT
    oauth = signin.client(
        ABOUT.name,
        options,
        auth_uri=f"{root}oauth/authorize",
        token_uri=f"{root}oauth/access_token",
        revoke_uri=f"{root}tokens",
        scopes=_SCOPES,
    )
    tokens = signin.granted(oauth, signer)
    with _client(root, tokens["access_token"]) as client:
        id_, name = _who(_json(client, "GET", "me", "who you are"))
    return Account(person, ABOUT.name, id_, name, root, _SCOPES), tokens


def sign_out(access: Access) -> None:
    """Revokes the token at Vimeo. PublishError where it cannot be reached."""
    with _client(access.account.address, access.tokens()["access_token"]) as client:
        response = patiently(lambda: asked(client, "DELETE", "tokens"), Patience(ABOUT.title, 10.0))
    if response.status_code not in (204, 401):  # 401: it no longer holds
        raise _refusal(response, "signing out")


def _client(root: str, token: str) -> httpx.Client:
    return wire.client(root, {**_HEADERS, "Authorization": f"bearer {token}"})


def _who(me: Mapping[str, Any]) -> tuple[str, str]:
    return str(me["uri"]), str(me["name"])


# --- publishing -------------------------------------------------------------------------------------------------------


def publisher(access: Access | None, desk: Desk) -> _Vimeo:
    """A Publisher of one person's account."""
    if access is None:
        raise AccountError("No Vimeo account is connected.", "Connect one: candid accounts connect vimeo")
    return _Vimeo(access, desk)


class _Vimeo:
    about = ABOUT

    def __init__(self, access: Access, desk: Desk) -> None:
        self._account, self._desk = access.account, desk
        self._client = _client(access.account.address, access.tokens()["access_token"])
        self._bare = wire.client("", _TUS)  # where the bytes go: the address is all that it takes, no token

    def close(self) -> None:
        self._client.close()
        self._bare.close()

    def account(self) -> tuple[str, str]:
        return _who(self._json("GET", "me", "who you are"))

    def steps(self, parcel: Parcel, so_far: Sequence[Receipt]) -> Iterator[Receipt]:
        """Private first; then captions, thumbnail and showcase; then shown as it is wished."""
        if parcel.post.schedule:
            raise PublishError(
                "Vimeo cannot make a video public at a given time.",
                "Approve it without --schedule for Vimeo, and publish it when the time has come.",
            )
        done = {receipt.step: receipt for receipt in so_far}
        video = done.get("video")
        if video is None:
            video = yield from self._uploaded(parcel, done.get("session"))
        dressing = {"captions": self._captions, "thumbnail": self._thumbnail, "playlist": self._showcase}
        for step, dress in dressing.items():
            if step not in done and (note := self._noted(dress, parcel, video)) is not None:
                yield self._receipt(parcel.sha256, step, video.id, video.link, note=note)
        if "public" not in done:
            link = self._show(parcel, video)
            yield self._receipt(parcel.sha256, "public", video.id, link)

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        found = None if receipt.id else self._found(receipt.marker)
        id_ = found["uri"] if found else receipt.id
        gone = self._receipt(receipt.sha256, "takedown", id_, receipt.link, note="deleted")
        if not id_:
            return gone
        hiding = {"privacy": {"view": _VIEW["private"]}}
        response = self._sent("PATCH", id_, json=hiding) if how == "private" else self._sent("DELETE", id_)
        if response.status_code == 404:
            return gone
        _good(response, "taking the video down")
        if how == "delete":
            return gone
        return self._receipt(receipt.sha256, "takedown", id_, receipt.link, note="private")

    # --- the upload

    def _uploaded(self, parcel: Parcel, session: Receipt | None) -> Generator[Receipt, None, Receipt]:
        """Yields the receipts of sessions and of the video; the latter is the answer."""
        for _ in range(_SESSIONS):
            if session is None or not session.session:
                session = self._begun(parcel)
                yield session
            if session.session and not self._sent_whole(parcel, session.session) and not self._is_whole(session.id):
                self._sent("DELETE", session.id)  # an empty video, which nothing can fill any more
                session = None
                continue
            video = self._receipt(parcel.sha256, "video", session.id, self._link(session.id))
            yield video
            return video
        raise PublishError(f"Vimeo has forgotten the upload {_SESSIONS} times.", "Try again later.")

    def _begun(self, parcel: Parcel) -> Receipt:
        """The empty video and where its bytes go: one that was begun before, else a new one."""
        found = self._found(parcel.marker)
        if found and not _can_go_on(found):
            self._sent("DELETE", found["uri"])
            found = None
        for _ in range(_LOOKS):
            if found:
                break
            with contextlib.suppress(UnknownError):
                found = self._made(parcel)
                break
            found = self._looked_for(parcel.marker)
        if not found:
            raise PublishError(
                "Vimeo does not say whether it has begun the upload.", "Run the same command again in a few minutes."
            )
        upload = found.get("upload") or {}
        whole = upload.get("status") == "complete"
        where = "" if whole else self._checked(str(upload.get("upload_link") or ""))
        return self._receipt(parcel.sha256, "session", found["uri"], session=where)

    def _made(self, parcel: Parcel) -> dict[str, Any]:
        facts = {
            "upload": {"approach": "tus", "size": str(parcel.size)},
            "name": parcel.marker,
            "description": parcel.post.description,
            "privacy": {"view": _VIEW["private"]},
            **({"locale": parcel.language} if parcel.language else {}),
        }
        return self._json("POST", "me/videos", "the video", once=True, json=facts)

    def _looked_for(self, marker: str) -> dict[str, Any] | None:
        """A video that was made a moment ago may be listed a little later."""
        for _ in range(_LOOKS):
            time.sleep(_LOOK_SECONDS)
            if found := self._found(marker):
                return found
        return None

    def _found(self, marker: str) -> dict[str, Any] | None:
        """Ours among the person's latest videos."""
        for page in range(1, _PAGES + 1):
            query = {"sort": "date", "direction": "desc", "per_page": _PAGE, "page": page, "fields": _FIELDS}
            listed = self._json("GET", "me/videos", "your videos", params=query).get("data") or []
            for video in listed:
                if marker in (video.get("name"), *_tags(video)):
                    return dict(video)
            if len(listed) < _PAGE:
                break
        return None

    def _checked(self, link: str) -> str:
        """The address for the bytes, unless it is one to which nothing should be sent."""
        url = httpx.URL(link)
        if not url.host or url.scheme not in ("https", httpx.URL(self._account.address).scheme):
            raise PublishError("Vimeo gives no safe address for the upload.", "Try again later.")
        return link

    def _sent_whole(self, parcel: Parcel, link: str) -> bool:
        """Sends what is missing; False where the address is gone."""
        patience, offset, best = Patience(ABOUT.title), None, -1
        while offset != parcel.size:
            self._desk.still_wanted()
            try:
                heard = _offset(self._part(parcel, link, offset), parcel.size)
            except AgainError as fault:
                patience.wait(fault)
                offset = None
                continue
            if heard is None:
                return False
            if heard > best:
                patience.progress()
            elif offset is not None:
                patience.wait(AgainError("it takes nothing more"))
            offset, best = heard, max(best, heard)
            self._desk.tell("uploading", offset / parcel.size)
        return True

    def _part(self, parcel: Parcel, link: str, offset: int | None) -> httpx.Response:
        """Sends a part of the file; asks how much is there where that is not known."""
        if offset is None:
            return asked(self._bare, "HEAD", link)
        told_ = lambda at: self._desk.tell("uploading", at / parcel.size)  # noqa: E731
        body = Stretch(parcel.video, offset, min(parcel.size, offset + wire.CHUNK), self._desk.still_wanted, told_)
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **body.headers}
        return asked(self._bare, "PATCH", link, content=body, headers=headers)

    def _is_whole(self, id_: str) -> bool:
        """Whether a video has all its bytes. False where there is no such video any more."""
        response = self._sent("GET", id_, params={"fields": _FIELDS})
        if response.status_code == 404:
            return False
        return bool((told(_good(response, "the video")).get("upload") or {}).get("status") == "complete")

    def _link(self, id_: str) -> str:
        return str(self._json("GET", id_, "the video", params={"fields": "link"})["link"])

    # --- the dressing

    def _noted(self, dress: Callable[[Parcel, Receipt], bool], parcel: Parcel, video: Receipt) -> str | None:
        """Why a dressing was refused, "" where it was not, None where there was nothing to do."""
        try:
            return "" if dress(parcel, video) else None
        except _RefusedError as fault:
            return str(fault)

    def _captions(self, parcel: Parcel, video: Receipt) -> bool:
        path = parcel.vtt or parcel.srt
        if path is None:
            return False
        if not parcel.language:
            raise _RefusedError("The captions were not sent: nobody knows their language. Set language in the recipe.")
        for _ in range(_LOOKS):
            with contextlib.suppress(UnknownError):
                self._caption(path, parcel.language, video)
                return True
        raise _RefusedError("Vimeo does not say whether it has taken the captions.")

    def _caption(self, path: Path, language: str, video: Receipt) -> None:
        where, what = f"{video.id}/texttracks", "The captions were"
        for old in self._dressed("GET", where, what).get("data") or []:
            if (old.get("name"), old.get("language")) == (path.name, language):
                self._sent("DELETE", old["uri"])  # perhaps half put there by a run that was killed
        facts = {"type": "captions", "language": language, "name": path.name, "active": True}
        track = self._dressed("POST", where, what, once=True, json=facts)
        self._put(track["link"], path, "text/vtt" if path.suffix == ".vtt" else "application/x-subrip", what)

    def _thumbnail(self, parcel: Parcel, video: Receipt) -> bool:
        if parcel.thumbnail is None:
            return False
        picture = self._dressed("POST", f"{video.id}/pictures", "The thumbnail was")
        self._put(picture["link"], parcel.thumbnail, "image/jpeg", "The thumbnail was")
        self._dressed("PATCH", picture["uri"], "The thumbnail was", json={"active": True})
        return True

    def _showcase(self, parcel: Parcel, video: Receipt) -> bool:
        name = parcel.post.playlist
        if not name:
            return False
        album = self._album(name)
        self._dressed("PUT", f"{album}/videos/{video.id.rpartition('/')[2]}", f"The showcase “{name}” was")
        return True

    def _album(self, name: str) -> str:
        """Of the person's showcase with this name, which is made where there is none."""
        for _ in range(_LOOKS):
            listed = self._json("GET", "me/albums", "your showcases", params={"per_page": _PAGE}).get("data") or []
            for album in listed:
                if str(album.get("name")).casefold() == name.casefold():
                    return str(album["uri"])
            with contextlib.suppress(UnknownError):
                made = self._dressed("POST", "me/albums", f"The showcase “{name}” was", once=True, json={"name": name})
                return str(made["uri"])
        raise PublishError(f"Vimeo does not make the showcase “{name}”.", "Make it there, then try again.")

    def _show(self, parcel: Parcel, video: Receipt) -> str:
        """Title, tags and the wished privacy; the link, which another privacy may change."""
        tags = [{"name": tag} for tag in (*parcel.post.tags, parcel.marker)]
        response = self._sent("PUT", f"{video.id}/tags", json=tags)
        if response.status_code == 404:
            raise vanished(parcel, ABOUT.title)
        _good(response, "the tags")
        post = parcel.post
        facts = {"name": post.title, "description": post.description, "privacy": {"view": _VIEW[post.privacy]}}
        response = self._sent("PATCH", video.id, json=facts)
        return str(told(_good(response, "title, description or privacy")).get("link") or video.link)

    # --- asking

    def _put(self, link: str, path: Path, kind: str, what: str) -> None:
        """Sends a small file to the address that Vimeo gave for it."""
        headers = {"Content-Type": kind}
        link, body = self._checked(link), path.read_bytes()
        response = patiently(
            lambda: asked(self._bare, "PUT", link, content=body, headers=headers), Patience(ABOUT.title)
        )
        if not response.is_success:
            raise _RefusedError(f"{what} refused by Vimeo: {said(response, *_SAYS)}.")

    def _dressed(self, method: str, path: str, what: str, **more: Any) -> dict[str, Any]:
        """What a good answer holds, {} where it holds nothing. _RefusedError."""
        response = self._sent(method, path, **more)
        if not response.is_success:
            raise _RefusedError(f"{what} refused by Vimeo: {said(response, *_SAYS)}.")
        return told(response) if response.content else {}

    def _json(self, method: str, path: str, about: str, **what: Any) -> dict[str, Any]:
        return _json(self._client, method, path, about, self._account, **what)

    def _sent(self, method: str, path: str, **what: Any) -> httpx.Response:
        """Any answer but that it is busy, or does not know who asks."""
        response = patiently(lambda: asked(self._client, method, path.lstrip("/"), **what), Patience(ABOUT.title))
        if response.status_code == 401:
            raise _sign_in_again(self._account)
        return response

    def _receipt(self, sha256: str, step: str, id_: str = "", link: str = "", **more: str) -> Receipt:
        return Receipt(ABOUT.name, step, sha256, self._account.id, id_, link, **more)


class _RefusedError(Exception):
    """Vimeo does not take a part of the dressing; a sentence for people."""


def _offset(response: httpx.Response, size: int) -> int | None:
    """How many bytes are there; None: the address is gone."""
    if response.status_code in _GONE:
        return None
    if response.status_code in (409, 423):  # another offset than it has; or it still holds a broken connection
        raise AgainError(f"it is at work on the upload already ({response.status_code})")
    if response.status_code not in (200, 204):
        raise _refusal(response, "the video")
    text = response.headers.get("upload-offset", "")
    if not re.fullmatch(r"\d{1,18}", text) or int(text) > size:
        raise AgainError("it does not say properly how much has arrived")
    return int(text)


def _can_go_on(video: Mapping[str, Any]) -> bool:
    """Whether a video is whole, or Vimeo says where the rest of it goes."""
    upload = video.get("upload") or {}
    return upload.get("status") == "complete" or bool(upload.get("upload_link"))


def _tags(video: Mapping[str, Any]) -> Iterator[str]:
    for tag in video.get("tags") or []:
        yield from (str(tag.get("name")), str(tag.get("tag")))


def _json(
    client: httpx.Client, method: str, path: str, about: str, account: Account | None = None, **what: Any
) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        response = asked(client, method, path.lstrip("/"), **what)
        if response.status_code == 401 and account is not None:
            raise _sign_in_again(account)
        return told(_good(response, about))

    return patiently(ask, Patience(ABOUT.title))


def _good(response: httpx.Response, about: str) -> httpx.Response:
    if not response.is_success:
        raise _refusal(response, about)
    return response


def _refusal(response: httpx.Response, about: str) -> PublishError:
    cure = "Look at your account there: its plan says how much it may upload, and what it may do."
    return PublishError(f"Vimeo refuses {about}: {said(response, *_SAYS)}.", cure)


def _sign_in_again(account: Account) -> AccountError:
    return AccountError(
        f"Vimeo no longer knows {account.name}: the sign-in has ended.",
        f"Sign in again: {connecting(account.person, account.service)}",
    )
