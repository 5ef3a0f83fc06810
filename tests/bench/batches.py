"""What a batch costs: against bare transcodes, on a cluster, and where there is nothing to do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import ffmpeg
from tests import ports
from tests.bench.measure import Run, run
from tests.conftest import ROOT

CLIPS = 8
SECONDS_ON_A_CLUSTER = 20  # of each clip


def clips(source: Path, folder: Path, seconds: float | None = None) -> Path:
    """A folder with so many clips."""
    folder.mkdir()
    for number in range(CLIPS):
        target = folder / f"clip-{number}.mp4"
        if seconds is None:
            shutil.copyfile(source, target)
        else:
            # Cut without encoding; each a second later, so that none is the other.
            ffmpeg.run(["-ss", str(number), "-i", str(source), "-t", str(seconds), "-c", "copy", str(target)])
    return folder


def anew(candid: Callable[..., Run], folder: Path, *options: str) -> Run:
    """A batch of the clips in `folder`, with nothing there from before."""
    run(["rm", "-rf", *map(str, (folder.parent / "output").glob("clip-*"))], folder.parent)
    return candid("batch", folder.name, "--as", "speaker", *options)


def one_after_the_other(bare: Callable[[], Run]) -> Run:
    """As many bare transcodes as there are clips, told as one run."""
    done = [bare() for _ in range(CLIPS)]
    return Run(sum(each.wall for each in done), sum(each.cpu for each in done), 0.0, "")


def nothing_to_do(candid: Callable[..., Run], folder: Path) -> float:
    """Milliseconds a take that lies ready, once it has been made: with many of them and with none, the difference."""
    many = min(candid("batch", folder.name, "--as", "speaker").wall for _ in range(5))
    (folder.parent / "none").mkdir()
    none = min(candid("batch", "none", "--as", "speaker").wall for _ in range(5))
    return (many - none) / CLIPS * 1000


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A Dask scheduler and its workers, up and ready; its address."""
    host, port = "127.0.0.1", str(ports.unused())
    address = f"{host}:{port}"
    worker = ["--nthreads", "1", "--nworkers", str(workers), "--memory-limit", "0", "--death-timeout", "60"]
    scratch = folder / "scratch"
    scratch.mkdir()
    commands = [
        ["distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"],
        [
            "distributed.cli.dask_worker",
            f"tcp://{address}",
            *worker,
            "--no-dashboard",
            "--local-directory",
            str(scratch),
        ],
    ]
    running = []
    try:
        for command in commands:
            with (scratch / f"log-{len(running)}").open("wb") as log:
                running.append(
                    subprocess.Popen(
                        [sys.executable, "-m", *command],
                        cwd=scratch,
                        stdout=log,
                        stderr=log,
                        env={**os.environ, "PYTHONPATH": str(ROOT)},
                        start_new_session=True,
                    )
                )
        time.sleep(8)  # the workers are up before anything is measured
        yield f"dask:tcp://{address}"
    finally:
        for process in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
