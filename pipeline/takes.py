"""assets/clips/<take>/ <-> Take: the clips that somebody handed in for a recipe, whole or not at all.

A take is copied into a hidden folder beside the others and renamed when all of it is there, so a killed run leaves no
half take, and the next one goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline import limits, media
from pipeline.errors import ClipError, RecipeError, WorkspaceError
from pipeline.model import Person, Recipe, Take
from pipeline.progress import Tell, quiet
from pipeline.shelf import explained
from pipeline.wording import printable
from pipeline.workspace import slug

CONSENT = (
    "I am in this recording myself, or everybody who is in it agrees to it. It may be turned into a video, which I "
    "approve before anything is published, and I can withdraw it at any time."
)

_ID = re.compile(r"[a-z0-9-]{1,80}")
_RECORD = "take.json"
_LARGEST_RECORD = 1 << 20  # bytes
_BLOCK = 1 << 20
_SECONDS_TO_READ = 600
_LONGEST_PART = 36  # characters of recipe and person each in a take's name: two and a number stay below 80


class _Record(BaseModel):
    """take.json. The folder's name is the take's id, so `id` is only there to be read by people."""

    model_config = ConfigDict(extra="forbid")
    id: str
    recipe: str
    person: str
    clips: list[str] = Field(min_length=1)  # names in the folder
    originals: list[str]  # the names that they were handed in under
    sha256: list[str]
    handed_in: str
    consent: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A clip that is handed in: size and date when it was looked at, its hash, and what it is called in the take."""

    path: Path
    signature: tuple[int, int]
    sha256: str
    name: str

    @property
    def size(self) -> int:
        return self.signature[0]

    def unchanged(self) -> None:
        """ClipError where it is no longer the file that was looked at."""
        if media.signature(self.path) != self.signature:
            raise ClipError(
                f"{printable(self.path)} changed while it was copied.",
                "Wait until it is copied or recorded to its end, then run the same command again.",
            )


# --- hand in ----------------------------------------------------------------------------------------------------------


def submit(
    clips: Sequence[Path],
    recipe: Recipe,
    person: Person,
    consent: str,
    folder: Path,
    tell: Tell = quiet,
    *,
    again: bool = False,
    reserve: Callable[[str], bool] = lambda id: True,
) -> tuple[Take, bool]:
    """Copies clips into a take of their own in `folder`; the take, and whether it is new.

    The same clips by the same person for the same recipe are the take that is there already. `again` allows a clip that
    is in another take. `reserve` keeps a name for it elsewhere; False where it is not to be had. Killed, the same call
    goes on. Raises ClipError, RecipeError and WorkspaceError.
    """
    sources = _looked_at(clips, tell)
    asked = _Record(
        id="",
        recipe=recipe.slug,
        person=person.id,
        clips=[source.name for source in sources],
        originals=[printable(source.path) for source in sources],
        sha256=[source.sha256 for source in sources],
        handed_in=datetime.now(UTC).isoformat(timespec="seconds"),
        consent=consent,
    )
    part = folder / f".part-{_mark(asked, sources)}"
    with explained(folder), _turn(part, tell):
        if lying := _known(asked, folder, again):
            shutil.rmtree(part, ignore_errors=True)
            return lying, False
        part.mkdir(exist_ok=True)
        _copy(sources, part, tell)
        return _finished(asked, part, folder, again, reserve)


def notes(clips: Sequence[Path], recipe: Recipe) -> tuple[str, ...]:
    """What somebody should know who hands in these clips, in sentences."""
    asked = len(recipe.prompts)
    if not asked or len(clips) <= asked:
        return ()
    return (f"The recipe asks for {asked} clip{'' if asked == 1 else 's'}, one a prompt; you hand in {len(clips)}.",)


def _looked_at(clips: Sequence[Path], tell: Tell) -> list[_Source]:
    """The clips, each probed in a process with limits. ClipError for the first that is none."""
    if not clips:
        raise ClipError("There are no clips to hand in.", "Name at least one.")
    sources: list[_Source] = []
    with limits.processes() as reader:
        for number, path in enumerate((clip.absolute() for clip in clips), start=1):
            tell("looking", (number - 1) / len(clips))
            signature = media.signature(path)
            found = limits.call(reader, _SECONDS_TO_READ, media.probe, path)
            _only_once(path, found.sha256, sources)
            sources.append(_Source(path, signature, found.sha256, _name(number, path)))
    return sources


def _only_once(path: Path, sha256: str, sources: Sequence[_Source]) -> None:
    for other in sources:
        if other.sha256 == sha256:
            raise ClipError(f"{printable(path)} and {printable(other.path)} are the same clip.", "Name it once.")


def _name(number: int, path: Path) -> str:
    """What a clip is called in its take: 1-harbor-day.mp4."""
    suffix = path.suffix.lower()
    return f"{number}-{slug(path.stem)}{suffix if re.fullmatch(r'[.][a-z0-9]{1,10}', suffix) else ''}"


def _mark(asked: _Record, sources: Sequence[_Source]) -> str:
    """Names the hidden folder: the same clips for the same recipe by the same person find it again."""
    places = "\0".join([asked.recipe, asked.person, *(str(source.path.resolve()) for source in sources)])
    return hashlib.sha256(places.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@contextlib.contextmanager
def _turn(part: Path, tell: Tell) -> Iterator[None]:
    """Two that hand in the same at once take turns; the second then finds the take."""
    import filelock

    part.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(part.with_name(f"{part.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        tell("waiting for another run that hands in the same", 0)
        lock.acquire()
    try:
        yield
        with contextlib.suppress(OSError):  # no harm where it stays: from here on, everybody finds the take
            Path(lock.lock_file).unlink()
    finally:
        lock.release()


def _known(asked: _Record, folder: Path, again: bool) -> Take | None:
    """The take that is the same already. RecipeError where one of the clips is in another, unless `again`.

    A take of somebody else is not named: whoever hands in may not know of it.
    """
    takes = sorted(listed(folder), key=lambda take: take.person != asked.person)
    for take in takes:
        if (take.recipe, take.person, set(take.sha256)) == (asked.recipe, asked.person, set(asked.sha256)):
            return take
    for original, sha256 in zip(asked.originals, asked.sha256, strict=True):
        for take in takes:
            if sha256 in take.sha256 and not again:
                place = f"the take {take.id}" if take.person == asked.person else "a take of somebody else"
                raise RecipeError(
                    f"{original} was handed in before: it is in {place}.",
                    "If it belongs into this one too, hand it in with --again.",
                )
    return None


def _copy(sources: Sequence[_Source], part: Path, tell: Tell) -> None:
    total, before = sum(source.size for source in sources), 0
    for source in sources:

        def told(there: int, before: int = before) -> None:
            tell("copying", (before + there) / total)

        _copy_one(source, part / source.name, told)
        before += source.size
    _flush(part)


def _copy_one(source: _Source, copy: Path, told: Callable[[int], None]) -> None:
    """Copies what is missing of a clip. Where the copy differs in the end, once more from zero."""
    for _ in range(2):
        same = _copied(source, copy, told) == source.sha256
        source.unchanged()
        if same:
            return
        copy.unlink()
    raise WorkspaceError(
        f"The copy of {printable(source.path)} in {copy.parent.parent} differs from it, twice.",
        "Check both disks, then run the same command again.",
    )


def _copied(source: _Source, copy: Path, told: Callable[[int], None]) -> str:
    """Goes on with the copy from the bytes that it has; the SHA-256 of all of it."""
    digest = hashlib.sha256()
    with copy.open("a+b") as target:
        if target.tell() > source.size:
            target.truncate(0)
        target.seek(0)
        while block := target.read(_BLOCK):
            digest.update(block)
        there = target.tell()
        told(there)
        for block in _blocks(source.path, there):
            target.write(block)
            digest.update(block)
            there += len(block)
            told(there)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def _blocks(path: Path, start: int) -> Iterator[bytes]:
    """The rest of a clip. What goes wrong is the clip's disk, not the workspace's."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            while block := file.read(_BLOCK):
                yield block
    except OSError as fault:
        raise ClipError(
            f"{printable(path)} cannot be read to its end: {fault.strerror}.",
            "Copy it again from the phone or camera.",
        ) from fault


def _finished(
    asked: _Record, part: Path, folder: Path, again: bool, reserve: Callable[[str], bool]
) -> tuple[Take, bool]:
    """Gives the part its name. One at a time: others may have handed in the same clips from elsewhere meanwhile."""
    import filelock

    with filelock.FileLock(folder / ".lock"):
        try:
            lying = _known(asked, folder, again)
        except RecipeError:
            shutil.rmtree(part)
            raise
        if lying:
            shutil.rmtree(part)
            return lying, False
        for id in filter(reserve, _names(asked)):
            _write(part / _RECORD, asked.model_copy(update={"id": id}))
            if _renamed(part, folder / id):
                _flush(folder)
                return load(folder, id), True
    raise AssertionError("there is always one more name")


def _names(asked: _Record) -> Iterator[str]:
    base = f"{slug(asked.recipe)[:_LONGEST_PART].strip('-')}-{asked.person[:_LONGEST_PART].strip('-')}"
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _renamed(part: Path, place: Path) -> bool:
    """False where something lies at that place."""
    if place.exists() or place.is_symlink():
        return False
    try:
        part.rename(place)
    except OSError as fault:
        if fault.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def _write(path: Path, record: _Record) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record.model_dump(), indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """Makes names in a folder last, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# --- find -------------------------------------------------------------------------------------------------------------


def load(folder: Path, id: str) -> Take:
    """The take `id` in `folder`. WorkspaceError where there is none, or where it is damaged."""
    place = _place(folder, id)
    try:
        record = _Record.model_validate_json(_text(place / _RECORD))
    except (OSError, UnicodeDecodeError, ValidationError, RecursionError) as fault:
        raise _damaged(id, f"its {_RECORD} cannot be read") from fault
    if not len(record.clips) == len(record.sha256) == len(record.originals):
        raise _damaged(id, f"its {_RECORD} does not fit together")
    clips = tuple(place / name for name in record.clips)
    for name, clip in zip(record.clips, clips, strict=True):
        if Path(name).name != name or name.startswith(".") or clip.is_symlink() or not clip.is_file():
            raise _damaged(id, f"its clip {printable(Path(name))} is not there")
    return Take(id, record.recipe, record.person, clips, tuple(record.sha256), record.handed_in, record.consent)


def find(folder: Path, id: str) -> Take | None:
    """The take `id`, None where nothing of that name was handed in. WorkspaceError where it is damaged."""
    there = _ID.fullmatch(id) and (folder / id / _RECORD).is_file()
    return load(folder, id) if there else None


def listed(folder: Path) -> tuple[Take, ...]:
    """All takes in `folder` by their id; one that is damaged is passed over, and `load` says why."""
    found = []
    for id in _ids(folder):
        with contextlib.suppress(WorkspaceError):
            found.append(load(folder, id))
    return tuple(found)


def damaged(folder: Path) -> dict[str, WorkspaceError]:
    """What is wrong with takes that `listed` passes over, by their id."""
    faults = {}
    for id in _ids(folder):
        try:
            find(folder, id)
        except WorkspaceError as fault:
            faults[id] = fault
    return faults


def remove(folder: Path, id: str) -> None:
    """Deletes the take `id`, damaged or not. WorkspaceError where there is none."""
    place = _place(folder, id)
    with explained(folder):
        for left in folder.glob(".gone-*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        gone = folder / f".gone-{id}-{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):  # somebody else removed it this moment
            place.rename(gone)
            shutil.rmtree(gone)


def _place(folder: Path, id: str) -> Path:
    """The folder of a take, which is no way out of `folder`. WorkspaceError where there is none."""
    place = folder / id
    if not _ID.fullmatch(id) or place.is_symlink() or not place.is_dir():
        raise WorkspaceError(f"There is no take {_shown(id)}.", _cure(id, _ids(folder)))
    return place


def _ids(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if _ID.fullmatch(path.name) and path.is_dir())
    except FileNotFoundError:
        return []


def _shown(id: str) -> str:
    return repr(id if len(id) <= 80 else f"{id[:79]}…")


def _cure(id: str, known: Sequence[str]) -> str:
    if close := difflib.get_close_matches(id[:80], known, n=1):
        return f"Did you mean {close[0]!r}?"
    return "Hand one in with: candid submit CLIP -r RECIPE --as PERSON"


def _text(path: Path) -> str:
    if path.is_symlink() or path.stat().st_size > _LARGEST_RECORD:
        raise OSError(errno.EINVAL, "no record of a take")
    return path.read_text(encoding="utf-8")


def _damaged(id: str, why: str) -> WorkspaceError:
    return WorkspaceError(f"The take {id} is damaged: {why}.", "Hand it in again; the damaged one can be deleted.")
