"""Measures, prints a table and writes bench-results.json.

`python -m tests.bench render help` measures these rows alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
from pydantic import TypeAdapter

from pipeline import ffmpeg
from pipeline.encode import Quality
from pipeline.fonts import default_fonts
from pipeline.model import Plan
from tests.bench.measure import Run, alternating, ratio, run
from tests.conftest import ROOT

MEDIA = Path(os.environ.get("CANDID_MEDIA", ROOT.parent / "shared" / "media"))
CANDID = str(Path(sys.executable).with_name("candid"))
QUALITY = Quality()
ROUNDS = 3
RENDER = ("render", "bench.mp4", "--as", "speaker", "--transcriber", "faster-whisper:base")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    goal: float
    measured: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


class Bench:
    """A folder to work in, and the clip that is measured on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clip = self._clip()
        self.take = folder / "output" / "bench"
        people = folder / "assets" / "people"
        people.mkdir(parents=True)
        (people / "speaker.toml").write_text('name = "The speaker"\ntitle = "In the benchmark"\n')
        self.say("finding the plan")
        self.whole()

    def _clip(self) -> Path:
        """The recorded minute where it is present, else the demo clip three times over."""
        path = self.folder / "bench.mp4"
        recorded = MEDIA / "bench-talk.mp4"
        if recorded.exists():
            path.symlink_to(recorded)
        else:
            _looped(ROOT / "assets" / "demo" / "demo.mp4", path, seconds=61)
        return path

    def say(self, text: str) -> None:
        print(text, flush=True)

    def candid(self, *arguments: str, memory: bool = False) -> Run:
        return run([CANDID, *arguments], self.folder, memory=memory)

    def plan(self) -> Plan:
        return TypeAdapter(Plan).validate_json((self.take / "plan.json").read_bytes())

    # --- what is compared -----------------------------------------------------------------------------------------

    def whole(self) -> Run:
        """The whole job with the default engine, from nothing."""
        run(["rm", "-rf", "output"], self.folder)
        return self.candid(*RENDER)

    def render(self) -> Run:
        """All that is found out and decided lies ready; what is made of it does not."""
        made = [*self.take.glob("landscape.*"), *self.take.glob("sound*"), *self.take.glob("thumbnail*")]
        run(["rm", "-rf", str(self.take / "chunks"), *map(str, made)], self.folder)
        return self.candid(*RENDER)

    def one_word(self) -> Run:
        """One word is corrected in edit.md: the last one of the sentence in the middle that has many."""
        sheet = self.take / "edit.md"
        lines = sheet.read_text(encoding="utf-8").splitlines()
        long = [number for number, line in enumerate(lines) if line.startswith("- [x]") and len(line.split()) > 6]
        number = long[len(long) // 2]
        first, _, last = lines[number].rpartition(" ")
        lines[number] = f"{first} {'other.' if last != 'other.' else 'another.'}"
        sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.candid(*RENDER)

    def bare(self) -> Run:
        """The same kept spans and the same encoder, by ffmpeg alone, in one pass; no captions, no brand."""
        spans = [(p.start, p.end) for p in self.plan().kept]
        fps = self.plan().fps
        video = "+".join(f"between(n,{a},{b - 1})" for a, b in spans)
        sound = "+".join(f"between(t,{float(a / fps):.4f},{float(b / fps):.4f})" for a, b in spans)
        graph = (
            f"[0:v]fps={fps.numerator}/{fps.denominator},select='{video}',setpts=N/FRAME_RATE/TB,format=yuv420p[v];"
            f"[0:a]aselect='{sound}',asetpts=N/SR/TB[a]"
        )
        encoder = ["-c:v", "libx264", "-preset", QUALITY.preset, "-crf", str(QUALITY.crf), "-g", str(round(2 * fps))]
        output = [*encoder, "-c:a", "aac", "-b:a", "256k", "bare.mp4"]  # as many threads as ffmpeg likes
        command = [ffmpeg.binary(), "-y", "-v", "error", "-i", "bench.mp4", "-filter_complex", graph]
        return run([*command, "-map", "[v]", "-map", "[a]", *output], self.folder)

    def moviepy(self) -> Run:
        logo = next((ROOT / "assets" / "brands" / "default").glob("logo.png"))
        lower = next(filter(self._is_lower_third, (self.folder / "output" / ".drawn").glob("*.mov")))
        script = [sys.executable, "-m", "tests.bench.moviepy_alone", str(self.take / "plan.json")]
        files = [str(self.folder / "moviepy.mp4"), str(default_fonts()[0]), str(logo), str(lower)]
        return run(["env", f"PYTHONPATH={ROOT}", *script, *files], self.folder)

    def _is_lower_third(self, path: Path) -> bool:
        place = next(layer.place for layer in self.plan().variants[0].layers if layer.kind == "lower_third")
        with av.open(str(path)) as container:
            picture = container.streams.video[0].codec_context
            return (picture.width, picture.height) == (place.width, place.height)


# --- the rows ---------------------------------------------------------------------------------------------------------


def speed(bench: Bench) -> Iterator[Row]:
    done = alternating(
        {"bare": bench.bare, "whole": bench.whole, "render": bench.render, "one word": bench.one_word}, ROUNDS
    )
    yield Row("render (plan ready) / bare transcode of the same spans", 1.10, ratio(done["render"], done["bare"]))
    yield Row("whole job, default engine / the same bare transcode", 1.30, ratio(done["whole"], done["bare"]))
    yield Row("again after one word in edit.md / full render", 0.2, ratio(done["one word"], done["render"]))


def batch(bench: Bench) -> Iterator[Row]:
    """Many takes at once. The bare transcode is the same as for one."""
    from tests.bench import batches

    minutes = batches.clips(bench.clip.resolve(), bench.folder / "minutes")
    done = alternating(
        {
            "eight bare ones": lambda: batches.one_after_the_other(bench.bare),
            "a batch of eight": lambda: batches.anew(bench.candid, minutes),
        },
        1,
    )
    eight = ratio(done["a batch of eight"], done["eight bare ones"])
    yield Row("8 one-minute clips, -j auto / 8 bare transcodes of the same spans, in turn", 1.35, eight)
    yield Row("batch: a take that lies ready, ms", 10, batches.nothing_to_do(bench.candid, minutes))
    short = batches.clips(bench.clip.resolve(), bench.folder / "short", batches.SECONDS_ON_A_CLUSTER)
    with batches.cluster(bench.folder, workers=2) as engine:
        done = alternating(
            {
                "-j 2": lambda: batches.anew(bench.candid, short, "-j", "2"),
                "two dask workers": lambda: batches.anew(bench.candid, short, "--engine", engine),
            },
            ROUNDS,
        )
    yield Row("a batch on two local dask workers / -j 2", 1.05, ratio(done["two dask workers"], done["-j 2"]))


def moviepy(bench: Bench) -> Iterator[Row]:
    done = alternating({"render": bench.render, "moviepy alone": bench.moviepy}, 1)
    yield Row("the same video with moviepy alone / render", 6, ratio(done["moviepy alone"], done["render"]), True)


def memory(bench: Bench) -> Iterator[Row]:
    peaks = []
    _small(bench.clip, bench.folder / "small.mp4")
    for minutes in (1, 30):
        name = f"long-{minutes}.mp4"
        _looped(bench.folder / "small.mp4", bench.folder / name, seconds=60 * minutes)
        bench.say(f"  {minutes} min")
        peaks.append(bench.candid("render", name, memory=True).memory)
    bench.say(f"  peaks: {peaks[0]:.0f} MiB and {peaks[1]:.0f} MiB")
    yield Row("peak memory of all processes, 30 minutes / 1 minute", 1.3, peaks[1] / peaks[0])


def start(bench: Bench) -> Iterator[Row]:
    done = alternating(
        {
            "candid --help": lambda: bench.candid("--help"),
            "import click": lambda: run([sys.executable, "-c", "import click"], bench.folder),
        },
        15,
    )
    yield Row("candid --help / python -c 'import click'", 2.0, ratio(done["candid --help"], done["import click"]))


def quality(bench: Bench) -> Iterator[Row]:
    """VMAF of a video with nothing laid over it, against its source."""
    source = bench.folder / "silent.mp4"
    ffmpeg.run(["-i", str(bench.clip), "-t", "20", "-an", "-c:v", "copy", str(source)])
    bench.candid("render", "silent.mp4", "--unbranded", "--keep-everything")
    made = bench.folder / "output" / "silent" / "landscape-unbranded.mp4"
    graph = "[0:v]setpts=N/30/TB[a];[1:v]setpts=N/30/TB[b];[a][b]libvmaf=n_threads=2"
    said = ffmpeg.run(
        ["-i", str(made), "-i", str(source), "-filter_complex", graph, "-f", "null", "-"], log="info", seconds=1200
    )
    score = float(said.rpartition("VMAF score: ")[2].split()[0])
    yield Row("VMAF of an overlay-free render at the default quality", 93, score, at_least=True)


def hearing(bench: Bench) -> Iterator[Row]:
    """Word errors, times of words, CPU seconds and memory of the default engine; fillers."""
    from tests.bench import fillers
    from tests.bench import hearing as measured

    yield from (Row(*told) for told in measured.rows(MEDIA, bench.folder))
    bench.say("  looking for fillers in 40 minutes of spliced talk")
    yield from (Row(*told) for told in fillers.rows(MEDIA, bench.folder))
    run(["rm", "-rf", "output"], bench.folder)
    peak = bench.candid(*RENDER, "--dry-run", memory=True).memory
    yield Row("peak memory of transcription, all processes, MiB", 450, peak)


def topics(bench: Bench) -> Iterator[Row]:
    """The board, filled with 100,000 suggestions."""
    from tests.bench import board

    bench.say("  filling the board")
    yield from (Row(*told) for told in board.rows())


def uploads(bench: Bench) -> Iterator[Row]:
    """Uploads to YouTube's protocol, over loopback."""
    from tests.bench import uploads as measured

    yield from (Row(*told) for told in measured.rows())


def load(bench: Bench) -> Iterator[Row]:
    """The page, with a crowd that votes and sends, while a video is made."""
    from tests.bench import load as crowd

    yield from (Row(*told) for told in crowd.rows())


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": start,
    "speed": speed,
    "batch": batch,
    "quality": quality,
    "moviepy": moviepy,
    "memory": memory,
    "hearing": hearing,
    "topics": topics,
    "uploads": uploads,
    "load": load,
}


def _looped(source: Path, out: Path, *, seconds: int) -> None:
    """The clip over and over, without encoding it again."""
    ffmpeg.run(["-stream_loop", "-1", "-i", str(source), "-t", str(seconds), "-c", "copy", str(out)], seconds=3600)


def _small(source: Path, out: Path) -> None:
    """A minute of the clip, small and at 10 pictures a second, so that half an hour is encoded in reasonable time."""
    codec = ["-vf", "scale=640:360,fps=10", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    ffmpeg.run(["-i", str(source), "-t", "60", *codec, str(out)], seconds=600)


def _line(row: Row) -> str:
    bound = f"{'at least' if row.at_least else 'at most'} {row.goal:g}"
    digits = 2 if row.met or round(row.measured, 2) != row.goal else 3  # a near miss is told as one
    return f"| {row.what} | {bound} | {row.measured:.{digits}f} | {'met' if row.met else 'missed'} |"


def _into_readme(rows: list[Row]) -> None:
    """Puts the rows that were measured into the README's table; the others stay."""
    path = ROOT / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition("<!-- bench -->\n")
    table, _, after = rest.partition("<!-- /bench -->")
    lines = {line.split("|")[1].strip(): line for line in table.splitlines()}
    lines |= {row.what: _line(row) for row in rows}
    text = "\n".join(lines.values())
    path.write_text(f"{before}<!-- bench -->\n{text}\n<!-- /bench -->{after}", encoding="utf-8")


def main(wanted: list[str]) -> None:
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        raise SystemExit(f"There is no row {', '.join(unknown)}. Known: {', '.join(ROWS)}.")
    with tempfile.TemporaryDirectory(prefix="candid-bench-") as folder:
        bench = Bench(Path(folder))
        rows = [row for name in wanted or ROWS for row in ROWS[name](bench)]
    print("\n".join(map(_line, rows)))
    (ROOT / "bench-results.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    _into_readme(rows)
    print(f"\n{sum(row.met for row in rows)} of {len(rows)} goals met; medians of {ROUNDS} rounds; bench-results.json")


if __name__ == "__main__":
    main(sys.argv[1:])
