"""Comments on YouTube become suggestions: over real HTTP, against a double that speaks this part of YouTube's API."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from commands import topics as commands
from pipeline import comments
from pipeline.accounts import Accounts
from pipeline.comments import Suggestion, reads_like_suggestion, suggestions, wish
from pipeline.errors import AccountError, BoardError
from pipeline.model import Account
from tests.conftest import ROOT

CHANNEL, TOKEN = "UC-mine", "token-1"
STALE = {"access_token": "of-yesterday", "refresh_token": "refresh-1", "client_id": "c", "client_secret": "s"}


def thread(
    id: str, text: str, day: int = 1, author: str = "@ada", channel: str = "UC-ada", video: str = "vid-1"
) -> dict:
    """A comment as YouTube gives it with textFormat=plainText."""
    said = {
        "textDisplay": text, "authorDisplayName": author, "authorChannelId": {"value": channel},
        "publishedAt": f"2026-11-{day:02}T10:00:00Z", "updatedAt": f"2026-11-{day:02}T10:00:00Z",
    }  # fmt: skip
    about = {"channelId": CHANNEL, "topLevelComment": {"kind": "youtube#comment", "id": id, "snippet": said}}
    return {"kind": "youtube#commentThread", "id": id, "snippet": about | ({"videoId": video} if video else {})}


class Double(ThreadingHTTPServer):
    """Lists the channel and its comments, two a page, the latest first, to whoever has the token; and renews it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.root = f"http://127.0.0.1:{self.server_port}/"
        self.threads: list[dict] = []
        self.channels = [{"kind": "youtube#channel", "id": CHANNEL}]
        self.asked: list[dict[str, str]] = []
        self.fails: tuple[int, str] | None = None  # from the second page on


class _Answers(BaseHTTPRequestHandler):
    server: Double

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.server.asked.append(query)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._say(401, _fault(401, "authError"))
        elif address.path == "/youtube/v3/channels" and query["mine"] == "true":
            self._say(200, {"items": self.server.channels} if self.server.channels else {"kind": "empty"})
        elif address.path == "/youtube/v3/commentThreads" and query["allThreadsRelatedToChannelId"] == CHANNEL:
            self._page(query)
        else:
            self._say(404, _fault(404, "notFound"))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path == "/token" and form["refresh_token"] == [STALE["refresh_token"]]:
            self._say(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
        else:
            self._say(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})

    def _page(self, query: dict[str, str]) -> None:
        assert query["textFormat"] == "plainText" and query["order"] == "time"
        at = int(query.get("pageToken", "0"))
        if at and self.server.fails:
            self._say(self.server.fails[0], _fault(*self.server.fails))
            return
        more = {"nextPageToken": str(at + 2)} if at + 2 < len(self.server.threads) else {}
        self._say(200, {"items": self.server.threads[at : at + 2], **more})

    def _say(self, status: int, told: dict) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: object) -> None:
        """Says nothing."""


def _fault(status: int, reason: str) -> dict:
    return {"error": {"code": status, "message": reason, "errors": [{"domain": "youtube", "reason": reason}]}}


@pytest.fixture
def youtube():
    with Double() as double:
        serving = threading.Thread(target=double.serve_forever, daemon=True)
        serving.start()
        yield double
        double.shutdown()
        serving.join(10)


def found(double: Double, since: datetime | None = None, token: str = TOKEN) -> list[Suggestion]:
    with comments.client(token, double.root) as service:
        return list(suggestions(service, since))


# --- YouTube ----------------------------------------------------------------------------------------------------------


def test_wishes_are_found_on_all_pages(youtube):
    youtube.threads = [
        thread("c1", "Great! How about dropping a 🎹 on it? 😂", 9, "@ada"),
        thread("c2", "First!", 8),
        thread("c3", "<b>Please show</b> the <script>alert(1)</script> data center", 7, "@ben", video=""),
        thread("c4", "How do you cool it?", 6, "@me", CHANNEL),
        thread("c5", "Könnt ihr mal die Kantine zeigen?", 5, "@zoë"),
    ]
    assert found(youtube) == [
        Suggestion("How about dropping a 🎹 on it?", "@ada", "c1", "vid-1"),
        Suggestion("Please show the alert(1) data center", "@ben", "c3", ""),
        Suggestion("Könnt ihr mal die Kantine zeigen?", "@zoë", "c5", "vid-1"),
    ]
    assert [query.get("pageToken") for query in youtube.asked] == [None, None, "2", "4"]


def test_older_comments_are_not_even_asked_for(youtube):
    youtube.threads = [thread(f"c{day}", f"Please show number {day}", day) for day in range(9, 0, -1)]
    since = datetime(2026, 11, 7, tzinfo=UTC)
    assert [one.comment for one in found(youtube, since)] == ["c9", "c8", "c7"]
    assert len(youtube.asked) == 3  # the channel and two pages


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ((403, "quotaExceeded"), "quota for today is used up"), ((403, "rateLimitExceeded"), "too often"),
        ((403, "forbidden"), r"refuses .*forbidden"), ((401, "authError"), "sign-in"),
        ((500, "backendError"), "500"),
    ],
)  # fmt: skip
def test_what_youtube_refuses_is_told_in_words(youtube, fails, says):
    youtube.threads = [thread(f"c{day}", "Please show the cellar", day) for day in (9, 8, 7)]
    youtube.fails = fails
    with comments.client(TOKEN, youtube.root) as service:
        heard = suggestions(service)
        assert next(heard).comment == "c9"
        with pytest.raises(BoardError, match=says) as told:
            list(heard)
    assert told.value.do


def test_a_wrong_token_a_missing_channel_and_no_network_are_told_in_words(youtube):
    with pytest.raises(BoardError, match="no longer accepts the sign-in"):
        found(youtube, token="another")
    youtube.channels = []
    with pytest.raises(BoardError, match="no YouTube channel"):
        found(youtube)
    youtube.root = "http://127.0.0.1:9/"  # nobody listens there
    with pytest.raises(BoardError, match="cannot be reached"):
        found(youtube)


def test_without_googles_client_the_cure_is_named():
    code = (
        "import sys; sys.modules['googleapiclient'] = None\n"
        "from pipeline import comments, errors\n"
        "try:\n  comments.client('t').__enter__()\nexcept errors.BoardError as fault: print(fault.do)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "pip install 'candid[publish]'\n"


# --- the command ------------------------------------------------------------------------------------------------------


def candid(workspace, *arguments: str):
    return CliRunner().invoke(commands.topics, [*arguments], obj=workspace)


@pytest.fixture
def workspace(tmp_path, monkeypatch, youtube):
    people = tmp_path / "assets" / "people"
    people.mkdir(parents=True)
    (people / "zoe.toml").write_text('name = "Zoë"\n')
    monkeypatch.setenv("CANDID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


def connect(workspace, youtube, **tokens: str) -> None:
    """Zoë is connected; her access token is one of yesterday."""
    account = Account("zoe", "youtube", CHANNEL, "Zoë's channel", youtube.root)
    Accounts(workspace / "home").keep(account, {**STALE, "token_uri": f"{youtube.root}token", **tokens})


def test_comments_are_imported_once(workspace, youtube):
    connect(workspace, youtube)
    youtube.threads = [
        thread("c1", "How about dropping a piano on it? 🎹", 9, "@ada"),
        thread("c2", "how about dropping a piano on it? 🎹", 8, "@ben"),
        thread("c3", "Please show x <y 2", 7, "@eve"),
    ]
    dry = candid(workspace, "import", "youtube", "--as", "zoe", "--dry-run")
    assert "Would be added: 1, known: 1, refused: 1" in dry.stdout and "comment c3" in dry.stdout
    assert json.loads(candid(workspace, "list", "--json").stdout) == {"topics": []}
    for added, known in ((1, 1), (0, 2)):
        said = candid(workspace, "import", "youtube", "--as", "zoe")
        assert f"Added: {added}, known: {known}, refused: 1" in said.stdout
        [topic] = json.loads(candid(workspace, "list", "--json").stdout)["topics"]
        assert (topic["names"], topic["votes"]) == (["@ada", "@ben"], 2)


def test_without_an_account_a_person_or_a_right_call_it_is_told_in_words(workspace, youtube):
    assert candid(workspace, "import", "youtube").exit_code == 2
    assert candid(workspace, "import", "file.csv", "--as", "zoe").exit_code == 2
    assert "no person 'nobody'" in str(candid(workspace, "import", "youtube", "--as", "nobody").exception)
    without = candid(workspace, "import", "youtube", "--as", "zoe").exception
    assert isinstance(without, AccountError) and "candid accounts connect youtube --as zoe" in without.do
    connect(workspace, youtube, refresh_token="revoked")
    ended = candid(workspace, "import", "youtube", "--as", "zoe").exception
    assert isinstance(ended, AccountError) and "has ended" in ended.what and "7 days" in ended.do


# --- what reads like a suggestion -------------------------------------------------------------------------------------

WISHES = """
can you show how you cool the servers?
Can you guys please make a video about backups
please make a video about the coffee machine!
How about dropping a piano on a server?
What about liquid nitrogen?
Great video! How do you get rid of old hard drives?
könnt ihr mal zeigen, wie ihr Server kühlt?
koennt ihr mal den Keller zeigen
Wie wäre es mit einem Video über die Kantine?
wie wärs mit Backups
Next time try it with a chainsaw 😂
Use a chainsaw next time!
You should destroy a mainframe next
I'd love to see the data center at night
Would be cool if you showed the backup generator
Was passiert, wenn der Strom ausfällt?
Nächstes Mal bitte mit einem Hammer
Ich würde gerne sehen, wie ihr Kabel verlegt
Zeigt doch mal die Werkstatt
What happens if you pour coke on a router?
Why don’t you explain DNS?
Suggestion: a tour through the cellar
Ihr solltet mal einen Drucker zerstören
Do a video on how interns work
Wünsche mir ein Video über Linux
Gerne mehr über eure Azubis!
""".strip().splitlines()
OTHERS = """
Great video!
Love it ❤️❤️❤️
First!
This is so cool, thanks for showing
Super Video, danke!
Check out my channel for more: can you show me support?
can you show this? https://spam.example
can you show what is on spam.com please
Who is watching in 2026?
I love how you show this
What a great team
Best video about servers ever
Das war echt toll gemacht
Please subscribe to my channel
Earn money from home, ask me how? whatsapp +1
The piano made me laugh so hard
You should be proud
thank you for making a video about this
How are you?
Nice one, see you next time!
Bis zum nächsten Mal
""".strip().splitlines()


@pytest.mark.parametrize("text", WISHES)
def test_a_wish_is_understood(text):
    assert reads_like_suggestion(text)


@pytest.mark.parametrize("text", ["", "🎹", *OTHERS])
def test_praise_and_advertising_are_no_wishes(text):
    assert not reads_like_suggestion(text)


def test_the_wish_is_cut_out():
    assert wish("Love this channel!!\nCan you show\tthe cellar?  I was there once.") == "Can you show the cellar?"
    long = wish("Please show " + "the very long cellar " * 30)
    assert 180 < len(long) <= 200
    assert long[:-1] in "Please show " + "the very long cellar " * 30 and long.split()[-1] in {"the…", "very…", "long…"}
