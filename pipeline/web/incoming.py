"""Clips on their way in: what has arrived of each lies in .candid/uploads/, and how much that is says its file alone.

An upload is two files: `<id>.json`, who sends what, and `<id>.part`, the bytes. A number that is stored could be wrong
after a crash; the size of a file is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import tomlfile
from pipeline.errors import CandidError, WorkspaceError
from pipeline.shelf import explained

T = TypeVar("T")

LARGEST = 4 << 30  # bytes of one clip
MOST_OPEN = 40  # uploads of one person that were not handed in
_KEPT_DAYS = 7  # since the last byte came
_RESERVE = 512 << 20  # bytes of the disk that stay free: videos are made there too
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_creating = threading.Lock()  # two that look at the same free room would both take it
_writers = CapacityLimiter(4)  # threads that write clips


class Upload(BaseModel):
    """One clip on its way. `name` is what its person calls it: it is shown, and never a path.

    `slot` is the number of the prompt that it answers. `told` is what the sender said about it, as it was said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    person: str
    length: int
    id: str = ""
    name: str = ""
    recipe: str = ""
    slot: int = 0
    told: str = ""
    made: float = 0.0


class NoRoomError(CandidError):
    """There is no room for what somebody wants to send."""


class Incoming:
    """The folder of uploads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, wanted: Upload) -> Upload:
        """Makes room for a clip. NoRoomError where it is too large, or too many of that person's are open."""
        if wanted.length > LARGEST:
            raise NoRoomError(f"A clip may have {LARGEST >> 30} GB at most.", "Export it smaller, or cut it in two.")
        with _creating, explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.sweep()
            everything = list(self._all())
            if sum(other.person == wanted.person for other in everything) >= MOST_OPEN:
                raise NoRoomError(
                    f"{MOST_OPEN} clips of yours wait here and were not handed in.",
                    "Hand them in, or take some back, then go on.",
                )
            self._require_room(wanted.length + sum(other.length - self.there(other) for other in everything))
            made = wanted.model_copy(update={"id": secrets.token_urlsafe(16), "made": time.time()})
            self.path(made).touch(mode=0o600)
            self._note(made)
        return made

    def find(self, id: str) -> Upload | None:
        """The upload of that id; None where there is none."""
        if not _ID.fullmatch(id):
            return None
        with contextlib.suppress(OSError, ValidationError):
            return Upload.model_validate_json(self._record(id).read_bytes())
        return None

    def of(self, person: str, recipe: str | None = None) -> tuple[Upload, ...]:
        """What somebody has sent (for a recipe) and not handed in, the oldest first."""
        mine = (each for each in self._all() if each.person == person and recipe in (None, each.recipe))
        return tuple(sorted(mine, key=lambda each: each.made))

    def path(self, upload: Upload) -> Path:
        return self.folder / f"{upload.id}.part"

    def there(self, upload: Upload) -> int:
        """How many bytes have arrived."""
        with contextlib.suppress(FileNotFoundError):
            return self.path(upload).stat().st_size
        return 0

    def complete(self, upload: Upload) -> bool:
        return self.there(upload) == upload.length

    def open(self, upload: Upload) -> BinaryIO:
        """The file, to be gone on with at its end. What was written is safe after `settle`."""
        with explained(self.folder):
            return self.path(upload).open("ab")

    def shorten(self, upload: Upload, length: int) -> Upload:
        """Says how long a clip turned out to be whose length nobody knew before."""
        if self.find(upload.id) is None:
            raise NoRoomError("This clip was deleted while it was sent.", "Send it again, if that was not meant.")
        known = upload.model_copy(update={"length": length})
        self._note(known)
        return known

    def remove(self, upload: Upload) -> None:
        for path in (self._record(upload.id), self.path(upload)):  # without its record it is nobody's, and is swept
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what nobody went on with."""
        oldest = time.time() - _KEPT_DAYS * 86_400
        for path in self.folder.glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.with_suffix(".json").unlink(missing_ok=True)
                    path.unlink()
        for record in self.folder.glob("*.json"):
            if not record.with_suffix(".part").exists():
                record.unlink(missing_ok=True)

    def _require_room(self, wanted: int) -> None:
        if shutil.disk_usage(self.folder).free - wanted < _RESERVE:
            raise NoRoomError(
                "The server's disk has no room for this clip.", "Tell the coordinator, and try again later."
            )

    def _all(self) -> Iterator[Upload]:
        for path in self.folder.glob("*.json"):
            if found := self.find(path.stem):
                yield found

    def _note(self, upload: Upload) -> None:
        tomlfile.replace(self._record(upload.id), upload.model_dump_json(indent=1) + "\n")

    def _record(self, id: str) -> Path:
        return self.folder / f"{id}.json"


async def on_disk(work: Callable[..., T], *arguments: object) -> T:
    """Does what may wait for the disk. However many send, they leave the threads of the pages alone.

    Whoever is canceled meanwhile (the server ends) goes on only when it is done: it may be about the same file.
    """
    at_work = asyncio.ensure_future(to_thread.run_sync(work, *arguments, limiter=_writers))
    try:
        return await asyncio.shield(at_work)
    except asyncio.CancelledError:
        await asyncio.gather(at_work, return_exceptions=True)
        raise


def settle(file: BinaryIO) -> None:
    """Has the disk keep what was written."""
    try:
        file.flush()
        os.fsync(file.fileno())
    except OSError as fault:
        raise WorkspaceError(f"The disk did not keep what was sent: {fault.strerror}.", "Send it again.") from fault


def shown(name: str) -> str:
    """The last part of a file's name as it may be shown, on one line."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(letter if letter.isprintable() else "?" for letter in last)[:120].strip() or "clip"
