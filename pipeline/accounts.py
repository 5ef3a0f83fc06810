"""The employees' accounts: who is connected where, and their tokens, which are sealed and theirs alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import AccountError
from pipeline.model import Account
from pipeline.vault import Vault

Tokens = Mapping[str, str]


class Access:
    """One account and its tokens, for one piece of work."""

    def __init__(self, account: Account, vault: Vault) -> None:
        self.account = account
        self._vault = vault
        self._seen: dict[str, str] | None = None

    def tokens(self) -> Tokens:
        """The tokens as they are now. Never log, print or keep them."""
        self.account, self._seen = _opened(self._vault, self.account.person, self.account.service)
        return dict(self._seen)

    def renew(self, ask: Callable[[Tokens], dict[str, str]]) -> Tokens:
        """New tokens, saved before anybody uses them.

        Under a lock: where another process renewed them meanwhile, those are the answer and nobody is asked. Where
        `ask` raises AccountError, the account is marked as one that needs a new sign-in.
        """
        person, service = self.account.person, self.account.service
        with self._vault.locked(person, service):
            seen = self._seen
            now = self.tokens()
            if seen is not None and now != seen:
                return now
            try:
                fresh = ask(now)
            except AccountError as fault:
                _keep(self._vault, replace(self.account, expires=_now()), now)
                raise _again(self.account, fault) from fault
            _keep(self._vault, replace(self.account, expires=_later(self.account)), fresh)
            return self.tokens()

    def __repr__(self) -> str:
        return f"Access({self.account.person!r}, {self.account.service!r})"


class Accounts:
    """All accounts that are connected on this machine. `home` is the folder of what is a person's own (vault.home)."""

    def __init__(self, home: Path) -> None:
        self.vault = Vault(home / "accounts")

    def keep(self, account: Account, tokens: Tokens) -> None:
        """Connects an account; the one that the person had at this service is replaced.

        AccountError where it is another person's already: nobody publishes from an account that is not theirs.
        """
        self._require_free(account)
        dated = replace(account, connected=account.connected or _now())
        with self.vault.locked(account.person, account.service):
            _keep(self.vault, dated, tokens)

    def _require_free(self, account: Account) -> None:
        where = (account.service, account.address, account.id)
        for other in self.listed():
            if account.id and other.person != account.person and (other.service, other.address, other.id) == where:
                raise AccountError(
                    f"{account.name} at {account.service} is {other.person}'s account already. Nothing was stored.",
                    f"Sign out of it in your browser, and sign in with your own. If {other.person} has given it up: "
                    f"candid accounts disconnect {account.service} --as {other.person}",
                )

    def get(self, person: str, service: str) -> Access:
        """A person's own account. AccountError where they have none, or what is sealed there is not theirs."""
        account, _ = _opened(self.vault, person, service)
        return Access(account, self.vault)

    def listed(self, person: str = "") -> tuple[Account, ...]:
        """The accounts of a person, or everybody's; what cannot be opened is left out (see `examined`)."""
        return self.examined(person)[0]

    def examined(self, person: str = "") -> tuple[tuple[Account, ...], tuple[AccountError, ...]]:
        """The accounts of a person or of everybody, and what is wrong with those that cannot be opened."""
        found, faults = [], []
        for who, service in self.vault.listed():
            if person in ("", who):
                try:
                    found.append(_opened(self.vault, who, service)[0])
                except AccountError as fault:
                    faults.append(AccountError(f"{who} at {service}: {fault.what}", fault.do))
        return tuple(found), tuple(faults)

    def forget(self, person: str, service: str) -> None:
        """Deletes an account and its tokens here; at the service nothing changes."""
        with self.vault.locked(person, service):
            self.vault.drop(person, service)


def connecting(person: str, service: str, address: str = "URL") -> str:
    """The command that connects an account. `address`: of its instance, where the service has several."""
    command = f"candid accounts connect {service} --as {person}"
    return f"{command} --address {address}" if service == "peertube" else command


_RIGHTS = {
    "https://www.googleapis.com/auth/youtube.force-ssl": "manage videos, captions, playlists and comments",
}


def rights(account: Account) -> tuple[str, ...]:
    """What an account may do, in words."""
    return tuple(_RIGHTS.get(scope, scope) for scope in account.scopes) or ("all that its user may do",)


def has_ended(account: Account) -> bool:
    """Whether a new sign-in is needed."""
    return bool(account.expires) and datetime.fromisoformat(account.expires) <= datetime.now(UTC)


def _opened(vault: Vault, person: str, service: str) -> tuple[Account, dict[str, str]]:
    text = vault.get(person, service)
    if text is None:
        raise AccountError(
            f"{person} has no account at {service} that is connected.", f"Connect it: {connecting(person, service)}"
        )
    try:
        told = json.loads(text)
        return _account(told["account"]), dict(told["tokens"])
    except (ValueError, KeyError, TypeError):
        raise AccountError(
            f"What is kept of {person} at {service} was written by another version of Candid.",
            f"Sign in again: {connecting(person, service)}",
        ) from None


def _account(told: dict[str, Any]) -> Account:
    return Account(**{**told, "scopes": tuple(told.get("scopes", ()))})


def _keep(vault: Vault, account: Account, tokens: Tokens) -> None:
    vault.put(account.person, account.service, json.dumps({"account": asdict(account), "tokens": dict(tokens)}))


def _again(account: Account, fault: AccountError) -> AccountError:
    """The fault, with the command that mends it."""
    command = connecting(account.person, account.service, account.address)
    told = fault.do if command in fault.do else f"Sign in again: {command}\n  {fault.do}".rstrip()
    return AccountError(f"{account.person} at {account.service}: {fault.what}", told)


def _later(account: Account) -> str:
    """When a renewed account needs a new sign-in: what was known, unless that was a sign-in that had failed."""
    return "" if has_ended(account) else account.expires


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
