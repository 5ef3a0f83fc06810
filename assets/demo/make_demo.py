"""Makes demo.mp4: a robot presents the most creative way to destroy a server.

Run: python assets/demo/make_demo.py   (needs flite on the PATH: apt install flite; everything else comes with Candid)

The voice is flite's "rms", made at Carnegie Mellon University, free to use for any purpose (CMU ARCTIC, BSD-like
licence). Scene and noises are drawn and computed here. The clip is as recorded ones are: pauses that are too long, an
"um", a slip that is corrected, and several seconds in which something is destroyed loudly and nobody speaks. The same
script makes the same clip.
"""

from __future__ import annotations

import functools
import math
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

import demo_debris
import demo_robot
import demo_sound
import demo_terrace
import imageio_ffmpeg
import numpy as np
from demo_pen import Pen
from demo_sound import BANGS, DESTRUCTION_SECONDS, RATE, Track
from PIL import Image

OUT = Path(__file__).parent / "demo.mp4"
WIDTH, HEIGHT, FPS = 1920, 1080, 30
SMOOTH = 2  # drawn so many times larger, then scaled down: edges become smooth
SHARP = SMOOTH * WIDTH // 1280  # pixels a unit while drawing
MARGIN = 32  # units around the picture, for a camera that is shaken


def frames(sound: Track) -> Iterator[bytes]:
    for number in range(int(sound.seconds * FPS)):
        yield picture(number / FPS, sound).tobytes()


def picture(at: float, sound: Track) -> Image.Image:
    gone = at - sound.destruction
    drawn = _backdrop().copy()
    pen = Pen.on(drawn, SHARP, MARGIN)
    demo_debris.behind(pen, gone)
    demo_terrace.things(pen, at, gone)
    demo_robot.robot(pen, at, sound)
    demo_debris.in_front(pen, gone)
    return _filmed(drawn, gone)


@functools.cache
def _backdrop() -> Image.Image:
    drawn = Image.new("RGB", (WIDTH * SMOOTH + 2 * MARGIN * SHARP, HEIGHT * SMOOTH + 2 * MARGIN * SHARP))
    demo_terrace.backdrop(Pen.on(drawn, SHARP, MARGIN))
    return drawn


def _filmed(drawn: Image.Image, gone: float) -> Image.Image:
    """What the camera sees while the ground trembles."""
    x, y = (MARGIN * SHARP + round(shift * SHARP) for shift in shake(gone))
    return drawn.crop((x, y, x + WIDTH * SMOOTH, y + HEIGHT * SMOOTH)).reduce(SMOOTH)


def shake(gone: float) -> tuple[float, float]:
    """Units; never more than the margin."""
    blows = [(gone - at, 17 * force * math.exp(-6 * (gone - at))) for at, force in BANGS if 0 <= gone - at < 0.6]
    return sum(size * math.sin(55 * age) for age, size in blows), sum(size * math.cos(47 * age) for age, size in blows)


# --- the file ---------------------------------------------------------------------------------------------------------


def main() -> None:
    if shutil.which("flite") is None:
        sys.exit("flite is missing; it speaks the demo's text. Install it, for example: apt install flite")
    sound = demo_sound.track(seed=7)
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "sound.wav"
        _write(recorded, sound)
        _encode(sound, recorded)
    _report(sound)


def _write(path: Path, sound: Track) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.repeat((sound.samples * 32767).astype("<i2"), 2).tobytes())


def _encode(sound: Track, recorded: Path) -> None:
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    video = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", *tags, "-c:v", "libx264", "-preset", "slow"]
    video += ["-crf", "28", "-tune", "animation", "-pix_fmt", "yuv420p", "-g", "60", "-threads", "2"]
    rest = ["-c:a", "aac", "-b:a", "128k", "-shortest", "-movflags", "+faststart", "-fflags", "+bitexact"]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-y",
        "-v",
        "error",
        *shape,
        "-i",
        str(recorded),
        *video,
        *rest,
        str(OUT),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in frames(sound):
            process.stdin.write(frame)
        process.stdin.close()
        if process.wait():
            sys.exit("ffmpeg failed")


def _report(sound: Track) -> None:
    print(f"{OUT.name}: {sound.seconds:.1f} s, {OUT.stat().st_size / 1e6:.1f} MB")
    print(f"destroyed from {sound.destruction:.1f} s to {sound.destruction + DESTRUCTION_SECONDS:.1f} s")
    for said in sound.said:
        print(f"{said.start:5.1f} - {said.end:4.1f}  {said.text}")


if __name__ == "__main__":
    main()
