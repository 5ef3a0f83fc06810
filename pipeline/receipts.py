"""What has happened at the services, kept beside a take: output/<take>/receipts.json.

A receipt is on the disk before the next step begins, so a publication that is killed knows what it must not repeat.
The address of an unfinished upload is sealed (vault.py); once the video is there, nobody needs it any more.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import AccountError, WorkspaceError
from pipeline.model import Receipt
from pipeline.shelf import explained

NAME = "receipts.json"
_KEYS = frozenset(each.name for each in fields(Receipt))

Seal = Callable[[str, str], str]  # a service, and the address of a session there -> the same sealed, or opened


def _plain(service: str, session: str) -> str:
    return session


class Receipts:
    """The receipts of one take, in the order in which they came. `seal` and `unseal` treat addresses of sessions."""

    def __init__(self, folder: Path, seal: Seal = _plain, unseal: Seal = _plain) -> None:
        self._folder = folder
        self._seal, self._unseal = seal, unseal

    def all(self) -> tuple[Receipt, ...]:
        """Everything that is known. WorkspaceError where the file is damaged: nothing may go out then."""
        return tuple(self._opened(receipt) for receipt in read(self._folder))

    def add(self, receipt: Receipt) -> Receipt:
        """Writes one down, with the time: it is on the disk when this returns. WorkspaceError (a full disk, ...)."""
        dated = replace(receipt, at=receipt.at or datetime.now(UTC).isoformat(timespec="seconds"))
        sealed = replace(dated, session=self._seal(dated.service, dated.session) if dated.session else "")
        before = read(self._folder)
        if dated.step == "video":  # it is there: the addresses of its uploads are done with
            before = tuple(
                replace(each, session="") if (each.service, each.sha256) == (dated.service, dated.sha256) else each
                for each in before
            )
        _write(self._folder, (*before, sealed))
        return dated

    def _opened(self, receipt: Receipt) -> Receipt:
        """With its session in plain. One that can no longer be opened is gone; that there was one stays known."""
        if not receipt.session:
            return receipt
        with contextlib.suppress(AccountError):
            return replace(receipt, session=self._unseal(receipt.service, receipt.session))
        return replace(receipt, session="")


def read(folder: Path) -> tuple[Receipt, ...]:
    """The receipts as they lie on the disk, sessions sealed. WorkspaceError where the file is damaged."""
    path = folder / NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_receipt(each) for each in told)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, RecursionError) as fault:
        raise WorkspaceError(
            f"{path} cannot be read, so nobody knows what is published already ({type(fault).__name__}).",
            "Bring it back from a backup, or look at your accounts: what is there has “candid-” in its tags, or in the "
            "name of its file. Then delete the file.",
        ) from fault


def out(receipts: Sequence[Receipt]) -> tuple[Receipt, ...]:
    """The videos that are out there and were not deleted: one a service, the latest."""
    there: dict[str, Receipt] = {}
    for receipt in receipts:
        if receipt.step == "video":
            there[receipt.service] = receipt
        elif receipt.step == "takedown" and receipt.note == "deleted":
            there.pop(receipt.service, None)
    return tuple(there.values())


def hidden(receipts: Sequence[Receipt], service: str) -> bool:
    """Whether the video at a service was taken down and is private there."""
    last = next((each for each in reversed(receipts) if each.service == service and each.step in _SHOWING), None)
    return last is not None and last.step == "takedown"


def begun(receipts: Sequence[Receipt]) -> tuple[Receipt, ...]:
    """Uploads that began and of which nobody knows whether they became videos: one a service, the latest."""
    open_: dict[str, Receipt] = {}
    for receipt in receipts:
        if receipt.step == "session":
            open_[receipt.service] = receipt
        elif receipt.step in ("video", "takedown"):
            open_.pop(receipt.service, None)
    return tuple(open_.values())


def so_far(receipts: Sequence[Receipt], service: str, sha256: str, causes: Mapping[str, str]) -> tuple[Receipt, ...]:
    """What holds of a video at a service, the latest of each step.

    What was before it was deleted there does not hold, nor what was sent from other causes than it would be now, nor
    how it is shown once it was taken down.
    """
    latest: dict[str, Receipt] = {}
    for receipt in (each for each in receipts if each.service == service):
        if receipt.step == "takedown" and receipt.note == "deleted":
            latest.clear()
        elif receipt.step == "takedown":
            latest.pop("public", None)
        elif receipt.sha256 == sha256:
            latest[receipt.step] = receipt
    return tuple(each for each in latest.values() if each.causes == causes.get(each.step, each.causes))


_SHOWING = ("video", "public", "takedown")


def _receipt(told: Any) -> Receipt:
    known = {key: str(value) for key, value in dict(told).items() if key in _KEYS}
    return Receipt(**known)


def _write(folder: Path, receipts: Sequence[Receipt]) -> None:
    """Whole or not at all, for its owner's eyes alone, and on the disk when it returns."""
    draft = folder / f".{NAME}"  # one for all: whoever publishes holds the take's lock
    told = [{key: value for key, value in asdict(each).items() if value} for each in receipts]
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - the rights are set as it is made
                file.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(folder / NAME)
            _flush(folder)
        finally:
            draft.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """So that the renaming is on the disk too; not every system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
