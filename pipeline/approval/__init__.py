"""The speaker's approval of exactly these files and texts: output/<take>/approval.json.

What would go out is composed (parcels.py), shown, and sealed with the hashes of all its files. Before anything goes out
it is composed again: where the two differ, it is said in what, and nothing goes out.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import publishers, receipts, tomlfile
from pipeline.approval.parcels import (
    LOOKED_AT,
    UNSURE,
    Wishes,
    captions_of,
    compose,
    excesses,
    is_name,
    notes,
    offers,
    proposed,
    speaker,
    when,
)
from pipeline.errors import PublishError
from pipeline.model import Parcel, Post, Receipt
from pipeline.shelf import explained
from pipeline.wording import counted
from pipeline.workspace import Workspace

__all__ = [
    "Approval",
    "Sealed",
    "Wishes",
    "approve",
    "captions_of",
    "changes",
    "excesses",
    "is_name",
    "load",
    "notes",
    "offers",
    "proposed",
    "require",
    "require_speaker",
    "speaker",
    "still_approved",
    "when",
    "withdraw",
]

NAME = "approval.json"
_NAMED = 8  # unsure sentences, in an error
_SHOWN = 120  # characters of a text that changed


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was approved for one service. `files` are names with SHA-256, `stamps` names with size and date (ns): for
    `candid status`, which hashes nothing.
    """

    service: str
    at: str  # RFC 3339, UTC
    wishes: Wishes
    variant: str
    files: tuple[tuple[str, str], ...]
    stamps: tuple[tuple[str, int, int], ...]
    post: Post
    language: str
    captions: str  # none | unsure | unsure, looked at | checked
    synthetic: bool = False

    @property
    def looked_at(self) -> bool:
        """Whether somebody said that the captions are right, unsure as they were; also in an older version's words."""
        return self.captions in (LOOKED_AT, "draft, read", "none")


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved what of a take. `withdrawn` is when it was taken back, "" while it holds."""

    take: str
    person: str
    sealed: tuple[Sealed, ...] = ()
    withdrawn: str = ""

    def of(self, service: str) -> Sealed | None:
        return next((each for each in self.sealed if each.service == service and not self.withdrawn), None)


_APPROVAL = TypeAdapter(Approval)


# --- approve, withdraw ------------------------------------------------------------------------------------------------


def approve(
    space: Workspace, take: str, person: str, parcels: Sequence[Parcel], wishes: Wishes, *, captions_read: bool = False
) -> Approval:
    """Seals what was shown, `parcels`, as approved by the person who speaks in it. Other services stay as they were.

    `captions_read`: the person says that they looked at the sentences that are unsure. PublishError where somebody else
    speaks, where a text would be refused, where nobody looked at them, or where something changed since it was shown.
    """
    require_speaker(space, take, person)
    _require_fit(parcels, captions_read)
    if offers(space, take, [parcel.service for parcel in parcels], wishes) != tuple(parcels):
        raise PublishError(f"{take} changed while you looked at it, so nothing was approved.", "Look at it once more.")
    folder = space.output / take
    with _alone(folder):
        known = _known(space, take)
        others = known.sealed if known and known.person == person and not known.withdrawn else ()
        fresh = tuple(_sealed(folder, parcel, wishes, captions_read) for parcel in parcels)
        kept = tuple(each for each in others if each.service not in {seal.service for seal in fresh})
        approval = Approval(take, person, (*kept, *fresh))
        _write(folder, approval)
    return approval


def load(space: Workspace, take: str) -> Approval | None:
    """The approval of a take; None where there is none. PublishError where it cannot be read."""
    approval = _read(space.output / take) if is_name(take) else None
    return approval if approval and approval.take == take else None


def withdraw(space: Workspace, take: str, person: str) -> tuple[Receipt, ...]:
    """Takes an approval back: from here on nothing goes out. The receipts of the videos that are out and to be seen.

    PublishError where the take is somebody else's.
    """
    approval = _known(space, take)
    decides = approval.person if approval else speaker(space, take)
    if decides != person:
        raise _not_theirs(take, person, decides)
    folder = space.output / take
    if approval:
        with _alone(folder):
            latest = _known(space, take) or approval
            _write(folder, replace(latest, withdrawn=latest.withdrawn or _now()))
    told = receipts.read(folder)
    return tuple(each for each in receipts.out(told) if not receipts.hidden(told, each.service))


# --- before it goes out -----------------------------------------------------------------------------------------------


def require(space: Workspace, take: str, person: str, services: Sequence[str] = ()) -> tuple[Parcel, ...]:
    """The parcels for these services (all that are approved, where none is named), approved by the person who speaks
    in them and unchanged since. PublishError says what is missing, or what changed.
    """
    require_speaker(space, take, person)
    approval = load(space, take)
    do = f"Look at it, and approve it: candid approve {take} --as {person}"
    if approval is None or approval.person != person:
        raise PublishError(f"{take} is not approved yet.", do)
    if approval.withdrawn:
        raise PublishError(f"{person} has withdrawn the approval of {take}.", do)
    wanted = tuple(dict.fromkeys(services)) or tuple(each.service for each in approval.sealed)
    parcels = compose(space, take, {service: _wishes(approval, service) for service in wanted})
    if changed := changes(approval, parcels):
        raise PublishError(f"{take} is not as it was approved. {' '.join(changed)}", do)
    _require_fit(parcels, captions_read=True)  # whether they were read is among the changes
    return parcels


def still_approved(space: Workspace, parcel: Parcel) -> None:
    """PublishError where the approval of a parcel was taken back or replaced; cheap enough to ask for every chunk."""
    approval = load(space, parcel.take)
    sealed = approval.of(parcel.service) if approval and approval.person == parcel.person else None
    if sealed is None or sealed.files != parcel.files or sealed.post != parcel.post:
        raise PublishError(
            f"The approval of {parcel.take} was withdrawn or changed, so it stops here.",
            f"To go on: candid approve {parcel.take} --as {parcel.person}",
        )


def changes(approval: Approval, parcels: Sequence[Parcel]) -> tuple[str, ...]:
    """In what parcels differ from what was approved, in sentences; () where they do not."""
    found: dict[str, None] = {}  # what holds for several services is said once
    for parcel in parcels:
        sealed = approval.of(parcel.service)
        if sealed is None:
            found[f"It was not approved for {parcel.service}."] = None
        else:
            found |= dict.fromkeys((*_of_files(sealed, parcel), *_of_texts(sealed, parcel), *_of_facts(sealed, parcel)))
    return tuple(found)


def _of_files(sealed: Sealed, parcel: Parcel) -> Iterator[str]:
    if sealed.variant != parcel.variant:
        yield f"The video was {sealed.variant}.mp4 and is {parcel.variant}.mp4 now."
        return
    was, now = dict(sealed.files), dict(parcel.files)
    for name in (name for name in was if name not in now):
        yield f"{name} was approved and does not go out now."
    for name, sha256 in now.items():
        if name not in was:
            yield f"{name} would go out now and was not approved."
        elif was[name] != sha256:
            yield f"The {_role(name)} made again since."


def _role(name: str) -> str:
    kinds = {".mp4": "video {} was", ".srt": "captions {} were", ".vtt": "captions {} were"}
    return kinds.get(Path(name).suffix, "thumbnail {} was").format(name)


def _of_texts(sealed: Sealed, parcel: Parcel) -> Iterator[str]:
    was, now = sealed.post, parcel.post
    values = {
        "title": (was.title, now.title),
        "description": _first_difference(was.description, now.description),
        "privacy": (was.privacy, now.privacy),
        "schedule": (was.schedule, now.schedule),
        "playlist": (was.playlist, now.playlist),
        "language": (sealed.language, parcel.language),
    }
    for what, (before, after) in values.items():
        if before != after:
            yield f"The {what} was “{_short(before)}” and is “{_short(after)}” now."
    if was.tags != now.tags:
        yield f"The tags were “{_short(', '.join(was.tags))}” and are “{_short(', '.join(now.tags))}” now."


def _short(text: str) -> str:
    """On one line, without what could play with a terminal."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}…"


def _first_difference(was: str, now: str) -> tuple[str, str]:
    """The first lines in which two texts differ."""
    one, other = was.split("\n"), now.split("\n")
    for _, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if one[a:b] != other[c:d]:
            return "\n".join(one[a:b]), "\n".join(other[c:d])
    return "", ""


def _of_facts(sealed: Sealed, parcel: Parcel) -> Iterator[str]:
    if captions_of(parcel) == UNSURE and not sealed.looked_at:
        yield "Sentences are unsure now, and nobody said that they were looked at."
    if sealed.synthetic != parcel.synthetic:
        yield f"The recipe says now that something in it is {'' if parcel.synthetic else 'not '}made by a machine."


# --- who, and whether it fits -----------------------------------------------------------------------------------------


def require_speaker(space: Workspace, take: str, person: str) -> None:
    """PublishError where somebody else speaks in a take."""
    found = speaker(space, take)
    if found != person:
        raise _not_theirs(take, person, found)


def _not_theirs(take: str, person: str, speaks: str) -> PublishError:
    return PublishError(
        f"{person} does not speak in {take}: {speaks} does, so only they decide about it.",
        f"If that is you: --as {speaks}",
    )


def _require_fit(parcels: Sequence[Parcel], captions_read: bool) -> None:
    for parcel in parcels:
        if found := excesses(parcel):
            raise PublishError(
                f"{publishers.about(parcel.service).title} would refuse it. {' '.join(each.says for each in found)}",
                "Write something else in the recipe or in edit.md, or look at the proposal and take it with --mend.",
            )
        if captions_of(parcel, captions_read) == UNSURE:
            named, more = parcel.unsure[:_NAMED], len(parcel.unsure) - _NAMED
            rest = f"; and {more} more" if more > 0 else ""
            number = counted(len(parcel.unsure), "sentence")
            raise PublishError(
                f"{number} of the captions may be misheard: {'; '.join(map(_short, named))}{rest}",
                f"Correct them with candid words edit {parcel.take}, or say that you looked: --captions-read",
            )


def _wishes(approval: Approval, service: str) -> Wishes:
    sealed = approval.of(service)
    return sealed.wishes if sealed else Wishes()


# --- the file ---------------------------------------------------------------------------------------------------------


def _sealed(folder: Path, parcel: Parcel, wishes: Wishes, read: bool) -> Sealed:
    return Sealed(
        service=parcel.service,
        at=_now(),
        wishes=wishes,
        variant=parcel.variant,
        files=parcel.files,
        stamps=tuple(_stamps(folder, (name for name, _ in parcel.files))),
        post=parcel.post,
        language=parcel.language,
        captions=captions_of(parcel, read),
        synthetic=parcel.synthetic,
    )


def _stamps(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    for name in names:
        found = (folder / name).stat()
        yield name, found.st_size, found.st_mtime_ns


def _read(folder: Path) -> Approval | None:
    try:
        return _APPROVAL.validate_json((folder / NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as fault:
        raise PublishError(
            f"{folder / NAME} cannot be read, so nobody knows what was approved.",
            f"Delete it, and approve it again: candid approve {folder.name} --as PERSON",
        ) from fault


def _known(space: Workspace, take: str) -> Approval | None:
    """What was approved; one that cannot be read does not count, and is replaced."""
    with contextlib.suppress(PublishError):
        return load(space, take)
    return None


def _write(folder: Path, approval: Approval) -> None:
    tomlfile.replace(folder / NAME, _APPROVAL.dump_json(approval, indent=1).decode() + "\n")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time changes the file: nobody's withdrawal is written over."""
    import filelock

    with explained(folder), filelock.FileLock(folder / ".approval.lock"):
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
