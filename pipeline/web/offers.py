"""What would go out of a take, as the page shows it: a choice in a form, and a card for each service.

What is composed and what holds is decided in pipeline/approval/; here it is only asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline import approval, people, publishers
from pipeline.approval import Approval, Wishes
from pipeline.approval.parcels import compose
from pipeline.errors import CandidError
from pipeline.model import Account, Parcel, Post
from pipeline.posting import Excess
from pipeline.publishers import About
from pipeline.shelf import fingerprint
from pipeline.web import connect, fields
from pipeline.web.cures import here
from pipeline.web.site import Site

_LATER = "later"  # of the answers to who may see it: nobody, and everybody from then on
_WHO = ("private", "unlisted", "public")


@dataclass(frozen=True, slots=True)
class Choice:
    """What stands in the form. "" leaves it to the recipe."""

    services: tuple[str, ...]
    title: str = ""
    who: str = ""  # private | unlisted | public | later
    at: str = ""  # as a field for date and time has it, in this machine's zone
    playlist: str = ""
    mend: bool = False

    @property
    def wishes(self) -> Wishes:
        """PublishError where the time is none."""
        schedule = "" if self.who else None
        if self.who == _LATER:
            schedule = approval.when(self.at or "never")
        return Wishes(
            title=self.title or None,
            privacy="private" if self.who == _LATER else self.who or None,
            schedule=schedule,
            playlist=self.playlist or None,
            mend=self.mend,
        )


@dataclass(frozen=True, slots=True)
class Card:
    """A service, and what would go out to it; or why nothing can."""

    about: About
    account: Account | None
    parcel: Parcel | None = None
    fault: CandidError | None = None
    changed: tuple[str, ...] = ()  # since it was approved
    approved: str = ""  # when exactly this was

    @property
    def connected(self) -> bool:
        return self.account is not None or not self.about.signs_in

    @property
    def excesses(self) -> tuple[Excess, ...]:
        return approval.excesses(self.parcel) if self.parcel else ()

    @property
    def proposal(self) -> Post | None:
        return approval.proposed(self.parcel).post if self.parcel and self.excesses else None

    @property
    def notes(self) -> tuple[str, ...]:
        return approval.notes(self.parcel) if self.parcel else ()

    @property
    def unsure(self) -> tuple[str, ...]:
        """The sentences of its captions that somebody should look at."""
        return self.parcel.unsure if self.parcel else ()


@dataclass(frozen=True, slots=True)
class Offer:
    """All that the page shows of a choice. `faults` are of its fields; `whole` keeps everything back."""

    choice: Choice
    cards: tuple[Card, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    whole: CandidError | None = None

    @property
    def is_approved(self) -> bool:
        """Whether everything that is shown was approved, and is as it was then."""
        return bool(self.cards) and all(card.approved for card in self.cards)

    @property
    def can_be_approved(self) -> bool:
        fits = all(card.parcel and not card.excesses for card in self.cards)
        return bool(self.cards) and fits and not self.is_approved

    @property
    def unsure(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sentence for card in self.cards for sentence in card.unsure))

    @property
    def mark(self) -> str:
        """What is shown, as one word: whoever approves says by it that they have seen exactly this."""
        return mark([card.parcel for card in self.cards if card.parcel])

    @property
    def title(self) -> str:
        return next((card.parcel.post.title for card in self.cards if card.parcel), "")

    @property
    def recipe_says(self) -> str:
        """Who may see it where nobody chooses."""
        return " or ".join(dict.fromkeys(card.parcel.post.privacy for card in self.cards if card.parcel))


def mark(parcels: Sequence[Parcel]) -> str:
    return fingerprint(sorted(parcels, key=lambda parcel: parcel.service))


# --- choices ----------------------------------------------------------------------------------------------------------


def chosen(told: Mapping[str, Sequence[str]]) -> Choice:
    """What a form says."""
    who = fields.one(told, "who")
    return Choice(
        services=tuple(name for name in publishers.names() if name in told.get("to", ())),
        title=fields.one(told, "title"),
        who=who if who in (*_WHO, _LATER) else "",
        at=fields.one(told, "at"),
        playlist=fields.one(told, "playlist"),
        mend=fields.one(told, "mend") == "yes",
    )


def usual(site: Site, person: str, places: Sequence[connect.Place]) -> Choice:
    """Where a person's videos go: as their file says, else wherever they have an account."""
    said = people.find(site.space.people, person).services
    return Choice(said or tuple(each.about.name for each in places if each.account))


def approved(given: Approval) -> Choice:
    """The form as it was when something was approved."""
    wishes = given.sealed[0].wishes
    at = datetime.fromisoformat(wishes.schedule).astimezone() if wishes.schedule else None
    return Choice(
        services=tuple(each.service for each in given.sealed),
        title=wishes.title or "",
        who=_LATER if at else wishes.privacy or "",
        at=f"{at:%Y-%m-%dT%H:%M}" if at else "",
        playlist=wishes.playlist or "",
        mend=wishes.mend,
    )


# --- what would go out ------------------------------------------------------------------------------------------------


def offer(
    site: Site, take: str, given: Approval | None, choice: Choice, places: Sequence[connect.Place], *, fresh: bool
) -> Offer:
    """What a choice comes to. `fresh`: it comes from a form; else what was approved for a service says it itself."""
    known = {place.about.name: place for place in places}
    services = [name for name in choice.services if name in known]
    try:
        wishes = choice.wishes
    except CandidError:
        return Offer(choice, faults={"at": "Say the day and the time."})
    sealed = {each.service: each.wishes for each in given.sealed} if given and not fresh else {}
    found, wrong = _composed(site, take, {name: sealed.get(name, wishes) for name in services})
    if past := next((each.what for each in wrong.values() if wishes.schedule and wishes.schedule in each.what), ""):
        return Offer(choice, faults={"at": past.replace(wishes.schedule or "", "That time")})
    cards = tuple(_card(known[name], found.get(name), wrong.get(name), given) for name in services)
    reasons = dict.fromkeys(each.what for each in wrong.values())
    whole = next(iter(wrong.values())) if not found and len(reasons) == 1 else None
    return Offer(choice, () if whole else cards, whole=whole)


def _composed(site: Site, take: str, wished: Mapping[str, Wishes]) -> tuple[dict[str, Parcel], dict[str, CandidError]]:
    """The parcels by service, and why there is none."""
    try:
        return {each.service: each for each in compose(site.space, take, wished)}, {}
    except CandidError:  # one after the other, to see where it lies
        found: dict[str, Parcel] = {}
        wrong: dict[str, CandidError] = {}
    for service, wishes in wished.items():
        try:
            found |= {each.service: each for each in compose(site.space, take, {service: wishes})}
        except CandidError as fault:
            wrong[service] = here(fault, site.space.root)
    return found, wrong


def _card(place: connect.Place, parcel: Parcel | None, fault: CandidError | None, given: Approval | None) -> Card:
    sealed = given.of(place.about.name) if given else None
    if given is None or sealed is None or parcel is None:
        return Card(place.about, place.account, parcel, fault)
    changed = approval.changes(given, [parcel])
    return Card(place.about, place.account, parcel, fault, changed, "" if changed else sealed.at)
