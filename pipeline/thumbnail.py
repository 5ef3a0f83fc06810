"""Three candidates for a thumbnail: sharp pictures from kept pieces, well apart, with the title."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from pipeline import artwork, encode, ffmpeg
from pipeline.model import Clip, Plan, Rect, Still, Variant
from pipeline.render import Site, lay_out
from pipeline.shelf import fingerprint

_LOOKED_AT = 12  # pictures, spread over what is kept
_CANDIDATES = 3
_SECONDS = 120
_QUALITY = 90  # JPEG
_VERSION = 3

Look = Callable[[Clip, Sequence[int]], Sequence[Still]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A grid frame of a clip, how sharp it is, and whether it is a key frame."""

    clip: int
    frame: int
    sharpness: float = 0.0
    key: bool = True


def make(plan: Plan, variant: Variant, kit: encode.Kit, site: Site, look: Look) -> tuple[str, ...]:
    """Makes thumbnail.jpg (the sharpest), thumbnail-2.jpg and thumbnail-3.jpg, as far as there are pictures; their
    names.

    `look` says how sharp a clip's pictures are near given times.

    """
    shelf, shape = site.shelf, variant.format
    pieces = [(piece.clip, piece.start, piece.end) for piece in plan.kept]
    looks = [plan.title, variant.branded, kit.brand.colors, kit.brand.font, fingerprint(kit.brand.fonts)]
    causes = [_VERSION, [clip.sha256 for clip in plan.clips], pieces, plan.fps, plan.fit, shape, looks]
    names = tuple("thumbnail.jpg" if n == 0 else f"thumbnail-{n + 1}.jpg" for n in range(_CANDIDATES))
    if all(shelf.has(name, causes) for name in names):
        return names
    best = _best(plan, look)
    for number, name in enumerate(names):
        shelf.put(name, causes, partial(_picture, plan, variant, kit, best[number % len(best)], site))
    return names


def wanted(plan: Plan) -> tuple[tuple[int, int], ...]:
    """The clip and grid frame of the moments that are looked at: spread evenly over what is kept, cuts avoided."""
    kept = sum(piece.frames for piece in plan.kept)
    return tuple(_at(plan, (2 * n + 1) * kept // (2 * _LOOKED_AT)) for n in range(min(_LOOKED_AT, kept)))


def _at(plan: Plan, frame: int) -> tuple[int, int]:
    """Which grid frame of which clip stands at a frame of the kept timeline, moved away from the piece's edges."""
    edge = round(plan.fps / 3)
    for piece in plan.kept:
        if frame < piece.frames:
            inner = min(edge, piece.frames // 2)
            return piece.clip, piece.start + min(max(frame, inner), piece.frames - 1 - inner)
        frame -= piece.frames
    raise AssertionError("the frame lies in what is kept")


def _best(plan: Plan, look: Look) -> list[_Candidate]:
    """The sharpest, each at least an eighth of the video away from those before it where there are enough."""
    seen = sorted(_seen(plan, look), key=lambda found: -found.sharpness)
    if not seen:
        first = plan.kept[0]
        return [_Candidate(first.clip, first.start, key=False)]
    apart = sum(piece.frames for piece in plan.kept) // 8
    chosen: list[_Candidate] = []
    for found in seen:
        if all(found.clip != other.clip or abs(found.frame - other.frame) >= apart for other in chosen):
            chosen.append(found)
    return [*chosen, *(found for found in seen if found not in chosen)][:_CANDIDATES]


def _seen(plan: Plan, look: Look) -> Iterator[_Candidate]:
    """What `look` says of the moments that lie in kept pieces."""
    moments = wanted(plan)
    for number, clip in enumerate(plan.clips):
        times = [int(frame * 1000 / plan.fps) for owner, frame in moments if owner == number]
        if clip.picture is None or not times:
            continue
        for still in look(clip, times):
            frame = round(still.at_ms * plan.fps / 1000)
            if any(p.clip == number and p.start <= frame < p.end for p in plan.kept):
                yield _Candidate(number, frame, still.sharpness)


def _picture(plan: Plan, variant: Variant, kit: encode.Kit, chosen: _Candidate, site: Site, out: Path) -> None:
    """One picture through the same colors and fit as the video, with the title."""
    job = encode.still(plan, variant, chosen.clip, chosen.frame, kit, key=chosen.key)
    folder = site.shelf.work / f"still-{chosen.clip}-{chosen.frame}"
    folder.mkdir(exist_ok=True)
    lay_out(job, folder)
    source = site.readable.get(job.source, job.source) if job.source else None
    ffmpeg.run(job.run_on(source), folder=folder, seconds=_SECONDS)
    with Image.open(folder / job.output) as picture:
        titled = artwork.title_over(picture, kit.brand, plan.title, _box(variant))
    titled.save(out, format="JPEG", quality=_QUALITY, optimize=True)


def _box(variant: Variant) -> tuple[int, int, int, int]:
    """Where the title stands:

    across the frame in landscape, within the safe area where platforms draw over the rest.
    """
    shape, captions = variant.format, variant.format.captions
    left = min(captions.x, round(shape.width * 0.06)) if shape.width >= shape.height else captions.x
    area = Rect(left, round(shape.height * 0.45), shape.width - 2 * left, captions.bottom - round(shape.height * 0.45))
    return area.x, area.y, area.right, area.bottom
