"""From the shelf to the services: each step once, each with a receipt that is on the disk before the next one begins.

Nothing goes out but what the person who speaks has approved, from their own account, while they still want it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline import approval, board, publishers, quota, receipts, recipes, takes
from pipeline.accounts import Access, Accounts, connecting
from pipeline.errors import AccountError, CandidError, PublishError, WorkspaceError
from pipeline.model import Parcel, Receipt
from pipeline.progress import Tell, quiet
from pipeline.publishers import About, Desk, Publisher
from pipeline.receipts import Receipts
from pipeline.shelf import explained, fingerprint
from pipeline.wire import AgainError, UnknownError
from pipeline.workspace import Workspace

OUTBOX = "published"  # in the workspace: what `folder` publishes
_DRESSING = ("captions", "thumbnail", "playlist")
_ASK_SECONDS = 1.0  # between two looks whether the approval still holds
_TAKE_DOWN_SECONDS = 60.0  # within which a run that publishes notices that the approval is withdrawn


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a take at one service."""

    take: str
    person: str
    service: str
    status: str  # published | kept (it was out already) | private | deleted | failed
    link: str = ""
    shows: str = ""  # private | unlisted | public, or from when on it is public (RFC 3339)
    notes: tuple[str, ...] = ()  # sentences for people
    error: CandidError | None = None

    @property
    def again_at(self) -> str:
        """When it may be tried again (RFC 3339), where the service, or the quota, says so."""
        return self.error.again_at if isinstance(self.error, PublishError) else ""


@dataclass(frozen=True, slots=True)
class Planned:
    """When a take goes out to a service: its upload, and its dressing. UTC; None: at once."""

    take: str
    service: str
    upload: datetime | None = None  # None, with a time to dress: it is there already
    dress: datetime | None = None


# --- publish ----------------------------------------------------------------------------------------------------------


def publish(
    space: Workspace, take: str, person: str, services: Sequence[str], accounts: Accounts, tell: Tell = quiet
) -> Iterator[Outcome]:
    """Publishes a take to these services (all that are approved, where none is named), one after the other.

    A service that fails is an outcome, and the next one is done. PublishError where nothing may go out: it is not
    approved by the person who speaks, it has changed since, or another run publishes it.
    """
    folder = space.output / take
    with _alone(folder, take):
        seen = _stamps(folder)
        for parcel in approval.require(space, take, person, services):
            desk = _desk(space, accounts, tell, _Wanted(space, parcel, seen))
            yield _credited(space, _tried(parcel, functools.partial(deliver, parcel, folder, accounts, desk)))


def would(space: Workspace, take: str, person: str, services: Sequence[str]) -> Iterator[Outcome]:
    """What `publish` would do, without asking anybody: "kept" where it has nothing to do, "published" else."""
    told = receipts.read(space.output / take)
    for parcel in approval.require(space, take, person, services):
        done = _so_far(told, parcel)
        status = "kept" if _is_complete(told, parcel) else "published"
        yield Outcome(take, person, parcel.service, status, _link(done), _shows(parcel), _missing(done))


def deliver(parcel: Parcel, folder: Path, accounts: Accounts, desk: Desk) -> Outcome:
    """Publishes one parcel, or what of it is not done yet. `folder` keeps its receipts. CandidError."""
    about = publishers.about(parcel.service)
    kept = _receipts(folder, parcel.person, accounts)
    told = kept.all()
    _require_unchanged(told, parcel, about)
    done = _so_far(told, parcel)
    if _is_complete(told, parcel):
        return _outcome("kept", parcel, done)
    access = _access(accounts, parcel.person, about, done)
    with _opened(parcel.service, access, desk) as publisher:
        _drop_others(publisher, told, parcel, kept)
        with contextlib.closing(publisher.steps(parcel, done)) as steps:  # type: ignore[type-var]
            for receipt in steps:
                kept.add(_stamped(receipt, parcel))
                if receipt.step != "public":
                    desk.still_wanted()
    return _outcome("published", parcel, _so_far(kept.all(), parcel))


def _tried(parcel: Parcel, do: Callable[[], Outcome]) -> Outcome:
    about = publishers.about(parcel.service)
    try:
        return do()
    except KeyboardInterrupt as stop:
        stop.add_note(f"An upload to {about.title} that was stopped can be taken up: {about.resumes}.")
        raise
    except Exception as fault:
        return Outcome(parcel.take, parcel.person, parcel.service, "failed", error=_in_words(fault, about))


def _in_words(fault: Exception, about: About) -> CandidError:
    """What libraries say may hold the address of a session, or worse: only where it happened is told."""
    if isinstance(fault, CandidError):
        return fault
    if isinstance(fault, AgainError | UnknownError):
        return PublishError(f"{about.title} has not answered properly: {fault}.", "Run the same command again later.")
    at = traceback.extract_tb(fault.__traceback__)[-1]
    return PublishError(
        f"Something went wrong at {about.title} that Candid did not foresee "
        f"({type(fault).__name__} in {Path(at.filename).name}, line {at.lineno}).",
        "What is done is not repeated: run the same command again. If it stays so, report these words.",
    )


def _access(accounts: Accounts, person: str, about: About, done: Sequence[Receipt]) -> Access | None:
    """The person's own account, which has to be the one from which it went out; None where none is needed."""
    if not about.signs_in:
        return None
    access = accounts.get(person, about.name)
    for receipt in done:
        if receipt.account not in ("", access.account.id):
            raise AccountError(
                f"This went out from another account at {about.title} than {access.account.name}, which {person} has "
                f"connected now. {receipt.link}".rstrip(),
                f"Connect that one: {connecting(person, about.name)}",
            )
    return access


@contextlib.contextmanager
def _opened(service: str, access: Access | None, desk: Desk) -> Iterator[Publisher]:
    """The publisher of an account, which has to be the one that was connected."""
    publisher: Publisher = publishers.find(service).publisher(access, desk)
    try:
        if access is not None:
            _require_same(publisher, access)
        yield publisher
    finally:
        publisher.close()


def _require_same(publisher: Publisher, access: Access) -> None:
    id_, name = publisher.account()
    known = access.account
    if id_ != known.id:
        raise AccountError(
            f"{known.person} has connected {known.name} at {publisher.about.title}, and it answers as {name} now.",
            f"Sign in again: {connecting(known.person, known.service, known.address)}",
        )


def _require_unchanged(told: Sequence[Receipt], parcel: Parcel, about: About) -> None:
    for old in receipts.out(told):
        if old.service == parcel.service and old.sha256 != parcel.sha256:
            raise PublishError(
                f"Another version of this video is out at {about.title} already: {old.link}",
                f"To replace it, delete that one first: "
                f"candid takedown {parcel.take} --as {parcel.person} --to {parcel.service} --delete",
            )


def _drop_others(publisher: Publisher, told: Sequence[Receipt], parcel: Parcel, kept: Receipts) -> None:
    """An upload of another version that was never finished goes first, or there might be two videos."""
    for old in receipts.begun(told):
        if old.service == parcel.service and old.sha256 != parcel.sha256:
            kept.add(replace(publisher.take_down(old, "delete"), person=parcel.person))


# --- what is done -----------------------------------------------------------------------------------------------------


def _receipts(folder: Path, person: str, accounts: Accounts) -> Receipts:
    vault = accounts.vault
    return Receipts(
        folder,
        lambda service, session: vault.seal(person, service, session),
        lambda service, sealed: vault.unseal(person, service, sealed),
    )


def _so_far(told: Sequence[Receipt], parcel: Parcel) -> tuple[Receipt, ...]:
    """What need not be done again. A dressing that was refused is tried again."""
    return tuple(each for each in _holding(told, parcel) if not _is_refused(each))


def _is_complete(told: Sequence[Receipt], parcel: Parcel) -> bool:
    holding = _holding(told, parcel)
    return any(each.step == "public" for each in holding) and not any(map(_is_refused, holding))


def _holding(told: Sequence[Receipt], parcel: Parcel) -> tuple[Receipt, ...]:
    return receipts.so_far(told, parcel.service, parcel.sha256, _causes(parcel))


def _is_refused(receipt: Receipt) -> bool:
    return receipt.step in _DRESSING and bool(receipt.note)


def _causes(parcel: Parcel) -> Mapping[str, str]:
    """What each step depends on, but for the video itself."""
    files = dict(parcel.files)
    captions = [files.get(path.name, "") for path in (parcel.srt, parcel.vtt) if path]
    return {
        "captions": fingerprint((captions, parcel.language)),
        "thumbnail": fingerprint(files.get(parcel.thumbnail.name, "") if parcel.thumbnail else ""),
        "playlist": fingerprint(parcel.post.playlist),
        "public": fingerprint((parcel.post, parcel.files, parcel.language)),
    }


def _stamped(receipt: Receipt, parcel: Parcel) -> Receipt:
    causes = _causes(parcel).get(receipt.step, "")
    shows = _shows(parcel) if receipt.step == "public" else ""
    return replace(receipt, person=parcel.person, causes=causes, shows=shows)


def _shows(parcel: Parcel) -> str:
    return parcel.post.schedule or parcel.post.privacy


def _link(done: Sequence[Receipt]) -> str:
    return next((each.link for each in reversed(done) if each.link), "")


def _missing(done: Sequence[Receipt]) -> tuple[str, ...]:
    steps = {each.step for each in done}
    if "video" in steps:
        return ("The video is there; what is missing around it would be done.",) if "public" not in steps else ()
    return ("An upload has begun already, and would go on.",) if "session" in steps else ()


def _outcome(status: str, parcel: Parcel, done: Sequence[Receipt]) -> Outcome:
    return Outcome(parcel.take, parcel.person, parcel.service, status, _link(done), _shows(parcel))


# --- while it goes out ------------------------------------------------------------------------------------------------


def _desk(space: Workspace, accounts: Accounts, tell: Tell, wanted: Callable[[], None] = lambda: None) -> Desk:
    return Desk(tell, _ledgers(accounts), space.root / OUTBOX, wanted)


class _Wanted:
    """Asked before every block: the files are those that were approved, and the approval still holds."""

    def __init__(self, space: Workspace, parcel: Parcel, seen: Mapping[str, tuple[int, int, int]]) -> None:
        self._space, self._parcel, self._seen = space, parcel, seen
        self._asked = time.monotonic()

    def __call__(self) -> None:
        for name, _ in self._parcel.files:
            path = self._parcel.video.with_name(name)
            if self._seen.get(name) != _stamp(path):
                raise PublishError(
                    f"{path} was changed while it was published, so it stops here.",
                    f"Look at it, and approve it anew: candid approve {self._parcel.take} --as {self._parcel.person}",
                )
        if time.monotonic() - self._asked >= _ASK_SECONDS:
            approval.still_approved(self._space, self._parcel)
            self._asked = time.monotonic()


def _stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """The files of a take, before their hashes are compared with those that were approved."""
    stamps = {path.name: _stamp(path) for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}
    return {name: stamp for name, stamp in stamps.items() if stamp}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


@contextlib.contextmanager
def _alone(folder: Path, take: str, seconds: float = 0.0) -> Iterator[None]:
    """One at a time publishes a take, or takes it down. PublishError where another one does."""
    if not _is_there(folder, take):
        yield  # there is no such take, and what follows says so
        return
    import filelock

    lock = filelock.FileLock(folder / ".publishing.lock")
    with explained(folder):
        try:
            lock.acquire(timeout=seconds)
        except filelock.Timeout:
            raise PublishError(
                f"{take} is being published by another run right now.", "Let it finish, then look: candid status"
            ) from None
    try:
        yield
    finally:
        lock.release()


def _is_there(folder: Path, take: str) -> bool:
    """Whether a take's name leads to a folder in output/, and nowhere else."""
    return approval.is_name(take) and folder.is_dir()


# --- credit -----------------------------------------------------------------------------------------------------------


def credit(space: Workspace, take: str) -> str:
    """Has the topic that a take was made for answered with its link while it is public; what was done, in a sentence.

    A link of the take that nobody sees any more is taken back. "" where there is nothing to do: it is private or still
    scheduled, nobody asked, or the topic is answered.
    """
    told = receipts.read(space.output / take)
    own, public = {each.link for each in told if each.link}, _public_links(told)
    topic_id = _topic_of(space, take) if own else None
    if topic_id is None or not space.board.exists():
        return ""
    with contextlib.closing(board.open_board(space.board)) as opened:
        topic = opened.get(topic_id)
        while topic.into is not None:
            topic = opened.get(topic.into)
        if topic.link in public or topic.link not in {"", *own}:
            return ""
        if public:
            topic = opened.answer(topic.id, public[0])
            return f"“{topic.text}” on the board is answered with {public[0]}."
        if topic.link:
            opened.unanswer(topic.id, topic.link)
            return f"“{topic.text}” on the board is open again: its video is not public any more."
    return ""


def _public_links(told: Sequence[Receipt]) -> tuple[str, ...]:
    """Where everybody can see a take; never in a folder."""
    found = []
    for video in receipts.out(told):
        shown = [each for each in told if each.service == video.service and each.step == "public"]
        if shown and not receipts.hidden(told, video.service) and _is_public(shown[-1]):
            found.append(shown[-1].link or video.link)
    return tuple(found)


def _is_public(receipt: Receipt) -> bool:
    if receipt.service == "folder" or receipt.shows in ("private", "unlisted"):
        return False
    with contextlib.suppress(ValueError, TypeError):
        return datetime.fromisoformat(receipt.shows) <= datetime.now(UTC)
    return receipt.shows == "public"


def _topic_of(space: Workspace, take: str) -> int | None:
    handed_in = takes.find(space.takes, take)
    slug = handed_in.recipe if handed_in else _recipe_of(space.output / take / "report.json")
    path = space.recipe(slug) if slug else None
    return recipes.load(path).topic_id if path and path.is_file() else None


def _recipe_of(report: Path) -> str:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(json.loads(report.read_text(encoding="utf-8")).get("recipe") or "")
    return ""


def _credited(space: Workspace, outcome: Outcome) -> Outcome:
    """With a word on the topic, and on what services said of the dressing."""
    said = _topic_told(space, outcome.take) if outcome.status != "failed" else ()
    return replace(outcome, notes=(*outcome.notes, *_refused(space, outcome), *said))


def _topic_told(space: Workspace, take: str) -> tuple[str, ...]:
    """What became of the topic; what goes wrong there is no reason for the video to have failed."""
    try:
        said = credit(space, take)
    except CandidError as fault:
        said = f"The topic on the board was not changed. {fault}"
    return (said,) if said else ()


def _refused(space: Workspace, outcome: Outcome) -> tuple[str, ...]:
    """What services said of the dressing."""
    with contextlib.suppress(WorkspaceError):
        told = [each for each in receipts.read(space.output / outcome.take) if each.service == outcome.service]
        latest = {each.step: each.note for each in told}
        return tuple(latest[step] for step in _DRESSING if latest.get(step))
    return ()


# --- take down --------------------------------------------------------------------------------------------------------


def take_down(
    space: Workspace,
    take: str,
    person: str,
    accounts: Accounts,
    services: Sequence[str] = (),
    *,
    delete: bool = False,
    tell: Tell = quiet,
) -> Iterator[Outcome]:
    """Makes a take private, or deletes it, wherever it is out (or at these services); the approval is withdrawn first.

    What cannot be reached is an outcome. PublishError where somebody else published it.
    """
    folder = space.output / take
    if not _is_there(folder, take):
        raise PublishError(f"There is no take {take!r}.", "See what there is: candid status")
    try:
        _require_own(receipts.read(folder), take, person)
    except WorkspaceError:  # whoever deletes the damaged file then must not see it go out again
        _withdraw(space, take, person)
        raise
    _withdraw(space, take, person)
    with _alone(folder, take, _TAKE_DOWN_SECONDS):
        kept = _receipts(folder, person, accounts)
        desk, how = _desk(space, accounts, tell), "delete" if delete else "private"
        for receipt in _to_take_down(kept.all(), services, delete):
            outcome = _taken_down(receipt, take, person, accounts, kept, desk, how)
            yield replace(outcome, notes=_topic_told(space, take))


def to_take_down(space: Workspace, take: str, services: Sequence[str] = (), *, delete: bool = False) -> tuple[str, ...]:
    """Where `take_down` would go: links, or names of services. WorkspaceError where nobody knows."""
    found = _to_take_down(receipts.read(space.output / take), services, delete)
    return tuple(receipt.link or receipt.service for receipt in found)


def takes_of(space: Workspace, person: str) -> tuple[str, ...]:
    """The takes that a person has published something of; those too of which nobody knows any more."""
    return tuple(
        path.parent.name for path in sorted(space.output.glob(f"*/{receipts.NAME}")) if _may_be_theirs(path, person)
    )


def _may_be_theirs(path: Path, person: str) -> bool:
    try:
        return any(each.person == person for each in receipts.read(path.parent))
    except WorkspaceError:
        return True


def _require_own(told: Sequence[Receipt], take: str, person: str) -> None:
    others = sorted({each.person for each in told if each.person} - {person})
    if others:
        raise PublishError(
            f"{take} was published by {', '.join(others)}, from an account of their own.",
            f"If that is you: candid takedown {take} --as {others[0]}",
        )


def _withdraw(space: Workspace, take: str, person: str) -> None:
    """From here on nothing of it goes out; a run that publishes it stops. One that cannot be read lets nothing out."""
    try:
        known = approval.load(space, take)
    except PublishError:
        return
    if known is not None:
        approval.withdraw(space, take, person)


def _to_take_down(told: Sequence[Receipt], services: Sequence[str], delete: bool) -> list[Receipt]:
    """Videos that are out; where they are to be deleted, also those that are hidden, and uploads that were begun."""
    found = [each for each in receipts.out(told) if delete or not receipts.hidden(told, each.service)]
    if delete:
        found += receipts.begun(told)
    return [each for each in found if not services or each.service in services]


def _taken_down(
    receipt: Receipt, take: str, person: str, accounts: Accounts, kept: Receipts, desk: Desk, how: str
) -> Outcome:
    outcome = Outcome(take, person, receipt.service, "failed", receipt.link)
    try:
        about = publishers.about(receipt.service)
    except CandidError as fault:
        return replace(outcome, error=fault)
    try:
        access = _access(accounts, person, about, [receipt])
        with _opened(receipt.service, access, desk) as publisher:
            done = kept.add(replace(publisher.take_down(receipt, how), person=person, session=""))
    except Exception as fault:
        return replace(outcome, error=_in_words(fault, about))
    return replace(outcome, status=done.note)


# --- plan -------------------------------------------------------------------------------------------------------------


def plan(parcels: Sequence[Parcel], folder: Path, accounts: Accounts) -> tuple[Planned, ...]:
    """When each of a person's parcels can go out with what YouTube's quota leaves; others go at once.

    `folder` is output/. AccountError where the person has no account there.
    """
    told = {take: receipts.read(folder / take) for take in {each.take for each in parcels}}
    left = [each for each in parcels if not _is_complete(told[each.take], each)]
    steps = {
        each: {receipt.step for receipt in _so_far(told[each.take], each)} for each in left if each.service == "youtube"
    }
    turns = _youtube_turns(steps, accounts) if steps else {}
    return tuple(turns.get(each, Planned(each.take, each.service)) for each in left)


def _youtube_turns(steps: Mapping[Parcel, Collection[str]], accounts: Accounts) -> dict[Parcel, Planned]:
    """`steps`: what is done already of each. Those that are there come first: they need not wait for an upload."""
    steps = dict(sorted(steps.items(), key=lambda each: "video" not in each[1]))
    access = accounts.get(next(iter(steps)).person, "youtube")
    ledger = quota.Ledger(_ledgers(accounts), quota.project(access.tokens()["client_id"]))
    costs = [_units(parcel, done) for parcel, done in steps.items()]
    there = {place for place, done in enumerate(steps.values()) if "video" in done}
    turns = ledger.plan(costs, access.account.id, there)
    return {
        parcel: Planned(parcel.take, parcel.service, turn.upload, turn.dress)
        for parcel, turn in zip(steps, turns, strict=True)
    }


def _ledgers(accounts: Accounts) -> Path:
    return accounts.vault.folder.parent / "quota"


def _units(parcel: Parcel, done: Collection[str]) -> int:
    """What of the dressing is still to be paid; `done` are the steps that are."""
    return quota.dressing(
        captions=parcel.srt is not None and "captions" not in done,
        thumbnail=parcel.thumbnail is not None and "thumbnail" not in done,
        playlist=bool(parcel.post.playlist) and "playlist" not in done,
        public="public" not in done,
    )
