"""A workspace in which there is something of everything: topics, recipes and takes in all states, an account, devices.

For tests that go through all pages, and for the pictures of the page.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from pipeline import board, recipes, takes
from pipeline.board import Board
from pipeline.model import Account, Take
from pipeline.web.handing import HandIn, Sent
from pipeline.web.incoming import Incoming, Upload
from pipeline.workspace import Workspace
from tests import doubles, recorded
from tests.conftest import ROOT
from tests.recorded import spoken
from tests.served import Served
from tests.test_web_publishing import approve, press_publish, settled

ASKED = (  # a topic, who asked for it, and how many want it
    ("What does a data center sound like at night?", "Mina", 31),
    ("Show us how you move a server without switching it off", "Jonas", 24),
    ("How much power does one search need?", "", 17),
    ("The oldest machine that you still run", "Priya", 12),
    ("Can a robot change a hard disk?", "", 9),
    ("What happens when the cooling fails?", "Lena", 6),
)
SCRIPT = """You asked for the most creative way to destroy a server. Um. This one is twelve years old.
Today, we pour coffee on it."""
FAREWELL = """This machine served us for twelve years. It never had a day off.
Today it gets the farewell that it deserves."""
DEMO = (  # what is said in the demo's clip
    *spoken("You asked for the most creative way to destroy a server.", 600, 4500),
    *spoken("Um.", 6200, 6700),
    *spoken("This one is twelve years old.", 8100, 9700),
    *spoken("Today, we pour coffee on it.", 10300, 12100),
    *spoken("No, wait.", 12550, 13300),
    *spoken("We drop the piano on it.", 13700, 15000, unsure="piano"),
    *spoken("That was overdue.", 21800, 22900),
    *spoken("Tell us what we should destroy next.", 23400, 25400),
)
TOPIC = "The most creative way to destroy a server"


@dataclass
class Prepared:
    """Where things are: takes and topics by their state, and the rest by name."""

    server: Served
    takes: dict[str, str] = field(default_factory=dict)
    topics: dict[str, int] = field(default_factory=dict)
    waiting: str = ""  # a hand-in whose clips nobody has looked at yet

    @property
    def space(self) -> Workspace:
        return Workspace(self.server.folder)

    @property
    def landmarks(self) -> dict[str, str]:
        """For every name in the path of a door, one that is there."""
        return {
            "id": str(self.topics["new"]), "show": "trending", "recipe": "destroy", "slug": "destroy",
            "handin": self.waiting, "service": "peertube", "name": "default", "take": self.takes["made"],
        }  # fmt: skip


def prepared(server: Served, *, tidy: bool = False) -> Prepared:
    """Fills the workspace of a server that runs. `tidy`: with fewer things, and nothing that means harm in them."""
    found = Prepared(server)
    _queue(found.space)
    if tidy:
        _spoken(found)
    else:
        _takes(found)
        _sent(found.space)
    _topics(found)
    found.waiting = _waiting(found.space)
    account = Account("ada", "peertube", "3", "Ada (ada@tube.example)", "https://tube.example")
    doubles.accounts(server._home).keep(account, {"access_token": "t", "refresh_token": "r"})
    return found


def _queue(space: Workspace) -> None:
    prompts = ["Show the server, and say what it did all these years.", "Destroy it.", "Show what is left."]
    why = "It was voted up by many, and it lets people see what is inside such a machine."
    recipes.new(space.recipes, TOPIC, "destroy", why=why, asked_by="Mina and 30 others", prompts=prompts, seconds=60)
    recipes.new(
        space.recipes, "Coffee and servers", "coffee", script=SCRIPT, formats=["square"], language="en",
        asked_by="the people who read this",
    )  # fmt: skip
    recipes.new(space.recipes, "A walk through the building", "walk", seconds=90)
    recipes.new(space.recipes, TOPIC, "clean", language="en")
    recipes.new(space.recipes, TOPIC, "read", script=FAREWELL, language="en")


def _takes(found: Prepared) -> None:
    folder = found.server.folder.parent / "recorded"
    clip = recorded.clip(folder)
    found.takes["made"] = _made(found, clip)
    for state in ("approved", "published"):
        found.takes[state] = _as(found, state)
    found.takes["recorded"] = _handed_in(found.space, recorded.clip(folder, start=3, name="later.mp4"), "walk").id
    draft = recorded.handed_in(found.server.folder, recorded.clip(folder, seconds=12.4, name="draft.mp4"))
    recorded.heard(found.server.folder, draft)
    found.takes["heard"] = draft.id
    with found.server.client("ada") as ada:
        for state in ("approved", "published"):
            assert approve(ada, found.takes[state]).status_code == 303
        assert press_publish(ada, found.takes["published"]).status_code == 303
        settled(found.server, ada, found.takes["published"])


def _spoken(found: Prepared) -> None:
    """A take whose words are known, and almost all of them sure."""
    take = _handed_in(found.space, ROOT / "assets" / "demo" / "demo.mp4", "clean")
    recorded.heard(found.server.folder, take, DEMO)
    found.takes["spoken"] = take.id


def _handed_in(space: Workspace, clip: Path, recipe: str) -> Take:
    from pipeline import people

    person = people.find(space.people, "ada")
    return takes.submit((clip,), recipes.load(space.queued(recipe)), person, "Yes.", space.takes, again=True)[0]


def _made(found: Prepared, clip: Path) -> str:
    take = _handed_in(found.space, clip, "coffee").id
    with found.server.client("ada") as ada:
        assert ada.post(f"/takes/{take}/make").status_code == 303
        until_made(ada, take)
    return take


def until_made(client: httpx.Client, take: str, before: str = "", seconds: float = 300) -> str:
    """Waits until the video is there, and another one than before; when it was made."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = client.get("/states").json().get(take, {})
        assert not now.get("fault"), now
        if now and now["made"] not in ("", before) and not now["place"]:
            return str(now["made"])
        time.sleep(0.2)
    raise AssertionError(f"it was not made in time: {client.get('/states').json()}")


def _as(found: Prepared, name: str) -> str:
    """The take that was made once more, under another name: rendering it again would only take time."""
    take = f"{found.takes['made']}-{name}"
    space, made = found.space, found.takes["made"]
    shutil.copytree(space.takes / made, space.takes / take)
    shutil.copytree(space.output / made, space.output / take)
    told = space.takes / take / "take.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"id": take}))
    return take


def _topics(found: Prepared) -> None:
    with board.open_board(found.space.board) as opened:
        ids = [_asked(opened, text, by, votes) for text, by, votes in ASKED]
        planned = _asked(opened, "A robot that waters the plants", "Tom", 14)
        answered = _asked(opened, "Pour coffee over a server", "Mina", 40)
        declined = _asked(opened, "Buy my watches", "", 1)
        merged = _asked(opened, "What does a data centre sound like when it is dark?", "Ola", 2)
        opened.queue(planned, lambda topic: recipes.from_topic(found.space.recipes, topic))
        opened.answer(answered, "https://video.example/watch/1")
        opened.decline(declined, "It is an advertisement.")
        opened.merge(merged, ids[0])
    named = {"planned": planned, "answered": answered, "declined": declined, "merged": merged}
    found.topics.update({"new": ids[0], **named})


def _asked(opened: Board, text: str, by: str, votes: int) -> int:
    topic = opened.suggest(text, by, f"voter of {text}")
    for number in range(votes - 1):
        opened.vote(topic.id, f"voter {number}")
    return topic.id


def _sent(space: Workspace) -> None:
    """A clip of which half has arrived."""
    incoming = Incoming(space.root / ".candid" / "uploads")
    sent = incoming.create(Upload(person="ada", length=9, name="first-try.mov", recipe="destroy", slot=2))
    incoming.path(sent).write_bytes(b"half")


def _waiting(space: Workspace) -> str:
    """A hand-in without its clips: nobody can look at them, so it waits for as long as it is there."""
    id = "0123456789abcdef" * 2
    clips = (Sent(upload="a" * 22, name="first day.mp4", slot=1), Sent(upload="b" * 22, name="second.mp4", slot=2))
    handed = HandIn(person="ada", recipe="walk", consent="Yes.", id=id, clips=clips)
    folder = space.root / ".candid" / "hand-ins"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{id}.json").write_text(handed.model_dump_json())
    return id
