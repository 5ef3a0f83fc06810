"""Everything that is found out about one clip of a take, each fact kept on the shelf until its causes change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Generic, TypeVar

from pipeline import ffmpeg, limits, listen, media, scripted
from pipeline.edit import Text
from pipeline.errors import ClipError
from pipeline.model import Activity, Clip, Hints, Recipe, Sound, Still, Transcript
from pipeline.progress import Clock, Tell
from pipeline.shelf import Shelf
from pipeline.transcribers import Choice, Ear, Silent, aligning
from pipeline.transcribers.aligning import Aligner
from pipeline.wording import printable

T = TypeVar("T")

_SEEKABLE = {"mov", "matroska", "webm"}  # others are remuxed first: MPEG-TS seeks to corrupt pictures, and says nothing
_SECONDS_TO_READ = 600
_VERSION = 5  # of what is found out; a new one makes every take look and listen again


@dataclass(frozen=True, slots=True)
class Found:
    """One clip: what it is, what was said and what happens in it.

    `readable` is the file to read pictures from: the clip itself, or a copy that can be seeked. `sound` decodes the
    clip's sound for the video (48 kHz, stereo) when somebody wants it; None where it has none. `heard` is the same for
    who listens to words (16 kHz, mono).
    """

    clip: Clip
    signature: tuple[int, int]
    readable: Path
    transcript: Transcript
    activity: Activity
    sound: Callable[[], Sound | None]
    heard: Callable[[], Sound | None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What is at hand while one take is looked at:

    its shelf, a process with limits that reads files from outside, who listens, and who times a given text (None: no
    engine here can).
    """

    shelf: Shelf
    reader: Executor
    choice: Choice
    ear: Ear
    recipe: Recipe
    tell: Tell
    clock: Clock

    @property
    def aligner(self) -> Aligner | None:
        """Who times a given text; None where nobody can listen."""
        return None if isinstance(self.choice.engine, Silent) else self.ear


def look(path: Path, number: int, desk: Desk) -> Found:
    """Looks at and listens to the clip at `path`, the take's `number`-th (from 1).

    Raises ClipError where it is no clip.
    """
    signature = media.signature(path)
    with _unless_changed(path, signature):
        return _looked(path, number, signature, desk)


def _looked(path: Path, number: int, signature: tuple[int, int], desk: Desk) -> Found:
    with desk.clock("probe"):
        desk.tell("looking", 0)
        clip = _probed(path, number, signature, desk)
        readable = _readable(clip, number, desk)
    new = clip.audio is not None and not desk.shelf.path(_name("words", number)).exists()
    if new and desk.aligner is not None:
        desk.ear.get_ready()  # the model is loaded while the sound is decoded
    sound = _Once(lambda: _heard(clip, number, desk))
    with desk.clock("listen"):
        desk.tell("listening", 0)
        activity = desk.shelf.value(
            _name("activity", number),
            [_VERSION, clip.sha256],
            Activity,
            lambda: _read(desk, listen.hear, clip, sound()),
        )
    with desk.clock("transcribe"):
        transcript = _transcript(clip, number, activity, sound, desk)
    return Found(clip, signature, readable, transcript, activity, _Once(lambda: _for_video(clip, number, desk)), sound)


def as_they_are(paths: Sequence[Path], were: Sequence[str], shelf: Shelf) -> tuple[str, ...]:
    """The sha256 of a take's clips, read anew where one is not the file that was looked at.

    Of one that is not there it is what it was in `were`: its disk may come back.
    """
    now = []
    for number, (path, before) in enumerate(zip_longest(paths, were), start=1):
        try:
            now.append(_sha256(path, number, shelf) if path else before)
        except (ClipError, OSError):
            now.append(before or "")
    return tuple(now)


def _sha256(path: Path, number: int, shelf: Shelf) -> str:
    name = _name("clip", number)
    if shelf.has(name, _looked_at(path, media.signature(path))):
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(shelf.path(name).read_bytes())["sha256"])
    return media.sha256(path)


def unchanged(found: Sequence[Found]) -> None:
    """ClipError where a clip is no longer the file that was looked at."""
    for each in found:
        _unchanged(each.clip.path, each.signature)


@contextlib.contextmanager
def unless_changed(found: Sequence[Found]) -> Iterator[None]:
    """Work on clips. ClipError where one is another file in the end: whatever else went wrong, that is why."""
    with contextlib.ExitStack() as all_of_them:
        for each in found:
            all_of_them.enter_context(_unless_changed(each.clip.path, each.signature))
        yield


@contextlib.contextmanager
def _unless_changed(path: Path, signature: tuple[int, int]) -> Iterator[None]:
    try:
        yield
    except Exception:
        _unchanged(path, signature)
        raise
    _unchanged(path, signature)


def _unchanged(path: Path, signature: tuple[int, int]) -> None:
    if not path.exists():
        raise ClipError(
            f"{printable(path)} is no longer there: it went while it was read.",
            "Bring it back, then run the same command again.",
        )
    if media.signature(path) != signature:
        raise ClipError(
            f"{printable(path)} changed while it was read.",
            "Wait until it is copied or recorded to its end, then run the same command again.",
        )


def readable(found: Sequence[Found]) -> dict[Path, Path]:
    """The file to read pictures from, by clip."""
    return {each.clip.path: each.readable for each in found}


def stills(desk: Desk) -> Callable[[Clip, Sequence[int]], Sequence[Still]]:
    """How the thumbnail looks for sharp pictures."""
    return lambda clip, times: _read(desk, media.sharpness, clip, times)


class _Once(Generic[T]):
    """A value that is made when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []

    def __call__(self) -> T:
        if not self._made:
            self._made.append(self._make())
        return self._made[0]


def _name(what: str, number: int) -> str:
    """words.json, words-2.json, ..."""
    return f"{what}.json" if number == 1 else f"{what}-{number}.json"


def _probed(path: Path, number: int, signature: tuple[int, int], desk: Desk) -> Clip:
    causes = _looked_at(path, signature)
    return desk.shelf.value(_name("clip", number), causes, Clip, lambda: _read(desk, media.probe, path))


def _looked_at(path: Path, signature: tuple[int, int]) -> list[object]:
    """What makes a clip the one that was looked at."""
    return [_VERSION, str(path), signature]


def _readable(clip: Clip, number: int, desk: Desk) -> Path:
    if clip.picture is None or clip.container.split(",")[0] in _SEEKABLE:
        return clip.path
    copy = desk.shelf.work / f"clip-{number}.mkv"
    ffmpeg.remux(clip.path, copy)
    return copy


def _heard(clip: Clip, number: int, desk: Desk) -> Sound | None:
    """What speech detector and transcribers listen to."""
    return _decoded(clip, desk.shelf.work / f"listen-{number}.raw", desk, rate=16000, channels=1, dtype="<i2")


def _for_video(clip: Clip, number: int, desk: Desk) -> Sound | None:
    return _decoded(clip, desk.shelf.work / f"sound-{number}.raw", desk, rate=48000, channels=2, dtype="<f4")


def _decoded(clip: Clip, out: Path, desk: Desk, *, rate: int, channels: int, dtype: str) -> Sound | None:
    return _read(desk, media.sound, clip, out, rate=rate, channels=channels, dtype=dtype)


def _read(desk: Desk, task: Callable[..., T], *arguments: object, **options: object) -> T:
    return limits.call(desk.reader, _SECONDS_TO_READ, task, *arguments, **options)


def _transcript(
    clip: Clip, number: int, activity: Activity, sound: Callable[[], Sound | None], desk: Desk
) -> Transcript:
    """The words:

    corrected by hand in words.json, else as the engine hears them, spelled as in the recipe's script.
    """
    name = _name("words", number)
    corrected = desk.shelf.by_hand(name, clip.sha256, Transcript)
    if corrected is not None:
        return corrected
    recipe, choice = desk.recipe, desk.choice
    asked = [recipe.script, choice.engine.name, choice.engine.model, recipe.trim.fillers != "off"]
    causes = [_VERSION, clip.sha256, recipe.language, recipe.vocabulary, activity.speech, asked]
    return desk.shelf.value(
        name, causes, Transcript, lambda: _transcribed(clip, activity, sound(), desk), about=clip.sha256
    )


def _transcribed(clip: Clip, activity: Activity, sound: Sound | None, desk: Desk) -> Transcript:
    if sound is None or not activity.speech:
        return Transcript()
    recipe = desk.recipe
    if desk.aligner is None:
        return _unheard(activity, desk)
    hints = Hints(recipe.language, recipe.vocabulary, activity, recipe.trim.fillers != "off")
    heard = desk.ear.transcribe(sound, hints, lambda done: desk.tell("transcribing", done))
    return _as_scripted(heard, clip, activity, sound, desk) if recipe.script else heard


def _unheard(activity: Activity, desk: Desk) -> Transcript:
    """The recipe's script over the speech, where no engine can listen; else no words, which is told with the rest."""
    script, language = desk.recipe.script, desk.recipe.language or ""
    words = scripted.unheard(script, activity.speech, language) if script else Transcript(language=language)
    return replace(words, notes=(desk.choice.why,))


def _as_scripted(heard: Transcript, clip: Clip, activity: Activity, sound: Sound, desk: Desk) -> Transcript:
    """What was heard, spelled as in the script. Words of the script that stand for others are timed by their sound."""
    told = scripted.spelled(desk.recipe.script, heard)
    if not told.fresh:
        return replace(heard, words=told.words)
    desk.tell("aligning", 0)
    text = Text(clip.sha256, 0, sound.samples * 1000 // sound.rate, told.words, told.fresh)
    placed = aligning.placed(text, (), activity.speech, sound, heard.language or "en", desk.aligner)
    return replace(heard, words=placed.words)
