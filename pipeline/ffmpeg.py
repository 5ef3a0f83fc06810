"""The only room that starts ffmpeg, and explains it when it fails.

ffmpeg is the one inside imageio-ffmpeg's wheel, so that nothing has to be installed. Every run has limits on time and
memory, and no ffmpeg outlives the process that started it.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pipeline.errors import FFmpegError, LimitError, WorkspaceError

# What a file from outside may be. Without the list, a text named .mp4 (ffconcat, DASH) makes ffmpeg read the files that
# it names.
FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,mp3,flac,aac"
PROTOCOLS = "file"
MAX_PIXELS = 40_000_000  # a frame larger than this (8K has 33 million) is not a clip from a phone

_MEMORY = 4 << 30  # bytes of address space; 768 MiB was enough for 1080p, 4K HEVC wants more
_LINES_KEPT = 400
_FONTCONFIG = Path(__file__).with_name("fonts.conf")

# Limits and the death signal are set between fork and exec. A start function in this process (preexec_fn) is unsafe
# where there are threads, so a bare interpreter does it and then becomes ffmpeg.
_LAUNCHER = """
import os, sys
parent, seconds, memory, *command = sys.argv[1:]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(parent):
        sys.exit(1)
os.execv(command[0], command)
"""


@functools.cache
def binary() -> str:
    """The path of the ffmpeg that imageio-ffmpeg ships (or names by IMAGEIO_FFMPEG_EXE)."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as fault:
        raise FFmpegError(
            "No ffmpeg was found for this kind of machine.",
            "Install one and name it: export IMAGEIO_FFMPEG_EXE=/path/to/ffmpeg",
        ) from fault


@functools.cache
def version() -> str:
    """ffmpeg's first line about itself. It is part of every chunk's key."""
    said = subprocess.run([binary(), "-version"], capture_output=True, text=True, check=True).stdout
    return said.partition("\n")[0].strip()


def filters() -> frozenset[str]:
    """The names of the filters that this ffmpeg has."""
    said = subprocess.run([binary(), "-hide_banner", "-filters"], capture_output=True, text=True, check=True).stdout
    return frozenset(line.split()[1] for line in said.splitlines() if len(line.split()) > 2)


def remux(path: Path, out: Path) -> None:
    """Copies a clip's first picture and its sound into a Matroska file, with time stamps made good."""
    streams = ["-map", "0:v:0?", "-map", "0:a?", "-c", "copy", "-fflags", "+bitexact", "-f", "matroska", f"file:{out}"]
    run([*stranger(path, "-fflags", "+genpts"), *streams])


def stranger(path: Path, *options: str) -> list[str]:
    """The input arguments for a file from outside: `options`, what it may be and may open, and its name."""
    limits = ["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS, "-max_pixels", str(MAX_PIXELS)]
    return [*options, *limits, "-i", f"file:{path}"]


def run(
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    feed: Iterable[bytes] | None = None,
    seconds: float = 600,
    progress: Callable[[int], None] | None = None,
    log: str = "error",
) -> str:
    """Runs ffmpeg in `folder` and returns what it said on standard error (its last 400 lines).

    `feed` is written to its standard input; `progress` is told the number of frames done. Raises FFmpegError when it
    fails, LimitError when it takes more than `seconds` (or its limits), WorkspaceError when the disk is full.
    """
    options = ["-hide_banner", "-y", "-v", log, *(["-progress", "pipe:1", "-nostats"] if progress else ["-nostats"])]
    stdin = [] if feed is not None else ["-nostdin"]
    with _started([*options, *stdin, *arguments], folder, seconds, feed is not None) as process:
        said = collections.deque[str](maxlen=_LINES_KEPT)
        timed_out = threading.Event()
        timer = threading.Timer(seconds, _stop, (process, timed_out))
        timer.daemon = True
        readers = [
            threading.Thread(target=_listen, args=(process.stderr, said.append), daemon=True),
            threading.Thread(target=_listen, args=(process.stdout, _frames_to(progress)), daemon=True),
        ]
        for thread in (timer, *readers):
            thread.start()
        try:
            _write(process.stdin, feed)
            code = process.wait()
        finally:
            timer.cancel()
        for thread in readers:
            thread.join()
    text = "\n".join(said)
    if code != 0:
        raise _explained(code, text, timed_out.is_set(), seconds)
    return text


def _stop(process: subprocess.Popen[bytes], timed_out: threading.Event) -> None:
    timed_out.set()
    process.kill()


@contextlib.contextmanager
def _started(
    arguments: Sequence[str], folder: Path | None, seconds: float, fed: bool
) -> Iterator[subprocess.Popen[bytes]]:
    cores = os.cpu_count() or 1
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
    process = subprocess.Popen(
        [*launcher, str(os.getpid()), str(int(seconds * cores) + 1), str(_MEMORY), binary(), *arguments],
        cwd=folder,
        stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "FONTCONFIG_FILE": str(_FONTCONFIG), "AV_LOG_FORCE_NOCOLOR": "1"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _listen(pipe: IO[bytes] | None, tell: Callable[[str], object]) -> None:
    assert pipe is not None
    for line in pipe:
        tell(line.decode("utf-8", "replace").rstrip())


def _frames_to(progress: Callable[[int], None] | None) -> Callable[[str], object]:
    def tell(line: str) -> None:
        name, _, value = line.partition("=")
        if progress is not None and name == "frame" and value.strip().isdigit():
            progress(int(value))

    return tell


def _write(pipe: IO[bytes] | None, feed: Iterable[bytes] | None) -> None:
    """An ffmpeg that stops early closes its end; its exit status says why, so the broken pipe is not worth a word."""
    if pipe is None or feed is None:
        return
    with contextlib.suppress(BrokenPipeError):
        for block in feed:
            pipe.write(block)
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _explained(code: int, said: str, timed_out: bool, seconds: float) -> Exception:
    last = said.strip().rpartition("\n")[2]
    if "No space left on device" in said:
        return WorkspaceError(
            "The disk is full.", "Free some space and run the same command again: finished parts are kept."
        )
    if "File too large" in said:
        return WorkspaceError(
            "A file may not become as large as it has to.",
            "See ulimit -f, and what the disk allows; then run the same command again: finished parts are kept.",
        )
    if timed_out or code == -getattr(signal, "SIGXCPU", 24):
        return LimitError(
            f"This took longer than {seconds:.0f} seconds and was stopped.",
            "If the clip is sound and the machine merely slow, run the same command again: finished parts are kept.",
        )
    if "Cannot allocate memory" in said or code in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT):
        return LimitError(
            "ffmpeg ran out of memory or was killed.",
            "Close other programs, or record at a lower resolution, and run the same command again.",
        )
    return FFmpegError(
        f"ffmpeg could not do this ({last or f'exit status {code}'}).",
        "Run again with CANDID_DEBUG=1 to see all it said; a clip that plays elsewhere can be re-exported as MP4.",
        said=said,
    )
