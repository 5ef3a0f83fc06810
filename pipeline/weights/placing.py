"""Where weights lie, and how they get there: whole, with the right bytes, by one process at a time, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import WeightsError
from pipeline.progress import Tell
from pipeline.weights.sources import Source, SourceError, bytes_in
from pipeline.weights.table import DEFAULT, Weights, megabytes

_REMEMBERED_S = 600  # a fetch that failed is not tried again by itself for so long
_SPARE = 32 << 20  # bytes that stay free on the disk
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ELSEWHERE = "name another folder: CANDID_MODELS=DIR"


def offline() -> bool:
    """Whether nobody may be asked for anything: CANDID_OFFLINE=1."""
    return os.environ.get("CANDID_OFFLINE", "0") not in {"", "0"}


def folder() -> Path:
    """Where all weights lie: $CANDID_MODELS, else candid/models in the user's cache."""
    return Path(os.environ.get("CANDID_MODELS") or _cache() / "candid" / "models")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


# --- what lies there --------------------------------------------------------------------------------------------------


def _places(weights: Weights) -> tuple[Path, ...]:
    """The set's own folder, and for a checkpoint where openai-whisper keeps it, or where Candid kept it earlier."""
    own = folder() / weights.folder
    if not weights.name.startswith("whisper:"):
        return (own,)
    return (own, folder() if os.environ.get("CANDID_MODELS") else _cache() / "whisper")


def path(weights: Weights) -> Path:
    """The folder in which the set's files lie, or would."""
    places = _places(weights)
    return next((place for place in places if _sizes_fit(weights, place)), places[0])


def here(weights: Weights) -> bool:
    """Whether all files are there, by their sizes: cheap, nothing is read."""
    return any(_sizes_fit(weights, place) for place in _places(weights))


def _sizes_fit(weights: Weights, place: Path) -> bool:
    try:
        return all((place / file.name).stat().st_size == file.size for file in weights.files)
    except OSError:
        return False


def begun(weights: Weights) -> bool:
    """Whether any file of it lies there."""
    return any((place / file.name).is_file() for place in _places(weights) for file in weights.files)


def check(weights: Weights) -> str:
    """Where its files lie and what is wrong with them, by SHA-256: reads all. "" where each is as it should be."""
    lying = (place for place in _places(weights) for file in weights.files if (place / file.name).is_file())
    place = path(weights) if here(weights) else next(lying, path(weights))
    wrong = _wrong(weights, place)
    return f"in {place}: {wrong}" if wrong else ""


def _wrong(weights: Weights, place: Path) -> str:
    wrong = []
    for file in weights.files:
        try:
            with (place / file.name).open("rb") as opened:
                right = hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
        except OSError as fault:
            wrong.append(f"{file.name} cannot be read ({fault.strerror})")
            continue
        if not right:
            wrong.append(f"{file.name} has other bytes than it should")
    return ", ".join(wrong)


# --- getting it -------------------------------------------------------------------------------------------------------


def fetch(weights: Weights, tell: Tell, *, by_hand: bool = True, good: Callable[[Weights], bool] = here) -> Path:
    """Fetches the set unless it is here and `good`, and returns its folder. WeightsError where that cannot be done.

    Unless `by_hand`, what failed a few minutes ago is not tried again.
    """
    if good(weights):
        return path(weights)
    if offline():
        state = "damaged" if here(weights) else "not here"
        what = f"{weights.title} is {state}, and CANDID_OFFLINE forbids to fetch it."
        raise WeightsError(what, f"Without CANDID_OFFLINE, run: {_command(weights)}")
    try:
        with _alone(weights, tell):
            return path(weights) if good(weights) else _remembering(weights, tell, by_hand)
    except BrokenPipeError:  # nobody listens any more to what `tell` prints
        raise
    except OSError as fault:
        raise _unwritten(weights, fault) from fault


def renew(weights: Weights, tell: Tell) -> Path:
    """As `fetch`, asked for by hand: what lies there is read and checked, and replaced where it is damaged."""

    def right(weights: Weights) -> bool:
        if not here(weights):
            return False
        tell(f"checking {weights.told}", 0.0)
        return not _wrong(weights, path(weights))

    return fetch(weights, tell, good=right)


def _remembering(weights: Weights, tell: Tell, by_hand: bool) -> Path:
    """Fetches it, and leaves a note for the next ten minutes where that fails."""
    if not by_hand and (fault := remembered(weights)):
        raise fault
    try:
        found = _from_anybody(weights, tell)
    except WeightsError as fault:
        with contextlib.suppress(OSError):  # on a disk without room for a note, asking again takes no time
            _note(weights).write_text(json.dumps({"what": fault.what, "do": fault.do}), encoding="utf-8")
        raise
    _note(weights).unlink(missing_ok=True)
    return found


def remembered(weights: Weights) -> WeightsError | None:
    """Why fetching it failed, in whatever process, if it did in the last few minutes."""
    try:
        if not 0 <= time.time() - _note(weights).stat().st_mtime < _REMEMBERED_S:
            return None
        told = json.loads(_note(weights).read_text(encoding="utf-8"))
        return WeightsError(str(told["what"]), str(told["do"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(weights: Weights) -> Path:
    return folder() / f".{weights.folder}.failed"


@contextlib.contextmanager
def _alone(weights: Weights, tell: Tell) -> Iterator[None]:
    """One process at a time; the system gives the lock back when its holder is killed."""
    import filelock

    folder().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder() / f".{weights.folder}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        tell(f"waiting for {weights.title}, which another process fetches", 0.0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_anybody(weights: Weights, tell: Tell) -> Path:
    """From whoever answers first; from the next where that one fails or sends other bytes."""
    draft = folder() / f".{weights.folder}.part"
    if lack := _lack_of_room(weights, draft, min(source.copies for source in weights.sources)):
        what = f"There is no room for {weights.title} in {folder()}: {lack}."
        raise WeightsError(what, f"Free some space, or {_ELSEWHERE}")
    failures: list[str] = []
    try:
        for source, fault in _answers(weights):
            try:
                if fault:
                    raise fault
                return _put(weights, _brought(weights, source, draft, tell), draft)
            except SourceError as why:
                failures.append(f"{source.name} {why.why}")
    except OSError as fault:
        if fault.errno in _FULL:  # what came is taken away: the video still has to fit
            shutil.rmtree(draft, ignore_errors=True)
        raise
    what = f"{weights.title} could not be fetched: {'; '.join(failures)}."
    raise WeightsError(what, f"When the network is there, run: {_command(weights)}")


def _answers(weights: Weights) -> Iterator[tuple[Source, SourceError | None]]:
    """All sources, asked side by side, in the order in which they answer; those that do not within their time last."""
    answers: queue.Queue[tuple[Source, SourceError | None]] = queue.Queue()

    def ask(source: Source) -> None:
        try:
            source.ask(weights.files)
        except SourceError as fault:
            answers.put((source, fault))
        except OSError as fault:
            answers.put((source, SourceError(f"cannot be asked: {fault.strerror or fault}")))
        else:
            answers.put((source, None))

    began, waiting = time.monotonic(), list(weights.sources)
    for source in waiting:
        threading.Thread(target=ask, args=(source,), daemon=True).start()
    while waiting:
        left = began + max(source.patience for source in waiting) - time.monotonic()
        try:
            source, fault = answers.get(timeout=max(0.0, left)) if left > 0 else answers.get_nowait()
        except queue.Empty:
            yield from ((source, SourceError("hangs: it does not answer")) for source in waiting)
            return
        waiting.remove(source)
        yield source, fault


def _brought(weights: Weights, source: Source, draft: Path, tell: Tell) -> Path:
    """The folder with all files as `source` sends them, each with the right SHA-256."""
    place = draft / type(source).__name__.lower()
    if lack := _lack_of_room(weights, place, source.copies):
        raise SourceError(f"needs more room on the disk: {lack}")
    place.mkdir(parents=True, exist_ok=True)
    step = f"fetching {weights.told} from {source.name}"
    tell(step, 0.0)
    source.bring(weights.files, place, lambda arrived: tell(step, min(0.99, arrived / weights.size)))
    if wrong := _wrong(weights, place):
        shutil.rmtree(place)
        raise SourceError(f"does not send what it should, and it was thrown away: {wrong}")
    tell(step, 1.0)
    return place


def _put(weights: Weights, place: Path, draft: Path) -> Path:
    """Flushed to the disk and renamed, so that it is there whole or not at all."""
    for file in weights.files:
        with (place / file.name).open("rb+") as opened:
            os.fsync(opened.fileno())
    target = folder() / weights.folder
    if target.exists():
        shutil.rmtree(aside(weights), ignore_errors=True)
        target.rename(aside(weights))
    place.replace(target)
    shutil.rmtree(draft, ignore_errors=True)
    return target


def aside(weights: Weights) -> Path:
    """Where damaged files of the set are kept when it is fetched anew: they may be somebody's own work."""
    return folder() / f"{weights.folder}.damaged"


def _lack_of_room(weights: Weights, begun: Path, copies: int) -> str:
    """What the disk lacks for what is still missing; "" where there is room."""
    needed = max(0, weights.size * copies - bytes_in(begun)) + _SPARE
    free = shutil.disk_usage(folder()).free
    return f"{megabytes(needed)} are needed, {megabytes(free)} are free" if free < needed else ""


def _unwritten(weights: Weights, fault: OSError) -> WeightsError:
    """The folder or its disk is to blame."""
    if fault.errno in _FULL:
        what = f"The disk is full, so {weights.title} could not be kept in {folder()}."
        return WeightsError(what, f"Free {megabytes(weights.size + _SPARE)}, or {_ELSEWHERE}")
    what = f"Weights cannot be kept in {folder()}: {fault.strerror or fault}."
    return WeightsError(what, f"Give yourself the right to write there, or {_ELSEWHERE}")


def _command(weights: Weights) -> str:
    return "candid models download" + ("" if weights.name == DEFAULT else f" {weights.name}")
