"""The front door: exit statuses, errors in words, and answers for programs."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

import cli
from tests.conftest import ROOT, run_candid


def test_doctor_says_what_works_and_the_cure_for_what_does_not(candid):
    said = candid("doctor")
    assert said.status == 0
    assert "ok   ffmpeg: ffmpeg version" in said.out
    assert "transcriber auto:" in said.out
    lacks = [line for line in said.out.splitlines() if line.startswith("lack")]
    cures = [line for line in said.out.splitlines() if line.startswith("     ")]
    assert len(lacks) == len(cures)


def test_doctor_answers_programs(candid):
    findings = json.loads(candid("doctor", "--json").out)["findings"]
    assert {"name", "ok", "says", "cure", "essential"} == set(findings[0])


def test_doctor_fails_where_no_video_can_be_made(candid, monkeypatch):
    from pipeline import doctor

    monkeypatch.setattr(doctor.ffmpeg, "filters", lambda: frozenset({"overlay"}))
    said = candid("doctor")
    assert said.status == 1
    assert "lacks ass" in said.out and "pip install" in said.out


def test_models_are_listed(candid):
    assert "candid models download NAME" in candid("models", "list").out
    first = json.loads(candid("models", "list", "--json").out)["models"][0]
    assert first["name"] == "faster-whisper:base" and first["default"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["render"], 2, "Missing argument"),
        (["render", "x.mp4", "--fit", "stretch"], 2, "Invalid value"),
        (["render", "x.mp4", "--start", "5", "--end", "2"], 2, "--end must lie behind --start"),
        (["render", "nowhere.mp4"], 1, "There is no file nowhere.mp4."),
        (["render", "x.mp4", "-r", "none"], 1, "There is no recipe at"),
        (["render", "x.mp4", "--as", "nobody"], 1, "There is no person 'nobody'."),
        (["models", "download", "nope"], 1, "There are no weights 'nope'."),
        (["destroy"], 2, "No such command"),
    ],
)
def test_wrong_use_is_answered_in_words(arguments, status, says, candid, tmp_path):
    said = candid(*arguments)
    assert said.status == status
    assert says in said.err
    assert not (tmp_path / "output").exists()


def test_a_workspace_that_is_not_there(tmp_path):
    said = run_candid(tmp_path / "nowhere", "doctor")
    assert said.status == 1 and "There is no folder" in said.err


def test_a_failure_keeps_the_promised_json(candid):
    (take,) = candid("render", "nowhere.mp4", "--json").takes
    promised = {
        "clip",
        "clips",
        "take",
        "status",
        "folder",
        "videos",
        "captions",
        "words",
        "plan",
        "thumbnail",
        "report",
    }
    assert set(take) == promised | {"error"}
    assert take["status"] == "failed" and take["error"]["do"]


def test_what_nobody_foresaw_is_a_sentence_and_debug_brings_the_traceback(monkeypatch, tmp_path):
    def broken(*arguments):
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("pipeline.doctor.examine", broken)
    quiet = run_candid(tmp_path, "doctor")
    assert quiet.status == 1
    assert "did not foresee (ZeroDivisionError: surprise)" in quiet.err and "CANDID_DEBUG=1" in quiet.err
    monkeypatch.setenv("CANDID_DEBUG", "1")
    loud = CliRunner().invoke(cli.main, ["--workspace", str(tmp_path), "doctor"])
    assert isinstance(loud.exception, ZeroDivisionError)


def in_shell(tmp_path, line: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which candid is the command."""
    candid = f"{shlex.quote(sys.executable)} -m cli --workspace {shlex.quote(str(tmp_path))}"
    script = f'set -o pipefail; candid() {{ {candid} "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_whose_reader_goes_away_ends_quietly(tmp_path):
    for command in ("models list", "render nowhere.mp4 nowhere.mp4 --json", "topics list --json"):
        said = in_shell(tmp_path, f"candid {command} | true")
        assert (said.stdout, said.stderr) == ("", ""), command
        assert said.returncode == 1, command


def test_where_nothing_can_be_printed_is_said_in_words(tmp_path):
    for command in ("models list", "render nowhere.mp4 --json"):
        said = in_shell(tmp_path, f"candid {command} > /dev/full")
        assert said.returncode == 1
        assert said.stderr.startswith("Error: What Candid prints cannot be written: No space left on device."), command
        assert len(said.stderr.splitlines()) == 2


def test_closed_streams_are_no_crash(tmp_path):
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&-"):
        for command in ("models list", "batch", "recipes list"):
            said = in_shell(tmp_path, f"candid {command} {closed}")
            assert said.returncode == 0 and "Error" not in said.stderr, (command, closed, said.stderr)
