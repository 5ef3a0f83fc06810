"""candid accounts: from whose account videos go out."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.accounts import Accounts
    from pipeline.model import Account

SERVICES = ("youtube", "peertube", "vimeo")  # those that know accounts; a test holds them to pipeline.publishers
_service = click.argument("service", type=click.Choice(SERVICES))
_person = click.option("--as", "person", required=True, help="Whose account it is: a name in assets/people/.")


@click.group()
def accounts() -> None:
    """The accounts that people publish from, each their own."""


@accounts.command()
@_service
@_person
@click.option("--address", default="", help="The address of your PeerTube instance, such as https://video.example.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser: you paste the address that yours ended on.")
@click.pass_obj
def connect(named: Path | None, service: str, person: str, address: str, no_browser: bool) -> None:
    """Signs a person in at a service, and keeps what that gives, sealed, for them alone."""
    from pipeline import people, publishers, signin

    if address and service != "peertube":
        raise click.UsageError("Only PeerTube has instances with an --address of their own.")
    space, kept = talk.workspace(named), _kept()
    people.find(space.people, person)
    folders = (space.root / "assets" / "clients", _home() / "clients")
    options = {"address": address, "clients": os.pathsep.join(map(str, folders))}
    signer = signin.Terminal(click.echo, _asked, not no_browser, signin.PORTS.get(service, 0))
    account, tokens = publishers.find(service).sign_in(person, signer, options)
    kept.keep(account, tokens)
    name = talk.plain(account.name)
    click.echo(f"{person} is connected at {publishers.about(service).title} as {name} ({account.id}).")
    click.echo(f"If that is not you: candid accounts disconnect {service} --as {person}")


@accounts.command(name="list")
@click.option("--as", "person", default="", help="Only this person's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(person: str, as_json: bool) -> None:
    """Lists the accounts, what each may do, and when it needs a new sign-in."""
    found, faults = _kept().examined(person)
    if as_json:
        wrong = [{"what": fault.what, "do": fault.do} for fault in faults]
        talk.say_json({"accounts": [_told(account) for account in found], "wrong": wrong})
    else:
        titles = ("person", "service", "account", "may", "new sign-in", "connected")
        empty = "No account is connected. Connect one: candid accounts connect youtube --as PERSON"
        if found or not faults:
            talk.say_table(titles, map(_row, found), empty)
        for fault in faults:
            talk.say_error(fault)
    if faults:
        raise SystemExit(1)


@accounts.command()
@_service
@_person
@click.option("--anyway", is_flag=True, help="Forget it here even if the service cannot be told.")
def disconnect(service: str, person: str, anyway: bool) -> None:
    """Ends the sign-in at the service, and forgets the account here."""
    from pipeline.errors import CandidError

    kept = _kept()
    try:
        told = _signed_out(kept, service, person)
    except CandidError as fault:
        if (person, service) not in kept.vault.listed():
            raise
        if not anyway:
            fault.do = f"{fault.do} To forget it here all the same, say --anyway.".strip()
            raise
        told = "The service was not told: end the sign-in there, in your account's settings for connected apps."
    kept.forget(person, service)
    click.echo(f"{person} is no longer connected at {service}. {told}")


def _signed_out(kept: Accounts, service: str, person: str) -> str:
    """Ends a sign-in at its service; what became of it, as a sentence."""
    from pipeline import publishers
    from pipeline.errors import AccountError

    access = kept.get(person, service)
    try:
        publishers.find(service).sign_out(access)
    except AccountError:
        return "The sign-in there had ended already."
    return "The service has ended the sign-in."


def _told(account: Account) -> dict[str, Any]:
    from pipeline.accounts import connecting, has_ended, rights

    ended = has_ended(account)
    mend = connecting(account.person, account.service, account.address) if ended else ""
    return {**asdict(account), "may": rights(account), "needs_sign_in": ended, "do": mend}


def _row(account: Account) -> tuple[str, ...]:
    from pipeline.accounts import has_ended, rights

    ends = "needed now" if has_ended(account) else account.expires[:10] or "when the service asks for it"
    return account.person, account.service, account.name, ", ".join(rights(account)), ends, account.connected[:10]


def _kept() -> Accounts:
    from pipeline.accounts import Accounts

    return Accounts(_home())


def _home() -> Path:
    from pipeline import vault

    return vault.home()


def _asked(question: str, hidden: bool) -> str:
    return str(click.prompt(question, hide_input=hidden))
