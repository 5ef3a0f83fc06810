"""What would go out of a take, composed from what lies on the shelf: exactly these files and texts."""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from pipeline import chapters, corrections, orders, posting, publishers, receipts, takes, templates
from pipeline import report as reports
from pipeline.chapters import Chapter
from pipeline.edit import Edits
from pipeline.errors import PublishError, WorkspaceError
from pipeline.model import Parcel, Person, Post
from pipeline.orders import Settled, Wanted
from pipeline.posting import Excess
from pipeline.publishers import About
from pipeline.shelf import Shelf
from pipeline.workspace import Workspace

UNSURE, LOOKED_AT = "unsure", "unsure, looked at"
_REPORT = "report.json"
_UNBRANDED = "-unbranded"
_SHORT_S = 180  # a square or vertical video up to this long is a Short (STANDARDS, "Shorts")
_CLAIMED_S = 60  # a longer one with music of others is blocked


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says of a publication; None leaves it to the recipe."""

    title: str | None = None
    privacy: str | None = None
    schedule: str | None = None  # "": at once
    playlist: str | None = None
    thumbnail: int | None = None  # which of the candidates; None: the one that the speaker chose
    mend: bool = False  # take the proposals for texts that a service would refuse


def offers(space: Workspace, take: str, services: Sequence[str], wishes: Wishes) -> tuple[Parcel, ...]:
    """What would go out of a take to each service, from what lies on the shelf.

    PublishError where it is not made, was changed since, has no variant that a service takes, or cannot be scheduled
    as it is wished. RecipeError where the recipe or the person is wrong.
    """
    return compose(space, take, dict.fromkeys(services, wishes))


def compose(space: Workspace, take: str, wished: Mapping[str, Wishes]) -> tuple[Parcel, ...]:
    """As `offers`, with wishes of its own for each service."""
    made = _made(space, take)
    return tuple(_parcel(made, service, wishes) for service, wishes in wished.items())


def excesses(parcel: Parcel) -> tuple[Excess, ...]:
    """What of its texts the service would refuse; () where it takes them."""
    about = publishers.about(parcel.service)
    found = posting.excesses(parcel.post, about.rules)
    if parcel.post.schedule and not about.schedules:
        return (*found, Excess("schedule", f"{about.title} cannot make a video public at a given time."))
    return found


def proposed(parcel: Parcel) -> Parcel:
    """The same with texts that the service takes."""
    return replace(parcel, post=_mended(parcel.post, publishers.about(parcel.service)))


def notes(parcel: Parcel) -> tuple[str, ...]:
    """What its speaker should know before it goes out."""
    found = []
    if not parcel.discloses:
        found.append(
            f"There is no disclosure in the file of {parcel.person}. Who speaks for their employer has to say so "
            '(16 CFR 255): add disclosure = "I work at ..." to it.'
        )
    if parcel.service == "youtube" and parcel.shape != "landscape" and parcel.seconds <= _SHORT_S:
        claimed = " As it is longer than a minute, it is blocked where somebody claims its music."
        found.append("YouTube will show it as a Short." + (claimed if parcel.seconds > _CLAIMED_S else ""))
    return tuple(found)


def captions_of(parcel: Parcel, read: bool = False) -> str:
    """none | unsure | unsure, looked at | checked. `read`: somebody says that they looked at the unsure sentences."""
    if parcel.srt is None:
        return "none"
    if not parcel.unsure:
        return "checked"
    return LOOKED_AT if read else UNSURE


def speaker(space: Workspace, take: str) -> str:
    """The id of the person who speaks in a take. PublishError where nobody knows."""
    handed_in = takes.find(space.takes, take)
    person = handed_in.person if handed_in else _report(space, take).person
    if not person:
        raise PublishError(
            f"Nobody knows who speaks in {take}, and only they can approve it.",
            f"Say so: candid render {take} --as PERSON",
        )
    return person


def when(text: str) -> str:
    """A date and time as it is kept: RFC 3339, with its zone (that of this machine where none is said); "" stays.

    PublishError where it is none.
    """
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or len(text) <= len("2027-01-31"):
        raise PublishError(f"{text!r} is no date and time.", "Write it like this: 2027-01-31T09:00+01:00")
    return (at if at.tzinfo else at.astimezone()).isoformat(timespec="seconds")


# --- what lies on the shelf -------------------------------------------------------------------------------------------


class _Words(BaseModel):
    language: str = ""
    draft: bool = False  # in reports of older versions: all of it is unsure


class _Unsure(BaseModel):
    clip: int
    at: str
    text: str


class _Variant(BaseModel):
    seconds: float
    cues: int
    chapters: list[Chapter]


class _Report(BaseModel):
    """What is needed of report.json."""

    person: str
    recipe: str
    title: str
    words: _Words
    variants: dict[str, _Variant]
    files: list[str]
    stamps: dict[str, tuple[int, int]]
    edit: str
    unclear: str = ""
    unsure: list[_Unsure] = []

    @property
    def sentences(self) -> tuple[str, ...]:
        """The unsure ones, each with its time, and its clip where there are several."""
        if self.words.draft:
            return ("all of the captions, since an older version of Candid heard them",)
        several = len({each.clip for each in self.unsure}) > 1
        return tuple(f"{f'clip {each.clip}, ' if several else ''}{each.at} {each.text}" for each in self.unsure)


@dataclass(frozen=True, slots=True)
class _Made:
    """A finished take. `sha256` hashes a file of its folder, each once."""

    take: str
    folder: Path
    report: _Report
    person: Person
    settled: Settled
    edits: Edits
    again: str  # the command that makes it again
    sha256: Callable[[str], str]


def _made(space: Workspace, take: str) -> _Made:
    """A take that is finished, and lies there as it was made. PublishError where it does not."""
    person = speaker(space, take)
    report, handed_in = _report(space, take), takes.find(space.takes, take)
    recipe = handed_in.recipe if handed_in else report.recipe
    again = f"candid render {take}" if handed_in else _again(take, recipe, person)
    if report.person != person:
        shown = f"the name of {report.person}" if report.person else "no name"
        raise PublishError(f"{person} speaks in {take}, and it was made with {shown}.", f"Make it again: {again}")
    folder = space.output / take
    _require_as_made(folder, report, again)
    settled = orders.settle(space, Wanted(recipe, person, report.title or None))
    assert settled.person is not None  # they are named
    kept = corrections.kept(Shelf(folder))
    digest = functools.cache(lambda name: _sha256(folder / name))
    return _Made(take, folder, report, settled.person, settled, kept.edits if kept else Edits(), again, digest)


def _again(take: str, recipe: str, person: str) -> str:
    return f"candid render {take}{f' -r {recipe}' if recipe else ''} --as {person}"


def _report(space: Workspace, take: str) -> _Report:
    path = space.output / take / _REPORT
    if not is_name(take) or not (path.parent.is_dir() or takes.find(space.takes, take)):
        raise PublishError(f"There is no take {take!r}.", _known_takes(space, take))
    try:
        return _Report.model_validate_json(path.read_bytes())
    except FileNotFoundError as fault:
        raise PublishError(f"{take} is not made yet.", f"Make it: candid render {take}") from fault
    except (OSError, ValidationError) as fault:
        raise PublishError(
            f"{path} cannot be read, or comes from an older version of Candid.", f"Make it again: candid render {take}"
        ) from fault


def is_name(take: str) -> bool:
    """Whether it names a folder in output/, and leads nowhere else."""
    return bool(take) and Path(take).name == take and take.isprintable() and not take.startswith(".")


def _known_takes(space: Workspace, take: str) -> str:
    known = sorted(path.parent.name for path in space.output.glob(f"*/{_REPORT}"))
    close = difflib.get_close_matches(take[:80], known, n=1)
    return f"Did you mean {close[0]!r}?" if close else "See what there is: candid status"


def _require_as_made(folder: Path, report: _Report, again: str) -> None:
    for name in report.files:
        if name != corrections.EDIT and report.stamps.get(name, ()) != _stamp(folder / name):
            raise PublishError(f"{folder / name} is not the file that was made.", f"Make it again: {again}")
    said, check = reports.said(folder), f"candid words check {folder.name}"
    if said and said == report.unclear:
        raise PublishError(
            f"The video does not show all that {corrections.EDIT} says: some of its lines are not clear.",
            f"See which: {check}. Mend them, then make the video again: {again}",
        )
    if said != report.edit:
        raise PublishError(
            f"{corrections.EDIT} says something else than the video shows.",
            f"See what it would change: {check}. Then make the video again: {again}",
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise WorkspaceError(f"{path} cannot be read: {fault.strerror}.", "Look whether the disk is well.") from fault


# --- composed ---------------------------------------------------------------------------------------------------------


def _parcel(made: _Made, service: str, wishes: Wishes) -> Parcel:
    about = publishers.about(service)
    variant = _variant(made, about)
    told = made.report.variants[variant]
    video, thumbnail = f"{variant}.mp4", _thumbnail(made, wishes.thumbnail)
    sides = [f"{variant}.srt", f"{variant}.vtt"] if told.cues else []
    parcel = Parcel(
        take=made.take,
        person=made.person.id,
        service=service,
        variant=variant,
        video=made.folder / video,
        sha256=made.sha256(video),
        size=(made.folder / video).stat().st_size,
        seconds=told.seconds,
        post=_post(made, about, wishes, chapters.text(told.chapters)),
        files=tuple((name, made.sha256(name)) for name in (video, *sides, thumbnail)),
        language=made.report.words.language or made.settled.recipe.language or "",
        srt=made.folder / sides[0] if sides else None,
        vtt=made.folder / sides[1] if sides else None,
        unsure=made.report.sentences if sides else (),
        thumbnail=made.folder / thumbnail,
        discloses=bool(made.person.disclosure.strip()),
        synthetic=made.settled.recipe.synthetic,
    )
    _require_possible(made, about, parcel)
    return parcel


def _variant(made: _Made, about: About) -> str:
    """The first shape that the service takes and that was made; without the brand where it wants none."""
    for shape in about.formats:
        for name in (shape, shape + _UNBRANDED) if about.branded else (shape + _UNBRANDED,):
            if name in made.report.variants:
                return name
    found = ", ".join(made.report.variants)
    wanted = about.formats[0] + ("" if about.branded else _UNBRANDED)
    why = "" if about.branded else ", and allows no logos or names over the picture"
    recipe = made.settled.recipe.slug
    do = f'Add "{wanted}" to formats in recipes/{recipe}.toml, then: {made.again}'
    if not recipe:
        do = f"Make it: {made.again}{f' -f {about.formats[0]}' if about.branded else ' --unbranded'}"
    raise PublishError(f"{about.title} takes {', '.join(about.formats)}{why}; what was made is {found}.", do)


def _thumbnail(made: _Made, number: int | None) -> str:
    if number is None:
        return corrections.chosen(Shelf(made.folder))
    there = [name for name in made.report.files if Path(name).suffix == ".jpg"]
    if not 1 <= number <= len(there):
        raise PublishError(f"There is no thumbnail {number}.", f"{made.take} has {len(there)}: {', '.join(there)}.")
    return there[number - 1]


def _post(made: _Made, about: About, wishes: Wishes, chapters: str) -> Post:
    """The texts: the recipe's templates, and above them what the speaker wrote, in edit.md or now."""
    recipe = made.settled.recipe
    template = dict(recipe.posts).get(about.name, Post())
    title = made.edits.title if wishes.title is None else wishes.title
    if title is not None:
        template = replace(template, title=templates.literal(title))
    if made.edits.description is not None:
        template = replace(template, description=templates.literal(made.edits.description))
    told = templates.written(template, templates.values(recipe, made.person, made.settled.brand, chapters))
    post = replace(
        told,
        description=templates.disclosed(told.description, made.person.disclosure),
        privacy=wishes.privacy or told.privacy,
        schedule=when(told.schedule if wishes.schedule is None else wishes.schedule),
        playlist=told.playlist if wishes.playlist is None else wishes.playlist,
    )
    return _mended(post, about) if wishes.mend else post


def _mended(post: Post, about: About) -> Post:
    return posting.mended(replace(post, schedule=post.schedule if about.schedules else ""), about.rules)


def _require_possible(made: _Made, about: About, parcel: Parcel) -> None:
    if about.largest is not None and parcel.size > about.largest:
        size, most = f"{parcel.size / 1e9:.1f} GB", f"{about.largest / 1e9:.1f}"
        raise PublishError(
            f"{parcel.video.name} has {size}, and {about.title} takes {most} at most.",
            "Make it shorter: cut sentences in edit.md.",
        )
    if not parcel.post.schedule:
        return
    if parcel.post.privacy != "private":
        raise PublishError(
            f"A video that becomes public at {parcel.post.schedule} is private until then, not {parcel.post.privacy}.",
            'Leave out the schedule (--schedule ""), or say --privacy private.',
        )
    if datetime.fromisoformat(parcel.post.schedule) <= datetime.now(UTC) and not _is_out(made.folder, parcel):
        raise PublishError(
            f"{parcel.post.schedule} is past, so it would be public at once.",
            f'Choose another time, or "": candid approve {made.take} --as {parcel.person} --schedule WHEN',
        )


def _is_out(folder: Path, parcel: Parcel) -> bool:
    """What is out already may be finished after its time has come."""
    there = receipts.out(receipts.read(folder))
    return any((each.service, each.sha256) == (parcel.service, parcel.sha256) for each in there)
