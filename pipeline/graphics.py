"""moviepy draws lower third, bumper and end card as small clips with alpha, once per person and brand.

They are drawn at the size and length in which they are shown, fades included, and kept as PNG pictures in a MOV:
lossless, and the smallest of the lossless stores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artwork, ffmpeg
from pipeline.model import Brand, Person, Plan, Variant
from pipeline.shelf import Store, fingerprint

if TYPE_CHECKING:
    from PIL.Image import Image

_VERSION = 3  # of the design; a new one draws everything anew
_IN, _OUT = 0.30, 0.25  # seconds of fading in and out
_PNG = ("-pred", "up", "-compression_level", "1")  # a third of the work of the default, for a third more bytes


def draw(plan: Plan, variant: Variant, brand: Brand, person: Person | None, store: Store) -> Mapping[str, Path]:
    """The graphics of a variant by kind: "logo" (a PNG), "lower_third", "bumper", "end_card" (clips with alpha)."""
    drawn: dict[str, Path] = {}
    for layer in variant.layers:
        size = (layer.place.width, layer.place.height)
        if layer.kind == "logo" and brand.logo is not None:
            drawn["logo"] = _still(brand.logo, size, store)
        elif layer.kind == "lower_third" and person is not None:
            art = _artist(artwork.lower_third, brand, person, size)
            drawn["lower_third"] = _clip(art, [person], size, layer.end - layer.start, plan.fps, brand, store)
    for card in filter(None, (variant.opening, variant.closing)):
        size = (card.ink.width, card.ink.height)
        made, about = {
            "bumper": (_artist(artwork.bumper, brand, plan.title, size), ["bumper", plan.title]),
            "end_card": (_artist(artwork.end_card, brand, person, size), ["end card", person]),
        }[card.kind]
        drawn[card.kind] = _clip(made, about, size, card.frames, plan.fps, brand, store)
    return drawn


def _artist(paint: Callable[..., Image], *arguments: object) -> Callable[[], Image]:
    return lambda: paint(*arguments)


def _still(path: Path, size: tuple[int, int], store: Store) -> Path:
    key = fingerprint([_VERSION, "logo", _hash(path), size])
    return store.keep(key, lambda out: artwork.logo(path, size).save(out, format="PNG"))


def _clip(
    paint: Callable[[], Image],
    about: object,
    size: tuple[int, int],
    frames: int,
    fps: Fraction,
    brand: Brand,
    store: Store,
) -> Path:
    look = [brand.title, brand.closing_line, brand.colors, brand.bar, brand.font, [_hash(path) for path in brand.fonts]]
    key = fingerprint([_VERSION, about, look, size, frames, fps])
    return store.keep(key, lambda out: _write(_animated(paint(), frames, fps), size, fps, out))


def _animated(picture: Image, frames: int, fps: Fraction) -> Iterator[bytes]:
    """RGBA frames: the picture rises a little as it fades in, stands, and fades out. Straight alpha."""
    import numpy as np
    from moviepy import CompositeVideoClip, ImageClip, vfx

    seconds = float(frames / fps)
    fade_in, fade_out = min(_IN, seconds / 3), min(_OUT, seconds / 3)
    rise = picture.height * 0.06
    still = ImageClip(np.asarray(picture), transparent=True, duration=seconds)
    moved = still.with_position(lambda t: (0, rise * max(0.0, 1 - t / fade_in) ** 2))
    faded = moved.with_effects([vfx.CrossFadeIn(fade_in), vfx.CrossFadeOut(fade_out)])
    clip = CompositeVideoClip([faded], size=picture.size, bg_color=None)
    standing = None
    for number in range(frames):
        at = float(number / fps)
        if fade_in < at < seconds - fade_out and standing is not None:
            yield standing  # nothing moves: the frame before, again
            continue
        rgb, alpha = clip.get_frame(at), clip.mask.get_frame(at)
        frame = np.dstack([rgb, np.round(alpha * 255)]).astype(np.uint8).tobytes()
        standing = frame if at >= fade_in else None
        yield frame


def _write(frames: Iterator[bytes], size: tuple[int, int], fps: Fraction, out: Path) -> None:
    rate = f"{fps.numerator}/{fps.denominator}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{size[0]}x{size[1]}", "-r", rate, "-i", "pipe:0"]
    target = ["-c:v", "png", *_PNG, "-pix_fmt", "rgba", "-fflags", "+bitexact", f"file:{out}"]
    ffmpeg.run([*source, *target], feed=frames)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
