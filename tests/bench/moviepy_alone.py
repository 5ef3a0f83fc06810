"""The same video made with moviepy alone, as a script would: cuts, captions, logo and lower third composed frame by
frame.

Usage: python -m tests.bench.moviepy_alone PLAN.json OUT.mp4 FONT.ttf LOGO LOWER_THIRD
"""

from __future__ import annotations

import sys
from pathlib import Path

from moviepy import (
    ColorClip,
    CompositeVideoClip,
    ImageClip,
    TextClip,
    VideoFileClip,
    concatenate_videoclips,
)
from pydantic import TypeAdapter

from pipeline.encode import Quality
from pipeline.model import Plan, Rect


def main(plan_path: str, out: str, font: str, logo: str, lower_third: str) -> None:
    plan = TypeAdapter(Plan).validate_json(Path(plan_path).read_bytes())
    variant, fps = plan.variants[0], float(plan.fps)
    source = VideoFileClip(str(plan.clips[0].path))
    size = (variant.format.width, variant.format.height)
    kept = concatenate_videoclips(
        [source.subclipped(p.start / fps, min(source.duration, p.end / fps)) for p in plan.kept]
    )
    start = variant.opening.frames / fps if variant.opening else 0.0
    layers = [ColorClip(size, color=(16, 24, 32), duration=variant.frames / fps), kept.with_start(start)]
    files = {"logo": logo, "lower_third": lower_third}
    layers += [_graphic(files[layer.kind], layer.place, layer.start / fps, layer.end / fps) for layer in variant.layers]
    for cue in variant.cues:
        text = TextClip(font=font, text=cue.text, font_size=54, color="white", text_align="center", duration=1)
        text = text.with_start(cue.start / fps).with_duration((cue.end - cue.start) / fps)
        layers.append(text.with_position(("center", variant.format.captions.y)))
    CompositeVideoClip(layers, size=size).write_videofile(
        out,
        fps=fps,
        codec="libx264",
        preset="veryfast",
        threads=2,
        ffmpeg_params=["-crf", str(Quality().crf)],
        logger=None,
    )


def _graphic(path: str, place: Rect, start: float, end: float):  # type: ignore[no-untyped-def]
    clip = ImageClip(path, duration=end - start) if _is_picture(path) else VideoFileClip(path, has_mask=True)
    return clip.with_start(start).with_end(end).with_position((place.x, place.y))


def _is_picture(path: str) -> bool:
    return Path(path).read_bytes()[:4] == b"\x89PNG"


if __name__ == "__main__":
    main(*sys.argv[1:])
