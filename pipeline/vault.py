"""Seals what is secret: with one key of this user, and each text bound to a person and a service.

A sealed text that is copied to another person's name does not open (AES-256-GCM, associated data). The key lies in the
system's keyring where a real one answers, else in a file beside, which only its owner can read. A file protects
against other users of the machine and against a look at the sealed files, not against somebody who has that user's
rights or a copy of the whole folder.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
import stat
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline import limits
from pipeline.errors import AccountError, LimitError

T = TypeVar("T")

_SERVICE = "candid"  # under which the keyring keeps the key
_MARK = "candid1:"  # in front of a sealed text: AES-256-GCM, 12 bytes of nonce, then the rest
_NONCE = 12
_PROBE_SECONDS = 5.0
_UNLOCK_SECONDS = 60.0  # a desktop may ask its user to unlock the keyring
_LOCK_SECONDS = 120.0
_NAME = re.compile(r"[a-z0-9-]{1,40}")
# Those that keep secrets encrypted. Others hide them in plain text, or forget them.
_KEYRINGS = frozenset((
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.libsecret.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.kwallet.DBusKeyringKWallet4",
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps the key: decided once, or it would be looked for in the other place."""

    kind: str  # keyring | file
    name: str  # of the key in the keyring
    why: str  # for people


def home() -> Path:
    """The folder of what is a person's own on this machine: CANDID_HOME, else where the system wants it."""
    if named := os.environ.get("CANDID_HOME"):
        return Path(named).absolute()
    try:
        import platformdirs
    except ImportError as fault:
        raise _not_installed() from fault
    return platformdirs.user_config_path("candid")


class Vault:
    """A folder of sealed files, its owner's alone. Nothing is made or read before it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = b""

    def seal(self, person: str, service: str, text: str) -> str:
        """The text, sealed for one person at one service; printable. AccountError where the key is out of reach."""
        return self._sealed(_bound(person, service), text)

    def unseal(self, person: str, service: str, sealed: str) -> str:
        """What was sealed. AccountError where it is another's, or damaged."""
        return self._opened(_bound(person, service), sealed)

    def put(self, person: str, service: str, text: str) -> None:
        """Keeps a text in the one file that a person and service have; it is on the disk when this returns."""
        sealed = self._sealed(_bound(person, service, "file"), text)
        with _explained(self.folder):
            _write(self._file(person, service), sealed)

    def get(self, person: str, service: str) -> str | None:
        """The text that is kept; None where there is none. AccountError where it is another's, damaged, or exposed."""
        path = self._file(person, service)
        if not self._exists(path):
            return None
        return self._opened(_bound(person, service, "file"), _read(path))

    def drop(self, person: str, service: str) -> None:
        """Deletes what is kept."""
        with _explained(self.folder):
            self._file(person, service).unlink(missing_ok=True)

    def listed(self) -> tuple[tuple[str, str], ...]:
        """Of whom something is kept, and for which service."""
        names = [path.name.split(".")[:2] for path in self.folder.glob("*.*.sealed")]
        return tuple(sorted((person, service) for person, service in names if _fit(person, service)))

    @contextlib.contextmanager
    def locked(self, person: str, service: str) -> Iterator[None]:
        """One process at a time changes what is kept of a person and service. AccountError where that takes long."""
        with self._lock(self._file(person, service).with_suffix(".lock")):
            yield

    def keeper(self) -> Keeper | None:
        """Who keeps the key; None as long as nothing was ever sealed here."""
        path = self.folder / "keeper.json"
        if not self._exists(path):
            return None
        try:
            return Keeper(**json.loads(_read(path)))
        except (ValueError, TypeError) as fault:
            raise _damaged(path) from fault

    # --- the key

    def _sealed(self, bound: bytes, text: str) -> str:
        nonce = os.urandom(_NONCE)
        return _MARK + base64.urlsafe_b64encode(nonce + self._cipher().encrypt(nonce, text.encode(), bound)).decode()

    def _opened(self, bound: bytes, sealed: str) -> str:
        from cryptography.exceptions import InvalidTag

        cipher = self._cipher()
        try:
            raw = base64.b64decode(sealed.strip().removeprefix(_MARK), altchars=b"-_", validate=True)
            return str(cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound).decode())
        except (InvalidTag, ValueError, binascii.Error):
            raise AccountError(
                "What is sealed there belongs to another person or service, or is damaged.",
                "Sign in again: candid accounts connect.",
            ) from None

    def _cipher(self) -> Any:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as fault:
            raise _not_installed() from fault
        self._key = self._key or self._found()
        return AESGCM(self._key)

    def _found(self) -> bytes:
        """The key; made when it is needed first."""
        with self._lock(self.folder / ".lock"):
            keeper = self.keeper() or self._decided()
            return _decoded(self._asked(keeper), self.folder)

    def _asked(self, keeper: Keeper) -> str:
        if keeper.kind == "keyring":
            return _of_keyring(keeper.name)
        path = self.folder / "key"
        if not self._exists(path):
            raise AccountError(
                f"The key {path} is gone, so nobody can open what is sealed there.",
                f"Bring it back from a backup; or delete {self.folder} and let everybody sign in again.",
            )
        return _read(path)

    def _decided(self) -> Keeper:
        """Makes a key, has it kept, and writes down where: in this order, so that being killed loses nothing."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = base64.urlsafe_b64encode(AESGCM.generate_key(256)).decode()
        path = self.folder / "key"
        there = self._exists(path)
        keeper = Keeper("file", "", "a key file was there already") if there else _probed(f"key-{uuid.uuid4()}", key)
        with _explained(self.folder):
            if keeper.kind == "file" and not there:
                _write(path, key)
            told = {"kind": keeper.kind, "name": keeper.name, "why": keeper.why}
            _write(self.folder / "keeper.json", json.dumps(told, indent=1) + "\n")
        return keeper

    # --- files

    def _file(self, person: str, service: str) -> Path:
        if not _fit(person, service):
            raise AccountError(f"{person!r} or {service!r} cannot be the name of a person or service.")
        return self.folder / f"{person}.{service}.sealed"

    def _exists(self, path: Path) -> bool:
        """Whether a file is there, in a folder that is nobody else's."""
        if not os.path.lexists(path):
            return False
        _require_own(self.folder, "700")
        return True

    @contextlib.contextmanager
    def _lock(self, path: Path) -> Iterator[None]:
        import filelock

        with _explained(self.folder):
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        _require_own(self.folder, "700")
        with _explained(self.folder):
            lock = filelock.FileLock(path, timeout=_LOCK_SECONDS, mode=0o600)
        try:
            with _explained(self.folder):
                lock.acquire()
        except filelock.Timeout as fault:
            raise AccountError("Another run of Candid holds this account.", "Try again when it has ended.") from fault
        try:
            yield
        finally:
            lock.release()


def _fit(person: str, service: str) -> bool:
    return bool(_NAME.fullmatch(person) and _NAME.fullmatch(service))


def _bound(person: str, service: str, kind: str = "") -> bytes:
    """What a sealed text is bound to: a session's address in a receipt cannot pass for the tokens in a file."""
    if not _fit(person, service):
        raise AccountError(f"{person!r} or {service!r} cannot be the name of a person or service.")
    return "\0".join((person, service, kind) if kind else (person, service)).encode()


def _decoded(text: str, folder: Path) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise _damaged(folder / "key")
    return key


# --- the system's keyring ---------------------------------------------------------------------------------------------
# It is asked in a process of its own: where it wants to be unlocked and nobody is there, it waits for ever.


def _probed(name: str, key: str) -> Keeper:
    """Gives the key to the keyring, and reads it back; whatever goes wrong, a file keeps it."""
    try:
        kept, why = _apart(_PROBE_SECONDS, _kept, name, key)
    except LimitError:
        kept, why = False, f"the system's keyring gave no answer within {_PROBE_SECONDS:.0f} seconds"
    return Keeper("keyring", name, why) if kept else Keeper("file", "", why)


def _of_keyring(name: str) -> str:
    try:
        key: str = _apart(_UNLOCK_SECONDS, _looked_up, name)
    except LimitError:
        key = ""
    if not key:
        raise AccountError(
            "The system's keyring holds the key to your accounts, and does not give it.",
            "Unlock it (sign in at this machine's desktop, for example), and run the same command again.",
        )
    return key


def _apart(seconds: float, task: Callable[..., T], *arguments: str) -> T:
    with limits.processes(1) as pool:
        return limits.call(pool, seconds, task, *arguments)


def _kept(name: str, key: str) -> tuple[bool, str]:
    """Has the keyring keep the key: whether it does, and its name, or why not. It is tried with another word first."""
    try:
        ring = _keyring()
        if ring is None:
            return False, "this machine has no keyring that Candid trusts"
        probe = f"probe-{uuid.uuid4()}"
        remembers = _remembers(ring, probe, probe)
        ring.delete_password(_SERVICE, probe)
        if remembers and _remembers(ring, name, key):
            return True, _class(ring)
        return False, "the system's keyring forgets what it is given"
    except Exception as fault:  # each keyring has errors of its own; every one of them means: none
        return False, f"the system's keyring does not work ({type(fault).__name__})"


def _remembers(ring: Any, name: str, secret: str) -> bool:
    ring.set_password(_SERVICE, name, secret)
    return bool(ring.get_password(_SERVICE, name) == secret)


def _looked_up(name: str) -> str:
    """The key; "" where the keyring does not give it."""
    with contextlib.suppress(Exception):  # as in `_kept`
        ring = _keyring()
        return str(ring.get_password(_SERVICE, name) or "") if ring is not None else ""
    return ""


def _keyring() -> Any:
    """The keyring of this system, if it is one of those that encrypt; None otherwise."""
    import keyring

    found: Any = keyring.get_keyring()
    chained = getattr(found, "backends", ()) if _class(found) == "keyring.backends.chainer.ChainerBackend" else (found,)
    return next((each for each in chained if _class(each) in _KEYRINGS), None)


def _class(each: object) -> str:
    return f"{type(each).__module__}.{type(each).__qualname__}"


# --- files that are their owner's alone -------------------------------------------------------------------------------


def _read(path: Path) -> str:
    """The text of a file. AccountError where it is no plain file of ours, or others may read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as fault:
        raise AccountError(
            f"{path} cannot be read ({fault.strerror}).", "It has to be a plain file, and yours."
        ) from fault
    try:
        _require(os.fstat(descriptor), path, stat.S_ISREG, "600")
        with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _require_own(folder: Path, mode: str) -> None:
    try:
        found = folder.stat()
    except OSError as fault:
        raise AccountError(
            f"{folder} cannot be read ({fault.strerror}).", "It has to be a folder, and yours."
        ) from fault
    _require(found, folder, stat.S_ISDIR, mode)


def _require(found: os.stat_result, path: Path, kind: Any, mode: str) -> None:
    if not kind(found.st_mode):
        raise AccountError(f"{path} is not what Candid has put there.", "Look at it, and move it away.")
    if sys.platform == "win32":  # there, a user's folder is theirs by its place
        return
    if found.st_uid != os.getuid():
        raise AccountError(f"{path} belongs to another user of this machine.", "Move it away, and sign in again.")
    if found.st_mode & 0o077:
        raise AccountError(f"Others can reach {path}, where tokens are sealed.", f"Type: chmod {mode} '{path}'")


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for its owner alone whatever the umask, and on the disk when it returns."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(draft, flags, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - the rights are set as it is made
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """So that the renaming is on the disk too; not every system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise AccountError(
            f"Nothing can be written to {folder} ({fault.strerror}).",
            "Free some space or give yourself the right to write there; CANDID_HOME names another folder.",
        ) from fault


def _damaged(path: Path) -> AccountError:
    return AccountError(
        f"{path} is damaged.",
        f"Bring it back from a backup; or delete {path.parent} and let everybody sign in again.",
    )


def _not_installed() -> AccountError:
    return AccountError("Accounts need libraries that are not installed.", "pip install 'candid[publish]'")
