"""What was decided by hand about a take: edit.md is read, obeyed and written anew; corrections.json remembers it.

corrections.json holds all decisions, and the sheet that edit.md was written from: with it, a changed edit.md is
understood even after another engine heard other words.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import edit, tomlfile, transcribers
from pipeline.edit import Edits, Reading, Sheet, Text
from pipeline.errors import LimitError, TranscriberError, WorkspaceError
from pipeline.find_out import Found
from pipeline.model import Sound, Span, Transcript
from pipeline.progress import Tell
from pipeline.shelf import Shelf, explained

EDIT, KEPT = "edit.md", "corrections.json"
_CHOSEN = "thumbnail.json"
_CANDIDATE = re.compile(r"thumbnail(-[23])?\.jpg")
_AROUND_MS = 100  # listened to on both sides of a sentence


@dataclass(frozen=True, slots=True)
class Kept:
    """What corrections.json holds."""

    sheet: Sheet
    edits: Edits


_KEPT = TypeAdapter(Kept)


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The clips of a take with their corrected words. `heard` are the words as they were, `notes` what is not clear.

    `aside` is the name under which the old edit.md stays, where nothing is known that it could be understood by.
    """

    found: tuple[Found, ...]
    heard: tuple[Transcript, ...]
    edits: Edits
    notes: tuple[str, ...]
    clear: bool
    text: str | None
    aside: str = ""


def kept(shelf: Shelf) -> Kept | None:
    """What was remembered about a take; None where nobody has looked at it yet."""
    path = shelf.path(KEPT)
    try:
        return _KEPT.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as fault:
        raise WorkspaceError(
            f"{path} can no longer be read, and it holds what was decided in {EDIT}.",
            f"Bring back a copy of it, or delete it to have {EDIT} made anew without corrections.",
        ) from fault


def reading(shelf: Shelf, now: Sequence[str] | None = None) -> tuple[Kept, Reading] | None:
    """What edit.md asks for that was not done yet. `now` are the sha256 of the clips as they are."""
    known = kept(shelf)
    return None if known is None else (known, asked(shelf, known, now))


def asked(shelf: Shelf, known: Kept, now: Sequence[str] | None = None) -> Reading:
    """The same, where it is known already what was remembered."""
    return _asked(known, _text(shelf.path(EDIT)), now)


def _asked(known: Kept, text: str | None, now: Sequence[str] | None) -> Reading:
    """What edit.md asks for where it says this."""
    return Reading(known.edits) if text is None else edit.read(text, known.sheet, known.edits, now)


def unsure(known: Kept, asked: Reading) -> int:
    """How many unsure sentences of the video are left, with what edit.md asks for."""
    wished = edit.wishes(known.sheet, known.edits, asked.edits)
    pairs = zip(known.sheet.lines, wished, strict=True)
    return sum(bool(line.doubts) and wish.keep and not wish.right and wish.text == line.text for line, wish in pairs)


@dataclass(frozen=True, slots=True)
class Opened:
    """The words of a take as somebody finds them who opens them: `text` is edit.md, `asked` what it asks for."""

    kept: Kept
    text: str | None
    asked: Reading


def opened(shelf: Shelf, now: Sequence[str] | None = None) -> Opened | None:
    """What was remembered about a take together with what edit.md asks for at the same moment; None as in `kept`."""
    if not shelf.path(KEPT).exists():
        return None
    with _alone(shelf):
        known, text = kept(shelf), _text(shelf.path(EDIT))
        return Opened(known, text, _asked(known, text, now)) if known else None


def save(shelf: Shelf, text: str, before: str | None) -> bool:
    """Saves edit.md, as an editor does. False where it does not say any more what it said `before`."""
    with _alone(shelf):
        if _text(shelf.path(EDIT)) != before:
            return False
        tomlfile.replace(shelf.path(EDIT), text)
        return True


def chosen(shelf: Shelf) -> str:
    """The thumbnail that the speaker chose among the candidates; thumbnail.jpg where they chose none.

    A choice is of one picture: made again and another one, it holds no more.
    """
    noted = shelf.noted(_CHOSEN)
    name = str(noted.get("name", "")) if isinstance(noted, dict) else ""
    holds = bool(_CANDIDATE.fullmatch(name)) and noted.get("sha256") == _sha256(shelf.path(name))
    return name if holds else "thumbnail.jpg"


def choose(shelf: Shelf, name: str) -> None:
    """Remembers which of the thumbnails the speaker wants. WorkspaceError where there is none of that name."""
    sha256 = _sha256(shelf.path(name)) if _CANDIDATE.fullmatch(name) else ""
    if not sha256:
        raise WorkspaceError("There is no such thumbnail.", "Choose one of those that are shown.")
    shelf.note(_CHOSEN, {"name": name, "sha256": sha256})


def _sha256(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


@contextlib.contextmanager
def _alone(shelf: Shelf) -> Iterator[None]:
    """Whoever saves edit.md and whoever writes it anew take turns; nobody waits for a render."""
    import filelock

    with explained(shelf.folder), filelock.FileLock(shelf.folder / ".edit.lock"):
        yield


def brought_back(shelf: Shelf, known: Kept) -> None:
    """Writes edit.md anew where somebody took it away."""
    if not shelf.path(EDIT).exists():
        with shelf.mine():
            _show(shelf, edit.written(known.sheet))


def obeyed(found: Sequence[Found], shelf: Shelf, tell: Tell) -> Obeyed:
    """Reads edit.md, and corrects the words. Sentences that say something else are timed again by their sound."""
    known, text = kept(shelf), _text(shelf.path(EDIT))
    asked = _asked(known, text, [each.clip.sha256 for each in found]) if known else Reading(Edits())
    edits = replace(asked.edits, texts=_timed(asked.edits.texts, found, shelf, tell))
    corrected = tuple(replace(each, transcript=edits.corrected(each.transcript, each.clip.sha256)) for each in found)
    notes = [f"{EDIT}, line {problem.line}: {problem.says}" for problem in asked.problems]
    aside = _unused(shelf) if text is not None and known is None else ""
    if aside:
        notes.append(f"{KEPT} is gone, so {EDIT} is made anew. What it said is kept in {aside}.")
    heard = tuple(each.transcript for each in found)
    return Obeyed(corrected, heard, edits, tuple(notes), not asked.problems, text, aside)


def _unused(shelf: Shelf) -> str:
    """A name for an edit.md that is set aside."""
    names = (f"edit-before{f'-{number}' if number > 1 else ''}.md" for number in itertools.count(1))
    return next(name for name in names if not shelf.path(name).exists())


def write(shelf: Shelf, sheet: Sheet, obeyed: Obeyed) -> None:
    """Remembers what was decided, and writes edit.md anew.

    Neither where something in it was not clear, nor where somebody saved it in the meantime: it stays as it is then.
    """
    with _alone(shelf):
        _write(shelf, sheet, obeyed)


def _write(shelf: Shelf, sheet: Sheet, obeyed: Obeyed) -> None:
    path = shelf.path(EDIT)
    if not obeyed.clear or _text(path) != obeyed.text:
        return
    data = _KEPT.dump_json(Kept(sheet, obeyed.edits), indent=1) + b"\n"
    if not shelf.path(KEPT).exists() or shelf.path(KEPT).read_bytes() != data:
        shelf.put(KEPT, [], lambda draft: draft.write_bytes(data))
    shown = edit.written(sheet)
    if obeyed.aside:
        path.replace(shelf.path(obeyed.aside))
    if shown != obeyed.text or not shelf.untouched(EDIT):
        _show(shelf, shown)


def _show(shelf: Shelf, text: str) -> None:
    shelf.put(EDIT, [], lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def _text(path: Path) -> str | None:
    """What the file says; None where there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as fault:
        raise WorkspaceError(
            f"{path} is not written in UTF-8.", "Save it as UTF-8 in your editor: nothing of it is lost."
        ) from fault
    except IsADirectoryError as fault:
        raise WorkspaceError(
            f"{path} is a folder, and the words of the take should be there.", "Move it away; the file is written anew."
        ) from fault
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise WorkspaceError(f"{path} cannot be read: {reason}.", "Let your account read and write it.") from fault


def _timed(texts: Sequence[Text], found: Sequence[Found], shelf: Shelf, tell: Tell) -> tuple[Text, ...]:
    """The texts with their new words where they are heard."""
    clips = {each.clip.sha256: each for each in found}
    left = [number for number, text in enumerate(texts) if text.fresh and text.clip in clips]
    timed = list(texts)
    while left:
        tell("aligning", 0)
        with contextlib.suppress(LimitError), transcribers.aligner() as pool:
            while left:  # a text that ends the process is given up; the others have another one
                number = left.pop(0)
                text = texts[number]
                timed[number] = replace(text, fresh=())
                timed[number] = _heard(text, clips[text.clip], shelf, pool)
    return tuple(timed)


def _heard(text: Text, clip: Found, shelf: Shelf, pool: Executor) -> Text:
    """The text with its new words where they are heard. Where they cannot be found, they share the time they have."""
    sound = clip.heard()
    if sound is None:
        return text
    start = max(0, text.start_ms - _AROUND_MS)
    part = _part(sound, start, text.end_ms + _AROUND_MS, shelf.work / "sentence.raw")
    spoken = (Span(text.start_ms - start, text.end_ms - start),)
    try:
        said = " ".join(word.text for word in text.words)
        heard = transcribers.align(part, said, clip.transcript.language or "en", spoken, pool)
    except TranscriberError:
        return replace(text, fresh=())
    later = (replace(word, start_ms=word.start_ms + start, end_ms=word.end_ms + start) for word in heard.words)
    return edit.timed(text, tuple(later))


def _part(sound: Sound, start_ms: int, end_ms: int, path: Path) -> Sound:
    """A stretch of a mono sound, in a file of its own."""
    wide = int(sound.dtype[-1])
    first, last = start_ms * sound.rate // 1000, min(end_ms * sound.rate // 1000, sound.samples)
    with sound.path.open("rb") as file:
        file.seek(first * wide)
        path.write_bytes(file.read(max(0, last - first) * wide))
    return Sound(path, sound.rate, 1, max(0, last - first), sound.dtype)
