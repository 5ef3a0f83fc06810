"""Everything that is found out about one clip of a take, each fact kept on the shelf until its causes change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.model import Activity, Clip, Sound, Transcript

_SEEKABLE = {"mov", "matroska"}  # others are remuxed first: MPEG-TS seeks to corrupt pictures, and says nothing
_SECONDS_TO_READ = 600


@dataclass(frozen=True, slots=True)
class Found:
    """One clip: what it is, what was said and what happens in it. `sound` decodes its sound when somebody wants it."""

    original: Path
    signature: tuple[int, int]
    clip: Clip
    transcript: Transcript
    activity: Activity
    sound: Callable[[], Sound | None]
