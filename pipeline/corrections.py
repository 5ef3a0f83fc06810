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
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import edit, scripted, tomlfile
from pipeline.edit import Edits, Reading, Sheet, Text
from pipeline.errors import TranscriberError, WorkspaceError
from pipeline.find_out import Found
from pipeline.model import Transcript, joined
from pipeline.progress import Tell
from pipeline.shelf import Shelf, explained
from pipeline.transcribers import aligning
from pipeline.transcribers.aligning import Aligner

EDIT, KEPT = "edit.md", "corrections.json"
_CHOSEN = "thumbnail.json"
_CANDIDATE = re.compile(r"thumbnail(-[23])?\.jpg")


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


def obeyed(found: Sequence[Found], shelf: Shelf, tell: Tell, aligner: Aligner | None = None) -> Obeyed:
    """Reads edit.md, and corrects the words. Sentences that say something else are timed again by their sound.

    `notes` say which words could not be placed by it: all of them where no engine can listen.
    """
    known, text = kept(shelf), _text(shelf.path(EDIT))
    asked = _asked(known, text, [each.clip.sha256 for each in found]) if known else Reading(Edits())
    texts, faults = _timed(asked.edits, found, aligner, tell)
    edits = replace(asked.edits, texts=texts)
    corrected = tuple(replace(each, transcript=edits.corrected(each.transcript, each.clip.sha256)) for each in found)
    notes = [f"{EDIT}, line {problem.line}: {problem.says}" for problem in asked.problems]
    aside = _unused(shelf) if text is not None and known is None else ""
    if aside:
        notes.append(f"{KEPT} is gone, so {EDIT} is made anew. What it said is kept in {aside}.")
    notes += [*faults, *_unplaced(corrected), *scripted.notes([each.transcript for each in found])]
    heard = tuple(each.transcript for each in found)
    shelf.encoded.tidy()
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


def _timed(
    asked: Edits, found: Sequence[Found], aligner: Aligner | None, tell: Tell
) -> tuple[tuple[Text, ...], dict[str, None]]:
    """The texts with their new words where they are heard, and what was in the way, each once."""
    clips = {each.clip.sha256: each for each in found}
    told, faults = [], dict[str, None]()
    for text in asked.texts:
        again, clip = _again(text), clips.get(text.clip)
        sound = clip.heard() if clip and again.fresh else None
        if clip is None or sound is None:
            told.append(text)
            continue
        tell("aligning", 0)
        said = asked.corrected(clip.transcript, text.clip).words
        beside = [word for word in said if not text.start_ms <= (word.start_ms + word.end_ms) / 2 < text.end_ms]
        about = (again, beside, clip.activity.speech, sound, clip.transcript.language or "en")
        try:
            told.append(aligning.placed(*about, aligner))
        except TranscriberError as fault:
            faults[f"{fault.what} {fault.do}"] = None
            told.append(aligning.placed(*about, None))
    return tuple(told), faults


def _again(text: Text) -> Text:
    """With the words that could not be placed to be listened to again: there may be an engine now, or a better one."""
    lost = [number for number, word in enumerate(text.words) if word.confidence == 0]
    words = tuple(replace(word, confidence=word.confidence or 1.0) for word in text.words)
    return replace(text, words=words, fresh=tuple(sorted({*text.fresh, *lost})))


def _unplaced(found: Sequence[Found]) -> Iterator[str]:
    """A sentence for each run of words, corrected or of a script, that nobody could be heard saying."""
    for number, clip in enumerate(found, start=1):
        where = f" of clip {number}" if len(found) > 1 else ""
        listened = clip.transcript.words if clip.transcript.engine != scripted.UNHEARD else ()
        for lost, run in itertools.groupby(listened, key=lambda word: word.confidence == 0):
            words = list(run)
            if lost:
                start, end = words[0].start_ms, words[-1].end_ms
                heard = any(span.start_ms < end and start < span.end_ms for span in clip.activity.speech)
                shown = "they are shown while somebody speaks there" if heard else "nobody is heard speaking there"
                said = joined(word.text for word in words)
                yield f'{edit.clock(start)}{where}: the words "{said}" could not be placed by their sound; {shown}.'
