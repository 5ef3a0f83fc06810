"""Tries that wait longer each time, Retry-After, and nothing secret in words or logs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import wire
from pipeline.errors import PublishError
from pipeline.wire import AgainError, Patience, Stretch, UnknownError, asked, patiently, said, seconds_of, told


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, seconds: float = 900.0, **more: float) -> Patience:
        return Patience("A service", seconds, self.sleep, lambda: self.now, **more)


def test_waits_grow_are_jittered_and_end():
    clock = Clock()
    patience = clock.patience()
    with pytest.raises(PublishError, match="has not answered properly for a while: it is busy") as caught:
        for _ in range(1000):
            patience.wait(AgainError("it is busy"))
    assert clock.now <= 900 and len(clock.slept) > 15
    for number, seconds in enumerate(clock.slept):
        longest = min(64.0, 2.0**number)
        assert longest / 2 <= seconds <= longest
    assert "again later" in caught.value.do


def test_progress_begins_anew():
    clock = Clock()
    patience = clock.patience(100.0)
    for _ in range(50):
        patience.wait(AgainError("x"))
        patience.progress()
    assert max(clock.slept) <= 1.0


@given(st.lists(st.one_of(st.none(), st.integers(0, 4000).map(str)), max_size=30))
def test_never_shorter_than_asked_and_never_longer_than_the_patience(asked_for):
    clock = Clock()
    patience = clock.patience()
    for after in asked_for:
        before = clock.now
        try:
            patience.wait(AgainError("x", after))
        except PublishError as fault:
            assert clock.now == before
            assert bool(fault.again_at) == (after is not None and int(after) > 3600)
            return
        assert clock.slept[-1] >= float(after or 0)


def test_longest_wait_can_be_set():
    clock = Clock()
    patience = clock.patience(longest=5.0)
    for _ in range(10):
        patience.wait(AgainError("x"))
    assert max(clock.slept) <= 5.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("17", 17.0), (" 3 ", 3.0), ("-5", None), ("1.5", None), ("soon", None),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0), ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 9999 12:00:00 GMT", 7 * 86400.0), ("9" * 400, 7 * 86400.0),
    ],
)  # fmt: skip
def test_retry_after(header, seconds):
    now = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
    assert seconds_of(header, lambda: now) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_read_or_ignored(header):
    found = seconds_of(header)
    assert found is None or 0 <= found <= 7 * 86400


def test_a_clock_that_jumps_changes_no_wait(monkeypatch):
    """Patience looks at a clock that nobody sets."""
    monkeypatch.setattr("time.time", lambda: -1e9)
    slept: list[float] = []
    patience = Patience("A service", sleep=slept.append)
    patience.wait(AgainError("x", "2"))
    assert slept and slept[0] >= 2.0


def test_tries_again_until_it_goes_well():
    clock, answers = Clock(), [AgainError("x"), AgainError("x"), 5]

    def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, AgainError):
            raise answer
        return answer

    assert patiently(ask, clock.patience()) == 5 and len(clock.slept) == 2


# --- asking


def client(handle) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handle), base_url="https://service.example/")


def raising(fault: type[Exception]):
    def handle(request: httpx.Request) -> httpx.Response:
        raise fault("https://service.example/upload?secret=1")

    return handle


@pytest.mark.parametrize("fault", [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.RemoteProtocolError])
def test_a_broken_connection(fault):
    with client(raising(fault)) as to:
        with pytest.raises(AgainError) as again:
            asked(to, "PUT", "x")
        with pytest.raises(UnknownError) as unknown:
            asked(to, "POST", "x", once=True)
    assert "secret" not in f"{again.value}{again.value.why}{unknown.value}"
    assert again.value.__suppress_context__ and unknown.value.__suppress_context__


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ConnectTimeout])
def test_what_never_left_may_be_sent_again(fault):
    with client(raising(fault)) as to, pytest.raises(AgainError, match="cannot be reached"):
        asked(to, "POST", "x", once=True)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, AgainError), (503, AgainError), *((each, UnknownError) for each in (500, 502, 504))]
)
def test_busy(status, kind):
    with client(lambda request: httpx.Response(status, headers={"Retry-After": "7"})) as to:
        with pytest.raises(AgainError) as caught:
            asked(to, "GET", "x")
        with pytest.raises(kind):
            asked(to, "POST", "x", once=True)
    assert caught.value.after == "7"


@pytest.mark.parametrize("status", [200, 308, 400, 401, 404])
def test_other_answers_are_answers(status):
    with client(lambda request: httpx.Response(status)) as to:
        assert asked(to, "GET", "x").status_code == status


@pytest.mark.parametrize("body", ["<html>proxy</html>", "[]", "null", ""])
def test_junk_is_worth_another_try(body):
    with pytest.raises(AgainError):
        told(httpx.Response(200, text=body))


def test_what_a_refusal_says_is_one_printable_line():
    response = httpx.Response(400, json={"detail": "No\x1b[31m\nway " + "x" * 500, "error": "?"})
    line = said(response, "nothing", "detail")
    assert line.startswith("No [31m way xxx") and len(line) <= 200 and line.isprintable()
    assert said(httpx.Response(400, text="<html>"), "detail") == "it answered 400"
    assert said(httpx.Response(400, json={"detail": {"a": 1}}), "detail") == "it answered 400"


def test_addresses_are_not_logged(caplog):
    with caplog.at_level(logging.DEBUG), wire.client("http://127.0.0.1:9/") as to, pytest.raises(AgainError):
        asked(to, "GET", "upload?secret=1")
    assert "secret" not in caplog.text


# --- a stretch of a file


@given(st.integers(0, 700_000), st.integers(0, 700_000))
def test_a_stretch_is_exactly_that_part_of_the_file(tmp_path_factory, one, other):
    path = tmp_path_factory.getbasetemp() / "stretch"
    if not path.exists():
        path.write_bytes(bytes(range(256)) * 2800)
    start, end = sorted((one, other))
    heard: list[int] = []
    stretch = Stretch(path, start, end, sent=heard.append)
    assert b"".join(stretch) == b"".join(stretch) == path.read_bytes()[start:end]  # it can be sent again
    assert stretch.headers["Content-Length"] == str(end - start)
    assert not heard or heard[-1] == end


def test_a_stretch_is_checked_before_anybody_gets_it(tmp_path: Path):
    path = tmp_path / "video"
    path.write_bytes(b"x" * 10)
    got = []

    def check() -> None:
        raise PublishError("changed")

    with pytest.raises(PublishError):
        got.extend(Stretch(path, 0, 10, check))
    assert got == []
