"""Accounts: each person's own, sealed, renewed once, and forgotten; and the commands, against a double of PeerTube."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands import accounts as commands
from pipeline import doctor, publishers
from pipeline.accounts import Access, Accounts, has_ended
from pipeline.errors import AccountError, CandidError, PublishError
from pipeline.model import Account
from pipeline.publishers import peertube_server
from pipeline.workspace import Workspace
from tests.doubles import Answer, Double, Request

ADA = Account("ada", "youtube", "UC1", "Ada's channel", "https://youtube.googleapis.com/", ("s",))
OLD, NEW = {"access_token": "old", "refresh_token": "r1"}, {"access_token": "new", "refresh_token": "r2"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("pipeline.vault._probed", _file_keeps)  # its processes are tested in test_vault
    return tmp_path / "home"


def _file_keeps(name: str, key: str) -> object:
    from pipeline.vault import Keeper

    return Keeper("file", "", "this is a test")


@pytest.fixture
def accounts(home: Path) -> Accounts:
    return Accounts(home)


# --- whose they are ---------------------------------------------------------------------------------------------------


def test_an_account_is_its_persons_alone(accounts, home):
    accounts.keep(ADA, OLD)
    access = Accounts(home).get("ada", "youtube")
    assert access.tokens() == OLD and access.account.id == "UC1" and access.account.connected
    for person, service in (("ben", "youtube"), ("ada", "vimeo"), ("ada-", "youtube")):
        with pytest.raises(AccountError, match="no account") as told:
            accounts.get(person, service)
        assert told.value.do == f"Connect it: candid accounts connect {service} --as {person}"


def test_nobody_gets_at_anothers_account_by_its_file(accounts):
    accounts.keep(ADA, OLD)
    folder = accounts.vault.folder
    shutil.copy(folder / "ada.youtube.sealed", folder / "ben.youtube.sealed")
    with pytest.raises(AccountError, match="another person"):
        accounts.get("ben", "youtube")
    found, faults = accounts.examined()
    assert [each.person for each in found] == ["ada"] and len(faults) == 1
    assert faults[0].what.startswith("ben at youtube:")
    assert accounts.listed("ben") == ()


def test_nobody_connects_what_is_anothers(accounts):
    accounts.keep(ADA, OLD)
    theirs = Account("ben", "youtube", "UC1", "Ada's channel", ADA.address)
    with pytest.raises(AccountError, match="ada's account already") as told:
        accounts.keep(theirs, NEW)
    assert "candid accounts disconnect youtube --as ada" in told.value.do and accounts.listed("ben") == ()
    accounts.keep(ADA, NEW)  # their own again is well
    accounts.keep(Account("ben", "peertube", "UC1", "Ben", "https://a.example/"), OLD)
    accounts.keep(Account("eve", "peertube", "UC1", "Eve", "https://b.example/"), OLD)  # another instance
    assert [(each.person, each.service) for each in accounts.listed()] == [
        ("ada", "youtube"), ("ben", "peertube"), ("eve", "peertube"),
    ]  # fmt: skip


def test_what_is_forgotten_is_gone(accounts):
    accounts.keep(ADA, OLD)
    access = accounts.get("ada", "youtube")
    access.tokens()
    accounts.forget("ada", "youtube")
    accounts.forget("ada", "youtube")
    with pytest.raises(AccountError, match="no account"):
        access.renew(lambda tokens: NEW)
    assert accounts.listed() == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"account": {"person": "ada"}, "tokens": {}}', '{"account": 3}'])
def test_what_another_version_wrote_is_told(accounts, text):
    accounts.vault.put("ada", "youtube", text)
    with pytest.raises(AccountError, match="another version"):
        accounts.get("ada", "youtube")


# --- renewed ----------------------------------------------------------------------------------------------------------


def never(tokens: object) -> dict[str, str]:
    raise AssertionError("nobody was to be asked")


def test_new_tokens_are_saved_before_anybody_uses_them(accounts, home):
    accounts.keep(ADA, OLD)
    access = accounts.get("ada", "youtube")
    assert access.renew(lambda tokens: NEW if tokens == OLD else {}) == NEW
    assert Accounts(home).get("ada", "youtube").tokens() == NEW and access.tokens() == NEW


def test_what_another_renewed_meanwhile_is_taken(accounts):
    accounts.keep(ADA, OLD)
    mine, other = accounts.get("ada", "youtube"), accounts.get("ada", "youtube")
    assert mine.tokens() == OLD
    other.renew(lambda tokens: NEW)
    assert mine.renew(never) == NEW
    assert mine.renew(lambda tokens: {"access_token": "third"}) == {
        "access_token": "third"
    }  # those were too old as well


def test_many_at_once_ask_once(accounts):
    accounts.keep(ADA, OLD)
    asked: list[str] = []
    everybody = [accounts.get("ada", "youtube") for _ in range(6)]
    assert all(each.tokens() == OLD for each in everybody)

    def ask(tokens: object) -> dict[str, str]:
        asked.append("once")
        return NEW

    threads = [threading.Thread(target=each.renew, args=(ask,)) for each in everybody]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert asked == ["once"] and all(each.tokens() == NEW for each in everybody)


def failing(fault: Exception):
    def ask(tokens: object) -> dict[str, str]:
        raise fault

    return ask


def test_a_sign_in_that_ended_is_marked_and_the_command_is_told(accounts):
    accounts.keep(ADA, OLD)
    access = accounts.get("ada", "youtube")
    with pytest.raises(AccountError, match="ada at youtube: It ended") as told:
        access.renew(failing(AccountError("It ended.", "Because.")))
    assert told.value.do == "Sign in again: candid accounts connect youtube --as ada\n  Because."
    [account] = accounts.listed()
    assert has_ended(account) and access.tokens() == OLD
    access.renew(lambda tokens: NEW)  # it works after all
    assert not has_ended(accounts.listed()[0])


@pytest.mark.parametrize("fault", [PublishError("The service is away."), KeyboardInterrupt(), ValueError("x")])
def test_a_service_that_is_away_ends_no_sign_in(accounts, fault):
    accounts.keep(ADA, OLD)
    with pytest.raises(type(fault)):
        accounts.get("ada", "youtube").renew(failing(fault))
    assert not has_ended(accounts.listed()[0]) and accounts.get("ada", "youtube").tokens() == OLD


# --- the commands, with a double of PeerTube's sign-in ----------------------------------------------------------------


class Instance(Double):
    """A double of the part of PeerTube that signs people in (as PeerTube 6.3 answered)."""

    def __init__(self, secret: str = "s3cret") -> None:
        super().__init__()
        self.secret = secret
        self.revoked: list[str] = []
        self.shown = "Ada L"

    def answer(self, request: Request) -> Answer:
        token = f"access-{self.secret}"
        match request.method, request.path:
            case "GET", "/api/v1/oauth-clients/local":
                return Answer(200, {"client_id": "local", "client_secret": f"client-{self.secret}"})
            case "POST", "/api/v1/users/token":
                if request.form.get("password") != f"password-{self.secret}":
                    return Answer(
                        400, {"code": "invalid_grant", "detail": "Invalid grant: user credentials are invalid"}
                    )
                return Answer(
                    200, {"access_token": token, "refresh_token": f"refresh-{self.secret}", "expires_in": 86399}
                )
            case _ if request.headers.get("authorization") != f"Bearer {token}" or self.revoked:
                return Answer(401, {"error": "invalid_token"})
            case "GET", "/api/v1/users/me":
                account = {"id": 7, "name": "ada", "displayName": self.shown, "host": "video.example"}
                return Answer(200, {"username": "ada", "account": account})
            case "POST", "/api/v1/users/revoke-token":
                self.revoked.append(token)
                return Answer(200, {})
        return Answer(404, {})


@pytest.fixture
def instance():
    with Instance().running() as double:
        yield double


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    people = tmp_path / "space" / "assets" / "people"
    people.mkdir(parents=True)
    for person in ("ada", "ben"):
        (people / f"{person}.toml").write_text(f'name = "{person.title()}"\n')
    return tmp_path / "space"


def candid(workspace: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(commands.accounts, [*arguments], obj=workspace, input=typed)


def connect(workspace: Path, instance: Instance, person: str = "ada", password: str = "password-s3cret") -> Result:
    typed = f"ada\n{password}\n"
    return candid(workspace, "connect", "peertube", "--as", person, "--address", instance.root, typed=typed)


def test_who_is_signed_in_is_shown_and_kept(workspace, instance):
    said = connect(workspace, instance)
    assert said.exit_code == 0, said.output
    assert "ada is connected at PeerTube as Ada L (ada@video.example)" in said.stdout
    assert "disconnect peertube --as ada" in said.stdout and "s3cret" not in said.output
    [account] = json.loads(candid(workspace, "list", "--json").stdout)["accounts"]
    assert (account["person"], account["name"], account["needs_sign_in"]) == ("ada", "Ada L (ada@video.example)", False)
    assert account["may"] == ["upload", "edit", "delete"] and account["address"] == instance.root
    assert "s3cret" not in candid(workspace, "list", "--json").output
    listed = candid(workspace, "list").stdout
    assert "upload, edit, delete" in listed and "when the service asks" in listed and "peertube" in listed
    assert json.loads(candid(workspace, "list", "--json", "--as", "ben").stdout) == {"accounts": [], "wrong": []}


def test_a_wrong_password_an_unknown_person_and_a_wrong_call_store_nothing(workspace, instance):
    wrong = connect(workspace, instance, password="guess").exception
    assert isinstance(wrong, AccountError) and "guess" not in str(wrong)
    assert "no person 'nobody'" in str(connect(workspace, instance, "nobody").exception)
    assert candid(workspace, "connect", "youtube", "--as", "ada", "--address", "https://x.example").exit_code == 2
    assert candid(workspace, "connect", "folder", "--as", "ada").exit_code == 2
    assert candid(workspace, "connect", "vimeo").exit_code == 2
    assert "No account is connected" in candid(workspace, "list").stdout


def test_a_name_cannot_play_with_the_terminal(workspace, instance, accounts):
    instance.shown = "Ada\x1b[2J"
    assert "as Ada?[2J (ada@video.example)" in connect(workspace, instance).stdout
    assert "\x1b" not in candid(workspace, "list").stdout


@pytest.mark.parametrize("answers", [{}, {"client_id": 1, "account": []}, ["no object"]])
@pytest.mark.parametrize("path", ["/api/v1/oauth-clients/local", "/api/v1/users/token", "/api/v1/users/me"])
def test_what_is_no_peertube_is_told(workspace, instance, monkeypatch, path, answers):
    monkeypatch.setattr(peertube_server, "SIGN_IN_SECONDS", 0.1)
    instance.fail(lambda request: Answer(200, answers), path=path, times=10_000)
    wrong = connect(workspace, instance).exception
    assert isinstance(wrong, CandidError) and wrong.do, wrong
    assert json.loads(candid(workspace, "list", "--json").stdout)["accounts"] == []


def test_the_company_client_is_asked_for_by_its_place(workspace):
    told = candid(workspace, "connect", "vimeo", "--as", "ada").exception
    assert isinstance(told, AccountError) and str(workspace / "assets" / "clients" / "vimeo.json") in told.do


def test_what_has_ended_is_listed_with_its_cure(workspace, instance, accounts):
    connect(workspace, instance)
    with pytest.raises(AccountError):
        accounts.get("ada", "peertube").renew(failing(AccountError("It ended.")))
    [account] = json.loads(candid(workspace, "list", "--json").stdout)["accounts"]
    assert account["needs_sign_in"] and account["do"].startswith("candid accounts connect peertube --as ada")
    assert "needed now" in candid(workspace, "list").stdout


def test_an_account_that_cannot_be_opened_does_not_hide_the_others(workspace, instance, accounts):
    connect(workspace, instance)
    (accounts.vault.folder / "ben.vimeo.sealed").touch(0o600)
    said = candid(workspace, "list", "--json")
    told = json.loads(said.stdout)
    assert said.exit_code == 1 and len(told["accounts"]) == 1 and "ben at vimeo" in told["wrong"][0]["what"]
    plain = candid(workspace, "list")
    assert plain.exit_code == 1 and "ada" in plain.stdout and "ben at vimeo" in plain.stderr


def test_disconnecting_ends_it_at_the_service_and_here(workspace, instance, accounts):
    connect(workspace, instance)
    said = candid(workspace, "disconnect", "peertube", "--as", "ada")
    assert said.exit_code == 0 and "The service has ended the sign-in." in said.stdout
    assert instance.revoked == ["access-s3cret"] and accounts.listed() == ()
    for more in ((), ("--anyway",)):
        again = candid(workspace, "disconnect", "peertube", "--as", "ada", *more).exception
        assert isinstance(again, AccountError) and "no account" in again.what and "--anyway" not in again.do


def test_where_the_service_cannot_be_told_it_is_forgotten_only_when_that_is_wished(workspace, instance, accounts):
    connect(workspace, instance)
    instance.fail(400, "POST", "revoke-token", times=9)
    refused = candid(workspace, "disconnect", "peertube", "--as", "ada").exception
    assert isinstance(refused, CandidError) and "--anyway" in refused.do and len(accounts.listed()) == 1
    said = candid(workspace, "disconnect", "peertube", "--as", "ada", "--anyway")
    assert said.exit_code == 0 and "was not told" in said.stdout and accounts.listed() == ()


def test_what_cannot_be_opened_is_forgotten_anyway(workspace, accounts):
    accounts.keep(ADA, OLD)
    (accounts.vault.folder / "ada.youtube.sealed").write_text("nonsense")
    assert candid(workspace, "disconnect", "youtube", "--as", "ada", "--anyway").exit_code == 0
    assert accounts.examined() == ((), ())


def test_the_services_are_those_that_know_accounts():
    assert {name for name in publishers.names() if publishers.about(name).signs_in} == set(commands.SERVICES)


# --- doctor -----------------------------------------------------------------------------------------------------------


def findings(workspace: Path) -> dict[str, doctor.Finding]:
    return {each.name: each for each in doctor._accounts()}


def test_doctor_says_who_needs_attention_and_what_protects_the_tokens(workspace, accounts):
    assert findings(workspace)["accounts"].says == "none connected" and not (accounts.vault.folder).exists()
    accounts.keep(ADA, OLD)
    found = findings(workspace)
    assert found["accounts"].says == "1 connected" and "account" not in found
    assert found["YouTube sign-ins"].ok and "7 days" in found["YouTube sign-ins"].cure
    kept = found["tokens"].says
    assert str(accounts.vault.folder) in kept and "can open them" in kept and "this is a test" in kept
    with pytest.raises(AccountError):
        accounts.get("ada", "youtube").renew(failing(AccountError("It ended.")))
    ended = findings(workspace)["account"]
    assert not ended.ok and not ended.essential and ended.cure.endswith("candid accounts connect youtube --as ada")


def test_doctor_goes_on_where_others_can_reach_the_tokens(workspace, accounts):
    accounts.keep(ADA, OLD)
    accounts.vault.folder.chmod(0o755)
    found = list(doctor.examine(Workspace(workspace)))
    wrong = [each for each in found if each.name in ("account", "accounts") and not each.ok]
    assert len(wrong) == 1 and "chmod 700" in wrong[0].cure
    assert found[-1].name == "machine"


def test_an_access_shows_no_token(accounts):
    accounts.keep(ADA, OLD)
    access = accounts.get("ada", "youtube")
    assert isinstance(access, Access) and access.tokens() and "old" not in f"{access!r}{access}"
