"""The brand's graphics as still pictures (Pillow):

lower third, bumper, end card, logo, and the title on a thumbnail.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from pipeline import fonts, layout
from pipeline.errors import WorkspaceError
from pipeline.model import Brand, FontMetrics, Person

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Size = tuple[int, int]
Color = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom

_PLATE_ALPHA = 225  # of 255: the picture shines through a little, and the text still has its contrast
_LEADING = 1.22  # line height, in font sizes
_FINE = 4  # text is set in quarters of a pixel: at whole ones small letters stand unevenly
_SMALLEST = 0.45  # of the size that is wanted; what is still too wide is cut with an ellipsis
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph to be set: as large as wanted where it fits, in at most so many lines."""

    text: str
    size: int  # pixels
    color: Color
    bold: bool = False
    lines: int = 1
    above: int = 0  # pixels of room to the paragraph before


def logo(path: Path, size: Size) -> Image.Image:
    """The logo inside `size`, centered, with its alpha."""
    with Image.open(path) as picture:
        whole = picture.convert("RGBA")
    whole.thumbnail(size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", size)
    canvas.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return canvas


def lower_third(brand: Brand, person: Person, size: Size) -> Image.Image:
    """Name, title and disclosure on a plate with a bar in the accent color."""
    canvas = Image.new("RGBA", size)
    unit = size[1] / 144
    _plate(canvas, brand, radius=round(10 * unit))
    bar = round(8 * unit)
    where, room = _barred(brand.bar, size, bar)
    ImageDraw.Draw(canvas).rectangle(where, fill=(*brand.colors.accent, 255))
    lines = [
        Line(person.name, round(42 * unit), brand.colors.text, bold=True),
        Line(person.title, round(26 * unit), brand.colors.text, above=round(2 * unit)),
        Line(person.disclosure, round(22 * unit), brand.colors.accent, above=round(3 * unit)),
    ]
    left, top, right, bottom = room
    _set(canvas, brand, lines, (left + round(24 * unit), top, right - round(20 * unit), bottom))
    return canvas


def _barred(side: str, size: Size, bar: int) -> tuple[Box, Box]:
    """Where the bar of a lower third lies, and the room that it leaves on the plate."""
    width, height = size
    if side == "top":
        return (0, 0, width - 1, bar - 1), (0, bar, width, height)
    if side == "bottom":
        return (0, height - bar, width - 1, height - 1), (0, 0, width, height - bar)
    return (0, 0, bar - 1, height - 1), (bar, 0, width, height)


def preview(brand: Brand, person: Person, caption: str) -> Image.Image:
    """What a person's video looks like while their name stands: on a neutral ground, in landscape."""
    shape = layout.FORMATS["landscape"]
    ground = Image.linear_gradient("L").resize((shape.width, shape.height))
    canvas = ImageOps.colorize(ground, (150, 158, 166), (84, 92, 102)).convert("RGBA")
    name, corner, room = shape.lower_third, shape.logo, shape.captions
    canvas.alpha_composite(lower_third(brand, person, (name.width, name.height)), (name.x, name.y))
    if brand.logo is not None:
        canvas.alpha_composite(logo(brand.logo, (corner.width, corner.height)), (corner.x, corner.y))
    text = Image.new("RGBA", (room.width, room.height))
    line = Line(caption, room.height // 3, (255, 255, 255), bold=True)
    _set(text, brand, [line], (0, 0, room.width, room.height), centered=True, bottom=True)
    canvas.alpha_composite(_with_shadow(text), (room.x, room.y))
    return canvas.convert("RGB")


def bumper(brand: Brand, title: str, size: Size) -> Image.Image:
    """The title, large, under a short bar in the accent color, and the brand's name."""
    canvas = Image.new("RGBA", size)
    unit = min(size[0] / 900, size[1] / 420)
    told = bool(_drawable(title, brand))  # a title that the font cannot draw is none
    rows = 4 if size[1] > size[0] / 2 else 3
    lines = [
        Line(title if told else brand.title, round(96 * unit), brand.colors.text, bold=True, lines=rows),
        Line(brand.title if told else "", round(40 * unit), brand.colors.accent, above=round(22 * unit)),
    ]
    edge, bar, gap = round(12 * unit), round(10 * unit), round(26 * unit)  # edge: room for the shadow
    box = (edge, edge + bar + gap, size[0] - edge, size[1] - edge - bar)
    top = _set(canvas, brand, lines, box) - bar - gap
    ImageDraw.Draw(canvas).rectangle(
        (edge, top, edge + round(120 * unit) - 1, top + bar - 1), fill=(*brand.colors.accent, 255)
    )
    return _with_shadow(canvas)


def end_card(brand: Brand, person: Person | None, size: Size) -> Image.Image:
    """Whose brand, its closing line, and who spoke."""
    canvas = Image.new("RGBA", size)
    _plate(canvas, brand, radius=size[1] // 10)
    unit = size[1] / 176
    who = " · ".join(text for text in ((person.name, person.disclosure) if person else ()) if text)
    lines = [
        Line(brand.title, round(52 * unit), brand.colors.text, bold=True),
        Line(brand.closing_line, round(28 * unit), brand.colors.accent, above=round(2 * unit)),
        Line(who, round(24 * unit), brand.colors.text, lines=2 if size[1] > 200 else 1, above=round(8 * unit)),
    ]
    edge = round(36 * unit)
    _set(canvas, brand, lines, (edge, 0, size[0] - edge, size[1]), centered=True)
    return canvas


def title_over(picture: Image.Image, brand: Brand, title: str, box: tuple[int, int, int, int]) -> Image.Image:
    """A picture with the title at the bottom of `box`, over a shade that makes it readable on any ground."""
    canvas = picture.convert("RGBA")
    shown = _drawable(title, brand)
    if not shown:
        return canvas.convert("RGB")
    canvas.alpha_composite(_shade(canvas.size, box, brand))
    text = Image.new("RGBA", canvas.size)
    size = round(min(canvas.size) * 0.088)
    _set(text, brand, [Line(shown, size, brand.colors.text, bold=True, lines=3)], box, bottom=True)
    canvas.alpha_composite(_with_shadow(text))
    return canvas.convert("RGB")


def _shade(size: Size, box: tuple[int, int, int, int], brand: Brand) -> Image.Image:
    """Darkness that grows from the middle of the picture down to the title."""
    ramp = Image.linear_gradient("L").resize((1, size[1]))
    top, full = box[3] - (box[3] - box[1]) * 1.6, box[3]
    values = [round(210 * min(1.0, max(0.0, (y - top) / (full - top)))) for y in range(size[1])]
    ramp.putdata(values)
    shade = Image.new("RGBA", size, (*brand.colors.background, 255))
    shade.putalpha(ramp.resize(size))
    return shade


def _plate(canvas: Image.Image, brand: Brand, radius: int) -> None:
    box = (0, 0, canvas.width - 1, canvas.height - 1)
    ImageDraw.Draw(canvas).rounded_rectangle(box, radius, fill=(*brand.colors.background, _PLATE_ALPHA))


def _with_shadow(canvas: Image.Image) -> Image.Image:
    """Softly shadowed, so that light text stands on a light ground as well."""
    radius = max(2, canvas.height // 60)
    shadow = Image.new("RGBA", canvas.size, (0, 0, 0, 255))
    shadow.putalpha(canvas.getchannel("A").filter(ImageFilter.GaussianBlur(radius)))
    shadow.alpha_composite(canvas)
    return shadow


# --- text -------------------------------------------------------------------------------------------------------------


def _set(
    canvas: Image.Image,
    brand: Brand,
    lines: Sequence[Line],
    box: tuple[int, int, int, int],
    *,
    centered: bool = False,
    bottom: bool = False,
) -> int:
    """Sets paragraphs into the middle of a box, or at its bottom: smaller where they would not fit, and never outside.

    Returns where the text begins, in pixels from the top of the canvas.
    """
    left, top, right, low = box
    shown = [line for line in lines if _drawable(line.text, brand)]
    scale = 1.0
    while True:
        laid = [row for line in shown for row in _laid(line, brand, right - left, scale)]
        height = sum(row.above + row.step for row in laid)
        if height <= low - top or scale <= _SMALLEST:
            break
        scale *= 0.92
    y = start = max(0, low - height if bottom else top + max(0, (low - top - height) // 2))
    for number, row in enumerate(laid):
        y += row.above if number else 0
        x = left + round((right - left - row.width) / 2) if centered else left
        _write(canvas, row, x, y)
        y += row.step
    return start


@dataclass(frozen=True, slots=True)
class _Row:
    """Text on one line. The font is `_FINE` times as large as it is shown."""

    text: str
    font: FreeTypeFont
    color: Color
    above: int

    @property
    def step(self) -> int:
        return round(self.font.size / _FINE * _LEADING)

    @property
    def width(self) -> float:
        return self.font.getlength(self.text) / _FINE


def _write(canvas: Image.Image, row: _Row, x: int, y: int) -> None:
    size = (min(math.ceil(row.width) + row.step, canvas.width - x), row.step)  # room for what leans out of its width
    mask = Image.new("L", (size[0] * _FINE, size[1] * _FINE))
    ImageDraw.Draw(mask).text((0, mask.height / 2), row.text, font=row.font, fill=255, anchor="lm")
    ink = Image.new("RGBA", size, (*row.color, 255))
    ink.putalpha(mask.reduce(_FINE))
    canvas.alpha_composite(ink, (x, y))


def _laid(line: Line, brand: Brand, width: int, scale: float) -> list[_Row]:
    """The rows of a paragraph: at its size where they are few enough, else smaller, at last cut short."""
    width *= _FINE
    text = _drawable(line.text, brand)
    path = (fonts.bold if line.bold else fonts.regular)(brand.fonts, brand.font)
    size = line.size * scale
    while True:
        font = ImageFont.truetype(str(path), max(8, round(size)) * _FINE)
        rows = _wrapped(text, font, width)
        if len(rows) <= line.lines or size < line.size * _SMALLEST:
            break
        size *= 0.94
    if len(rows) <= line.lines:
        rows = _balanced(rows, font, width)
    else:
        rows = [*rows[: line.lines - 1], _cut(" ".join(rows[line.lines - 1 :]), font, width)]
    return [_Row(row, font, line.color, 0 if number else line.above) for number, row in enumerate(rows)]


def _wrapped(text: str, font: FreeTypeFont, width: int) -> list[str]:
    """Rows no wider than `width`; a word that is wider is broken."""
    rows: list[str] = []
    for word in text.split():
        joined = f"{rows[-1]} {word}" if rows else word
        if rows and font.getlength(joined) <= width:
            rows[-1] = joined
        else:
            rows += _broken(word, font, width)
    return rows


def _balanced(rows: list[str], font: FreeTypeFont, width: int) -> list[str]:
    """The same text in as many rows, as even as they can be: a last word that stands alone looks like a mistake."""
    widest = max((font.getlength(word) for row in rows for word in row.split()), default=0.0)
    narrower = rows
    while len(narrower) == len(rows) and width > widest:
        rows, width = narrower, int(width * 0.95)
        narrower = _wrapped(" ".join(rows), font, width)
    return rows


def _broken(word: str, font: FreeTypeFont, width: int) -> list[str]:
    rows = [""]
    for char in word:
        if rows[-1] and font.getlength(rows[-1] + char) > width:
            rows.append("")
        rows[-1] += char
    return rows


def _cut(text: str, font: FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + _ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def _drawable(text: str, brand: Brand) -> str:
    """The text without what the font cannot draw: a name without its emoji is better than one with a box."""
    missing = set(_metrics(brand.fonts, brand.font).missing(text))
    return " ".join("".join(c for c in text if c not in missing and (c.isprintable() or c.isspace())).split())


@functools.lru_cache(maxsize=4)
def _metrics(paths: tuple[Path, ...], family: str) -> FontMetrics:
    """Read once: a graphic asks for every line of text, and reading a font takes 40 ms."""
    return fonts.metrics(paths, family)


# --- how a picture looks ----------------------------------------------------------------------------------------------


def difference_hash(path: Path) -> int:
    """How a picture looks, in 64 bits: whether each of 8x8 places is brighter than its right neighbor.

    Pictures that look alike differ in few bits. WorkspaceError where the file is no picture.
    """
    try:
        with Image.open(path) as picture:
            small = picture.convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise WorkspaceError(f"{path} is no picture that can be read.", "Render the take again.") from fault
    rows = [small.crop((0, y, 9, y + 1)).tobytes() for y in range(8)]
    bits = "".join("1" if left > right else "0" for row in rows for left, right in itertools.pairwise(row))
    return int(bits, 2)
