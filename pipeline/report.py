"""What came out of a take: report.json, the JSON that is promised on standard output, and the same in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import __version__, chapters, edit, ffmpeg, trim
from pipeline.chapters import Chapter
from pipeline.errors import CandidError
from pipeline.model import Plan, Transcript, Variant, Word
from pipeline.progress import Clock
from pipeline.shelf import Shelf, fingerprint
from pipeline.wording import clock, counted

if TYPE_CHECKING:
    from pipeline.corrections import Obeyed
    from pipeline.edit import Line, Reading, Sheet
    from pipeline.find_out import Found
    from pipeline.make import Order
    from pipeline.render import Rendered
    from pipeline.transcribers import Choice

_REPORT = "report.json"
_WORDS = "words.json"
_EDIT = "edit.md"
_PROMISED = (
    "clip",
    "clips",
    "take",
    "status",
    "folder",
    "videos",
    "captions",
    "words",
    "plan",
    "thumbnail",
    "report",
    "error",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A take that is finished. `status` is "made", or "kept" where everything lay ready."""

    status: str
    folder: Path
    videos: dict[str, Path]
    report: dict[str, Any]

    def promised(self, clips: Sequence[Path], take: str) -> dict[str, Any]:
        """The object that `--json` prints."""
        first = next(iter(self.videos.values()))
        return {
            "clip": str(clips[0]),
            "clips": [str(clip) for clip in clips],
            "take": take,
            "status": self.status,
            "folder": str(self.folder),
            "videos": {name: str(path) for name, path in self.videos.items()},
            "captions": {kind: str(first.with_suffix(f".{kind}")) for kind in ("srt", "vtt")},
            "words": str(self.folder / _WORDS),
            "plan": str(self.folder / "plan.json"),
            "thumbnail": str(self.folder / "thumbnail.jpg"),
            "report": str(self.folder / _REPORT),
            "error": None,
        }

    def summary(self, take: str) -> Iterator[str]:
        """The same for people: what came out, and where to look."""
        told = self.report
        took = (
            f"made in {told['took']['total']:.0f} s" if self.status == "made" else "nothing to do, all of it lies ready"
        )
        yield f"{take}: {took}"
        yield from self._in_figures()
        if unsure := _unsure(told):
            yield f"  {counted(unsure, 'unsure sentence')}: look at the words marked (?): candid words edit {take}"
        yield from (f"  note: {note}" for note in self.report["notes"])
        yield "Look at:"
        for path in (*self.videos.values(), self.folder / _EDIT, self.folder / "thumbnail.jpg", self.folder / _REPORT):
            yield f"  {_near(path)}"

    def _in_figures(self) -> Iterator[str]:
        told = self.report
        yield (
            f"  {clock(told['clip_seconds'])} recorded, {clock(told['video_seconds'])} long now: "
            f"{_counted(told['pieces']['dropped'], 'piece')} cut out, {_counted(told['captions']['cues'], 'caption')}"
            + (f", {told['sound']['lufs']:.1f} LUFS" if told["sound"]["lufs"] is not None else ", no sound")
            + f", the brand takes {told['brand']['footprint_percent']:.1f} %"
        )

        fillers = told["words"].get("fillers", {"found": 0, "offered": 0})
        if any(fillers.values()):
            more = f"; {counted(fillers['offered'], 'sound')} that may be one: decide in edit.md"
            yield f"  {counted(fillers['found'], 'filler')} found{more if fillers['offered'] else ''}"


def failed(clips: Sequence[Path], fault: CandidError) -> dict[str, Any]:
    """The object that `--json` prints for a take that failed."""
    told: dict[str, Any] = dict.fromkeys(_PROMISED)
    return told | {
        "clip": str(clips[0]),
        "clips": [str(clip) for clip in clips],
        "status": "failed",
        "error": {"what": fault.what, "do": fault.do},
    }


def as_promised(told: dict[str, Any]) -> dict[str, Any]:
    """Of what a take came to, what `--json` prints."""
    return {key: told[key] for key in _PROMISED if key in told}


def in_short(told: dict[str, Any], take: str) -> Iterator[str]:
    """What somebody has to know of a finished take, in a few words. `told` is its report.json."""
    unclear = [note for note in told["notes"] if note.startswith(f"{_EDIT}, line ")]
    if unsure := _unsure(told):
        yield f"{counted(unsure, 'unsure sentence')}: candid words edit {take}"
    if unclear:
        is_are = "is" if len(unclear) == 1 else "are"
        yield f"{_counted(len(unclear), 'line')} of {_EDIT} {is_are} unclear: candid words check {take}"
    if rest := len(told["notes"]) - len(unclear):
        yield f"{_counted(rest, 'note')} in its {_REPORT}"


def _unsure(told: Mapping[str, Any]) -> int:
    """How many sentences of the video are unsure; older reports do not say."""
    return int(told.get("words", {}).get("unsure", 0))


def causes(order: Order, choice: Choice) -> list[Any]:
    """All that a finished take depends on, as cheap to look at as a file's size and date."""
    files = [*order.clips, *filter(None, [order.brand.logo]), *order.brand.fonts]
    engine = (choice.engine.name, choice.engine.model)
    return [__version__, ffmpeg.binary(), engine, repr(order), [(str(path), *_seen(path)) for path in files]]


def _seen(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return found.st_size, found.st_mtime_ns


def kept(shelf: Shelf, causes: object) -> Made | None:
    """The finished take, if it lies on the shelf, made from these causes."""
    if not shelf.has(_REPORT, causes):
        return None
    found = lying(shelf)
    if found is None or not all(shelf.untouched(name) for name in found.report["files"] if name != _EDIT):
        return None
    if not _shows(found.report, shelf):
        return None  # somebody changed edit.md or took it away, or a dry run obeyed it and rendered nothing
    return found


def lying(shelf: Shelf) -> Made | None:
    """The take that was finished the last time, whatever it was made from; None where it cannot be read."""
    try:
        report = json.loads(shelf.path(_REPORT).read_text(encoding="utf-8"))
        videos = {name: shelf.path(f"{name}.mp4") for name in report["variants"]}
    except (OSError, ValueError, LookupError, TypeError):  # it may hold anything
        return None
    return Made("kept", shelf.folder, videos, report) if videos else None


def up_to_date(shelf: Shelf) -> bool:
    """Whether a video lies on the shelf that is made of what edit.md says."""
    try:
        return _shows(json.loads(shelf.path(_REPORT).read_text(encoding="utf-8")), shelf)
    except (OSError, ValueError):
        return False


def pending(shelf: Shelf, asked: Reading) -> Reading:
    """What edit.md asks for, without the changes that the video shows already.

    They stand there still where another line is not clear, since edit.md stays as it is then.
    """
    return replace(asked, changes=()) if asked.problems and up_to_date(shelf) else asked


def _shows(report: Mapping[str, Any], shelf: Shelf) -> bool:
    return said(shelf.folder) in filter(None, [report.get("edit"), report.get("unclear")])


def said(folder: Path) -> str:
    """A fingerprint of what edit.md says in the folder of a take; "" where it cannot be read."""
    try:
        return fingerprint((folder / _EDIT).read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return ""


def write(
    shelf: Shelf,
    causes: object,
    order: Order,
    plan: Plan,
    sheet: Sheet,
    obeyed: Obeyed,
    rendered: Sequence[Rendered],
    pictures: Sequence[str],
    clock: Clock,
) -> Made:
    """Writes report.json, the last file of a take:

    it says that the take is finished. `pictures` are the thumbnails' names.
    """
    report = _facts(order, plan, sheet, obeyed, rendered, pictures, clock)
    report["beside"] = _beside(shelf, report)
    report["notes"] += _older(report)
    report["stamps"] = {name: _seen(shelf.path(name)) for name in report["files"]}  # so that whoever reads it can tell
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    shelf.put(_REPORT, causes, lambda path: path.write_text(text, encoding="utf-8"))
    return Made("made", shelf.folder, {each.name: each.path for each in rendered}, report)


def _beside(shelf: Shelf, report: Mapping[str, Any]) -> dict[str, str]:
    """The videos of other variants that lie there from before, and what edit.md said then, as a fingerprint."""
    before = lying(shelf)
    if before is None:
        return {}
    known = before.report.get("beside", {}) | dict.fromkeys(before.videos, before.report.get("edit", ""))
    return {
        name: said
        for name, said in known.items()
        if name not in report["variants"] and shelf.path(f"{name}.mp4").exists()
    }


def _older(report: Mapping[str, Any]) -> Iterator[str]:
    for name, said in report["beside"].items():
        if said != report["edit"]:
            yield f"{name}.mp4 lies there from before, with the words of then: make it again too, or delete it."


def _facts(
    order: Order,
    plan: Plan,
    sheet: Sheet,
    obeyed: Obeyed,
    rendered: Sequence[Rendered],
    pictures: Sequence[str],
    clock: Clock,
) -> dict[str, Any]:
    first = rendered[0]
    variants = {variant.name: _variant(plan, sheet, variant) for variant in plan.variants}
    shown = variants[plan.variants[0].name]
    return {
        "person": order.person.id if order.person else "",
        "recipe": order.recipe.slug,
        "clip_seconds": _seconds(sum(each.clip.duration_ms for each in obeyed.found), 1000),
        "video_seconds": shown["seconds"],
        "pieces": _pieces(plan),
        "words": _words(obeyed.found, obeyed.heard, sheet),
        "unsure": [_asked(line) for line in sheet.unsure],
        "captions": {"cues": shown["cues"], "violations": shown["violations"]},
        "sound": {"lufs": first.loudness.lufs, "true_peak_dbtp": first.loudness.true_peak_dbtp},
        "brand": {
            "footprint_percent": shown["footprint_percent"],
            "bumper_seconds": _seconds(_bumper(plan.variants[0]), plan.fps),
        },
        "chunks": {
            "made": sum(each.chunks_made for each in rendered),
            "kept": sum(each.chunks_kept for each in rendered),
        },
        "variants": variants,
        "edit": fingerprint(edit.written(sheet)),
        "unclear": "" if obeyed.clear else fingerprint(obeyed.text),  # edit.md where it stays as it is
        "title": sheet.title,
        "description": sheet.description,
        "chapters": shown["chapters"],
        "notes": [*plan.notes, *first.loudness.notes, *first.notes],
        "files": [_WORDS, _EDIT, *(name for each in rendered for name in each.files), *pictures],
        "took": {step: round(seconds, 3) for step, seconds in {**clock.took, "total": clock.total}.items()},
    }


def _variant(plan: Plan, sheet: Sheet, variant: Variant) -> dict[str, Any]:
    return {
        "seconds": _seconds(variant.frames, plan.fps),
        "cues": len(variant.cues),
        "violations": [asdict(violation) for violation in variant.violations],
        "footprint_percent": variant.footprint_percent,
        "chapters": [asdict(chapter) for chapter in _chapters(plan, sheet, variant)],
    }


def _pieces(plan: Plan) -> dict[str, Any]:
    dropped = [piece for piece in plan.pieces if not piece.kept]
    return {
        "kept": len(plan.kept),
        "dropped": len(dropped),
        "dropped_seconds": _seconds(sum(piece.frames for piece in dropped), plan.fps),
    }


def _words(found: Sequence[Found], heard: Sequence[Transcript], sheet: Sheet) -> dict[str, Any]:
    first = found[0].transcript
    return {
        "engine": first.engine,
        "model": first.model,
        "language": first.language,
        "unsure": len(sheet.unsure),  # sentences
        "count": sum(len(each.transcript.words) for each in found),
        "fillers": {"found": len(_fillers(heard)), "offered": sum(len(each.offers) for each in heard)},
    }


def _fillers(heard: Sequence[Transcript]) -> list[Word]:
    """What was heard as a filler. How many there are in truth nobody knows: more than half may stay unheard."""
    return [word for each in heard for word in each.words if trim.is_filler(word.text, each.language)]


def _asked(line: Line) -> dict[str, Any]:
    """A sentence that somebody should look at; its time as edit.md has it."""
    return {"clip": line.clip + 1, "at": edit.clock(line.start_ms), "text": line.text, "words": edit.unsure(line)}


def _chapters(plan: Plan, sheet: Sheet, variant: Variant) -> tuple[Chapter, ...]:
    spoken = variant.frames - _held(variant)
    return chapters.chapters(plan.pieces, sheet.lines, fps=plan.fps, opening=_bumper(variant), frames=spoken)


def _held(variant: Variant) -> int:
    """Frames of the end card, in which nothing is said."""
    return variant.closing.frames if variant.closing else 0


def _bumper(variant: Variant) -> int:
    return variant.opening.frames if variant.opening else 0


def _seconds(amount: int, a_second: int | Fraction) -> float:
    return round(float(amount / Fraction(a_second)), 3)


def _counted(number: int, what: str) -> str:
    return counted(number, what) if number else f"no {what}s"


def _near(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


# --- a dry run --------------------------------------------------------------------------------------------------------


def planned(clips: Sequence[Path], take: str, plan: Plan) -> dict[str, Any]:
    """A dry run as one JSON object."""
    return {
        "clip": str(clips[0]),
        "clips": [str(clip) for clip in clips],
        "take": take,
        "status": "planned",
        "pieces": [
            {
                "clip": str(clips[piece.clip]),
                "start": _seconds(piece.start, plan.fps),
                "end": _seconds(piece.end, plan.fps),
                "kept": piece.kept,
                "reason": piece.reason,
            }
            for piece in plan.pieces
        ],
        "cues": {
            variant.name: [
                {"start": _seconds(cue.start, plan.fps), "end": _seconds(cue.end, plan.fps), "text": cue.text}
                for cue in variant.cues
            ]
            for variant in plan.variants
        },
        "notes": list(plan.notes),
        "error": None,
    }


def preview(take: str, plan: Plan) -> Iterator[str]:
    """A dry run in words: every piece with its reason, then every caption."""
    total = sum(piece.frames for piece in plan.pieces)
    left = sum(piece.frames for piece in plan.kept)
    yield f"{take}: {clock(float(left / plan.fps))} of {clock(float(total / plan.fps))} would be kept"
    for piece in plan.pieces:
        span = f"{_tenths(piece.start, plan.fps)} - {_tenths(piece.end, plan.fps)}"
        yield f"  {'keep' if piece.kept else ' cut'}  {span}  {piece.reason}"
    shown = plan.variants[0]
    yield f"Captions ({shown.name}):"
    for cue in shown.cues:
        yield f"  {_tenths(cue.start, plan.fps)}  {cue.text.replace(chr(10), ' / ')}"
    yield from (f"  note: {note}" for note in plan.notes)
    yield "Nothing was rendered. Leave out --dry-run to make the video."


def _tenths(frame: int, fps: Fraction) -> str:
    seconds = frame / fps
    return f"{int(seconds) // 60:2}:{float(seconds % 60):04.1f}"
