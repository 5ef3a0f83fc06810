"""Where videos go: one service, one file.

A publisher's file has four names: `ABOUT` (what the service wants and allows), `sign_in` (a person -> an account and
its tokens), `sign_out` (revokes them) and `publisher` (an account -> a Publisher). The next service is one more file
and one more line in `_MODULES`; tests/test_publishers.py says what it has to hold. folder.py is the example.

LinkedIn, for one, would be linkedin.py: `ABOUT` with its rules (MP4 of 3 s to 30 minutes, `largest` 500 MB), `sign_in`
on signin.py with the scope w_member_social, and steps: initializeUpload gives the addresses of the parts and the id of
the video (the receipt "session"), each part is a PUT of a wire.Stretch, finalizeUpload and the post make it a video
(the receipt "video"), whose words hold the marker until the look-up is no longer needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.accounts import Access
from pipeline.errors import PublishError
from pipeline.model import Account, Parcel, Receipt
from pipeline.posting import Rules
from pipeline.progress import Tell, quiet
from pipeline.signin import Signer

_MODULES = ("youtube", "peertube", "vimeo", "folder")


@dataclass(frozen=True, slots=True)
class About:
    """What a service wants and allows, in its publisher's own words."""

    name: str  # as in recipes and on the command line
    title: str  # as people write it
    rules: Rules  # for the texts
    formats: tuple[str, ...] = ("landscape", "square", "vertical")  # the first of these that was made goes out
    branded: bool = True  # False: it forbids logos and names over the picture; only an unbranded variant goes there
    signs_in: str = "browser"  # browser | password | "": no account is needed
    resumes: str = ""  # how long an upload that was stopped can go on, for people
    largest: int | None = None  # bytes of a video
    schedules: bool = True  # False: it cannot make a video public at a given time


@dataclass(frozen=True, slots=True)
class Desk:
    """What a publisher works with, beside an account."""

    tell: Tell = quiet
    ledgers: Path | None = None  # the folder in which quotas are counted
    outbox: Path | None = None  # the folder into which `folder` publishes
    still_wanted: Callable[[], None] = lambda: None  # raises where the speaker has withdrawn meanwhile


class Publisher(Protocol):
    """One account at one service, for as long as it takes. It is closed by whoever opened it."""

    about: About

    def account(self) -> tuple[str, str]:
        """Whose it is, asked at the service: id and name. AccountError where a new sign-in is needed."""

    def steps(self, parcel: Parcel, so_far: Sequence[Receipt]) -> Iterator[Receipt]:
        """Publishes; yields a receipt after every step that must never happen twice.

        Whoever asks for the next step has written the receipt to disk. `so_far` are the receipts of this video. What
        has one is not done again; what may have happened without one is looked up first. A dressing that the service
        refuses gets a receipt whose `note` says why, and the rest goes on: it is tried again the next time.
        PublishError, AccountError.
        """

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        """Makes a published video private (`how` is "private") or deletes it ("delete").

        `receipt` is that of its video, or of a session (no `id`) of which nobody knows whether it became one: that is
        looked up by its `marker`. The answer is one of step takedown, whose note is "private" or "deleted"; a video
        that is not there counts as deleted. PublishError, AccountError.
        """

    def close(self) -> None: ...


class Module(Protocol):
    """A publisher's file."""

    ABOUT: About

    def sign_in(self, person: str, signer: Signer, options: Mapping[str, str]) -> tuple[Account, dict[str, str]]:
        """Signs a person in; their account, and its tokens. `options` are what the command line says (address, ...)."""

    def sign_out(self, access: Access) -> None:
        """Revokes the tokens at the service. PublishError where it cannot be reached."""

    def publisher(self, access: Access | None, desk: Desk) -> Publisher: ...


def find(service: str) -> Any:
    """The publisher's file (a Module). PublishError where there is none."""
    if service not in _MODULES:
        raise PublishError(f"There is no service {service!r}.", f"Known: {', '.join(_MODULES)}.")
    try:
        return importlib.import_module(f"{__name__}.{service}")
    except ModuleNotFoundError as fault:
        raise PublishError(
            f"A library for publishing is missing: {fault.name}.", "Install it with: pip install 'candid[publish]'"
        ) from fault


def vanished(parcel: Parcel, where: str) -> PublishError:
    """A video that has a receipt is not at the service any more."""
    return PublishError(
        f"The video is no longer at {where}: somebody has deleted it there.",
        "To have it forgotten here too: "
        f"candid takedown {parcel.take} --as {parcel.person} --to {parcel.service} --delete",
    )


def names() -> tuple[str, ...]:
    return _MODULES


def about(service: str) -> About:
    found: About = find(service).ABOUT
    return found
