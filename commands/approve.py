"""candid approve: the speaker looks at what would go out, and says yes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.approval import Approval, Wishes
    from pipeline.model import Account, Parcel, Receipt
    from pipeline.workspace import Workspace

SERVICES = ("youtube", "peertube", "vimeo", "folder")  # as pipeline.publishers has them; a test holds both together


@click.command()
@click.argument("take")
@click.option("--as", "person", required=True, help="Who speaks in it, and decides about it.")
@click.option("--to", "services", multiple=True, type=click.Choice(SERVICES), help="A service; may be repeated.")
@click.option("--title", help="Another title than that of edit.md or the recipe.")
@click.option("--privacy", type=click.Choice(("private", "unlisted", "public")), help="Who may see it there.")
@click.option("--schedule", metavar="WHEN", help='When it becomes public: 2027-01-31T09:00+01:00; "" for at once.')
@click.option("--playlist", help="A playlist, or a channel, as the service calls it.")
@click.option("--thumbnail", type=click.IntRange(min=1), help="Which of the candidates (default: the chosen one).")
@click.option("--captions-read", is_flag=True, help="Say that you looked at the unsure sentences: they are right.")
@click.option("--mend", is_flag=True, help="Take the proposals for texts that a service would refuse.")
@click.option("--yes", is_flag=True, help="Approve what is shown without being asked.")
@click.option("--withdraw", is_flag=True, help="Take the approval back: nothing of it goes out from now on.")
@click.option("--dry-run", is_flag=True, help="Only show what would go out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def approve(
    named: Path | None,
    /,
    take: str,
    person: str,
    services: tuple[str, ...],
    captions_read: bool,
    yes: bool,
    withdraw: bool,
    dry_run: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Shows exactly what would go out of a take, asks the person who speaks in it, and seals their approval."""
    space = talk.workspace(named)
    if withdraw:
        if services:
            raise click.UsageError("--withdraw takes all of it back, so it does not go with --to.")
        _withdraw(space, take, person, as_json)
        return
    parcels, wished = _offered(space, take, person, services, _wishes(**wishes), as_json)
    if dry_run:
        _say(take, "offered", parcels, as_json)
        return
    wished, parcels = _mended(wished, parcels, ask=not yes, as_json=as_json)
    read = captions_read or (not yes and _read_now(parcels, as_json))
    if not yes:
        _agreed(parcels, as_json)
    from pipeline import approval

    given = approval.approve(space, take, person, parcels, wished, captions_read=read)
    _say(take, "approved", parcels, as_json, given)


def _wishes(title: str | None, privacy: str | None, schedule: str | None, **others: Any) -> Wishes:
    from pipeline import approval

    when = None if schedule is None else approval.when(schedule)
    return approval.Wishes(title=title, privacy=privacy, schedule=when, **others)


def _offered(
    space: Workspace, take: str, person: str, services: Sequence[str], wished: Wishes, as_json: bool
) -> tuple[tuple[Parcel, ...], Wishes]:
    """What would go out, shown. PublishError where somebody else speaks."""
    from pipeline import approval

    approval.require_speaker(space, take, person)
    accounts = _accounts(person)
    chosen = services or _usual(space, person, accounts)
    parcels = approval.offers(space, take, chosen, wished)
    for parcel in parcels:
        for line in _shown(parcel, accounts):
            click.echo(line, err=as_json)
    return parcels, wished


def _usual(space: Workspace, person: str, accounts: Sequence[Account]) -> tuple[str, ...]:
    """Where a person's videos go: as their file says, else wherever they have an account."""
    from pipeline import people

    found = people.find(space.people, person).services or tuple(account.service for account in accounts)
    if not found:
        raise click.UsageError(
            f"Nobody has said where it should go. Say it with --to ({', '.join(SERVICES)}), or once and for all with "
            f"services = [...] in the file of {person}."
        )
    return found


def _accounts(person: str) -> tuple[Account, ...]:
    """The accounts that a person has connected, as far as they are known: nobody needs one to approve."""
    from pipeline import accounts, vault
    from pipeline.errors import CandidError

    try:
        return accounts.Accounts(vault.home()).listed(person)
    except CandidError:
        return ()


# --- asked ------------------------------------------------------------------------------------------------------------


def _mended(
    wished: Wishes, parcels: tuple[Parcel, ...], *, ask: bool, as_json: bool
) -> tuple[Wishes, tuple[Parcel, ...]]:
    """With the proposals, where they are needed and wanted."""
    from pipeline import approval

    if not any(approval.excesses(parcel) for parcel in parcels) or not ask or not _at_a_terminal():
        return wished, parcels  # the approval refuses them, and says why
    if not click.confirm("Take the proposals?", err=as_json):
        _nothing("Write something else in the recipe or in edit.md.")
    return replace(wished, mend=True), tuple(approval.proposed(parcel) for parcel in parcels)


def _read_now(parcels: Sequence[Parcel], as_json: bool) -> bool:
    """Whether the person says that they looked at the sentences that are unsure, which are shown."""
    sentences = dict.fromkeys(sentence for parcel in parcels for sentence in parcel.unsure)
    if not sentences or not _at_a_terminal():
        return False
    click.echo("These sentences may be misheard:", err=as_json)
    for sentence in sentences:
        click.echo(f"  {talk.plain(sentence)}", err=as_json)
    these = "this sentence, and is it" if len(sentences) == 1 else f"these {len(sentences)} sentences, and are they"
    if not click.confirm(f"Have you looked at {these} right?", err=as_json):
        _nothing(f"Correct them with: candid words edit {parcels[0].take}")
    return True


def _agreed(parcels: Sequence[Parcel], as_json: bool) -> None:
    if not _at_a_terminal():
        raise click.UsageError("Nobody can be asked here. Read the lines above, and approve them with --yes.")
    where = ", ".join(parcel.service for parcel in parcels)
    if not click.confirm(f"Shall exactly this go out ({where})?", err=as_json):
        _nothing()


def _nothing(cure: str = "") -> None:
    click.echo(f"Nothing was approved. {cure}".strip(), err=True)
    sys.exit(1)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


# --- withdrawn --------------------------------------------------------------------------------------------------------


def _withdraw(space: Workspace, take: str, person: str, as_json: bool) -> None:
    from pipeline import approval

    out = approval.withdraw(space, take, person)
    if as_json:
        there = [{"service": each.service, "link": each.link} for each in out]
        talk.say_json({"take": take, "status": "withdrawn", "person": person, "out": there})
        return
    for line in _withdrawn(take, person, out):
        click.echo(line)


def _withdrawn(take: str, person: str, out: Sequence[Receipt]) -> Iterator[str]:
    yield f"Nothing of {take} goes out any more."
    if not out:
        return
    yield "It is out already:"
    yield from (f"  {each.service:10} {each.link}" for each in out)
    yield f"To take it down there: candid takedown {take} --as {person}"


# --- shown ------------------------------------------------------------------------------------------------------------


def _shown(parcel: Parcel, accounts: Sequence[Account]) -> Iterator[str]:
    """What would go out to one service, line by line."""
    from pipeline import approval
    from pipeline.publishers import about

    yield f"{about(parcel.service).title}, {_from(parcel, accounts)}"
    for name, value in _rows(parcel):
        for number, line in enumerate(value.split("\n")):
            yield f"  {name if number == 0 else '':12} {talk.plain(line)}".rstrip()
    found = approval.excesses(parcel)
    yield from (f"  refused:     {talk.plain(excess.says)}" for excess in found)
    if found:
        yield from _proposal(parcel, approval.proposed(parcel))
    yield from (f"  note: {note}" for note in approval.notes(parcel))
    yield ""


def _from(parcel: Parcel, accounts: Sequence[Account]) -> str:
    from pipeline.publishers import about

    if not about(parcel.service).signs_in:
        return "which needs no account"
    account = next((each for each in accounts if each.service == parcel.service), None)
    if account is None:
        return f"without an account yet: candid accounts connect {parcel.service} --as {parcel.person}"
    return f"from the account {talk.plain(account.name)}"


def _rows(parcel: Parcel) -> Iterator[tuple[str, str]]:
    from pipeline.wording import clock, counted

    post = parcel.post
    size = f"{parcel.size / 1e6:.1f} MB"
    yield "video", f"{parcel.video}, {clock(parcel.seconds)}, {size}, SHA-256 {parcel.sha256[:12]}…"
    unsure = f", {counted(len(parcel.unsure), 'unsure sentence')}" if parcel.unsure else ""
    yield "captions", f"{parcel.srt}{unsure}" if parcel.srt else "none"
    yield "thumbnail", str(parcel.thumbnail)
    yield from _texts(parcel)
    yield "privacy", post.privacy
    if post.schedule:
        yield "public from", post.schedule
    if post.playlist:
        yield "playlist", post.playlist


def _texts(parcel: Parcel) -> Iterator[tuple[str, str]]:
    post = parcel.post
    yield "title", post.title
    yield "description", post.description
    yield "tags", ", ".join(post.tags)


def _proposal(parcel: Parcel, proposed: Parcel) -> Iterator[str]:
    """The texts that a proposal changes."""
    yield "  --mend would make of it:"
    before = dict(_texts(parcel))
    for name, value in _texts(proposed):
        if value != before[name]:
            for number, line in enumerate(value.split("\n")):
                yield f"  {name if number == 0 else '':12} {talk.plain(line)}".rstrip()


def _say(take: str, status: str, parcels: Sequence[Parcel], as_json: bool, given: Approval | None = None) -> None:
    if as_json:
        talk.say_json({"take": take, "status": status, "parcels": [_told(parcel) for parcel in parcels]})
        return
    if given is None:
        click.echo("Nothing was approved: this was a dry run.")
        return
    where = ", ".join(parcel.service for parcel in parcels)
    click.echo(f"Approved by {given.person}: {where}. Next: candid publish {take} --as {given.person}")


def _told(parcel: Parcel) -> dict[str, Any]:
    from pipeline import approval

    told = {**asdict(parcel), "files": dict(parcel.files), "captions": approval.captions_of(parcel)}
    told |= {"excesses": [asdict(each) for each in approval.excesses(parcel)], "notes": approval.notes(parcel)}
    return told | ({"proposal": asdict(approval.proposed(parcel).post)} if told["excesses"] else {})
