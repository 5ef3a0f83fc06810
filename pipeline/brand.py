"""assets/brands/<name>/ <-> Brand; a person's look, which is a variation of it; whether its colors can be read."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any
from warnings import catch_warnings

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline import limits, tomlfile
from pipeline.colors import TEXT_CONTRAST, Color, contrast
from pipeline.errors import LimitError, RecipeError
from pipeline.fonts import default_fonts
from pipeline.model import Brand, Colors, Person
from pipeline.shelf import explained

_HEX = r"^#[0-9a-fA-F]{6}$"
LARGEST_LOGO = 20 << 20  # bytes
_MOST_PIXELS = 25_000_000  # of a logo, which is shown 150 wide; decoding more takes seconds and 100 MB
_LOGO_SIDE = 1000  # pixels
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # Pillow knows more, some of which run programs
_SECONDS_TO_DECODE = 20
_STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True)
_Hex = Annotated[str, Field(pattern=_HEX)]
_Line = Annotated[str, AfterValidator(tomlfile.one_line)]
_Lines = Annotated[str, AfterValidator(tomlfile.lines)]
_Phrase = Annotated[_Line, Field(min_length=1, max_length=80)]
_WIDE = 100  # characters of a line in the terminal

BARS = ("left", "top", "bottom")  # where the lower third may have its bar


@dataclass(frozen=True, slots=True)
class Look:
    """A variation of a brand: its accent color, and where the lower third has its bar."""

    accent: Color
    bar: str


class _Colors(BaseModel):
    model_config = _STRICT
    background: str = Field("#101820", pattern=_HEX)
    text: str = Field("#ffffff", pattern=_HEX)
    accent: str = Field("#ffc43d", pattern=_HEX)
    looks: list[_Hex] = Field(default=[], max_length=8)


class _File(BaseModel):
    """Times in seconds, as people write them."""

    model_config = _STRICT
    title: _Line = Field("", max_length=60)
    closing_line: _Line = Field("", max_length=100)
    logo: str = ""
    font: str = "Roboto"
    colors: _Colors = Field(default_factory=lambda: _Colors.model_validate({}))
    bumper: float = Field(1.0, ge=0, le=1.5)
    end_card: float = Field(2.0, ge=0, le=10)
    lower_third: float = Field(4.0, ge=0, le=20)
    budget: float = Field(2.0, gt=0, le=100)
    stands_for: _Lines = Field("", max_length=1000)
    mention: list[_Phrase] = Field(default=[], max_length=100)
    keep_out: list[_Phrase] = Field(default=[], max_length=100)
    consent: _Lines = Field("", max_length=2000)
    defaults: dict[str, Any] = {}


def load(folder: Path) -> Brand:
    """The brand in a folder:

    brand.toml, its logo, and fonts/ where it brings its own. RecipeError where something is wrong.
    """
    return _brand(folder, _told(folder))


def changed(folder: Path, values: Mapping[str, Any]) -> Brand:
    """The brand as it would be with other values (`tomlfile.changed`), to look at. RecipeError as `load`."""
    return _brand(folder, tomlfile.parsed(_changed(folder, values), "brand.toml", _File, "brand"))


def edit(folder: Path, own: Path, values: Mapping[str, Any]) -> None:
    """Changes values of the brand in a folder; comments and order stay. RecipeError where the result would be wrong.

    `own` is its folder in the workspace: a brand that comes with the product is copied there first.
    """
    text = _changed(folder, values)
    changed(folder, values)
    if folder != own:
        _copied_whole(folder, own)
    tomlfile.replace(own / "brand.toml", text)


def use_logo(folder: Path, own: Path, picture: Path, name: str) -> None:
    """Makes a picture the logo of the brand in a folder; `own` as for `edit`.

    RecipeError, with the picture's `name`, where it cannot be read. The logo before it stays in the folder: a render
    may be using it.
    """
    _told(folder)
    try:
        with limits.processes() as reader:
            data = limits.call(reader, _SECONDS_TO_DECODE, _as_png, picture, name)
    except LimitError as fault:
        raise _no_picture(name) from fault
    if folder != own:
        _copied_whole(folder, own)
    kept = f"logo-{hashlib.sha256(data).hexdigest()[:10]}.png"
    tomlfile.replace(own / kept, data)
    edit(own, own, {"logo": kept})


def _as_png(path: Path, name: str) -> bytes:
    """A picture as a PNG, no larger than a logo needs to be, without anything that a camera wrote into it."""
    from PIL import Image, ImageOps

    _check(path, name)
    out = io.BytesIO()
    with _readable(name), Image.open(path, formats=_FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
        upright.thumbnail((_LOGO_SIDE, _LOGO_SIDE), Image.Resampling.LANCZOS)
        bare = Image.new("RGBA", upright.size)
        bare.paste(upright)
        bare.save(out, format="PNG")
    return out.getvalue()


def values(folder: Path) -> dict[str, Any]:
    """What the brand's file says, or what holds where it says nothing, by dotted key. RecipeError as `load`."""
    told = _told(folder).model_dump()
    colors = told.pop("colors")
    return told | {f"colors.{key}": value for key, value in colors.items()}


def _changed(folder: Path, values: Mapping[str, Any]) -> str:
    _told(folder)  # what is wrong already is said with its line
    return tomlfile.changed((folder / "brand.toml").read_text(encoding="utf-8-sig"), values)


def _copied_whole(folder: Path, own: Path) -> None:
    """Copies a folder, whole or not at all."""
    draft = own.with_name(f".{own.name}-{os.getpid()}-{threading.get_ident()}")
    with explained(own.parent):
        try:
            shutil.copytree(folder, draft)
            draft.rename(own)
        except OSError:
            if not own.is_dir():  # else somebody else was faster
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _brand(folder: Path, told: _File) -> Brand:
    colors = Colors(*(_rgb(each) for each in (told.colors.background, told.colors.text, told.colors.accent)))
    return Brand(
        name=folder.name,
        title=told.title,
        colors=colors,
        logo=_logo(folder, told.logo) if told.logo else None,
        font=told.font,
        fonts=_fonts(folder),
        bumper_ms=round(told.bumper * 1000),
        end_card_ms=round(told.end_card * 1000),
        lower_third_ms=round(told.lower_third * 1000),
        budget_percent=told.budget,
        closing_line=told.closing_line,
        accents=(colors.accent, *(_rgb(each) for each in told.colors.looks)),
        stands_for=told.stands_for,
        mention=tuple(told.mention),
        keep_out=tuple(told.keep_out),
        consent=told.consent,
    )


def defaults(folder: Path) -> dict[str, Any]:
    """The recipe keys that the brand wants for everybody, raw: as they stand in its file. RecipeError as `load`."""
    return _told(folder).defaults


def _told(folder: Path) -> _File:
    return tomlfile.read(folder / "brand.toml", _File, "brand")


def _logo(folder: Path, name: str) -> Path:
    """The logo's file, which has to lie inside the brand's folder and be a picture."""
    path = folder / name
    _inside(folder, path, f"logo {name!r}")
    try:
        _check(path, name)
    except FileNotFoundError as fault:
        raise RecipeError(f"The logo {name!r} is not in {folder}.", "Copy it there, or leave out the line.") from fault
    return path


def _check(path: Path, name: str) -> None:
    """RecipeError where a file is no picture that can be a logo; FileNotFoundError where it is not there."""
    with _readable(name):
        found = path.stat()
        if found.st_size > LARGEST_LOGO:
            raise RecipeError(f"The logo {name!r} is larger than 20 MB.", "Export it at 1000 pixels a side or less.")
        _decoded(path, name, found.st_size, found.st_mtime_ns)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise _no_picture(name) from fault


def _no_picture(name: str) -> RecipeError:
    return RecipeError(f"The logo {name!r} is no picture that can be read.", "Export it as PNG.")


@functools.lru_cache(maxsize=64)
def _decoded(path: Path, name: str, size: int, modified: int) -> None:
    """Decodes a logo, once for each state of its file: a batch loads the brand for every take."""
    from PIL import Image

    with catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as picture:  # the size is judged here
        if picture.width * picture.height > _MOST_PIXELS:
            raise RecipeError(
                f"The logo {name!r} has {picture.width}x{picture.height} pixels, which is too large.",
                "Export it at 1000 pixels a side or less.",
            )
        picture.load()  # only what can be decoded to its end can be drawn


def _fonts(folder: Path) -> tuple[Path, ...]:
    own = sorted(path for path in (folder / "fonts").glob("*") if path.suffix.lower() in {".ttf", ".otf"})
    for path in own:
        _inside(folder, path, f"font {path.name!r}")
    return tuple(own) or default_fonts()


def _inside(folder: Path, path: Path, what: str) -> None:
    """A brand comes from somebody else: it may use its own files, and no others of this machine."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RecipeError(f"The {what} lies outside the brand's folder.", f"Copy it into {folder}.")


def _rgb(text: str) -> Color:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


# --- looks: similar, not identical ------------------------------------------------------------------------------------


def looks(brand: Brand) -> tuple[Look, ...]:
    """Every accent with every place of the bar, in an order that stays: look number 1 comes first."""
    accents = dict.fromkeys(brand.accents or (brand.colors.accent,))
    return tuple(Look(accent, bar) for accent, bar in product(accents, BARS))


def look_number(brand: Brand, person: Person) -> int:
    """Which of the brand's looks a person has, from 1.

    The one that their file names, counted round where the brand has fewer; else one that follows from the id.
    """
    if person.look is not None:
        place = person.look - 1
    else:
        place = int.from_bytes(hashlib.sha256(person.id.encode()).digest()[:8], "big")
    return place % len(looks(brand)) + 1


def for_person(brand: Brand, person: Person | None) -> Brand:
    """The brand in the look of a person; unchanged for nobody."""
    if person is None:
        return brand
    look = looks(brand)[look_number(brand, person) - 1]
    return replace(brand, colors=replace(brand.colors, accent=look.accent), bar=look.bar)


# --- in words ---------------------------------------------------------------------------------------------------------


def told(brand: Brand) -> Iterator[str]:
    """What the company stands for, what to mention and what to keep out, in lines for the terminal."""
    yield from _lines(f"{brand.title or brand.name} stands for", brand.stands_for)
    yield from _lines("Mention it if it fits", ", ".join(brand.mention))
    yield from _lines("Keep out", ", ".join(brand.keep_out))


def _lines(about: str, text: str) -> list[str]:
    """A paragraph, later lines indented; none where there is no text. Nothing in it can play with the terminal."""
    plain = "".join(char if char.isprintable() else " " for char in f"{about}: {text}")
    return textwrap.wrap(plain, _WIDE, subsequent_indent="  ") if text.strip() else []


def warnings(brand: Brand) -> tuple[str, ...]:
    """A sentence for every color that is hard to read: all are used for small letters."""
    colors = brand.colors
    named = {"text color": colors.text, "accent color": colors.accent}
    named |= {f"look {in_hex(accent)}": accent for accent in brand.accents if accent != colors.accent}
    return tuple(
        f"The brand's {name} is hard to read on its background: "
        f"contrast {contrast(color, colors.background):.1f}, {TEXT_CONTRAST:g} is wanted (WCAG)."
        for name, color in named.items()
        if contrast(color, colors.background) < TEXT_CONTRAST
    )


def in_hex(color: Color) -> str:
    """A color as people write it: "#ffc43d"."""
    return "#{:02x}{:02x}{:02x}".format(*color)
