"""Makes demo.mp4: a robot presents the most creative way to destroy a server.

Run: python assets/demo/make_demo.py   (needs flite on the PATH: apt install flite; everything else comes with Candid)

The voice is flite's "rms", made at Carnegie Mellon University, free to use for any purpose (CMU ARCTIC, BSD-like
licence). Scene and noises are drawn and computed here. The clip is as recorded ones are: pauses that are too long, an
"um", a slip that is corrected, and several seconds in which something is destroyed loudly and nobody speaks. The same
script makes the same clip.
"""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
WIDTH, HEIGHT, FPS, RATE = 1280, 720, 30, 48000
SHARP = 2  # drawn twice as large, then scaled down

SCRIPT = (  # what is said, and the silence behind it, in seconds; DESTRUCTION stands for itself
    ("You asked for the most creative way to destroy a server.", 2.0),
    ("Um.", 1.5),
    ("This one is twelve years old.", 0.5),
    ("Today, we pour coffee on it.", 0.45),
    ("No, wait.", 0.4),
    ("We drop the piano on it.", 0.7),
    ("DESTRUCTION", 1.9),
    ("That was overdue.", 0.5),
    ("Tell us what we should destroy next.", 0.7),
)
DESTRUCTION_SECONDS = 4.2
LANDS = 0.55  # after the piano is let go
BANGS = ((LANDS, 1.0), (1.35, 0.6), (2.05, 0.75), (2.9, 0.5), (3.5, 0.65))  # seconds into it, and how hard

WALL, WALL_LOW, FLOOR = (236, 226, 208), (221, 207, 184), (176, 148, 118)
INK, BODY, BODY_DARK, FACE = (38, 46, 60), (120, 178, 190), (84, 138, 152), (24, 34, 46)
GLOW, RACK, RACK_LIGHT, WOOD = (118, 240, 214), (52, 60, 74), (78, 88, 106), (92, 52, 36)
RED, YELLOW, SMOKE = (232, 86, 70), (255, 196, 61), (110, 112, 118)


# --- sound ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Track:
    """The clip's sound (mono, -1..1), when somebody speaks, and when the destruction starts."""

    samples: np.ndarray
    spoken: tuple[tuple[float, float, str], ...]
    destruction: float

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    def voice(self, at: float) -> float:
        """How wide the mouth is open, 0..1."""
        if not any(start <= at <= end for start, end, _ in self.spoken):
            return 0.0
        near = self.samples[max(0, int((at - 0.03) * RATE)) : int((at + 0.03) * RATE)]
        return min(1.0, float(np.sqrt(np.mean(near**2))) * 6) if len(near) else 0.0


def track(chance: np.random.Generator) -> Track:
    parts, spoken, at, destruction = [np.zeros(int(0.7 * RATE))], [], 0.7, 0.0
    for text, pause in SCRIPT:
        if text == "DESTRUCTION":
            destruction, said = at, noises(chance)
        else:
            said = speak(text)
            spoken.append((at, at + len(said) / RATE, text))
        parts += [said, np.zeros(int(pause * RATE))]
        at += len(said) / RATE + pause
    samples = np.concatenate(parts)
    samples = samples + chance.normal(0, 0.0009, len(samples))  # the room, at -61 dBFS
    return Track(np.clip(samples, -0.98, 0.98), tuple(spoken), destruction)


def speak(text: str) -> np.ndarray:
    """One sentence by flite, 48 kHz, its own silence cut off, at -20 dBFS."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", "rms", "--setf", "duration_stretch=1.04", "-t", text, "-o", str(path)]
        subprocess.run(command, check=True)
        with wave.open(str(path)) as file:
            rate, raw = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = raw.astype(np.float64) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[max(0, loud[0] - rate // 50) : loud[-1] + rate // 20]
    resampled = np.interp(np.arange(0, len(samples), rate / RATE), np.arange(len(samples)), samples)
    return resampled * 0.1 / np.sqrt(np.mean(resampled**2))


def noises(chance: np.random.Generator) -> np.ndarray:
    """A piano meets a server: thuds, a chord nobody wrote, metal, and what falls off afterwards."""
    length = int(DESTRUCTION_SECONDS * RATE)
    out = np.zeros(length + 3 * RATE)
    for at, force in BANGS:
        for sound, level in ((thud(chance), 0.75), (chord(chance), 0.42), (clang(chance), 0.4)):
            first = int(at * RATE)
            out[first : first + len(sound)] += sound * level * force
    for at in chance.uniform(LANDS + 0.1, DESTRUCTION_SECONDS - 0.4, 46):
        bit = clang(chance)[: RATE // 5] * chance.uniform(0.04, 0.22)
        out[int(at * RATE) : int(at * RATE) + len(bit)] += bit
    out = out[:length]
    out[-RATE // 2 :] *= np.linspace(1, 0, RATE // 2)
    return out * 0.9 / np.abs(out).max()


def _decay(seconds: float, speed: float) -> np.ndarray:
    return np.exp(-speed * np.arange(int(seconds * RATE)) / RATE)


def thud(chance: np.random.Generator) -> np.ndarray:
    fall = _decay(0.7, 7)
    noise = np.convolve(chance.normal(0, 1, len(fall)), np.hanning(60) / 30, mode="same")
    return fall * (0.6 * noise + np.sin(2 * np.pi * 58 * np.arange(len(fall)) / RATE))


def chord(chance: np.random.Generator) -> np.ndarray:
    time = np.arange(int(2.2 * RATE)) / RATE
    notes = 110 * 2 ** (chance.integers(0, 36, 9) / 12)
    return sum(np.sin(2 * np.pi * note * time) * np.exp(-2.2 * time) for note in notes) / 5


def clang(chance: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.6 * RATE)) / RATE
    return sum(np.sin(2 * np.pi * f * time) * np.exp(-9 * time) for f in chance.uniform(900, 5200, 7)) / 4


# --- picture ----------------------------------------------------------------------------------------------------------


class Pen:
    """Draws in the coordinates of the finished picture, shifted by a shake of the camera."""

    def __init__(self, picture: Image.Image, dx: float, dy: float) -> None:
        self._draw, self._dx, self._dy = ImageDraw.Draw(picture, "RGBA"), dx, dy

    def _points(self, *values: float) -> list[float]:
        return [(v + (self._dx if n % 2 == 0 else self._dy)) * SHARP for n, v in enumerate(values)]

    def box(self, x: float, y: float, w: float, h: float, fill: tuple[int, ...], radius: float = 0) -> None:
        self._draw.rounded_rectangle(self._points(x, y, x + w, y + h), radius * SHARP, fill=fill)

    def disc(self, x: float, y: float, r: float, fill: tuple[int, ...]) -> None:
        self._draw.ellipse(self._points(x - r, y - r, x + r, y + r), fill=fill)

    def shape(self, points: list[tuple[float, float]], fill: tuple[int, ...]) -> None:
        self._draw.polygon(self._points(*(v for point in points for v in point)), fill=fill)

    def line(self, points: list[tuple[float, float]], fill: tuple[int, ...], width: float) -> None:
        self._draw.line(self._points(*(v for point in points for v in point)), fill=fill, width=round(width * SHARP),
                        joint="curve")  # fmt: skip


def frames(sound: Track) -> Iterator[bytes]:
    for number in range(int(sound.seconds * FPS)):
        yield scene(number / FPS, sound).tobytes()


def scene(at: float, sound: Track) -> Image.Image:
    """One picture. `gone` counts the seconds since the piano was let go."""
    gone = at - sound.destruction
    picture = Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), WALL)
    pen = Pen(picture, *shake(gone))
    room(pen)
    table(pen)
    server(pen, at, gone)
    piano(pen, gone)
    robot(pen, at, sound.voice(at), gone)
    debris(pen, gone)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def shake(gone: float) -> tuple[float, float]:
    x = y = 0.0
    for at, force in BANGS:
        if 0 <= gone - at < 0.6:
            size = 26 * force * math.exp(-6 * (gone - at))
            x += size * math.sin(55 * (gone - at))
            y += size * math.cos(47 * (gone - at))
    return x, y


def room(pen: Pen) -> None:
    pen.box(-60, -60, WIDTH + 120, HEIGHT + 120, WALL)
    pen.box(-60, 420, WIDTH + 120, 160, WALL_LOW)
    pen.box(-60, 560, WIDTH + 120, 260, FLOOR)
    pen.box(-60, 556, WIDTH + 120, 8, (150, 122, 94))
    pen.box(520, 96, 150, 190, (255, 250, 240), 8)  # a window, and the evening in it
    pen.box(530, 106, 130, 170, (150, 196, 214), 4)
    pen.disc(620, 236, 26, (255, 224, 150))
    pen.box(530, 186, 130, 6, (255, 250, 240))
    pen.box(592, 106, 6, 170, (255, 250, 240))


def table(pen: Pen) -> None:
    for x in (770, 1070):
        pen.box(x, 520, 18, 130, (120, 84, 60), 3)
    pen.box(740, 500, 380, 26, (146, 104, 74), 6)


def server(pen: Pen, at: float, gone: float) -> None:
    """Four units with lights; under the piano it is a good deal flatter."""
    height = 190 if gone < LANDS else max(54.0, 190 - 1500 * (gone - LANDS))
    x, width = (840, 180) if gone < LANDS else (824, 212)
    top = 500 - height
    pen.box(x, top, width, height, INK, 8)
    for unit in range(4):
        y, tall = top + 6 + unit * (height - 8) / 4, (height - 8) / 4 - 6
        pen.box(x + 8, y, width - 16, max(4, tall), RACK if unit % 2 else RACK_LIGHT, 4)
        for lamp in range(3):
            lit = gone < LANDS and math.sin(at * (3.1 + lamp) + unit * 1.7) > 0
            color = (GLOW if lamp else YELLOW) if lit else (30, 38, 48)
            pen.disc(x + width - 26 - lamp * 18, y + max(4, tall) / 2, 5, color)
    if gone < LANDS:
        pen.line([(x + 26, top + 26), (x + 62, top + 26)], (150, 160, 176), 4)


def piano(pen: Pen, gone: float) -> None:
    """Falls, lands, and comes to rest askew."""
    if gone < 0:
        return
    fall = min(1.0, gone / LANDS)
    y = -240 + 500 * fall * fall
    hop = sum(18 * f * abs(math.sin(9 * (gone - at))) * math.exp(-5 * (gone - at)) for at, f in BANGS if gone > at)
    tilt = 0.0 if gone < LANDS else min(1.0, (gone - LANDS) * 2.2) * 26
    y -= hop if gone > LANDS else 0
    x = 770
    body = [(x, y + tilt), (x + 320, y - tilt), (x + 320, y + 150 - tilt), (x, y + 186 + tilt)]
    pen.shape(body, WOOD)
    pen.shape([(x + 14, y + 18 + tilt), (x + 306, y + 18 - tilt), (x + 306, y + 60 - tilt), (x + 14, y + 60 + tilt)],
              (66, 36, 24))  # fmt: skip
    for key in range(20):
        left = x + 16 + key * 14.5
        lean = tilt * (1 - key / 9.5)
        missing = gone > 2.05 and key in (3, 4, 9, 13, 14)
        pen.box(left, y + 104 + lean, 13, 8 if missing else 38, (250, 246, 236), 2)
        if key % 7 not in (2, 6) and not missing:
            pen.box(left + 9, y + 104 + lean, 8, 22, INK, 2)


def robot(pen: Pen, at: float, voice: float, gone: float) -> None:
    """The presenter: breathes, blinks, talks with an arm, looks up when the piano comes, and smiles when it is over."""
    breath = 2.2 * math.sin(at * 1.9)
    startled = LANDS < gone < DESTRUCTION_SECONDS
    x, y = 300.0, 196 + breath - (6 if startled else 0)
    pen.box(x - 150 + 84, 640, 134, 14, (140, 114, 88), 7)
    for leg in (-34, 16):
        pen.box(x + leg, 520, 24, 122, BODY_DARK, 10)
    arms(pen, x, y, at, voice, gone)
    pen.box(x - 78, y + 178, 160, 168 - breath, BODY, 34)
    pen.box(x - 44, y + 214, 92, 58, BODY_DARK, 14)
    pen.disc(x - 18, y + 243, 11, YELLOW)
    pen.disc(x + 20, y + 243, 11, RED if startled else GLOW)
    pen.box(x - 18, y + 150, 40, 40, BODY_DARK, 8)
    pen.line([(x, y), (x, y - 34)], BODY_DARK, 8)
    pen.disc(x, y - 40, 12, RED if startled else YELLOW)
    pen.box(x - 104, y, 212, 164, BODY, 46)
    pen.box(x - 82, y + 20, 168, 122, FACE, 32)
    face(pen, x, y, at, voice, gone)


def arms(pen: Pen, x: float, y: float, at: float, voice: float, gone: float) -> None:
    lift = 26 * voice * (1 + 0.5 * math.sin(at * 5.2))
    if LANDS < gone < DESTRUCTION_SECONDS:
        lift = 150
    pen.line([(x - 70, y + 210), (x - 112, y + 262), (x - 104, y + 318)], BODY_DARK, 24)
    pen.disc(x - 104, y + 326, 17, BODY)
    pen.line([(x + 74, y + 210), (x + 124, y + 258 - lift * 0.4), (x + 150, y + 300 - lift)], BODY_DARK, 24)
    pen.disc(x + 152, y + 302 - lift, 17, BODY)


def face(pen: Pen, x: float, y: float, at: float, voice: float, gone: float) -> None:
    blink = at % 3.3 < 0.12
    wide = 0 < gone < DESTRUCTION_SECONDS
    dx, dy = (14, -6) if 0 <= gone < DESTRUCTION_SECONDS else (3, 0)
    for eye in (-36, 38):
        if blink and not wide:
            pen.box(x + eye - 15 + dx, y + 66 + dy, 30, 5, GLOW, 2)
        else:
            pen.disc(x + eye + dx, y + 68 + dy, 19 if wide else 15, GLOW)
            pen.disc(x + eye + dx + 5, y + 62 + dy, 5, FACE)
    if voice > 0.04:
        bars = [(n, 6 + 30 * voice * (0.45 + 0.55 * abs(math.sin(at * 21 + n * 1.9)))) for n in range(-3, 4)]
        for n, tall in bars:
            pen.box(x + n * 13 - 3, y + 112 - tall / 2, 8, tall, GLOW, 4)
    elif wide:
        pen.disc(x + 6, y + 112, 13, GLOW)
    else:
        deep = 15 if gone > DESTRUCTION_SECONDS else 4
        pen.line([(x - 30 + n * 7.5, y + 108 + deep * (1 - ((n - 4) / 4) ** 2)) for n in range(9)], GLOW, 6)


def debris(pen: Pen, gone: float) -> None:
    """Sparks, screws, piano keys and smoke, thrown by each bang; afterwards a thread of smoke."""
    if gone < LANDS:
        return
    chance = random.Random(4)  # noqa: S311 - the same sparks in every picture
    for at, force in BANGS:
        for _ in range(int(46 * force)):
            angle, speed = chance.uniform(math.pi * 1.05, math.pi * 1.95), chance.uniform(260, 980) * force
            born, life, kind = at + chance.uniform(0, 0.08), chance.uniform(0.5, 1.5), chance.random()
            age = gone - born
            if 0 <= age < life:
                px = 930 + math.cos(angle) * speed * age
                py = 450 + math.sin(angle) * speed * age + 700 * age * age
                _bit(pen, px, py, kind, 1 - age / life)
    for puff in range(34):
        born, drift = LANDS + puff * 0.12, chance.uniform(-40, 40)
        age = gone - born
        if 0 <= age < 2.4:
            fade = int(120 * (1 - age / 2.4) * (1 if gone < DESTRUCTION_SECONDS else 0.5))
            pen.disc(930 + drift * (1 + age), 440 - 90 * age, 24 + 26 * age, (*SMOKE, max(0, fade)))


def _bit(pen: Pen, x: float, y: float, kind: float, left: float) -> None:
    if kind < 0.45:
        pen.disc(x, y, 3 + 5 * left, (*YELLOW, 255))
    elif kind < 0.7:
        pen.box(x, y, 10, 34, (250, 246, 236), 2)
    elif kind < 0.85:
        pen.box(x, y, 16, 12, RACK_LIGHT, 2)
    else:
        pen.box(x, y, 26, 10, WOOD, 2)


# --- the file ---------------------------------------------------------------------------------------------------------


def main() -> None:
    if shutil.which("flite") is None:
        sys.exit("flite is missing; it speaks the demo's text. Install it, for example: apt install flite")
    sound = track(np.random.default_rng(7))
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "sound.wav"
        with wave.open(str(spoken), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.repeat((sound.samples * 32767).astype("<i2"), 2).tobytes())
        encode(sound, spoken, HERE / "demo.mp4")
    print(f"demo.mp4: {sound.seconds:.1f} s, {(HERE / 'demo.mp4').stat().st_size / 1e6:.1f} MB")
    print(f"destroyed from {sound.destruction:.1f} s to {sound.destruction + DESTRUCTION_SECONDS:.1f} s")
    for start, end, text in sound.spoken:
        print(f"{start:5.1f} - {end:4.1f}  {text}")


def encode(sound: Track, spoken: Path, out: Path) -> None:
    picture = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    video = ["-vf", "scale=out_color_matrix=bt709", *tags, "-c:v", "libx264", "-preset", "slow", "-crf", "24"]
    video += ["-pix_fmt", "yuv420p", "-g", "60"]
    plain = ["-c:a", "aac", "-b:a", "128k", "-shortest", "-movflags", "+faststart", "-fflags", "+bitexact"]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-y",
        "-v",
        "error",
        *picture,
        "-i",
        str(spoken),
        *video,
        *plain,
        str(out),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in frames(sound):
            process.stdin.write(frame)
        process.stdin.close()
        if process.wait():
            sys.exit("ffmpeg failed")


if __name__ == "__main__":
    main()
