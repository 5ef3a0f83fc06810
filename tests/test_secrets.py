"""Secrets are nowhere but sealed: marked tokens are planted, and everything that was written is searched for them.

Every program runs as people run it, in a process of its own, with the finest logs on; meanwhile its command line and
environment, and those of its children, are read as any user of the machine could.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.accounts import Accounts
from pipeline.model import Account
from tests.conftest import ROOT
from tests.doubles import Answer, Double, Request
from tests.test_accounts import Instance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines are read from /proc"),
]

MARK = "MarkerQ7x"  # in every secret

CANDID = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)  # the finest logs of every library
import cli
from commands import accounts
cli.main.add_command(accounts.accounts)
%s
if __name__ == "__main__":
    cli.main()
"""
CRASH = """
from pipeline.publishers import peertube
def crash(access):
    token = access.tokens()["access_token"]
    return {}[len(token)]
peertube.sign_out = crash
"""
LOOKS_UP = """
import logging, os, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
from pipeline.accounts import Accounts
from pipeline.errors import in_words
from pipeline import publishers
if __name__ == "__main__":
    access = Accounts(Path(os.environ["CANDID_HOME"])).get("ada", "peertube")
    publisher = publishers.find("peertube").publisher(access, publishers.Desk())
    try:
        print(publisher.account())
    except Exception as fault:
        logging.exception("it failed")
        print(in_words(fault), repr(fault), repr(access), repr(publisher))
    finally:
        publisher.close()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Everything that a program can write to lies in here."""
    people = tmp_path / "space" / "assets" / "people"
    people.mkdir(parents=True)
    (people / "ada.toml").write_text('name = "Ada"\n')
    for name in ("temporary", "home"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance(MARK).running() as double:
        yield double


class Watch(threading.Thread):
    """Reads the command lines and environments of a process and its children, as often as it can."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while self.process.poll() is None:
            for pid in _family(self.process.pid):
                for name in ("cmdline", "environ"):
                    try:
                        self.seen.add(Path(f"/proc/{pid}/{name}").read_bytes())
                    except OSError:
                        continue
            time.sleep(0.005)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for each in found:
        try:
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
        except OSError:
            continue
    return found


def run(place: Path, code: str, *arguments: str, typed: str = "", **more: str) -> tuple[int, bytes]:
    """Runs a program; its exit status, and all that it wrote and that could be read of it from outside."""
    places = {"HOME": "home", "TMPDIR": "temporary", "CANDID_HOME": "candid", "XDG_CACHE_HOME": "cache"}
    environment = {
        **{name: str(place / folder) for name, folder in places.items()},
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # the tester's own stays untouched
        **more,
    }
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=place / "space", env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        watch = Watch(process)
        watch.start()
        out, _ = process.communicate(typed.encode(), timeout=120)
        watch.join()
    assert any(b"import" in each for each in watch.seen)  # it was watched
    return process.returncode, b"\n".join([out, *watch.seen])


def candid(place: Path, *arguments: str, typed: str = "", crash: bool = False, **more: str) -> tuple[int, bytes]:
    return run(place, CANDID % (CRASH if crash else ""), *arguments, typed=typed, **more)


def connect(place: Path, instance: Instance) -> bytes:
    arguments = ("accounts", "connect", "peertube", "--as", "ada", "--address", instance.root)
    status, told = candid(place, *arguments, typed=f"ada\npassword-{MARK}\n")
    assert status == 0, told
    return told


def leaks(place: Path, *told: bytes) -> list[str]:
    """Where the mark can be read: in files under `place`, or in what was told."""
    files = {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    everything = {**files, **{f"told {number}": each for number, each in enumerate(told)}}
    return [name for name, text in everything.items() if any(form in text for form in _forms())]


def _forms() -> list[bytes]:
    """The mark as it is, and as base64 has it wherever it begins; cut to what does not depend on its neighbors."""
    mark = MARK.encode()
    coded = [base64.b64encode(b"\0" * shift + mark).rstrip(b"=")[(0, 2, 3)[shift] :][:-1] for shift in range(3)]
    return [mark, mark.hex().encode(), *coded]


def test_the_search_finds_what_is_there(place):
    assert leaks(place) == []
    for number, text in enumerate(
        (MARK.encode(), *(base64.b64encode(b"x" * n + f"{MARK}yz".encode()) for n in range(4)))
    ):
        (place / f"planted-{number}").write_bytes(b"before " + text)
    assert len(leaks(place, b"nothing", f"told {MARK}".encode())) == 6


def test_a_whole_life_of_an_account_leaves_no_secret_behind(place, instance):
    told = [connect(place, instance)]
    told += [candid(place, "accounts", "list", *more)[1] for more in ((), ("--json",))]
    told.append(candid(place, "doctor", CANDID_DEBUG="1")[1])
    told.append(run(place, LOOKS_UP)[1])
    instance.fail(500, "GET", "users/me", times=1, headers={"Retry-After": "7200"})
    told.append(run(place, LOOKS_UP)[1])
    status, crashed = candid(place, "accounts", "disconnect", "peertube", "--as", "ada", crash=True, CANDID_DEBUG="1")
    assert status == 1 and b"Traceback" in crashed and b"KeyError" in crashed
    instance.revoked.append("at the service")  # the token no longer holds, nor does the other one
    told += [crashed, run(place, LOOKS_UP)[1], candid(place, "accounts", "list")[1]]
    assert b"Ada L (ada@video.example)" in told[1] and b"it failed" in told[5] and b"needed now" in told[-1]
    kept = Accounts(place / "candid").get("ada", "peertube").tokens()
    assert {name for name, value in kept.items() if MARK in value} == {"access_token", "refresh_token", "client_secret"}
    assert leaks(place, *told) == []
    status, gone = candid(place, "accounts", "disconnect", "peertube", "--as", "ada", "--anyway")
    assert status == 0 and leaks(place, gone) == []


def test_a_wrong_password_is_not_repeated(place, instance):
    arguments = ("accounts", "connect", "peertube", "--as", "ada", "--address", instance.root)
    status, told = candid(place, *arguments, typed=f"ada\nwrong-{MARK}\n", CANDID_DEBUG="1")
    assert status == 1 and b"does not let you in" in told
    assert leaks(place, told) == []


class Google(Double):
    """A double of Google's token service and of YouTube, which both refuse."""

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            assert MARK in request.form["refresh_token"]
            return Answer(200, {"access_token": f"fresh-{MARK}", "expires_in": 3599, "token_type": "Bearer"})
        assert request.headers["authorization"] == f"Bearer fresh-{MARK}"
        return Answer(403, {"error": {"code": 403, "message": "no", "errors": [{"reason": "forbidden"}]}})


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_call_that_youtube_refuses_shows_no_token(place, monkeypatch, debug):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with Google().running() as google:
        tokens = {name: f"{name}-{MARK}" for name in ("access_token", "refresh_token", "client_id", "client_secret")}
        account = Account("ada", "youtube", "UC1", "Ada", google.root)
        Accounts(place / "candid").keep(account, {**tokens, "token_uri": f"{google.root}token"})
        status, told = candid(place, "topics", "import", "youtube", "--as", "ada", CANDID_DEBUG=debug)
        assert google.requests == [("POST", "/token"), ("GET", "/youtube/v3/channels")]
    assert status == 1 and b"refuses to show the comments" in told and (b"Traceback" in told) == bool(debug)
    assert leaks(place, told) == []
