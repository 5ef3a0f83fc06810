"""The only room that writes output/: made once, kept until its causes change, whole or not at all.

Beside every file lies a small record of what it was made from. A file is kept while that record names the same causes
and the file is still the one that was written; otherwise it is made again in a temporary place, flushed to disk and
renamed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import WorkspaceError

if TYPE_CHECKING:
    import filelock

T = TypeVar("T")

_KEPT_DAYS = 14  # a correction may be taken back: what no plan uses stays this long
_DRAFT_S = 60  # nobody writes so long at a note
_ROOM_WANTED = 64 << 20  # bytes free before anything starts
_LOST_NAMES = ("EIO", "ENXIO", "ENODEV", "ETIMEDOUT", "ENOTCONN", "ESTALE", "EHOSTDOWN")  # not all systems know all
_LOST = {getattr(errno, name) for name in _LOST_NAMES if hasattr(errno, name)}  # a disk or a network share is gone


class Shelf:
    """The folder of one take, `output/<take>/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chunks = Store(folder / "chunks", ".mp4")
        self.encoded = Store(folder / "encoded", ".npy")  # stretches of speech whose words were corrected
        self.work = folder / "work"
        self._records = folder / ".kept"

    @contextlib.contextmanager
    def mine(self, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """One run a take at a time.

        `wait` is called once if another run holds the take. What a killed run left half-made goes.
        """
        import filelock

        with explained(self.folder):
            self._records.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / ".lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                wait()
                self._wait_for(lock)
        try:
            with explained(self.folder):
                shutil.rmtree(self.work, ignore_errors=True)
                self._sweep()
                self.work.mkdir()
                if shutil.disk_usage(self.folder).free < _ROOM_WANTED:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                with self._standing():
                    yield
        finally:
            shutil.rmtree(self.work, ignore_errors=True)
            lock.release()

    def _wait_for(self, lock: filelock.BaseFileLock) -> None:
        """Whoever held it may have deleted the folder at the end."""
        try:
            lock.acquire()
        except FileNotFoundError:
            self._records.mkdir(parents=True, exist_ok=True)
            lock.acquire()

    def _sweep(self) -> None:
        """Takes away the drafts of notes that a killed run left."""
        for path in self.folder.glob(".*-[0-9]*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _DRAFT_S:
                    path.unlink()

    def held(self) -> bool:
        """Whether a run holds the take now."""
        import filelock

        if not self.folder.exists():
            return False
        with explained(self.folder):
            try:
                with filelock.FileLock(self.folder / ".lock", timeout=0):
                    return False
            except filelock.Timeout:
                return True

    @contextlib.contextmanager
    def _standing(self) -> Iterator[None]:
        """Whatever fails in a folder that somebody deletes meanwhile, fails for that."""
        try:
            yield
        except Exception as fault:
            if self.work.exists():
                raise
            raise WorkspaceError(
                f"Somebody deleted {self.folder} while the take was made in it.", "Run the same command again."
            ) from fault

    def path(self, name: str) -> Path:
        return self.folder / name

    def has(self, name: str, causes: object) -> bool:
        """Whether the file `name` lies here, made from these causes and untouched since."""
        return self.untouched(name) and self._recorded(name)["causes"] == fingerprint(causes)

    def untouched(self, name: str) -> bool:
        """Whether the file `name` lies here as it was written."""
        with contextlib.suppress(OSError):
            return bool(self._recorded(name).get("stamp") == _stamp(self.path(name)))
        return False

    def keep(self, name: str, causes: object, make: Callable[[Path], object]) -> bool:
        """Makes the file `name` unless it is there already; `make` writes to the path it is given.

        True if it was made.
        """
        if self.has(name, causes):
            return False
        self.put(name, causes, make)
        return True

    def put(self, name: str, causes: object, make: Callable[[Path], object], about: str = "") -> None:
        """Makes the file `name`, whole or not at all. `about` names what it speaks of, for `by_hand`."""
        draft = self.work / f"draft-{name}"
        with explained(self.folder):
            make(draft)
            _flush(draft)
            self._record(name).unlink(
                missing_ok=True
            )  # killed in between, it must not pass for a file corrected by hand
            draft.replace(self.path(name))
            content = fingerprint(self.path(name).read_bytes()) if about else ""
            record = {"causes": fingerprint(causes), "stamp": _stamp(self.path(name)), "about": about}
            _write(self._record(name), json.dumps(record | {"content": content}), self.work)

    def value(self, name: str, causes: object, kind: type[T], find: Callable[[], T], about: str = "") -> T:
        """A value kept as readable JSON: read if it is there, else found and written."""
        adapter: Any = _adapter(kind)
        if self.has(name, causes):
            with contextlib.suppress(ValueError, OSError):
                return adapter.validate_json(self.path(name).read_bytes())  # type: ignore[no-any-return]
        found = find()
        self.put(name, causes, lambda path: path.write_bytes(adapter.dump_json(found, indent=1) + b"\n"), about)
        return found

    def by_hand(self, name: str, about: str, kind: type[T]) -> T | None:
        """The value in file `name` if somebody corrected it by hand since it was written about `about`; else None.

        What was corrected by hand stays until the file is deleted. WorkspaceError where it can no longer be read.
        """
        record = self._recorded(name)
        if self.untouched(name) or record.get("about") != about or not self.path(name).exists():
            return None
        if fingerprint(self.path(name).read_bytes()) == record.get("content"):  # a copy, or put back as it was
            return None
        try:
            return _adapter(kind).validate_json(self.path(name).read_bytes())  # type: ignore[no-any-return]
        except ValueError as fault:
            raise WorkspaceError(
                f"{self.path(name)} was changed, and can no longer be read: {_first_line(fault)}.",
                "Mend it, or delete it to have it made anew.",
            ) from fault

    def note(self, name: str, value: object | None) -> None:
        """Leaves a small JSON value for other processes, whole or not at all; None takes it away.

        It is not flushed to disk: nothing depends on it.
        """
        if value is None:
            self.path(name).unlink(missing_ok=True)
            return
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.path(f"{name}-{os.getpid()}")
            try:
                draft.write_text(json.dumps(value), encoding="utf-8")
                draft.replace(self.path(name))
            finally:
                draft.unlink(missing_ok=True)

    def noted(self, name: str) -> Any:
        """The value that `note` left; None where there is none."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self.path(name).read_text(encoding="utf-8"))
        return None

    def forget(self) -> None:
        """Has everything made anew, but for what was corrected by hand.

        The finished files stay until new ones replace them.
        """
        for record in self._records.glob("*.json"):
            name = record.name.removesuffix(".json")
            if self.untouched(name) or not self.path(name).exists():
                record.unlink()
        for store in (self.chunks, self.encoded):
            shutil.rmtree(store.folder, ignore_errors=True)

    def remove(self) -> bool:
        """Deletes everything of the take. False where a run holds it now: then all of it stays."""
        import filelock

        gone = self.folder.with_name(f".gone-{self.folder.name}")
        with explained(self.folder):
            shutil.rmtree(gone, ignore_errors=True)  # left by a run that was killed
            if not self.folder.exists():
                return True
            try:
                with filelock.FileLock(self.folder / ".lock", timeout=0):
                    self.folder.replace(gone)
            except filelock.Timeout:
                return False
            shutil.rmtree(gone)
        return True

    def _recorded(self, name: str) -> dict[str, Any]:
        """What the file was made from ("causes"), its size and date then ("stamp"), and what it is about."""
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.json"


class Store:
    """A folder of files named by the hash of what they were made from.

    A file that is there is whole, and is never changed.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self._suffix = suffix

    def path(self, key: str) -> Path:
        return self.folder / f"{key}{self._suffix}"

    def has(self, key: str) -> bool:
        """Whether it is there; asking marks it as used, so that `tidy` spares it."""
        try:
            os.utime(self.path(key))
        except OSError:
            return False
        return True

    def keep(self, key: str, make: Callable[[Path], object]) -> Path:
        """The file of `key`. Where it is missing `make` writes it to the path it is given: whole or not at all."""
        if not self.has(key):
            with explained(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                draft = self.folder / f".{key}-{os.getpid()}-{threading.get_ident()}{self._suffix}"
                try:
                    make(draft)
                    _flush(draft)
                    draft.replace(self.path(key))
                finally:
                    draft.unlink(missing_ok=True)
        return self.path(key)

    def tidy(self) -> None:
        """Drops what nobody has used for two weeks, and what a killed run left half-made."""
        long_ago = time.time() - _KEPT_DAYS * 86400
        for path in self.folder.glob(f"*{self._suffix}"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < long_ago:
                    path.unlink()


def claim(folder: Path, owner: str) -> bool:
    """Claims a take's folder; False where it belongs to another owner. Two runs at once cannot both claim it."""
    mark = folder / ".clips"
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".clips-{os.getpid()}"
        draft.write_text(owner, encoding="utf-8", errors="surrogateescape")
        try:
            os.link(draft, mark)
        except FileExistsError:
            return owner_of(folder) == owner
        finally:
            draft.unlink()
        return True


def owner_of(folder: Path) -> str:
    """Who claimed a take's folder; "" for nobody."""
    with contextlib.suppress(OSError):
        return (folder / ".clips").read_text(encoding="utf-8", errors="surrogateescape")
    return ""


def fingerprint(causes: object) -> str:
    """The hash of anything that is made of dataclasses, tuples, paths and plain values."""
    return hashlib.sha256(repr(causes).encode()).hexdigest()[:32]


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Puts what can go wrong with a folder into words."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceError(
                f"The disk that holds {folder} is full.",
                "Free some space and run the same command again: finished parts are kept.",
            ) from fault
        if fault.errno == errno.EFBIG:
            raise WorkspaceError(
                f"A file in {folder} may not become as large as it has to.",
                "See ulimit -f, and what its disk allows; then run the same command again: finished parts are kept.",
            ) from fault
        if fault.errno in _LOST:
            raise WorkspaceError(
                f"{fault.filename or 'A file'} cannot be read or written any more: {fault.strerror}.",
                "Look whether all disks are sound and connected, then run the same command again: finished parts are "
                "kept.",
            ) from fault
        if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise WorkspaceError(
                f"Nothing can be written to {folder}.",
                "Give yourself the right to write there, or choose another folder with --workspace DIR.",
            ) from fault
        raise


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _first_line(fault: Exception) -> str:
    """pydantic's messages have a line that counts the errors, then where and what."""
    lines = [line.strip() for line in str(fault).splitlines()]
    return ": ".join(lines[1:3]) if len(lines) > 2 else lines[0]


def _write(path: Path, text: str, work: Path) -> None:
    draft = work / f"record-{path.name}"
    draft.write_text(text, encoding="utf-8")
    _flush(draft)
    draft.replace(path)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


_adapters: dict[Any, Any] = {}


def _adapter(kind: Any) -> Any:
    """pydantic's reader and writer of a type; made once, since that takes long."""
    from pydantic import TypeAdapter

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
