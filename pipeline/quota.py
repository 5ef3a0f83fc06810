"""What a Google project may still ask of YouTube today, counted before the asking.

The numbers are in STANDARDS, "YouTube quota" (Data API quota page, 2026-11). A day begins at midnight Pacific, summer
time included. Every project has one small file; a lock and a rename keep it whole whoever is killed. What was asked in
vain is counted too: YouTube counts it as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from pipeline.errors import CandidError, PublishError
from pipeline.shelf import explained

UNITS = 10_000  # a day and project, for everything but uploads
UPLOADS = 100  # `videos.insert` a day and project, a bucket of their own
KEPT_BACK = 500  # units for look-ups, for finishing and for taking down
COSTS = {
    "videos.insert": 0,
    "videos.update": 50,
    "videos.delete": 50,
    "videos.list": 1,
    "channels.list": 1,
    "playlists.list": 1,
    "playlists.insert": 50,
    "playlistItems.list": 1,
    "playlistItems.insert": 50,
    "captions.insert": 400,
    "captions.update": 450,
    "captions.list": 50,
    "thumbnails.set": 50,
}
_SMALL = 1  # units: what costs no more may use what is kept back
_ACCOUNT_WAITS = timedelta(days=1)  # uploadLimitExceeded "clears by itself in a day or more"
_REMEMBERED = timedelta(days=3)

_Days = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Turn:
    """When one video of many can go: its upload, and its captions, thumbnail and the rest. UTC."""

    upload: datetime | None  # None: it is there already
    dress: datetime


def project(client_id: str) -> str:
    """The name of a project's file: its client id belongs to nobody else, and is not told to everybody."""
    return hashlib.sha256(client_id.encode()).hexdigest()[:16]


def dressing(captions: bool, thumbnail: bool, playlist: bool, public: bool) -> int:
    """Units that a video costs beside its upload."""
    costs = COSTS["captions.insert"] * captions + COSTS["thumbnails.set"] * thumbnail
    return costs + COSTS["playlistItems.insert"] * playlist + COSTS["videos.update"] * public


class Ledger:
    """What a project has spent, day by day."""

    def __init__(self, folder: Path, project: str, now: Callable[[], float] = time.time) -> None:
        self._path = folder / f"quota-{project}.json"
        self._now = now

    def spend(self, call: str, account: str = "", reserve: bool = False) -> None:
        """Counts a call before it is made. `reserve`: it may use what is kept back, as taking down does.

        PublishError, with the hour at which it goes on, where it would be too much.
        """
        with self._changed() as known:
            moment = self._moment()
            if call == "videos.insert":
                _account_is_free(known, account, moment)
            for day in _charged(known, moment):
                spent = known["days"].setdefault(day, {})
                _afford(spent, call, reserve, day)
            for day in _charged(known, moment):
                _count(known["days"][day], call, reserve)

    def full(self, bucket: str, account: str = "") -> str:
        """The service says that there is no more: of "units", of "uploads", or of an "account"'s own uploads.

        When it goes on, RFC 3339.
        """
        with self._changed() as known:
            moment = self._moment()
            if bucket == "account":
                known["accounts"][account] = _told(moment + _ACCOUNT_WAITS)
                return str(known["accounts"][account])
            today = _day(moment)
            spent = known["days"].setdefault(today, {})
            spent["uploads" if bucket == "uploads" else "units"] = UPLOADS if bucket == "uploads" else UNITS
            return _told(_midnight_after(today))

    def left(self) -> tuple[int, int]:
        """Uploads, and units for dressing, that are left today."""
        known, moment = self._known(), self._moment()
        spent = [known["days"].get(day, {}) for day in _charged(known, moment)]
        return min(map(_uploads_left, spent)), max(0, min(map(_units_left, spent)))

    def plan(self, costs: Sequence[int], account: str = "", there: Collection[int] = ()) -> tuple[Turn, ...]:
        """When videos can go that need these units beside their uploads; one turn each, in their order.

        `there` are the places in `costs` of those that are uploaded already. A video is dressed on one day.
        PublishError where one alone needs more than a day has.
        """
        if any(cost > UNITS - KEPT_BACK for cost in costs):
            raise PublishError(f"One video needs more than the {UNITS - KEPT_BACK:,} units that a day has.")
        known, moment = self._known(), self._moment()
        free = max(moment, _account_free_at(known, account))
        uploads = _Budget(moment, self.left()[0], UPLOADS)
        units = _Budget(moment, self.left()[1], UNITS - KEPT_BACK)
        turns = []
        for place, cost in enumerate(costs):
            upload = None if place in there else uploads.take(1, free)
            turns.append(Turn(upload, units.take(cost, upload or moment)))
        return tuple(turns)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _known(self) -> dict[str, Any]:
        """The file's content. A file that was damaged by hand counts nothing: the service still does."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            return {"days": _days(told["days"]), "accounts": dict(told["accounts"])}
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return {"days": {}, "accounts": {}}

    @contextlib.contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        """The content, to be changed by one process at a time; written when nothing was raised."""
        import filelock

        with explained(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self._path.with_suffix(".lock")):
                known = self._known()
                yield known
                _forget(known, self._moment())
                self._write(known)

    def _write(self, known: dict[str, Any]) -> None:
        """Whole or not at all. It is not flushed to disk: after a power cut the service still counts."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        try:
            draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)


class _Budget:
    """What is left of something, from today on; it is taken in order, so days only go forward."""

    def __init__(self, moment: datetime, today: int, daily: int) -> None:
        self._begins, self._left, self._daily = moment, today, daily

    def take(self, amount: int, earliest: datetime) -> datetime:
        while self._left < amount or _day(self._begins) < _day(earliest):
            self._begins, self._left = _midnight_after(_day(self._begins)), self._daily
        self._left -= amount
        return max(self._begins, earliest)


# --- days -------------------------------------------------------------------------------------------------------------


def _pacific() -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:
        raise CandidError("This system does not know time zones.", "Type: pip install tzdata") from None


def _day(moment: datetime) -> str:
    return moment.astimezone(_pacific()).date().isoformat()


def _midnight_after(day: str) -> datetime:
    """When a day is over; that it can last 23 or 25 hours is the zone's business."""
    following = date.fromisoformat(day) + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=_pacific()).astimezone(UTC)


def _charged(known: dict[str, Any], moment: datetime) -> tuple[str, ...]:
    """Today; and tomorrow, if something was counted there: then the clock went back, and nobody knows which is true."""
    today = _day(moment)
    tomorrow = (date.fromisoformat(today) + timedelta(days=1)).isoformat()
    return (today, tomorrow) if tomorrow in known["days"] else (today,)


def _days(told: dict[str, dict[str, int]]) -> _Days:
    return {
        date.fromisoformat(day).isoformat(): {key: int(value) for key, value in spent.items()}
        for day, spent in told.items()
    }


def _forget(known: dict[str, Any], moment: datetime) -> None:
    oldest = _day(moment - _REMEMBERED)
    known["days"] = {day: spent for day, spent in known["days"].items() if day >= oldest}
    known["accounts"] = {name: until for name, until in known["accounts"].items() if until > _told(moment)}


# --- what a day has ---------------------------------------------------------------------------------------------------


def _count(spent: dict[str, int], call: str, reserve: bool) -> None:
    if call == "videos.insert":
        spent["uploads"] = spent.get("uploads", 0) + 1
        return
    spent["units"] = spent.get("units", 0) + COSTS[call]
    if not _may_use_the_rest(call, reserve):
        spent["dressing"] = spent.get("dressing", 0) + COSTS[call]


def _afford(spent: dict[str, int], call: str, reserve: bool, day: str) -> None:
    if call == "videos.insert":
        enough = _uploads_left(spent) >= 1
    elif _may_use_the_rest(call, reserve):
        enough = UNITS - spent.get("units", 0) >= COSTS[call]
    else:
        enough = _units_left(spent) >= COSTS[call]
    if not enough:
        raise used_up("uploads" if call == "videos.insert" else "units", _told(_midnight_after(day)))


def _may_use_the_rest(call: str, reserve: bool) -> bool:
    return reserve or COSTS[call] <= _SMALL


def _uploads_left(spent: dict[str, int]) -> int:
    return UPLOADS - spent.get("uploads", 0)


def _units_left(spent: dict[str, int]) -> int:
    """For dressing: look-ups come out of what is kept back as long as that lasts."""
    return min(UNITS - spent.get("units", 0), UNITS - KEPT_BACK - spent.get("dressing", 0))


def _account_free_at(known: dict[str, Any], account: str) -> datetime:
    until = known["accounts"].get(account)
    return datetime.fromisoformat(until) if until else datetime.min.replace(tzinfo=UTC)


def _account_is_free(known: dict[str, Any], account: str, moment: datetime) -> None:
    until = _account_free_at(known, account)
    if moment < until <= moment + _ACCOUNT_WAITS:  # further away: the clock was wrong when it was written
        raise used_up("account", _told(until))


def used_up(bucket: str, again_at: str) -> PublishError:
    """What is told where nothing is left of a bucket until `again_at` (RFC 3339)."""
    at = datetime.fromisoformat(again_at).astimezone().strftime("%Y-%m-%d %H:%M")
    what = {
        "uploads": f"Today's {UPLOADS} uploads to YouTube are used up.",
        "units": f"Today's {UNITS:,} units of YouTube's quota are used up.",
        "account": "YouTube takes no more videos from this account for now: it has uploaded too many in a day.",
    }[bucket]
    whose = "This account" if bucket == "account" else "All who publish with the same Google project share them: it"
    return PublishError(
        what, f"{whose} can go on at {at}. Run the same command again then: what is done stays.", again_at
    )


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
