"""Who turns sound into words: one engine, one file. `choose` takes the best that can work on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline import weights
from pipeline.errors import TranscriberError
from pipeline.progress import Tell
from pipeline.transcribers import faster_whisper, whisper
from pipeline.transcribers.hearing import Ear
from pipeline.transcribers.language import code
from pipeline.transcribers.listening import Engine, Listener

__all__ = [
    "Choice",
    "Ear",
    "Engine",
    "Listener",
    "Silent",
    "choose",
    "common_words",
    "engines",
    "fetch_if_needed",
    "ready",
]

ENGINES: dict[str, Callable[[str], Engine]] = {  # where both have a model, the first is taken: it is the faster one
    "faster-whisper": faster_whisper.Engine,
    "whisper": whisper.Engine,
}
DEFAULT_MODEL = "base"
_SPACE = "Ġ"  # before a word, in the vocabulary of a tokenizer of GPT-2's kind


@dataclass(frozen=True, slots=True)
class Model:
    """A model that knows many languages, and the machine on which hearing takes no longer than rendering."""

    name: str
    memory_gb: float
    cores: int


# The best first. Cores: estimated 2026-11 from the size of the models; base was measured (5 CPU seconds a minute).
MODELS = (
    Model("large-v3", 8, 16),
    Model("turbo", 6, 8),
    Model("medium", 5, 6),
    Model("small", 3, 2),
    Model(DEFAULT_MODEL, 0, 1),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was taken, and why, as a sentence."""

    engine: Engine
    why: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Hears nothing: where no model is here and none can be fetched. No captions are better than invented ones."""

    name: str = "none"
    model: str = ""

    def lacks(self) -> str:
        return ""

    def listener(self) -> Listener:
        raise TranscriberError("There is no engine here that could listen.", "candid models download")


def engines() -> tuple[Engine, ...]:
    """Each engine with the model that it would use: the best that is here and that this machine can afford."""
    return tuple(make(_model_of(name)) for name, make in ENGINES.items())


def choose(wanted: str, language: str | None = None) -> Choice:
    """The engine `wanted`: "auto", or a name with or without ":MODEL". Never downloads anything.

    Raises TranscriberError where there is none of that name, or it lacks something.
    """
    name, _, model = wanted.partition(":")
    if name == "auto":
        return _best()
    if name not in ENGINES:
        raise TranscriberError(f"There is no transcriber {name!r}.", f"Known: auto, {', '.join(ENGINES)}.")
    engine = ENGINES[name](model or _model_of(name))
    what, _, cure = engine.lacks().partition("\n")
    if what:
        raise TranscriberError(f"The transcriber {name} cannot work here: {what}.", cure)
    if engine.model.endswith(".en") and code(language) not in {None, "en"}:
        raise TranscriberError(
            f"{name}'s model {engine.model} knows English only, and the language is {language}.",
            f"Take a model without .en, for example --transcriber {name}:{DEFAULT_MODEL}",
        )
    return Choice(engine, f"{_named(engine)}, as asked for")


def ready(wanted: str, language: str | None, tell: Tell) -> Choice:
    """As `choose`, once the default model was fetched if it is needed; where that failed, `why` says so."""
    fault = fetch_if_needed(wanted, tell)
    choice = choose(wanted, language)
    return replace(choice, why=fault) if fault and isinstance(choice.engine, Silent) else choice


def fetch_if_needed(wanted: str, tell: Tell) -> str:
    """Fetches the default model where it is asked for and nothing better is here; why it could not, or ""."""
    asked_for = wanted in {"auto", "faster-whisper", f"faster-whisper:{DEFAULT_MODEL}"}
    if not asked_for or not isinstance(_best().engine, Silent):
        return ""
    return weights.at_need(weights.DEFAULT, tell)


def _best() -> Choice:
    """The best model that is here and that this machine can afford."""
    passed_over: list[str] = []
    for each in MODELS:
        here = [make(each.name) for make in ENGINES.values() if not make(each.name).lacks()]
        too_much = _too_much(each)
        if here and too_much:
            passed_over.append(f"{each.name} is here, but wants {too_much}: ask for it by name")
        elif here:
            because = f"; {'; '.join(passed_over)}" if passed_over else ""
            why = f"{_named(here[0])}, the best model that is here and that this machine can afford{because}"
            return Choice(here[0], why)
    lacks = "; ".join(passed_over) or "no model is here"
    return Choice(Silent(), f"none, so there are no captions: {lacks}")


def _model_of(engine: str) -> str:
    """The model that an engine takes if none is named."""
    here = (each.name for each in MODELS if not ENGINES[engine](each.name).lacks() and not _too_much(each))
    return next(here, DEFAULT_MODEL)


def _too_much(model: Model) -> str:
    """What this machine lacks for a model; "" where it can afford it."""
    if (os.cpu_count() or 1) < model.cores:
        return f"{model.cores} cores"
    return f"{model.memory_gb:g} GB of memory" if _memory_gb() < model.memory_gb else ""


def _memory_gb() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return 8.0


def _named(engine: Engine) -> str:
    return f"{engine.name} with its model {engine.model}"


def common_words() -> frozenset[str]:
    """Words that nobody has to teach: those that the default model writes as one token. None where it is not here."""
    if not weights.here(weights.DEFAULT):
        return frozenset()
    lines = (weights.path(weights.DEFAULT) / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line[1:] for line in lines if line.startswith(_SPACE) and line[1:].islower())
