"""A short take of a real clip, as it lies in a workspace before and after somebody has listened to it."""

from __future__ import annotations

import functools
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from pydantic import TypeAdapter

from pipeline import ffmpeg, orders, people, recipes, takes, transcribers
from pipeline.make import look
from pipeline.model import Take, Transcript, Word
from pipeline.orders import Wanted
from pipeline.wording import laid
from pipeline.workspace import Workspace
from tests.conftest import ROOT

SECONDS = 12.5  # of the demo's clip: a sentence, a filler between pauses, and another sentence
TOPIC = "Why <script>alert(1)</script> servers & robots"


def spoken(text: str, start_ms: int, end_ms: int, unsure: str = "") -> tuple[Word, ...]:
    words = laid(text.split(), start_ms, end_ms)
    return tuple(replace(word, confidence=0.2 if word.text == unsure else 0.9) for word in words)


SAID = (
    *spoken("You asked for the most creative way to destroy a <b>server</b>.", 600, 4500, unsure="creative"),
    *spoken("Um.", 6200, 6700),
    *spoken("This one is twelve years old.", 8100, 9700),
    *spoken("Today, we pour coffee on it.", 10300, 12100),
)
_RECIPE = f"""topic = "{TOPIC}"
formats = ["square"]
language = "en"
"""


def clip(folder: Path, *, start: float = 0.0, seconds: float = SECONDS, name: str = "clip.mp4") -> Path:
    """The demo's clip, small, from `start` on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(_small(start, seconds))
    return folder / name


@functools.cache
def _small(start: float, seconds: float) -> bytes:
    source = ["-ss", str(start), "-t", str(seconds), "-i", str(ROOT / "assets" / "demo" / "demo.mp4")]
    picture = ["-vf", "scale=480:270", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "clip.mp4")
        ffmpeg.run([*source, *picture, "-map_metadata", "-1", f"file:{made}"])
        return made.read_bytes()


def handed_in(root: Path, *clips: Path, person: str = "ada", recipe: str = "spoken") -> Take:
    """The clips as a take of that person."""
    space = Workspace(root)
    space.recipe(recipe).write_text(_RECIPE, encoding="utf-8")
    found = recipes.load(space.queued(recipe))
    return takes.submit(clips, found, people.find(space.people, person), "Yes.", space.takes, again=True)[0]


def heard(root: Path, take: Take, said: tuple[Word, ...] = SAID) -> None:
    """Writes down what is said, the same on every machine, and what would be cut; makes no video."""
    order, shelf = orders.order(Workspace(root), (take.id,), Wanted())
    with patch.object(transcribers, "choose", lambda *_: transcribers.Choice(transcribers.Silent(), "for a test")):
        look(order, shelf)
    words = TypeAdapter(Transcript).dump_json(Transcript(said, "none", "", "en"))
    shelf.path("words.json").write_bytes(words)  # as somebody does who corrects it by hand
    look(order, shelf)


def looked(root: Path, take: Take) -> None:
    """Obeys edit.md as a render does, and makes no video."""
    order, shelf = orders.order(Workspace(root), (take.id,), Wanted())
    look(order, shelf)


def as_if_made(root: Path, take: Take) -> Path:
    """Lays the files of a video on the take's shelf, as far as only their names matter; the folder."""
    folder = root / "output" / take.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "square.mp4").write_bytes(take.clips[0].read_bytes())
    (folder / "square.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n", encoding="utf-8")
    (folder / "thumbnail.jpg").write_bytes(b"\xff\xd8\xff" + bytes(2000))
    (folder / "thumbnail-2.jpg").write_bytes(b"\xff\xd8\xff" + bytes(3000))
    names = ["edit.md", "square.mp4", "square.vtt", "thumbnail.jpg", "thumbnail-2.jpg", "../../outside.txt", ".clips"]
    (folder / "report.json").write_text(json.dumps({"files": names}), encoding="utf-8")
    return folder
