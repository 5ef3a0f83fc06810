"""assets/brands/<name>/ <-> Brand, and whether its colors can be read."""

from __future__ import annotations

from pathlib import Path
from warnings import catch_warnings

from pydantic import BaseModel, ConfigDict, Field

from pipeline import tomlfile
from pipeline.colors import TEXT_CONTRAST, Color, contrast
from pipeline.errors import RecipeError
from pipeline.fonts import default_fonts
from pipeline.model import Brand, Colors

_HEX = r"^#[0-9a-fA-F]{6}$"
_LARGEST_LOGO = 20 << 20  # bytes
_MOST_PIXELS = 25_000_000  # of a logo, which is shown 150 wide; decoding more takes seconds and 100 MB
_STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Colors(BaseModel):
    model_config = _STRICT
    background: str = Field("#101820", pattern=_HEX)
    text: str = Field("#ffffff", pattern=_HEX)
    accent: str = Field("#ffc43d", pattern=_HEX)


class _File(BaseModel):
    """Times in seconds, as people write them."""

    model_config = _STRICT
    title: str = Field("", max_length=60)
    closing_line: str = Field("", max_length=100)
    logo: str = ""
    font: str = "Roboto"
    colors: _Colors = Field(default_factory=lambda: _Colors.model_validate({}))
    bumper: float = Field(1.0, ge=0, le=1.5)
    end_card: float = Field(2.0, ge=0, le=10)
    lower_third: float = Field(4.0, ge=0, le=20)
    budget: float = Field(2.0, gt=0, le=100)


def load(folder: Path) -> Brand:
    """The brand in a folder:

    brand.toml, its logo, and fonts/ where it brings its own. RecipeError where something is wrong.
    """
    told = tomlfile.read(folder / "brand.toml", _File, "brand")
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
    )


def _logo(folder: Path, name: str) -> Path:
    """The logo's file, which has to lie inside the brand's folder and be a picture."""
    from PIL import Image, UnidentifiedImageError

    path = folder / name
    _inside(folder, path, f"logo {name!r}")
    try:
        if path.stat().st_size > _LARGEST_LOGO:
            raise RecipeError(f"The logo {name!r} is larger than 20 MB.", "Export it at 1000 pixels a side or less.")
        with catch_warnings(action="ignore"), Image.open(path) as picture:  # the size is judged here
            if picture.width * picture.height > _MOST_PIXELS:
                raise RecipeError(
                    f"The logo {name!r} has {picture.width}x{picture.height} pixels, which is too large.",
                    "Export it at 1000 pixels a side or less.",
                )
            picture.load()  # only what can be decoded to its end can be drawn
    except FileNotFoundError as fault:
        raise RecipeError(f"The logo {name!r} is not in {folder}.", "Copy it there, or leave out the line.") from fault
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise RecipeError(f"The logo {name!r} is no picture that can be read.", "Export it as PNG.") from fault
    return path


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


def warnings(brand: Brand) -> tuple[str, ...]:
    """A sentence for every pair of colors that is hard to read."""
    colors = brand.colors
    pairs = [("text", colors.text), ("accent", colors.accent)]  # both are used for small letters
    return tuple(
        f"The brand's {name} color is hard to read on its background: "
        f"contrast {contrast(color, colors.background):.1f}, {TEXT_CONTRAST:g} is wanted (WCAG)."
        for name, color in pairs
        if contrast(color, colors.background) < TEXT_CONTRAST
    )
