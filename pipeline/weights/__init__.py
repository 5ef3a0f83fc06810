"""The only room that fetches weights: each set is known by name, size, licence and the SHA-256 of every file.

`table` holds what is known, `sources` who has it, `placing` how it gets to its place. All functions take a set or its
name: "base" and "faster-whisper:base" are the same.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import WeightsError
from pipeline.progress import Tell
from pipeline.weights import placing
from pipeline.weights.placing import folder, offline
from pipeline.weights.sources import File, Hub, Index, Package, Site, Source
from pipeline.weights.table import DEFAULT, Weights, find, known, megabytes

__all__ = [
    "DEFAULT",
    "File",
    "Hub",
    "Index",
    "Package",
    "Site",
    "Source",
    "Weights",
    "aside",
    "at_need",
    "begun",
    "best",
    "check",
    "download",
    "find",
    "folder",
    "get",
    "here",
    "known",
    "megabytes",
    "offline",
    "path",
]

# What `best` takes first: on a CPU "small" hears nearly as well as the larger ones and is several times faster.
_BEST = ("small", "turbo", "medium", "large-v3", "base", "tiny")


def path(asked: str | Weights) -> Path:
    """The folder in which the set's files lie, or would."""
    return placing.path(_set(asked))


def here(asked: str | Weights) -> bool:
    """Whether all its files are there, with the right sizes. Reads nothing."""
    return placing.here(_set(asked))


def begun(asked: str | Weights) -> bool:
    """Whether any of its files is there."""
    return placing.begun(_set(asked))


def check(asked: str | Weights) -> str:
    """Where its files lie and what is wrong with them, by their SHA-256; "" where nothing is. Reads all of them."""
    return placing.check(_set(asked))


def aside(asked: str | Weights) -> Path:
    """Where damaged files of the set lie, if it was fetched anew over some."""
    return placing.aside(_set(asked))


def get(asked: str | Weights, tell: Tell) -> Path:
    """The set's folder; it is fetched if it is not here. WeightsError says why it cannot be had, and the cure."""
    return placing.fetch(_set(asked), tell)


def download(asked: str | Weights, tell: Tell) -> Path:
    """As `get`, asked for by hand: what is here is checked too, and fetched anew where it is damaged."""
    return placing.renew(_set(asked), tell)


def at_need(asked: str | Weights, tell: Tell) -> str:
    """Fetches the set if it is not here, for work that goes on without. "", or the sentence why it is not here.

    Asks nobody where that is forbidden, and nobody again for ten minutes after it failed (`download` does).
    """
    weights = _set(asked)
    if placing.here(weights):
        return ""
    try:
        if not offline() and (fault := placing.remembered(weights)):
            raise fault
        placing.fetch(weights, tell, by_hand=False)
    except WeightsError as fault:
        return str(fault)
    return ""


def best(engine: str) -> str:
    """The model of an engine that is here and hears best on a CPU; "" where none is. Never one for English only."""
    here = {weights.name for weights in known() if not weights.english and placing.here(weights)}
    return next((model for model in _BEST if f"{engine}:{model}" in here), "")


def _set(asked: str | Weights) -> Weights:
    return find(asked) if isinstance(asked, str) else asked
