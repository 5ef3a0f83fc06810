"""Sealing: bound to person and service, files that are their owner's alone, and who may keep the key."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import vault
from pipeline.errors import AccountError
from pipeline.vault import Vault
from tests.conftest import ROOT

TEXT = "a token: ä🎹\n"


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's own keyring stays untouched."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose key is decided upon: a file."""
    folder = tmp_path_factory.mktemp("vault") / "accounts"
    folder.mkdir(mode=0o700)
    vault._write(folder / "key", base64.urlsafe_b64encode(b"k" * 32).decode())
    vault._write(folder / "keeper.json", json.dumps({"kind": "file", "name": "", "why": "this is a test"}))
    return folder


@pytest.fixture
def kept(ready: Path, tmp_path: Path) -> Vault:
    """One's own copy of it."""
    shutil.copytree(ready, tmp_path / "accounts")  # keeps the rights
    return Vault(tmp_path / "accounts")


# --- sealed texts -----------------------------------------------------------------------------------------------------


@given(st.text())
def test_what_is_sealed_opens_again_and_shows_nothing(ready, text):
    found = Vault(ready)
    sealed = found.seal("ada", "youtube", text)
    assert found.unseal("ada", "youtube", sealed) == text
    assert sealed.isascii() and sealed.isprintable() and sealed != found.seal("ada", "youtube", text)
    assert len(text) < 8 or text not in sealed


@given(st.data())
def test_a_changed_or_shortened_text_never_opens(ready, data):
    found = Vault(ready)
    sealed = found.seal("ada", "youtube", TEXT)
    at = data.draw(st.integers(0, len(sealed) - 1))
    char = data.draw(st.sampled_from("ABCxyz019-_=:\n é\0"))
    other = data.draw(st.sampled_from([sealed[:at], sealed[:at] + char + sealed[at + 1 :], sealed + char]))
    if _raw(other) == _raw(sealed):  # the same bytes, written otherwise
        return
    with pytest.raises(AccountError, match="damaged"):
        found.unseal("ada", "youtube", other)


def _raw(sealed: str) -> bytes | None:
    try:
        return base64.b64decode(sealed.strip().removeprefix("candid1:"), altchars=b"-_", validate=True)
    except ValueError:
        return None


@pytest.mark.parametrize(("person", "service"), [("ben", "youtube"), ("ada", "vimeo"), ("ada-youtube", "youtube")])
def test_a_sealed_text_is_of_no_use_to_another(kept, person, service):
    with pytest.raises(AccountError, match="another person"):
        kept.unseal(person, service, kept.seal("ada", "youtube", TEXT))


def test_a_sessions_address_cannot_pass_for_tokens_nor_tokens_for_it(kept):
    kept.put("ada", "youtube", TEXT)
    path = kept.folder / "ada.youtube.sealed"
    with pytest.raises(AccountError, match="another person"):
        kept.unseal("ada", "youtube", path.read_text())
    path.write_text(kept.seal("ada", "youtube", TEXT))
    with pytest.raises(AccountError, match="another person"):
        kept.get("ada", "youtube")


@pytest.mark.parametrize(
    ("person", "service"), [("../ada", "youtube"), ("ada", "a/b"), ("", "x"), ("A", "x"), ("a.b", "c")]
)
def test_names_that_lead_elsewhere_are_refused(kept, person, service):
    for act in (
        lambda: kept.put(person, service, TEXT),
        lambda: kept.get(person, service),
        lambda: kept.seal(person, service, TEXT),
    ):
        with pytest.raises(AccountError, match="cannot be the name"):
            act()


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_kept_comes_back_in_another_process_and_goes(kept):
    assert kept.get("ada", "youtube") is None and kept.listed() == ()
    kept.put("ada", "youtube", "first")
    kept.put("ada", "youtube", TEXT)
    kept.put("ben", "peertube", TEXT)
    assert Vault(kept.folder).get("ada", "youtube") == TEXT
    assert kept.listed() == (("ada", "youtube"), ("ben", "peertube"))
    kept.drop("ada", "youtube")
    kept.drop("ada", "youtube")
    assert kept.get("ada", "youtube") is None and kept.listed() == (("ben", "peertube"),)


def test_another_persons_file_copied_is_refused(kept):
    kept.put("ada", "youtube", TEXT)
    shutil.copy(kept.folder / "ada.youtube.sealed", kept.folder / "ben.youtube.sealed")
    with pytest.raises(AccountError, match="another person"):
        kept.get("ben", "youtube")


def test_files_are_their_owners_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        found = Vault(tmp_path / "home" / "accounts")
        found.put("ada", "youtube", TEXT)
        with found.locked("ada", "youtube"):
            pass
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert modes.pop("accounts") == 0o700 and stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert {"key", "keeper.json", "ada.youtube.sealed"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {}
    assert found.keeper().kind == "file" and Vault(found.folder).get("ada", "youtube") == TEXT


@pytest.mark.parametrize(("name", "mode", "cure"), [
    ("ada.youtube.sealed", 0o640, "chmod 600"), ("key", 0o604, "chmod 600"), ("keeper.json", 0o660, "chmod 600"),
    ("", 0o750, "chmod 700"),
])  # fmt: skip
def test_what_others_can_reach_is_refused_with_the_command_to_type(kept, name, mode, cure):
    kept.put("ada", "youtube", TEXT)
    (kept.folder / name).chmod(mode)
    with pytest.raises(AccountError, match="Others can reach") as told:
        Vault(kept.folder).get("ada", "youtube")
    assert told.value.do == f"Type: {cure} '{kept.folder / name}'"
    subprocess.run(told.value.do.removeprefix("Type: "), shell=True, check=True)
    assert Vault(kept.folder).get("ada", "youtube") == TEXT


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["ada.youtube.sealed", "key", ""])
def test_what_belongs_to_another_user_is_refused(kept, name):
    kept.put("ada", "youtube", TEXT)
    os.chown(kept.folder / name, 12345, -1)
    with pytest.raises(AccountError, match="belongs to another user"):
        Vault(kept.folder).get("ada", "youtube")


def test_what_is_no_plain_file_is_refused(kept):
    kept.put("ada", "youtube", TEXT)
    path = kept.folder / "ada.youtube.sealed"
    aside = path.rename(path.with_name("aside"))
    for plant in (lambda: path.symlink_to(aside), path.mkdir, lambda: os.mkfifo(path)):
        plant()
        with pytest.raises(AccountError):
            kept.get("ada", "youtube")
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("size", [0, 5, 9, 20, 40])
def test_a_truncated_file_is_told(kept, size):
    kept.put("ada", "youtube", TEXT)
    os.truncate(kept.folder / "ada.youtube.sealed", size)
    with pytest.raises(AccountError, match="damaged") as told:
        kept.get("ada", "youtube")
    assert "candid accounts connect" in told.value.do


def test_a_key_that_is_damaged_or_gone_is_never_made_anew(kept):
    kept.put("ada", "youtube", TEXT)
    os.truncate(kept.folder / "key", 10)
    with pytest.raises(AccountError, match="key is damaged"):
        Vault(kept.folder).get("ada", "youtube")
    (kept.folder / "key").unlink()
    with pytest.raises(AccountError, match="is gone"):
        Vault(kept.folder).seal("ada", "youtube", TEXT)
    assert not (kept.folder / "key").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "file"', '{"kind": "file", "name": "", "why": "", "more": 1}']
)
def test_a_damaged_decision_is_told(kept, text):
    (kept.folder / "keeper.json").write_text(text)
    with pytest.raises(AccountError, match=r"keeper.json is damaged"):
        kept.seal("ada", "youtube", TEXT)


def test_killed_between_key_and_decision_the_key_stays(kept):
    kept.put("ada", "youtube", TEXT)
    (kept.folder / "keeper.json").unlink()
    assert Vault(kept.folder).get("ada", "youtube") == TEXT and kept.keeper().kind == "file"


def test_a_write_that_fails_leaves_what_was_there(kept, monkeypatch):
    kept.put("ada", "youtube", TEXT)
    monkeypatch.setattr(vault.os, "fsync", _full)
    with pytest.raises(AccountError, match="No space left"):
        kept.put("ada", "youtube", "another")
    assert kept.get("ada", "youtube") == TEXT
    assert [path.name for path in kept.folder.iterdir() if path.name.startswith(".ada")] == []


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_two_at_once_make_one_key(tmp_path):
    texts: list[str] = []

    def seal() -> None:
        found = Vault(tmp_path / "accounts")
        texts.append(found.seal("ada", "youtube", TEXT))

    both = [threading.Thread(target=seal) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    found = Vault(tmp_path / "accounts")
    assert [found.unseal("ada", "youtube", each) for each in texts] == [TEXT, TEXT]


def test_home_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("CANDID_HOME", str(tmp_path))
    assert vault.home() == tmp_path
    monkeypatch.delenv("CANDID_HOME")
    assert vault.home().name == "candid" and vault.home().is_absolute()


# --- who keeps the key: in processes of their own, each with its keyring ----------------------------------------------

SEAL = f"""
import sys
from pathlib import Path
from pipeline.vault import Vault
if __name__ == "__main__":
    found = Vault(Path(sys.argv[1]))
    found.put("ada", "youtube", {TEXT!r})
    keeper = found.keeper()
    print(keeper.kind, "|", keeper.why)
"""
OPEN = f"""
import sys
from pathlib import Path
from pipeline.vault import Vault
if __name__ == "__main__":
    print(Vault(Path(sys.argv[1])).get("ada", "youtube") == {TEXT!r})
"""


def keeps(tmp_path: Path, backend: str = "", path: Path | None = None) -> str:
    """Who keeps the key of a new folder where this is the system's keyring. What was sealed opens again."""
    keeper = said(tmp_path, SEAL, backend, path)
    assert said(tmp_path, OPEN, backend, path) == "True"
    return keeper


def said(tmp_path: Path, code: str, backend: str, path: Path | None) -> str:
    extra = {"PYTHON_KEYRING_BACKEND": backend} if backend else {}
    paths = [str(ROOT), *([str(path)] if path else []), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "accounts")],
        env={**_bare(tmp_path), **extra, "PYTHONPATH": os.pathsep.join(reversed(paths))},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _bare(tmp_path: Path) -> dict[str, str]:
    """An environment without a desktop, whose home is empty."""
    known = ("PATH", "LANG", "SYSTEMROOT")
    return {name: os.environ[name] for name in known if name in os.environ} | {"HOME": str(tmp_path)}


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", ""])
def test_a_keyring_that_forgets_or_fails_is_refused(tmp_path, backend):
    assert keeps(tmp_path, backend).startswith("file | ")
    assert (tmp_path / "accounts" / "key").exists()


def test_the_plain_text_keyring_is_refused(tmp_path):
    if importlib.util.find_spec("keyrings") is None:
        pytest.skip("needs keyrings.alt, which is not installed: pip install keyrings.alt")
    assert "no keyring that Candid trusts" in keeps(tmp_path, "keyrings.alt.file.PlaintextKeyring")
    plain = [path for path in tmp_path.rglob("*") if path.is_file() and "accounts" not in path.parts]
    assert plain == []


DOUBLE = """
import os, time
class Keyring:
    kept = {}
    def set_password(self, service, name, secret):
        %s
    def get_password(self, service, name):
        return self.kept.get(name)
    def delete_password(self, service, name):
        self.kept.pop(name, None)
Keyring.__module__, Keyring.__qualname__ = "keyring.backends.%s", "%s"
def get_keyring():
    return Keyring()
"""


def double(tmp_path: Path, what: str, module: str = "SecretService", name: str = "Keyring") -> Path:
    """A double of the keyring package, whose one keyring has a name that is trusted, or another."""
    (tmp_path / "double").mkdir()
    (tmp_path / "double" / "keyring.py").write_text(DOUBLE % (what, module, name))
    return tmp_path / "double"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("pass", "forgets what it is given"),
        ("self.kept[name] = secret[:9]", "forgets what it is given"),
        ("raise RuntimeError('Prompt dismissed')", "does not work (RuntimeError)"),
        ("os._exit(3)", "gave no answer"),
    ],
)
def test_a_keyring_that_looks_right_but_does_not_work_is_refused(tmp_path, what, says):
    found = keeps(tmp_path, path=double(tmp_path, what))
    assert found.startswith("file | ") and says in found


@pytest.mark.slow
def test_a_keyring_that_never_answers_is_given_up(tmp_path):
    started = time.monotonic()
    assert "gave no answer within 5 seconds" in keeps(tmp_path, path=double(tmp_path, "time.sleep(600)"))
    assert time.monotonic() - started < 30


def test_a_keyring_that_is_not_on_the_list_is_refused(tmp_path):
    path = double(tmp_path, "self.kept[name] = secret", "SecretService", "Another")
    assert "no keyring that Candid trusts" in keeps(tmp_path, path=path)


# --- a real keyring ---------------------------------------------------------------------------------------------------

SESSION = """
gnome-keyring-daemon --foreground UNLOCK --components=secrets < <(printf secret) >daemon 2>&1 &
daemon=$!
names="--dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames"
for _ in $(seq 100); do dbus-send --session --print-reply $names | grep -q secrets && break; sleep 0.05; done
RUNS
kill $daemon; wait
"""


def in_session(tmp_path: Path, unlock: str, *codes: str) -> list[str]:
    """What programs print that run one after the other in a session with gnome-keyring."""
    for needed in ("dbus-run-session", "dbus-send", "gnome-keyring-daemon"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed} (Debian: apt-get install gnome-keyring dbus)")
    files = [tmp_path / f"program{number}.py" for number in range(len(codes))]
    for file, code in zip(files, codes, strict=True):
        file.write_text(code)
    runs = "\n".join(f"'{sys.executable}' '{file}' '{tmp_path / 'accounts'}'" for file in files)
    script = SESSION.replace("UNLOCK", unlock).replace("RUNS", runs)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", script],
        env={**_bare(tmp_path), "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_gnome_keyring_keeps_the_key_and_gives_it_to_the_next_process(tmp_path):
    kept, opened = in_session(tmp_path, "--unlock", SEAL, OPEN)
    assert kept == "keyring | keyring.backends.SecretService.Keyring" and opened == "True"
    assert not (tmp_path / "accounts" / "key").exists()
    with pytest.raises(AccountError, match="does not give it"):  # here there is no such keyring
        Vault(tmp_path / "accounts").get("ada", "youtube")


@pytest.mark.slow
def test_gnome_keyring_that_nobody_unlocks_is_not_used(tmp_path):
    kept, opened = in_session(tmp_path, "", SEAL, OPEN)
    assert kept.startswith("file | the system's keyring does not work") and opened == "True"
