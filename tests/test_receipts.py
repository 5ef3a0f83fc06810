"""What has happened is on the disk before the next step, whole or not at all, and holds no address of a session."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import receipts
from pipeline.errors import AccountError, WorkspaceError
from pipeline.model import Receipt
from pipeline.receipts import Receipts, begun, hidden, out, so_far

SHA = "ab" * 32


def receipt(step: str, service: str = "peertube", sha256: str = SHA, **more: str) -> Receipt:
    return Receipt(service, step, sha256, "3", **more)


def reverse(service: str, text: str) -> str:
    return f"{service}:{text[::-1]}"


def back(service: str, text: str) -> str:
    if not text.startswith(f"{service}:"):
        raise AccountError("it belongs to another service")
    return text.removeprefix(f"{service}:")[::-1]


def test_written_and_read(tmp_path):
    kept = Receipts(tmp_path / "take", reverse, back)
    kept.add(receipt("session", session="https://secret"))
    kept.add(receipt("captions", note="“refused”", at="2026-11-24T10:00:00+00:00"))
    first, second = Receipts(tmp_path / "take", reverse, back).all()
    assert first.session == "https://secret" and first.at and second.note == "“refused”"
    path = tmp_path / "take" / "receipts.json"
    assert "secret" not in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["receipts.json"]


def test_the_address_of_a_session_is_not_shown():
    assert "secret" not in repr(receipt("session", session="https://tube.example/?upload_id=secret"))


def test_sessions_are_done_with_once_the_video_is_there(tmp_path):
    kept = Receipts(tmp_path)
    kept.add(receipt("session", session="a"))
    kept.add(receipt("session", service="vimeo", session="b"))
    kept.add(receipt("video", id="1"))
    assert [each.session for each in kept.all()] == ["", "b", ""]


def test_a_session_that_cannot_be_opened_is_gone_but_known(tmp_path):
    Receipts(tmp_path, reverse, back).add(receipt("session", session="a"))
    (found,) = Receipts(tmp_path, reverse, lambda service, text: back("other", text)).all()
    assert (found.step, found.session) == ("session", "")


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"step": "video"}]', "null", '[[["x"]]]', "[" * 100_000])
def test_damaged(tmp_path, text):
    (tmp_path / receipts.NAME).write_text(text)
    with pytest.raises(WorkspaceError, match="nobody knows what is published already"):
        receipts.read(tmp_path)


def test_none_yet(tmp_path):
    assert receipts.read(tmp_path / "nothing") == ()


def test_what_later_versions_add_is_left_alone(tmp_path):
    (tmp_path / receipts.NAME).write_text(json.dumps([{"service": "x", "step": "video", "sha256": SHA, "new": 1}]))
    assert receipts.read(tmp_path)[0].service == "x"


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, call):
    kept = Receipts(tmp_path)
    kept.add(receipt("session", session="a"))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(WorkspaceError, match="full"):
            kept.add(receipt("video"))
    assert [each.step for each in kept.all()] == ["session"]
    assert [each.name for each in tmp_path.iterdir()] == ["receipts.json"]


def test_a_link_in_place_of_the_draft_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".receipts.json").symlink_to(tmp_path / "victim")
    with pytest.raises((WorkspaceError, OSError)):
        Receipts(tmp_path).add(receipt("video"))
    assert (tmp_path / "victim").read_text() == "mine"


# --- what they mean


def test_what_is_out():
    told = [receipt("video", id="1"), receipt("video", "vimeo", id="2"), receipt("takedown", note="private")]
    assert [each.id for each in out(told)] == ["1", "2"] and hidden(told, "peertube") and not hidden(told, "vimeo")
    told.append(receipt("public"))
    assert not hidden(told, "peertube")
    told.append(receipt("takedown", note="deleted"))
    assert [each.id for each in out(told)] == ["2"]


def test_what_was_begun():
    told = [receipt("session", session="a"), receipt("session", session="b"), receipt("session", "vimeo", session="c")]
    assert [each.session for each in begun(told)] == ["b", "c"]
    assert [each.session for each in begun([*told, receipt("video")])] == ["c"]
    assert begun([*told, receipt("video"), receipt("takedown", "vimeo", note="deleted")]) == ()


def test_what_need_not_be_done_again():
    told = [
        receipt("session"), receipt("video", id="1"), receipt("captions", causes="old"), receipt("public", causes="p"),
        receipt("captions", "vimeo", causes="new"),
    ]  # fmt: skip
    assert _steps(told, captions="old", public="p") == ["session", "video", "captions", "public"]
    assert _steps(told, captions="new", public="p") == ["session", "video", "public"]
    assert _steps(told, sha256="cd" * 32) == []
    assert _steps([*told, receipt("takedown", note="private")], captions="old", public="p")[-1] == "captions"
    assert _steps([*told, receipt("takedown", note="deleted")]) == []
    again = [*told, receipt("public", causes="q")]
    assert "public" not in _steps(again, public="p") and "public" in _steps(again, public="q"), "the latest counts"


def _steps(told: list[Receipt], sha256: str = SHA, **causes: str) -> list[str]:
    return [each.step for each in so_far(told, "peertube", sha256, causes)]


_STEPS = st.sampled_from(["session", "video", "captions", "thumbnail", "playlist", "public", "takedown"])
_TOLD = st.lists(
    st.builds(
        receipt, _STEPS, st.sampled_from(["peertube", "vimeo"]), st.sampled_from(["a" * 64, "b" * 64]),
        note=st.sampled_from(["", "private", "deleted"]), session=st.sampled_from(["", "s"]),
    ),
    max_size=12,
)  # fmt: skip


@given(_TOLD)
def test_at_most_one_of_each_step_holds_and_nothing_of_what_was_deleted(told):
    for service in ("peertube", "vimeo"):
        found = so_far(told, service, "a" * 64, {})
        steps = [each.step for each in found]
        assert len(steps) == len(set(steps)) and {each.service for each in found} <= {service}
        deletions = [n for n, each in enumerate(told) if each.service == service and _deletes(each)]
        last = max(deletions, default=-1)
        assert all(any(each is later for later in told[last + 1 :]) for each in found)
    assert len({each.service for each in out(told)}) == len(out(told))


def _deletes(told: Receipt) -> bool:
    return (told.step, told.note) == ("takedown", "deleted")


@settings(max_examples=25)  # each flushes files to the disk
@given(_TOLD)
def test_what_is_written_is_what_is_read(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("receipts")
    kept = Receipts(folder, reverse, back)
    for each in told:
        kept.add(each)
    found = kept.all()
    assert [(each.service, each.step, each.sha256, each.note) for each in found] == [
        (each.service, each.step, each.sha256, each.note) for each in told
    ]
