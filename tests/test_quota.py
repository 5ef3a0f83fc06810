"""The ledger of YouTube's quota: never too much, whatever happens, and again after midnight Pacific."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PublishError
from pipeline.quota import COSTS, KEPT_BACK, UNITS, UPLOADS, Ledger, dressing, project

NOON = datetime(2026, 11, 24, 20, tzinfo=UTC).timestamp()  # at noon in Los Angeles
DAY = 86400.0
DRESSED = dressing(captions=True, thumbnail=True, playlist=True, public=False)


class Clock:
    """A double of the clock, in seconds."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def _spent(ledger: Ledger, calls: int, call: str, **more: object) -> int:
    """How many of `calls` the ledger let pass."""
    done = 0
    for _ in range(calls):
        try:
            ledger.spend(call, **more)
        except PublishError:
            break
        done += 1
    return done


def test_a_hundred_uploads_a_day_and_more_after_midnight_in_california(tmp_path):
    clock = Clock()
    ledger = Ledger(tmp_path, "p", clock)
    assert _spent(ledger, 200, "videos.insert") == UPLOADS
    with pytest.raises(PublishError) as refused:
        ledger.spend("videos.insert")
    assert refused.value.again_at == "2026-11-25T08:00:00+00:00"
    clock.at = datetime.fromisoformat(refused.value.again_at).timestamp() - 1
    assert _spent(ledger, 1, "videos.insert") == 0
    clock.at += 1
    assert _spent(ledger, 1, "videos.insert") == 1


def test_nineteen_dressed_videos_a_day_and_look_ups_beside_them(tmp_path):
    ledger = Ledger(tmp_path, "p", Clock())
    dressed = 0
    while _spent(ledger, 1, "captions.insert") and _spent(ledger, 1, "thumbnails.set"):
        assert _spent(ledger, 20, "videos.list") == 20
        dressed += _spent(ledger, 1, "playlistItems.insert")
    assert dressed == 19
    assert _spent(ledger, 1000, "videos.list") == KEPT_BACK - 19 * 20


def test_taking_down_may_use_what_is_kept_back(tmp_path):
    ledger = Ledger(tmp_path, "p", Clock())
    _spent(ledger, 500, "thumbnails.set")
    assert _spent(ledger, 1, "videos.update") == 0
    assert _spent(ledger, 100, "videos.update", reserve=True) == KEPT_BACK // COSTS["videos.update"]


def test_a_project_is_not_another_and_its_client_id_is_not_told(tmp_path):
    one, other = (Ledger(tmp_path, project(name), Clock()) for name in ("one.apps", "other.apps"))
    assert _spent(one, 200, "videos.insert") == _spent(other, 200, "videos.insert") == UPLOADS
    assert "apps" not in "".join(path.name + path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("noon", "again"),
    [
        ("2026-03-08T09:30:00+00:00", "2026-03-09T07:00:00+00:00"),  # summer time begins: 23 hours
        ("2026-11-01T07:30:00+00:00", "2026-11-02T08:00:00+00:00"),  # and ends: 25 hours
        ("2026-07-01T06:59:59+00:00", "2026-07-01T07:00:00+00:00"),
    ],
)
def test_days_are_as_long_as_in_california(tmp_path, noon, again):
    ledger = Ledger(tmp_path, "p", Clock(datetime.fromisoformat(noon).timestamp()))
    assert ledger.full("units") == again


def test_what_the_service_says_is_believed(tmp_path):
    clock = Clock()
    ledger = Ledger(tmp_path, "p", clock)
    ledger.full("units")
    assert _spent(ledger, 1, "videos.list") == 0
    assert _spent(ledger, 1, "videos.insert") == 1
    ledger.full("uploads")
    assert _spent(ledger, 1, "videos.insert") == 0
    clock.at += DAY
    assert _spent(ledger, 1, "videos.list") == _spent(ledger, 1, "videos.insert") == 1


def test_an_account_that_has_uploaded_too_much_waits_a_day_and_the_others_do_not(tmp_path):
    clock = Clock()
    ledger = Ledger(tmp_path, "p", clock)
    again = datetime.fromisoformat(ledger.full("account", "channel-1")).timestamp()
    assert again == NOON + DAY
    assert _spent(ledger, 1, "videos.insert", account="channel-1") == 0
    assert _spent(ledger, 1, "videos.insert", account="channel-2") == 1
    assert ledger.plan([0], "channel-1")[0].upload.timestamp() == again
    clock.at = again
    assert _spent(ledger, 1, "videos.insert", account="channel-1") == 1


def test_a_clock_that_goes_back_gives_nothing_twice(tmp_path):
    clock = Clock(NOON + DAY)
    ledger = Ledger(tmp_path, "p", clock)
    assert _spent(ledger, 200, "videos.insert") == UPLOADS
    clock.at = NOON
    assert _spent(ledger, 200, "videos.insert") == 0
    clock.at = NOON + 2 * DAY
    assert _spent(ledger, 200, "videos.insert") == UPLOADS


def test_a_clock_that_was_years_ahead_does_not_block_for_years(tmp_path):
    clock = Clock(NOON + 4000 * DAY)
    ledger = Ledger(tmp_path, "p", clock)
    _spent(ledger, 200, "videos.insert")
    ledger.full("account", "channel-1")
    clock.at = NOON
    assert _spent(ledger, 200, "videos.insert", account="channel-1") == UPLOADS


@pytest.mark.parametrize("content", ["", "{", "[]", '{"days": {"x": 1}}', '{"days": {"2026-11-24": {"units": "a"}}}'])
def test_a_file_damaged_by_hand_counts_anew(tmp_path, content):
    ledger = Ledger(tmp_path, "p", Clock())
    ledger.spend("videos.insert")
    (path,) = tmp_path.glob("*.json")
    path.write_text(content)
    assert _spent(ledger, 200, "videos.insert") == UPLOADS


# --- planning ---------------------------------------------------------------------------------------------------------


def test_a_hundred_and_fifty_videos_need_eight_days(tmp_path):
    turns = Ledger(tmp_path, "p", Clock()).plan([DRESSED] * 150)
    uploads = Counter(_pacific_day(turn.upload) for turn in turns)
    dressed = Counter(_pacific_day(turn.dress) for turn in turns)
    assert list(uploads.values()) == [100, 50]
    assert list(dressed.values()) == [19] * 7 + [17]
    assert turns[0].upload.timestamp() == turns[0].dress.timestamp() == NOON


def test_one_video_that_no_day_could_dress_is_refused(tmp_path):
    with pytest.raises(PublishError, match="9,500"):
        Ledger(tmp_path, "p", Clock()).plan([UNITS])


@settings(max_examples=50)
@given(
    costs=st.lists(st.integers(0, UNITS - KEPT_BACK), max_size=60),
    uploaded=st.integers(0, 3),
    units=st.integers(0, 24),
    hours=st.floats(0, 24 * 400),
)
def test_a_plan_can_be_carried_out(tmp_path_factory, costs, uploaded, units, hours):
    """Every day of a plan is affordable, a video is dressed after it is up, and both go on in order."""
    ledger = Ledger(tmp_path_factory.mktemp("q"), "p", Clock(NOON + hours * 3600))
    _spent(ledger, uploaded, "videos.insert")
    _spent(ledger, units, "captions.insert")
    left = dict(zip(("uploads", "units"), ledger.left(), strict=True))
    turns = ledger.plan(costs)
    today = _pacific_day(datetime.fromtimestamp(NOON + hours * 3600, UTC))
    uploads = Counter(_pacific_day(turn.upload) for turn in turns)
    spent: Counter[str] = Counter()
    for turn, cost in zip(turns, costs, strict=True):
        spent[_pacific_day(turn.dress)] += cost
        assert turn.upload <= turn.dress
    assert [turn.upload for turn in turns] == sorted(turn.upload for turn in turns)
    assert all(count <= (left["uploads"] if day == today else UPLOADS) for day, count in uploads.items())
    assert all(sum_ <= (left["units"] if day == today else UNITS - KEPT_BACK) for day, sum_ in spent.items())


def _pacific_day(moment: datetime) -> str:
    """By its own arithmetic: the rule of summer time, written out (second Sunday of March, first of November)."""
    year = moment.year
    begins = _sunday(year, 3, 2) + timedelta(hours=10)  # 2 o'clock standard time
    ends = _sunday(year, 11, 1) + timedelta(hours=9)
    return (moment - timedelta(hours=7 if begins <= moment < ends else 8)).date().isoformat()


def _sunday(year: int, month: int, number: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


# --- never too much ---------------------------------------------------------------------------------------------------

_MOVES = st.lists(
    st.tuples(st.sampled_from(sorted(COSTS)), st.booleans(), st.integers(1, 12), st.floats(-20, 30)), max_size=30
)


@settings(max_examples=25)
@given(moves=_MOVES)
def test_no_day_ever_exceeds_its_quota(tmp_path_factory, moves):
    """Whatever is asked in whatever order, with a clock that jumps about: by the clock's own days."""
    clock = Clock()
    ledger = Ledger(tmp_path_factory.mktemp("q"), "p", clock)
    units: Counter[str] = Counter()
    uploads: Counter[str] = Counter()
    for call, reserve, times, hours in moves:
        day = _pacific_day(datetime.fromtimestamp(clock.at, UTC))
        done = _spent(ledger, times, call, reserve=reserve)
        units[day] += done * COSTS[call]
        uploads[day] += done * (call == "videos.insert")
        clock.at += hours * 3600
    assert max(units.values(), default=0) <= UNITS
    assert max(uploads.values(), default=0) <= UPLOADS


def _until_it_is_full(folder: str, log: str) -> None:
    ledger = Ledger(Path(folder), "p", Clock())
    with Path(log).open("ab", buffering=0) as file:
        while _spent(ledger, 1, "videos.insert"):
            file.write(b"x")


def test_two_processes_share_one_quota_and_kill_9_loses_none_of_it(tmp_path):
    """Killed between counting and asking, an upload may be lost; one too many is never made."""
    context = multiprocessing.get_context("fork")
    log = str(tmp_path / "log")
    for wait in (0.03, 0.06, None):
        started = [context.Process(target=_until_it_is_full, args=(str(tmp_path / "q"), log)) for _ in range(2)]
        for process in started:
            process.start()
        if wait is not None:
            time.sleep(wait)
            os.kill(started[0].pid or 0, signal.SIGKILL)
            os.kill(started[1].pid or 0, signal.SIGKILL)
        for process in started:
            process.join(30)
            process.close()
    made = Path(log).stat().st_size
    assert UPLOADS - 4 <= made <= UPLOADS
    (path,) = (tmp_path / "q").glob("quota-p.json")
    assert json.loads(path.read_text())["days"]["2026-11-24"]["uploads"] == UPLOADS
