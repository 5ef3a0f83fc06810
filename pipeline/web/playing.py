"""What a browser plays of a take before there is a video: its clips, or small copies where it cannot play them.

Copies are made by the worker (beside the renders, which take longer), and lie on the take's shelf. A browser plays
H.264 with AAC in MP4; what a phone or a browser recorded otherwise (HEVC, ten bits, WebM without a length) it does not
play, or cannot jump in.
"""

from __future__ import annotations

import contextlib
import threading
import time
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import ffmpeg, limits, media, shelf, takes
from pipeline.errors import CandidError, ClipError
from pipeline.model import Clip, Format, Plan, Rect, Take
from pipeline.shelf import Shelf, fingerprint
from pipeline.web.store import Store
from pipeline.workspace import Workspace

_VERSION = 1  # of the copies
_LONGER_SIDE = 640
_LARGEST = 1920 * 1088  # pixels that a phone plays while it does other things
_JUMPS = 30  # frames between two places to jump to
_PLAYED = ("h264",), ("aac", "mp3")
_VERDICTS = ".plays"  # on the shelf: of each clip (its sha256) whether browsers play it, or why nothing can be shown
_ASKED = "to-play"  # in the server's folder: takes that somebody opened, named by empty files
_SECONDS_TO_LOOK, _SECONDS_A_COPY = 600, 3600
_EVERY = 1.0  # seconds between two looks for work

_PLAN = TypeAdapter(Plan)


def plan_of(shelf: Shelf) -> Plan | None:
    """The plan as it was decided last; None where nothing is decided yet."""
    with contextlib.suppress(OSError, ValidationError):
        return _PLAN.validate_json(shelf.path("plan.json").read_bytes())
    return None


def plays(clip: Clip) -> bool:
    """Whether browsers play a clip as it is, and can jump in it."""
    picture, audio = clip.picture, clip.audio
    if picture is None or not clip.container.startswith("mov,"):
        return False
    fits = picture.coded_width * picture.coded_height <= _LARGEST and not picture.hdr
    usual = picture.codec in _PLAYED[0] and picture.pixel_format in ("yuv420p", "yuvj420p")
    return fits and usual and (audio is None or audio.codec in _PLAYED[1])


def source(space: Workspace, take: Take, number: int) -> Path | None:
    """The file to play for the take's `number`-th clip (from 1); None while nobody has looked at it."""
    sha256, folder = take.sha256[number - 1], Shelf(space.output / take.id)
    copy = _copies(folder).path(_key(sha256))
    if copy.exists():
        return copy
    return take.clips[number - 1] if _verdicts(folder).get(sha256) == "plays" else None


def fault(space: Workspace, take: Take) -> str:
    """Why a clip of the take can be shown nowhere; "" where it can, or where nobody has looked yet."""
    verdicts = _verdicts(Shelf(space.output / take.id))
    return next((told for sha, told in verdicts.items() if sha in take.sha256 and told != "plays"), "")


def ask(store: Store, take: str) -> None:
    """Has the worker look at a take's clips: it was handed in elsewhere, or its copies were tidied away."""
    folder = store.path.parent / _ASKED
    with shelf.explained(folder):
        folder.mkdir(exist_ok=True)
        (folder / take).touch()


def _copies(folder: Shelf) -> shelf.Store:
    return shelf.Store(folder.folder / "copies", ".mp4")


def _key(sha256: str) -> str:
    return fingerprint([_VERSION, sha256])


def _verdicts(folder: Shelf) -> dict[str, str]:
    noted = folder.noted(_VERDICTS)
    return noted if isinstance(noted, dict) else {}


# --- in the worker ----------------------------------------------------------------------------------------------------


def beside(space: Workspace, store: Store) -> None:
    """Looks at the clips of takes, and makes copies, in a thread that ends with the worker.

    On Linux what a thread starts ends with it, so this one never does.
    """
    threading.Thread(target=_prepare_all, args=(space, store), name="copies", daemon=True).start()


def _prepare_all(space: Workspace, store: Store) -> None:
    """The takes that come into the line, and those that somebody opens."""
    seen = set[str]()
    while True:
        for take in _new(space, store, seen):
            with contextlib.suppress(CandidError, OSError):  # the render says what is wrong with the take
                _prepare(space, take)
        time.sleep(_EVERY)


def _new(space: Workspace, store: Store, seen: set[str]) -> list[Take]:
    """The takes to look at: those that came into the line since, then those that somebody opened."""
    line = [take for take, _ in store.line()]
    fresh = [take for take in line if take not in seen]
    seen.clear()
    seen.update(line)
    folder = store.path.parent / _ASKED
    asked = sorted(folder.iterdir()) if folder.is_dir() else []
    for mark in asked:
        mark.unlink(missing_ok=True)
    found = []
    for name in dict.fromkeys([*fresh, *(mark.name for mark in asked)]):
        with contextlib.suppress(CandidError):
            found.append(takes.find(space.takes, name))
    return [take for take in found if take is not None]


def _prepare(space: Workspace, take: Take) -> None:
    folder = Shelf(space.output / take.id)
    for path, sha256 in zip(take.clips, take.sha256, strict=True):
        if _copies(folder).has(_key(sha256)) or _verdicts(folder).get(sha256) == "plays":
            continue
        try:
            clip = _looked_at(path)
            played = plays(clip)
            if not played:
                _copies(folder).keep(_key(sha256), partial(_copy, clip))
            told = "plays"
        except CandidError as wrong:
            played, told = False, wrong.what
        if played or told != "plays":
            folder.note(_VERDICTS, _verdicts(folder) | {sha256: told})


def _looked_at(path: Path) -> Clip:
    with limits.processes() as reader:
        return limits.call(reader, _SECONDS_TO_LOOK, media.probe, path)


def _copy(clip: Clip, out: Path) -> None:
    """A small copy with the clip's own times, in which a browser can jump anywhere."""
    square = "scale=w='max(2,trunc(iw*sar/2)*2)':h=ih,setsar=1"
    small = f"scale=w='min({_LONGER_SIDE},iw)':h='min({_LONGER_SIDE},ih)':force_original_aspect_ratio=decrease"
    colors = (
        ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709" if clip.picture and clip.picture.hdr else ""
    )  # flat, but seen
    picture = ["-map", "0:v:0?", "-vf", f"{square},{small}:force_divisible_by=2,setsar=1,format=yuv420p{colors}"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-g", str(_JUMPS), "-threads", "1"]
    sound = ["-map", "0:a:0?", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-af", "aresample=async=1:first_pts=0"]
    target = ["-sn", "-dn", "-movflags", "+faststart", "-fflags", "+bitexact", f"file:{out}"]
    ffmpeg.run([*ffmpeg.stranger(clip.path), *picture, *codec, *sound, *target], seconds=_SECONDS_A_COPY)
    if not out.exists() or out.stat().st_size == 0:
        raise ClipError(f"Nothing of {clip.path.name} can be shown.", "Record it again.")


# --- for the script ---------------------------------------------------------------------------------------------------


def timeline(plan: Plan) -> dict[str, object]:
    """The decisions of a plan as the player needs them, in seconds; cues and layers count from the video's start."""
    shown = plan.variants[0]
    opening = shown.opening.frames if shown.opening else 0

    def seconds(frames: int) -> float:
        return round(float(frames / plan.fps), 4)

    return {
        "fps": float(plan.fps),
        "opening": seconds(opening),
        "pieces": [
            {"clip": each.clip, "start": seconds(each.start), "end": seconds(each.end), "kept": each.kept}
            for each in plan.pieces
        ],
        "cues": [{"start": seconds(cue.start), "end": seconds(cue.end), "text": cue.text} for cue in shown.cues],
        "chars": shown.format.rules.max_chars,
        "layers": [
            {
                "kind": layer.kind,
                "start": seconds(layer.start),
                "end": seconds(layer.end),
                "place": _percent(layer.place, shown.format),
            }
            for layer in shown.layers
        ],
    }


def _percent(place: Rect, shape: Format) -> list[float]:
    """Left, top and width of a place, in percent of the frame."""
    shares = ((place.x, shape.width), (place.y, shape.height), (place.width, shape.width))
    return [round(100 * part / whole, 3) for part, whole in shares]
