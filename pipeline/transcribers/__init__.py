"""Who turns sound into words: one engine, one file. `choose` takes the best that can work on this machine.

An engine answers four questions: its `name`, the `model` it would use, what it `lacks` to work here, and `transcribe`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import TranscriberError
from pipeline.model import Hints, Sound, Transcript
from pipeline.transcribers import faster_whisper, pocketsphinx, whisper
from pipeline.transcribers.language import code

align, aligner, common_words = pocketsphinx.align, pocketsphinx.aligner, pocketsphinx.common_words


class Transcriber(Protocol):
    """One engine. `languages` is empty where it knows (nearly) all."""

    name: str
    model: str
    languages: frozenset[str]

    def lacks(self) -> str:
        """What it lacks to work on this machine, and in a second line the cure; "" where it can work."""

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """The words of `sound` (16 kHz, mono). TranscriberError where the engine fails."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was taken, and why, as a sentence."""

    engine: Transcriber
    why: str


class Silent:
    """Hears nothing:

    for a language that no engine on this machine knows, since no captions are better than nonsense.
    """

    name, model = "none", ""
    languages: frozenset[str] = frozenset()

    def lacks(self) -> str:
        return ""

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        return Transcript(language=hints.language or "")


def engines(model: str | None = None) -> tuple[Transcriber, ...]:
    """All engines, the best first; `model` instead of the best one that is here."""
    return (whisper.Engine(model), faster_whisper.Engine(model), pocketsphinx.Engine())


def choose(wanted: str, language: str | None = None) -> Choice:
    """The engine `wanted`: "auto", or a name with or without ":MODEL". Never downloads anything.

    TranscriberError where there is none of that name, or it lacks something.
    """
    name, _, model = wanted.partition(":")
    known = engines(model or None)
    if name == "auto":
        return _best(known, code(language))
    for engine in known:
        if engine.name == name:
            return _if_ready(engine)
    raise TranscriberError(
        f"There is no transcriber {name!r}.", f"Known: auto, {', '.join(engine.name for engine in known)}."
    )


def _if_ready(engine: Transcriber) -> Choice:
    what, _, cure = engine.lacks().partition("\n")
    if what:
        raise TranscriberError(f"The transcriber {engine.name} cannot work here: {what}.", cure)
    return Choice(engine, f"{_named(engine)}, as asked for")


def _best(known: tuple[Transcriber, ...], language: str | None) -> Choice:
    """The first that can work here and knows the language."""
    passed_over: list[str] = []
    for engine in known:
        lack = engine.lacks().partition("\n")[0]
        if not lack and (not language or not engine.languages or language in engine.languages):
            because = f", since {'; '.join(passed_over)}" if passed_over else ", the best there is"
            return Choice(engine, _named(engine) + because)
        passed_over.append(lack or f"{engine.name} does not know the language {language}")
    return Choice(Silent(), f"none, so there are no captions: {'; '.join(passed_over)}")


def _named(engine: Transcriber) -> str:
    return f"{engine.name} with its model {engine.model}"
