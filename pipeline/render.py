"""Plan -> chunks -> one file.

Each chunk is one ffmpeg process; a finished chunk is kept under its key and never made again. Chunks and sound are then
joined by stream copy, with SRT and VTT beside the video.
"""

from __future__ import annotations

import os
import re
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
from pipeline.model import Loudness, Plan, Variant
from pipeline.progress import Tell
from pipeline.shelf import Shelf
from pipeline.sound import Finished

_DAMAGE = re.compile(r"decod|corrupt|conceal|invalid (data|nal)", re.IGNORECASE)  # in ffmpeg's words
_SECONDS_A_FRAME = 2  # of wall time for one output frame, before a chunk counts as hung
_SECONDS_A_CHUNK = 120
_MOST_AT_ONCE = 16  # processes, also on a machine with many cores: they need memory too


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished video. `files` are the names of all that belongs to it on the shelf."""

    name: str
    path: Path
    files: tuple[str, ...]
    loudness: Loudness
    chunks_made: int
    chunks_kept: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Where a take is rendered:

    its shelf, the files to read instead of its clips, who looks whether the clips are still the same.
    """

    shelf: Shelf
    readable: dict[Path, Path]
    unchanged: Callable[[], None]


class Bar:
    """How much of all variants is done, in frames; told from several threads."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self._total = sum(variant.frames for variant in plan.variants)
        self._done = 0
        self._tell = tell
        self._lock = threading.Lock()

    def more(self, frames: int) -> None:
        with self._lock:
            self._done += frames
            self._tell("rendering", min(1.0, self._done / self._total))


def video(
    plan: Plan, variant: Variant, kit: Kit, site: Site, sound: Callable[[], Finished], quality: Quality, bar: Bar
) -> Rendered:
    """Makes one variant: chunks that are missing, the joined file, SRT and VTT beside it.

    `sound` is asked for the finished sound when the pictures are done.
    """
    shelf = site.shelf
    jobs = [encode.job(plan, variant, chunk, kit, quality) for chunk in chunks(plan, variant)]
    made = make_missing(jobs, site, bar.more)
    heard = sound()
    name = f"{variant.name}.mp4"
    parts = [shelf.chunks.path(job.key) for job in jobs]
    shelf.keep(name, [[job.key for job in jobs], heard.causes], lambda out: join(parts, heard.path, plan.fps, out))
    return Rendered(
        name=variant.name,
        path=shelf.path(name),
        files=(name, *_sidecars(plan, variant, shelf)),
        loudness=heard.loudness,
        chunks_made=len(made),
        chunks_kept=len(jobs) - len(made),
        notes=("Some pictures of the clip are damaged; they are shown as far as they could be read.",)
        if any(made)
        else (),
    )


def _sidecars(plan: Plan, variant: Variant, shelf: Shelf) -> list[str]:
    texts = {
        f"{variant.name}.srt": captions.srt(variant.cues, plan.fps),
        f"{variant.name}.vtt": captions.vtt(variant.cues, plan.fps, plan.language),
    }
    for name, text in texts.items():
        shelf.keep(name, text, partial(_write, text))
    return list(texts)


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def make_missing(jobs: Sequence[encode.Job], site: Site, progress: Callable[[int], None]) -> list[bool]:
    """Makes the chunks that are not in the store yet, several at once where there are cores for it.

    Returns for each that was made whether it showed damage in the clip. What is killed leaves only whole chunks.
    """
    missing = {job.key: job for job in jobs if not site.shelf.chunks.has(job.key)}
    progress(sum(job.frames for job in jobs if job.key not in missing))
    longest_first = sorted(missing.values(), key=lambda job: -job.frames)  # so that all cores end together
    return _in_parallel([partial(_make, job, site, progress) for job in longest_first])


def _in_parallel(tasks: Sequence[Callable[[], bool]]) -> list[bool]:
    """Runs the tasks on a few threads; the first failure stops those that have not begun.

    One process for a core; each takes up to 350 MiB.
    """
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, _MOST_AT_ONCE)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _make(job: encode.Job, site: Site, progress: Callable[[int], None]) -> bool:
    """Encodes one chunk in a work folder of its own, and puts it into the store once it is sure to be right.

    Returns whether ffmpeg complained about what it read.
    """
    folder = site.shelf.work / job.key
    folder.mkdir()
    lay_out(job, folder)
    source = site.readable.get(job.source, job.source) if job.source else None
    done = _Steps(progress)
    seconds = _SECONDS_A_CHUNK + _SECONDS_A_FRAME * job.frames
    said = ffmpeg.run(job.run_on(source), folder=folder, seconds=seconds, progress=done.at)
    _check(folder / job.output, job.frames)
    site.unchanged()
    done.at(job.frames)
    site.shelf.chunks.keep(job.key, (folder / job.output).replace)
    shutil.rmtree(folder, ignore_errors=True)
    return _DAMAGE.search(said) is not None


def lay_out(job: encode.Job, folder: Path) -> None:
    """Puts what a job needs into its folder, under plain names."""
    if job.subtitles:
        (folder / "c.ass").write_text(job.subtitles, encoding="utf-8")
    for name, path in job.files:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / name)


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
