"""Plan -> chunks -> one file.

Each chunk is one ffmpeg process; a finished chunk is kept under its key and never made again. Chunks and sound are then joined by
stream copy, with SRT and VTT beside the video.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av

from pipeline import captions, encode, ffmpeg
from pipeline.chunks import chunks
from pipeline.encode import Kit, Quality
from pipeline.errors import ClipError
from pipeline.join import join
from pipeline.model import Plan, Variant
from pipeline.shelf import Shelf
from pipeline.sound import Finished

_SECONDS_A_FRAME = 2  # of wall time for one output frame, before a chunk counts as hung
_SECONDS_A_CHUNK = 120


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished video. `files` are the names of all that belongs to it on the shelf."""

    name: str
    path: Path
    files: tuple[str, ...]
    chunks_made: int
    chunks_kept: int


def video(
    plan: Plan,
    variant: Variant,
    kit: Kit,
    shelf: Shelf,
    sound: Callable[[], Finished],
    quality: Quality,
    progress: Callable[[int], None] = lambda frames: None,
) -> Rendered:
    """Makes one variant: chunks that are missing, the joined file, SRT and VTT beside it.

    `sound` is asked for the finished sound when the pictures are done; `progress` is told how many more frames are done.
    """
    jobs = [encode.job(plan, variant, chunk, kit, quality) for chunk in chunks(plan, variant)]
    made = make_missing(jobs, shelf, progress)
    heard = sound()
    causes = [[job.key for job in jobs], heard.causes]
    name = f"{variant.name}.mp4"
    shelf.keep(name, causes, lambda path: join([part(shelf, job) for job in jobs], heard.path, plan.fps, path))
    language = plan.language
    writers = {"srt": captions.srt(variant.cues, plan.fps), "vtt": captions.vtt(variant.cues, plan.fps, language)}
    for kind, text in writers.items():
        shelf.keep(f"{variant.name}.{kind}", text, lambda path, text=text: path.write_text(text, encoding="utf-8"))
    return Rendered(
        name=variant.name,
        path=shelf.path(name),
        files=(name, *(f"{variant.name}.{kind}" for kind in writers)),
        chunks_made=made,
        chunks_kept=len(jobs) - made,
    )


def make_missing(
    jobs: Sequence[encode.Job], shelf: Shelf, progress: Callable[[int], None] = lambda frames: None
) -> int:
    """Makes the chunks that are not in the store yet, several at once where there are cores for it; returns how many.

    What is killed leaves only whole chunks in the store.
    """
    shelf.chunks.mkdir(parents=True, exist_ok=True)
    missing = {job.key: job for job in jobs if not part(shelf, job).exists()}
    for job in jobs:
        if job.key not in missing:
            progress(job.frames)
            os.utime(part(shelf, job))
    _in_parallel([partial(_make, job, shelf, progress) for job in missing.values()])
    return len(missing)


def part(shelf: Shelf, job: encode.Job) -> Path:
    return shelf.chunks / f"{job.key}.mp4"


def _in_parallel(tasks: Sequence[Callable[[], None]]) -> None:
    """Runs the tasks on a few threads; the first failure stops those that have not begun."""
    with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) // 2)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _make(job: encode.Job, shelf: Shelf, progress: Callable[[int], None]) -> None:
    folder = shelf.work / job.key
    folder.mkdir(parents=True)
    (folder / "c.ass").write_text(job.subtitles, encoding="utf-8")
    for name, path in job.files:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
    arguments = [f"file:{job.source}" if part == "file:SOURCE" else part for part in job.arguments]
    done = _Steps(progress)
    ffmpeg.run(arguments, folder=folder, seconds=_SECONDS_A_CHUNK + _SECONDS_A_FRAME * job.frames, progress=done.at)
    made = folder / "chunk.mp4"
    _check(made, job.frames)
    done.at(job.frames)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(part(shelf, job))
    shutil.rmtree(folder, ignore_errors=True)


class _Steps:
    """Turns "so many frames so far" into "so many more"."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def at(self, frames: int) -> None:
        with self._lock:
            more, self._done = max(0, frames - self._done), max(frames, self._done)
        if more:
            self._progress(more)


def _check(path: Path, frames: int) -> None:
    """A seek past the last picture, or a clip that ends early, makes a short file with exit status 0."""
    with av.open(str(path)) as container:
        got = sum(1 for packet in container.demux(video=0) if packet.size) if container.streams.video else 0
    if got != frames:
        raise ClipError(
            f"A part of the clip could not be read: {got} of {frames} pictures came out.",
            "Copy the clip again from the phone or camera; if it plays fine elsewhere, re-export it as MP4.",
        )
