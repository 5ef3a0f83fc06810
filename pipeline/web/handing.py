"""Handing in: clips that have arrived become a take.

Looking at clips and copying them takes its time, so a hand-in is a record in .candid/hand-ins/ that the worker works
off. Killed, it goes on with the same record: the same clips for the same recipe are one take, however often it tries.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
import time
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import people, recipes, takes, tomlfile
from pipeline.errors import CandidError, ClipError, LimitError, in_words
from pipeline.model import Take
from pipeline.shelf import explained
from pipeline.web import cures
from pipeline.web.incoming import Incoming
from pipeline.web.store import Store
from pipeline.workspace import Workspace, slug

_ID = re.compile(r"[0-9a-f]{32}")
_SUFFIX = re.compile(r"[.](mp4|mov|m4v|mkv|webm|avi|mts|m2ts|ts|mpg|mpeg|3gp|flv|wmv)")
_LOOK_EVERY = 0.5  # seconds
_BEFORE_ANOTHER = 10.0
_BETWEEN_SWEEPS = 3600.0
_KEPT_DAYS = 7


class Sent(BaseModel):
    """A clip of a hand-in: its upload, and what its person calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    upload: str
    name: str
    slot: int


class HandIn(BaseModel):
    """What somebody hands in for a recipe, and what came of it: a take, or a fault.

    `at` is the clip that it is a fault of, from 1; 0 where it is of none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    person: str
    recipe: str
    consent: str
    id: str = ""
    clips: tuple[Sent, ...]
    again: bool = False  # also clips that are in another take
    take: str = ""
    what: str = ""
    do: str = ""
    at: int = 0

    @property
    def waits(self) -> bool:
        return not self.take and not self.what

    @property
    def slot(self) -> int:
        """The number of the prompt whose clip is at fault; 0 for none."""
        return self.clips[self.at - 1].slot if 0 < self.at <= len(self.clips) else 0


class HandIns:
    """The folder of hand-ins: a record each, and the clips of those that wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, wanted: HandIn, incoming: Incoming) -> HandIn:
        """Hands clips in. The same clips a second time, as by a button that is pressed twice, are the same hand-in."""
        mark = "\0".join([wanted.person, wanted.recipe, *(each.upload for each in wanted.clips)])
        made = wanted.model_copy(update={"id": hashlib.sha256(mark.encode()).hexdigest()[:32]})
        known = self.find(made.id)
        if known is not None and not known.what:
            return known
        with explained(self.folder):
            for path, sent in zip(self.paths(made), made.clips, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.unlink(missing_ok=True)
                os.link(incoming.folder / f"{sent.upload}.part", path)
            self._note(made)
        return made

    def find(self, id: str) -> HandIn | None:
        if not _ID.fullmatch(id):
            return None
        with contextlib.suppress(OSError, ValidationError):
            return HandIn.model_validate_json(self._record(id).read_bytes())
        return None

    def of(self, person: str, recipe: str) -> tuple[HandIn, ...]:
        """Somebody's hand-ins for a recipe, the latest first."""
        return tuple(found for found in reversed(self._all()) if (found.person, found.recipe) == (person, recipe))

    def waiting(self) -> tuple[HandIn, ...]:
        """Those that have clips here, the oldest first."""
        return tuple(found for id in self._dated("*/") if (found := self.find(id)) and found.waits)

    def paths(self, handed: HandIn) -> tuple[Path, ...]:
        """Where the clips of a hand-in lie, under names that are safe and can be recognized."""
        folder = self.folder / handed.id
        return tuple(folder / str(number) / _safe(sent.name) for number, sent in enumerate(handed.clips, start=1))

    def settle(self, handed: HandIn, **outcome: str | int) -> None:
        """Says what came of it. Its clips are in the take then, or still among the uploads."""
        self._note(handed.model_copy(update=outcome))
        shutil.rmtree(self.folder / handed.id, ignore_errors=True)

    def sweep(self) -> None:
        """Removes what was settled long ago, and clips that a killed server left here."""
        oldest = time.time() - _KEPT_DAYS * 86_400
        for id in {path.stem for path in self.folder.glob("[0-9a-f]*")}:
            record, clips, found = self._record(id), self.folder / id, self.find(id)
            if found and found.waits:
                continue
            old = all(path.stat().st_mtime < oldest for path in (record, clips) if path.exists())
            if old or found:
                shutil.rmtree(clips, ignore_errors=True)
            if old:
                record.unlink(missing_ok=True)

    def _all(self) -> list[HandIn]:
        """The oldest first."""
        return [found for id in self._dated("*.json") if (found := self.find(id))]

    def _dated(self, pattern: str) -> list[str]:
        """The ids of what is there, the oldest first; it may be gone this moment."""
        dated = []
        for path in self.folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                dated.append((path.stat().st_mtime_ns, path.stem))
        return [id for _, id in sorted(dated)]

    def _note(self, handed: HandIn) -> None:
        tomlfile.replace(self._record(handed.id), handed.model_dump_json(indent=1) + "\n")

    def _record(self, id: str) -> Path:
        return self.folder / f"{id}.json"


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    return slug(path.stem) + (suffix if _SUFFIX.fullmatch(suffix) else "")


# --- the worker's part ------------------------------------------------------------------------------------------------


def keep_on(space: Workspace, store: Store) -> None:
    """Works off what is handed in, without end."""
    hand_ins, incoming = HandIns(store.path.parent / "hand-ins"), Incoming(store.path.parent / "uploads")
    swept = -_BETWEEN_SWEEPS
    while True:
        try:
            if time.monotonic() - swept >= _BETWEEN_SWEEPS:
                hand_ins.sweep()
                incoming.sweep()
                swept = time.monotonic()
            for handed in hand_ins.waiting():
                work_off(handed, hand_ins, incoming, space, store)
            time.sleep(_LOOK_EVERY)
        except (CandidError, OSError):  # the disk is full, perhaps: what is handed in waits until it is not
            time.sleep(_BEFORE_ANOTHER)


def beside(space: Workspace, store: Store) -> None:
    """Does so in a thread, since a render may take long and whoever hands in wants an answer."""
    threading.Thread(target=keep_on, args=(space, store), name="hand-ins", daemon=True).start()


def work_off(handed: HandIn, hand_ins: HandIns, incoming: Incoming, space: Workspace, store: Store) -> None:
    """One hand-in becomes a take, which then stands in line to be made; or is refused in words."""
    looked_at = _Looked(len(handed.clips))
    try:
        take = _submitted(handed, hand_ins, space, looked_at)
    except Exception as fault:
        words = cures.here(in_words(fault), space.root)
        what, do = _by_name(words.what, handed, hand_ins), _on_the_page(words.do)
        at = looked_at.clip if isinstance(fault, ClipError | LimitError) else 0
        hand_ins.settle(handed, what=what, do=do, at=at)
        return
    store.enqueue(take.id)
    for upload in incoming.of(handed.person, handed.recipe):  # also those that were not chosen
        incoming.remove(upload)
    hand_ins.settle(handed, take=take.id)


def _submitted(handed: HandIn, hand_ins: HandIns, space: Workspace, looked_at: _Looked) -> Take:
    recipe = recipes.load(space.queued(handed.recipe))
    person = people.find(space.people, handed.person)
    paths = hand_ins.paths(handed)
    tell = looked_at.tell
    take, _ = takes.submit(
        paths, recipe, person, handed.consent, space.takes, tell, again=handed.again, reserve=space.reserve
    )
    return take


class _Looked:
    """At which clip a hand-in is, from 1."""

    def __init__(self, clips: int) -> None:
        self._clips = clips
        self.clip = 0

    def tell(self, step: str, done: float) -> None:
        if step == "looking":
            self.clip = round(done * self._clips) + 1


def _by_name(what: str, handed: HandIn, hand_ins: HandIns) -> str:
    """What went wrong, with the names that its person knows."""
    for path, sent in zip(hand_ins.paths(handed), handed.clips, strict=True):
        what = what.replace(path.name, sent.name)
    return what


def _on_the_page(do: str) -> str:
    """A cure that names an option of the command line, for whoever has a box to tick."""
    return do.replace("hand it in with --again", "tick the box for that, and hand in again")
