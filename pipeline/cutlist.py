"""A plan as an OpenTimelineIO timeline, for people who go on in an editor. Needs the extra `otio`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.errors import WorkspaceError
from pipeline.model import Piece, Plan


def write(plan: Plan, name: str, out: Path) -> None:
    """Writes the cuts of a plan to a file that the library knows by its ending, such as .otio.

    One video and one audio track hold the kept stretches of the clips; the captions of the first variant are markers
    on the video. Bumper, end card and graphics are Candid's own, and are left out.
    """
    otio = _library()
    timeline = otio.schema.Timeline(name=name)
    for kind in (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio):
        track = otio.schema.Track(name=kind, kind=kind)
        track.extend(_clip(otio, plan, piece) for piece in _cuts(plan))
        timeline.tracks.append(track)
    timeline.tracks[0].markers.extend(_markers(otio, plan))
    try:
        otio.adapters.write_to_file(timeline, str(out))
    except otio.exceptions.NoKnownAdapterForExtensionError as fault:
        raise WorkspaceError(
            f"OpenTimelineIO cannot write {out.suffix or 'a file without an ending'} here.", f"Name it {out.stem}.otio."
        ) from fault
    except OSError as fault:
        raise WorkspaceError(f"{out} cannot be written.", "Choose another place for it.") from fault


def _library() -> Any:
    try:
        return importlib.import_module("opentimelineio")
    except ImportError as fault:
        raise WorkspaceError(
            "A cut list is written by OpenTimelineIO, which is not installed.", "pip install 'candid[otio]'"
        ) from fault


def _cuts(plan: Plan) -> Iterator[Piece]:
    """The kept stretches; pieces that go on from each other are one."""
    whole: list[Piece] = []
    for piece in plan.kept:
        last = whole[-1] if whole else None
        if last and (last.clip, last.end) == (piece.clip, piece.start):
            whole[-1] = replace(last, end=piece.end)
        else:
            whole.append(piece)
    return iter(whole)


def _clip(otio: Any, plan: Plan, piece: Piece) -> Any:
    clip, rate = plan.clips[piece.clip], float(plan.fps)
    start = otio.opentime.RationalTime(piece.start, rate)
    whole = otio.opentime.RationalTime(max(1, round(clip.duration_ms * plan.fps / 1000)), rate)
    media = otio.schema.ExternalReference(
        target_url=clip.path.absolute().as_uri(),
        available_range=otio.opentime.TimeRange(otio.opentime.RationalTime(0, rate), whole),
    )
    source = otio.opentime.TimeRange(start, otio.opentime.RationalTime(piece.frames, rate))
    return otio.schema.Clip(name=clip.path.name, media_reference=media, source_range=source)


def _markers(otio: Any, plan: Plan) -> Iterator[Any]:
    """The captions, where they stand without the bumper."""
    first, rate = plan.variants[0], float(plan.fps)
    opening = first.opening.frames if first.opening else 0
    for cue in first.cues:
        start = otio.opentime.RationalTime(max(0, cue.start - opening), rate)
        marked = otio.opentime.TimeRange(start, otio.opentime.RationalTime(cue.end - cue.start, rate))
        yield otio.schema.Marker(name=cue.text.replace("\n", " "), marked_range=marked)
