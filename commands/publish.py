"""candid publish, candid takedown: out from a person's own account, and back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.accounts import Accounts
    from pipeline.model import Parcel
    from pipeline.publish import Outcome, Planned
    from pipeline.workspace import Workspace

_NAP_SECONDS = 30.0  # a machine that slept meanwhile notices soon that it is time


@click.command()
@click.argument("takes", nargs=-1, required=True, metavar="TAKE...")
@click.option("--as", "person", required=True, help="Who speaks, and from whose account it goes out.")
@click.option("--to", "services", multiple=True, help="A service; may be repeated (default: all that are approved).")
@click.option("--plan", is_flag=True, help="Only say what can go when: YouTube's quota spreads many over days.")
@click.option("--wait", is_flag=True, help="Where a quota is used up, wait until it allows more, and go on.")
@click.option("--dry-run", is_flag=True, help="Only say what would go where.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a take and service.")
@click.pass_obj
def publish(
    named: Path | None,
    /,
    takes: tuple[str, ...],
    person: str,
    services: tuple[str, ...],
    plan: bool,
    wait: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publishes takes that were approved, each once, from the speaker's own account.

    Stopped or killed at any moment, the same command goes on from there.
    """
    space = talk.workspace(named)
    _check(services)
    if plan:
        sys.exit(_say_plan(space, takes, person, services, as_json))
    say = _Say(as_json)
    with _stoppable():
        for take in takes:
            if dry_run:
                say.all(take, person, _would(space, take, person, services))
            else:
                _publish_one(space, take, person, services, wait, say)
    sys.exit(1 if say.failed else 0)


@click.command()
@click.argument("takes", nargs=-1, metavar="[TAKE...]")
@click.option("--as", "person", required=True, help="Whose videos they are.")
@click.option("--all", "everything", is_flag=True, help="All that this person has published.")
@click.option("--to", "services", multiple=True, help="Only at this service; may be repeated.")
@click.option("--delete", is_flag=True, help="Delete them, rather than make them private.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken down.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a take and service.")
@click.pass_obj
def takedown(
    named: Path | None,
    /,
    takes: tuple[str, ...],
    person: str,
    everything: bool,
    services: tuple[str, ...],
    delete: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Makes published videos private at every service, or deletes them; the approval is withdrawn.

    What could not be reached is said at the end, with exit status 1: the same command tries it again.
    """
    from pipeline import publish as publishing

    if bool(takes) == everything:
        raise click.UsageError("Name the takes, or say --all.")
    space = talk.workspace(named)
    _check(services)
    chosen = publishing.takes_of(space, person) if everything else takes
    if dry_run or not yes:
        _say_targets(space, chosen, services, delete)
    if dry_run:
        return
    if not yes:
        click.confirm("Delete them for good?" if delete else "Make them private?", abort=True, err=True)
    say, accounts = _Say(as_json), _accounts()
    with _stoppable():
        for take in chosen:
            said = say.all(take, person, publishing.take_down(space, take, person, accounts, services, delete=delete))
            if not said and not as_json:
                click.echo(f"{take}: nothing is out{' there' if services else ''}")
    say.unreached()
    sys.exit(1 if say.failed else 0)


# --- doing ------------------------------------------------------------------------------------------------------------


def _publish_one(space: Workspace, take: str, person: str, services: Sequence[str], wait: bool, say: _Say) -> None:
    """One take to its services; again, as long as only a quota stands in the way and somebody wants to wait."""
    from pipeline import publish as publishing

    accounts = _accounts()
    while True:
        later: list[Outcome] = []
        with talk.progress(take) as tell:
            for outcome in _told(publishing.publish(space, take, person, services, accounts, tell), take, person):
                later.append(outcome) if wait and outcome.again_at else say.one(outcome)
        if not later:
            return
        services = [each.service for each in later]
        _wait_until(min(datetime.fromisoformat(each.again_at) for each in later), take)


def _told(outcomes: Iterator[Outcome], take: str, person: str) -> Iterator[Outcome]:
    """The outcomes; where the whole take was refused, that as one."""
    from pipeline.errors import CandidError
    from pipeline.publish import Outcome

    try:
        yield from outcomes
    except CandidError as fault:
        yield Outcome(take, person, "", "failed", error=fault)


def _would(space: Workspace, take: str, person: str, services: Sequence[str]) -> Iterator[Outcome]:
    from dataclasses import replace

    from pipeline import publish as publishing

    for outcome in publishing.would(space, take, person, services):
        yield replace(outcome, status="would be published" if outcome.status == "published" else outcome.status)


def _wait_until(at: datetime, take: str) -> None:
    import time

    click.echo(f"{take}: waiting until {at.astimezone():%Y-%m-%d %H:%M}; Ctrl-C stops.", err=True)
    while (left := at.timestamp() - time.time()) > 0:
        time.sleep(min(left, _NAP_SECONDS))


def _accounts() -> Accounts:
    from pipeline import vault
    from pipeline.accounts import Accounts

    return Accounts(vault.home())


def _check(services: Sequence[str]) -> None:
    from pipeline import publishers

    unknown = [each for each in services if each not in publishers.names()]
    if unknown:
        raise click.BadParameter(
            f"there is no service {unknown[0]!r}; known: {', '.join(publishers.names())}", param_hint="--to"
        )


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C is told with what becomes of an upload that was under way."""
    try:
        yield
    except KeyboardInterrupt as stop:
        click.echo("\nStopped. The same command goes on from here.", err=True)
        for note in getattr(stop, "__notes__", ()):
            click.echo(f"  {note}", err=True)
        sys.exit(130)


# --- saying -----------------------------------------------------------------------------------------------------------


class _Say:
    """Says outcomes as they come, and remembers which failed."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.failed: list[Outcome] = []

    def all(self, take: str, person: str, outcomes: Iterator[Outcome]) -> int:
        """How many there were."""
        number = 0
        for number, outcome in enumerate(_told(outcomes, take, person), 1):  # noqa: B007 - the last one is the answer
            self.one(outcome)
        return number

    def one(self, outcome: Outcome) -> None:
        if outcome.status == "failed":
            self.failed.append(outcome)
        self._json(outcome) if self._as_json else self._words(outcome)

    def unreached(self) -> None:
        """The list of what is still out."""
        if self.failed and not self._as_json:
            click.echo("Not taken down:", err=True)
            for outcome in self.failed:
                click.echo(f"  {outcome.take} {outcome.service} {outcome.link}".rstrip(), err=True)

    def _json(self, outcome: Outcome) -> None:
        import json

        error = outcome.error and {"what": outcome.error.what, "do": outcome.error.do}
        told: dict[str, Any] = {
            "take": outcome.take,
            "person": outcome.person,
            "service": outcome.service,
            "status": outcome.status,
            "link": outcome.link,
            "shows": outcome.shows,
            "notes": outcome.notes,
            "again_at": outcome.again_at,
            "error": error,
        }
        click.echo(json.dumps(told, ensure_ascii=False))

    def _words(self, outcome: Outcome) -> None:
        where = f"{outcome.take}: {_title(outcome.service)}" if outcome.service else outcome.take
        if outcome.error is not None:
            talk.say_error(outcome.error, f"{where}: ")
            return
        click.echo(f"{where}: {_status(outcome)}")
        for line in filter(None, (outcome.link, *outcome.notes)):
            click.echo(f"  {line}")


def _status(outcome: Outcome) -> str:
    shown = f"public from {outcome.shows}" if "T" in outcome.shows else outcome.shows
    words = {
        "published": f"published, {shown}",
        "kept": f"is out already, {shown}",
        "would be published": f"would be published, {shown}",
        "private": "private now",
    }
    return words.get(outcome.status, outcome.status)


def _title(service: str) -> str:
    from pipeline import publishers

    return publishers.about(service).title if service in publishers.names() else service


def _say_targets(space: Workspace, takes: Sequence[str], services: Sequence[str], delete: bool) -> None:
    from pipeline import publish as publishing
    from pipeline.errors import CandidError

    for take in takes:
        try:
            found = publishing.to_take_down(space, take, services, delete=delete)
        except CandidError as fault:
            talk.say_error(fault, f"{take}: ")
            continue
        click.echo(f"{take}: {', '.join(found) if found else 'nothing is out'}", err=True)


def _say_plan(space: Workspace, takes: Sequence[str], person: str, services: Sequence[str], as_json: bool) -> int:
    """What goes when; 1 where a take cannot go at all."""
    from dataclasses import asdict

    from pipeline import approval, receipts
    from pipeline import publish as publishing
    from pipeline.errors import CandidError

    parcels: list[Parcel] = []
    wrong: list[tuple[str, CandidError]] = []
    for take in takes:
        try:
            found = approval.require(space, take, person, services)
            receipts.read(space.output / take)  # damaged ones are this take's fault, and stop no other
            parcels += found
        except CandidError as fault:
            wrong.append((take, fault))
    planned = publishing.plan(parcels, space.output, _accounts())
    if as_json:
        told = [{"take": take, "what": each.what, "do": each.do} for take, each in wrong]
        talk.say_json({"plan": [asdict(each) for each in planned], "wrong": told})
    else:
        rows = [(each.take, _title(each.service), _upload(each), _hour(each.dress)) for each in planned]
        talk.say_table(("take", "service", "upload", "captions, thumbnail, ..."), rows, "Nothing is left to publish.")
        for take, each in wrong:
            talk.say_error(each, f"{take}: ")
    return 1 if wrong else 0


def _upload(each: Planned) -> str:
    return "done" if each.dress and not each.upload else _hour(each.upload)


def _hour(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "at once"
