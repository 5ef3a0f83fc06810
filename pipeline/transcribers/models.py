"""The speech models on this machine: where they lie, which there are, and how to get one."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import TranscriberError

# Megabytes to download, as openai-whisper's own bar shows them, in the order in which `auto` takes the models: on a CPU
# "small" hears nearly as well as the larger ones and is several times faster.
SIZES = {"small": 461, "turbo": 1543, "medium": 1457, "large-v3": 2944, "base": 139, "tiny": 72}
_BLOCK = 1 << 20
_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and where it lies if it is here."""

    engine: str
    name: str
    megabytes: int
    present: bool
    path: Path | None


def folder() -> Path:
    """$CANDID_MODELS, else the place where openai-whisper keeps its models."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CANDID_MODELS") or cache / "whisper")


def path(engine: str, name: str) -> Path:
    """Where a model lies, or would: a file for whisper, a folder for faster-whisper."""
    return folder() / (f"{name}.pt" if engine == "whisper" else f"faster-whisper-{name}/model.bin")


def best(engine: str) -> str:
    """The model that `auto` takes; "" where none is here."""
    return next((name for name in SIZES if path(engine, name).is_file()), "")


def listed() -> list[Model]:
    """All models of both engines that need one."""
    found = []
    for engine in ("whisper", "faster-whisper"):
        for name, megabytes in SIZES.items():
            place = path(engine, name)
            found.append(Model(engine, name, megabytes, place.is_file(), place if place.is_file() else None))
    return found


def download(name: str, progress: Callable[[float], None]) -> Path:
    """Gets a model, for example "small" or "faster-whisper:small". TranscriberError where that cannot be done."""
    first, _, rest = name.rpartition(":")
    engine = first or ("whisper" if importlib.util.find_spec("whisper") else "faster-whisper")
    if rest not in SIZES or engine not in {"whisper", "faster-whisper"}:
        raise TranscriberError(f"There is no model {name!r}.", f"Known: {', '.join(SIZES)}.")
    if path(engine, rest).is_file():
        return path(engine, rest)
    if importlib.util.find_spec(engine.replace("-", "_")) is None:
        raise TranscriberError(
            f"{engine} is not installed.", "pip install 'candid[whisper]' (or 'candid[fast]' for faster-whisper)"
        )
    try:
        return _whisper(rest, progress) if engine == "whisper" else _faster_whisper(rest)
    except (OSError, http.client.HTTPException) as fault:  # the latter where the connection breaks
        raise TranscriberError(
            f"The model {rest} could not be downloaded ({fault}).",
            f"Look at the connection and the space on the disk, or copy the file to {path(engine, rest)} yourself.",
        ) from fault


def _whisper(name: str, progress: Callable[[float], None]) -> Path:
    import whisper

    target = path("whisper", name)
    address: str = whisper._MODELS[name]
    fetch(address, target, sha256=address.split("/")[-2], progress=progress)
    return target


def fetch(address: str, target: Path, *, sha256: str, progress: Callable[[float], None]) -> None:
    """Downloads a file: whole, and with the right hash, or not at all. OSError, TranscriberError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".part-{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as source, draft.open("wb") as file:  # noqa: S310 - https
            size, done = int(source.headers.get("Content-Length") or 0), 0
            while block := source.read(_BLOCK):
                file.write(block)
                digest.update(block)
                done += len(block)
                progress(done / size if size else 0.0)
        if digest.hexdigest() != sha256:
            raise TranscriberError(f"{target.name} came in damaged.", "Run the same command again.")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _faster_whisper(name: str) -> Path:
    """The library's own downloader, into a folder beside the other models; it draws its own bar.

    The folder is put in its place when all of its files are there: without one, the library would fetch it unasked.
    """
    from faster_whisper.utils import download_model

    target = path("faster-whisper", name)
    draft = target.parent.with_name(f"{target.parent.name}.part-{os.getpid()}")
    try:
        download_model(name, output_dir=str(draft))
        shutil.rmtree(target.parent, ignore_errors=True)
        draft.replace(target.parent)
    except Exception as fault:  # the library's, its hub's or its HTTP client's own: they share no root
        raise OSError(str(fault).partition("\n")[0]) from fault
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target
