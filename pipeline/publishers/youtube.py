"""YouTube: a person's own channel, by the YouTube Data API v3 and Google's own client of it.

A video goes up private, with its marker among its tags; then it is dressed, and shown as it is wished in the last step.
Uploads are sent into a session whose address is a receipt before the first byte leaves; a session is asked how far it
is before anything is sent into it. Where an answer was lost, the session is asked, then the channel's own uploads are
looked through for the marker; only then a new session is opened. The numbers are in STANDARDS, "YouTube ...".
It was tried against a double of the API and against @uploadx/core, not against YouTube itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import signin
from pipeline.accounts import Access, connecting
from pipeline.errors import AccountError, PublishError
from pipeline.model import Account, Parcel, Receipt
from pipeline.posting import Rules
from pipeline.publishers import About, Desk, vanished
from pipeline.publishers.youtube_channel import Channel
from pipeline.publishers.youtube_says import GoneError, RefusedError, UnclearError, trouble
from pipeline.publishers.youtube_video import PARTS, is_cut_off, is_processed, is_short, is_so, new, own_status, shown
from pipeline.signin import Signer
from pipeline.wire import AgainError, Patience, patiently

if TYPE_CHECKING:
    from pipeline.publishers.google import Heard, Upload

ABOUT = About(
    name="youtube",
    title="YouTube",
    rules=Rules(title=(1, 100), description_bytes=5_000, forbidden="<>", tags_chars=480),  # 500, and 20 for the marker
    resumes="for about a week",
    largest=256 << 30,
)
_ROOT = "https://youtube.googleapis.com/"
_SCOPES = ("https://www.googleapis.com/auth/youtube.force-ssl",)  # the one that captions need; it covers the rest
_SESSIONS = 3  # uploads that are begun before somebody has to look
_LOOKS = (0, 15, 45, 120)  # seconds before each look for a video whose last answer was lost
_UNCLEAR = 3  # answers in a row that nobody understands
_POLLS = (0, 15, 30, *(60,) * 29)  # seconds before each look whether a video is processed: half an hour
_THUMBNAIL = 50 << 20  # bytes
_CAPTIONS = 100 << 20  # bytes
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_LATER = "Run the same command again later."
_LANGUAGE = "Set `language` in the recipe, then render, approve and publish again."


# --- signing in -------------------------------------------------------------------------------------------------------


def sign_in(person: str, signer: Signer, options: Mapping[str, str]) -> tuple[Account, dict[str, str]]:
    """Signs in at Google, in the browser. AccountError where the Google account has no channel."""
    oauth = signin.client(
        ABOUT.name,
        options,
        auth_uri="https://accounts.google.com/o/oauth2/v2/auth",
        token_uri="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        revoke_uri="https://oauth2.googleapis.com/revoke",
        scopes=_SCOPES,
    )
    tokens = signin.granted(oauth, signer)
    account = Account(person, ABOUT.name, "", "", options.get("address") or _ROOT, _SCOPES)
    with contextlib.closing(publisher(_Fresh(account, tokens), Desk())) as opened:
        id_, name = opened.account()
    return replace(account, id=id_, name=name), tokens


def sign_out(access: Access) -> None:
    """Revokes the sign-in at Google. PublishError where it cannot be reached."""
    signin.revoked(access.tokens())


class _Fresh(Access):
    """The access of somebody who has just signed in: nothing of it is kept yet."""

    def __init__(self, account: Account, tokens: Mapping[str, str]) -> None:
        self.account = account
        self._tokens = tokens

    def tokens(self) -> Mapping[str, str]:
        return self._tokens

    def renew(self, ask: Callable[[Mapping[str, str]], dict[str, str]]) -> Mapping[str, str]:
        raise AccountError("YouTube does not take the sign-in that Google has just given.", "Sign in again.")


# --- publishing -------------------------------------------------------------------------------------------------------


def publisher(
    access: Access | None,
    desk: Desk,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> _YouTube:
    """A Publisher of one person's channel. `sleep` and `now` are how it waits, in seconds."""
    if access is None:
        raise AccountError("No YouTube account is connected.", "Connect one: candid accounts connect youtube")
    return _YouTube(Channel(access, desk.ledgers, sleep, now), desk, sleep)


class _YouTube:
    about = ABOUT

    def __init__(self, channel: Channel, desk: Desk, sleep: Callable[[float], None]) -> None:
        self._channel, self._desk, self._sleep = channel, desk, sleep

    def close(self) -> None:
        self._channel.close()

    def account(self) -> tuple[str, str]:
        return self._channel.id, self._channel.name

    def steps(self, parcel: Parcel, so_far: Sequence[Receipt]) -> Iterator[Receipt]:
        """Private first; then captions, thumbnail and playlist; then shown as it is wished."""
        done = {receipt.step: receipt for receipt in so_far}
        video = done.get("video")
        if video is None:
            video = yield from self._uploaded(parcel, done.get("session"))
        else:
            self._require_own(video)
            self._require_there(parcel, video.id)
        for step, dress in self._dressing(parcel):
            if step not in done and (note := self._noted(dress, parcel, video.id)) is not None:
                yield self._receipt(parcel.sha256, step, video.id, video.link, note=note)
        if "public" not in done:
            self._show(parcel, video.id)
            yield self._receipt(parcel.sha256, "public", video.id, video.link)

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        self._require_own(receipt)
        id_ = receipt.id or self._became(receipt)
        gone = self._receipt(receipt.sha256, "takedown", id_, receipt.link, note="deleted")
        if not id_:
            return gone
        if how == "delete":
            self._delete(id_)
            return gone
        video = self._video(id_)
        if video is None:
            return gone
        if video["status"]["privacyStatus"] != "private" or video["status"].get("publishAt"):
            self._update({"id": id_, "status": {**own_status(video), "privacyStatus": "private"}}, reserve=True)
        return replace(gone, note="private")

    # --- the upload

    def _uploaded(self, parcel: Parcel, begun: Receipt | None) -> Generator[Receipt, None, Receipt]:
        """Yields the receipts of sessions and of the video; the latter is the answer."""
        id_ = yield from self._sent(parcel, begun)
        video = self._receipt(parcel.sha256, "video", id_, f"https://youtu.be/{id_}")
        yield video
        return video

    def _sent(self, parcel: Parcel, begun: Receipt | None) -> Generator[Receipt, None, str]:
        """The id of the video: of one that is there already, of a session that goes on, or of a new one."""
        session = begun.session if begun and begun.account == self._channel.id else ""
        upload = self._upload(parcel)
        for _ in range(_SESSIONS):
            if not session:
                if found := self._looked_for(parcel.marker, _LOOKS if begun else _LOOKS[:1]):
                    return found
                session = self._channel.opened(upload.open)
                begun = self._receipt(parcel.sha256, "session", session=session)
                yield begun
            with contextlib.suppress(GoneError):
                return (yield from self._filled(parcel, upload, session))
            session = ""
        raise PublishError(f"YouTube has forgotten the upload {_SESSIONS} times.", "Try again later.")

    def _upload(self, parcel: Parcel) -> Upload:
        videos, body = self._channel.client.api.videos(), new(parcel)
        return self._channel.client.upload(
            parcel.video,
            lambda media: videos.insert(part=",".join(body), body=body, notifySubscribers=False, media_body=media),
            self._desk.still_wanted,
            lambda at: self._desk.tell("uploading", at / parcel.size),
        )

    def _filled(self, parcel: Parcel, upload: Upload, session: str) -> Generator[Receipt, None, str]:
        """Sends what is missing; the id of the video. Receipts of sessions that go on elsewhere. GoneError."""
        pace = _Pace(self._channel.patience())
        offset: int | None = None  # nobody knows: it has to be asked
        while True:
            self._desk.still_wanted()
            heard = self._heard(upload, session, offset, pace)
            if heard is None:
                offset = None
                continue
            if heard.video:
                return str(heard.video["id"])
            if heard.session != session:
                session = heard.session
                yield self._receipt(parcel.sha256, "session", session=session)
            pace.reached(heard.offset, sent=offset is not None)
            offset = heard.offset
            if offset == parcel.size:
                pace.failed(AgainError("it has everything, and does not say what has become of it"))
                if found := self._found(parcel.marker):
                    return found
                offset = None

    def _heard(self, upload: Upload, session: str, offset: int | None, pace: _Pace) -> Heard | None:
        """What a session answers to the chunk from `offset` on, or to the question how far it is; None: ask again."""
        try:
            return self._channel.heard(lambda: upload.ask(session) if offset is None else upload.send(session, offset))
        except AgainError as fault:
            pace.failed(fault)
            return None

    # --- the look-up

    def _became(self, session: Receipt) -> str:
        """The id of the video that a session became; "" where it became none."""
        became = ""
        if session.session:
            became = patiently(lambda: self._channel.client.became(session.session), self._channel.patience())
        return became or self._found(session.marker)

    def _looked_for(self, marker: str, waits: Sequence[float]) -> str:
        """As `_found`, several times: a video that is new may be listed a little later."""
        for seconds in waits:
            self._sleep(seconds)
            self._desk.still_wanted()
            if found := self._found(marker):
                return found
        return ""

    def _found(self, marker: str) -> str:
        """The id of the video among the channel's own latest uploads that has the marker as a tag; "" for none."""
        try:
            for ids in self._uploads():
                for video in self._channel.call("videos.list", part="snippet,status", id=",".join(ids))["items"]:
                    if marker in video["snippet"].get("tags", ()) and not is_cut_off(video):
                        return str(video["id"])
        except RefusedError as fault:
            if fault.reason != "playlistNotFound":  # so it is where nothing was ever uploaded
                raise
        return ""

    def _uploads(self) -> Iterator[list[str]]:
        playlist = self._channel.uploads
        for page in self._channel.pages("playlistItems.list", part="contentDetails", playlistId=playlist):
            if page:
                yield [item["contentDetails"]["videoId"] for item in page]

    # --- the dressing

    def _dressing(self, parcel: Parcel) -> list[tuple[str, Callable[[Parcel, str], bool]]]:
        """What dresses a video. Shorts get their thumbnail last: YouTube takes it only after processing."""
        captions, thumbnail = ("captions", self._captions), ("thumbnail", self._thumbnail)
        playlist = ("playlist", self._playlist)
        return [captions, playlist, thumbnail] if is_short(parcel) else [captions, thumbnail, playlist]

    def _noted(self, dress: Callable[[Parcel, str], bool], parcel: Parcel, id_: str) -> str | None:
        """Why a dressing was refused, "" where it was not, None where there was nothing to do."""
        self._desk.still_wanted()
        try:
            return "" if dress(parcel, id_) else None
        except RefusedError as fault:
            return str(fault)

    def _captions(self, parcel: Parcel, id_: str) -> bool:
        path = parcel.srt or parcel.vtt
        if path is None:
            return False
        if not parcel.language:
            raise _not_taken("YouTube takes captions only with their language, which nobody knows.", _LANGUAGE)
        if path.stat().st_size > _CAPTIONS:
            raise _not_taken("The captions are larger than the 100 MB that YouTube takes.", "")
        snippet = {"videoId": id_, "language": parcel.language, "name": ""}
        try:
            self._captioned("captions.insert", {"snippet": snippet}, path)
        except RefusedError as fault:
            if fault.reason != "captionExists":
                raise
            track = self._track(id_, parcel.language)
            self._captioned("captions.update", {"id": track, "snippet": snippet}, path)
        return True

    def _captioned(self, call: str, body: dict[str, Any], path: Path) -> None:
        from pipeline.publishers.google import media

        captions = media(path, "application/octet-stream")
        self._channel.until_known(lambda: self._channel.once(call, part="snippet", body=body, media_body=captions))

    def _track(self, id_: str, language: str) -> str:
        """The id of the captions that are there in this language and without a name."""
        tracks = self._channel.call("captions.list", part="snippet", videoId=id_).get("items", [])
        for track in tracks:
            snippet = track["snippet"]
            if (snippet["language"].casefold(), snippet.get("name", "")) == (language.casefold(), ""):
                return str(track["id"])
        raise _not_taken("YouTube has captions in this language already, and does not say which.", "Look in Studio.")

    def _thumbnail(self, parcel: Parcel, id_: str) -> bool:
        from pipeline.publishers.google import media

        path = parcel.thumbnail
        if path is None:
            return False
        kind = _PICTURES.get(path.suffix.lower())
        if kind is None or path.stat().st_size > _THUMBNAIL:
            raise _not_taken("YouTube takes a JPEG or PNG of up to 50 MB as a thumbnail.", "Choose another one.")
        if is_short(parcel):
            self._wait_until_processed(parcel, id_)
        picture = media(path, kind)
        self._channel.until_known(lambda: self._channel.once("thumbnails.set", videoId=id_, media_body=picture))
        return True

    def _playlist(self, parcel: Parcel, id_: str) -> bool:
        if not parcel.post.playlist:
            return False
        playlist = self._own_playlist(parcel.post.playlist)

        def put() -> None:
            """Asked first: a playlist takes the same video twice."""
            there = self._channel.once("playlistItems.list", part="id", playlistId=playlist, videoId=id_)
            if not there.get("items"):
                resource = {"kind": "youtube#video", "videoId": id_}
                body = {"snippet": {"playlistId": playlist, "resourceId": resource}}
                self._channel.once("playlistItems.insert", part="snippet", body=body)

        self._channel.until_known(put)
        return True

    def _own_playlist(self, title: str) -> str:
        """The id of the person's playlist with this title, or id. Where there is none it is made: private, and said."""

        def find_or_make() -> str:
            for page in self._channel.pages("playlists.list", part="snippet", mine=True):
                for each in page:
                    if each["id"] == title or each["snippet"]["title"].casefold() == title.casefold():
                        return str(each["id"])
            body = {"snippet": {"title": title}, "status": {"privacyStatus": "private"}}
            made = str(self._channel.once("playlists.insert", part="snippet,status", body=body)["id"])
            self._desk.tell(f"made the playlist “{title}”, which is private", 1.0)
            return made

        return patiently(find_or_make, self._channel.patience())

    # --- how it is shown

    def _show(self, parcel: Parcel, id_: str) -> None:
        """Texts and privacy as they are wished; nothing is changed where all is so already."""
        self._desk.still_wanted()
        video = self._require_there(parcel, id_)
        wished = shown(parcel, video, datetime.now(UTC))
        if is_so(video, wished):
            return
        answer = self._update({"id": id_, **wished})
        got = answer.get("status", {}).get("privacyStatus")
        if got != wished["status"]["privacyStatus"]:
            raise PublishError(f"YouTube shows the video as {got}, whatever is asked.", "Set it in YouTube Studio.")

    def _update(self, body: dict[str, Any], reserve: bool = False) -> dict[str, Any]:
        parts = ",".join(part for part in body if part != "id")
        return self._channel.call("videos.update", reserve, part=parts, body=body)

    def _delete(self, id_: str) -> None:
        try:
            self._channel.call("videos.delete", True, id=id_)
        except RefusedError as fault:
            if fault.status != 404:
                raise

    def _require_there(self, parcel: Parcel, id_: str) -> dict[str, Any]:
        video = self._video(id_)
        if video is None:
            raise vanished(parcel, ABOUT.title)
        if fault := trouble(video):
            raise fault
        return video

    def _video(self, id_: str) -> dict[str, Any] | None:
        items = self._channel.call("videos.list", part=PARTS, id=id_).get("items", [])
        return items[0] if items else None

    def _wait_until_processed(self, parcel: Parcel, id_: str) -> None:
        for seconds in _POLLS:
            self._sleep(seconds)
            self._desk.still_wanted()
            if is_processed(self._require_there(parcel, id_)):
                return
            self._desk.tell("waiting until YouTube has processed the video", 1.0)
        raise PublishError("YouTube is still processing the video.", "All but its thumbnail is done. " + _LATER)

    def _require_own(self, receipt: Receipt) -> None:
        """A private video of another channel looks as if it had been deleted."""
        if receipt.account and receipt.account != self._channel.id:
            raise PublishError(
                f"This went to another channel than {self._channel.name}: {receipt.link or receipt.account}",
                f"Connect that one: {connecting(self._channel.person, ABOUT.name)}",
            )

    def _receipt(self, sha256: str, step: str, id_: str = "", link: str = "", **more: str) -> Receipt:
        return Receipt(ABOUT.name, step, sha256, self._channel.id, id_, link, **more)


class _Pace:
    """How an upload gets on: what fails is waited out as long as something gets through now and then."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._best, self._unclear = -1, 0

    def reached(self, offset: int, sent: bool) -> None:
        """A session has so much; `sent`: after a chunk, which was in vain where it has no more than before."""
        if offset > self._best:
            self._best, self._unclear = offset, 0
            self._patience.progress()
        elif sent:
            self._patience.wait(AgainError("it takes nothing more"))

    def failed(self, fault: AgainError) -> None:
        self._unclear += isinstance(fault, UnclearError)
        if self._unclear > _UNCLEAR:
            raise PublishError(f"YouTube does not go on with the upload: {fault.why}.", _LATER)
        self._patience.wait(fault)


def _not_taken(what: str, do: str = "") -> RefusedError:
    """A part of the dressing that YouTube would not take."""
    return RefusedError(what, do, 400, "", known=True)
