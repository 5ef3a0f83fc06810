"""Which glyphs a font has, and how wide they are; and the font that comes with the product."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RecipeError, WorkspaceError
from pipeline.model import FontMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fontTools.ttLib import TTFont

_REGULAR, _BOLD = 400, 700  # OpenType's usWeightClass
_DEFAULTS = ("Roboto-Regular.ttf", "Roboto-Bold.ttf")
_FAMILY, _FULL_NAME = 1, 4  # OpenType name IDs; libass finds a font by these two, not by the typographic family (16)


@dataclass(frozen=True, slots=True)
class _Face:
    path: Path
    names: frozenset[str]
    family: str
    weight: int


def default_fonts() -> tuple[Path, ...]:
    """Roboto, regular and bold, from the package font-roboto. WorkspaceError where it is not installed."""
    found = importlib.util.find_spec("font_roboto")  # looks for the package, runs nothing of it
    folders = [Path(place) / "files" for place in (found.submodule_search_locations or ())] if found else []
    paths = tuple(folder / name for folder in folders for name in _DEFAULTS if (folder / name).is_file())
    if len(paths) < len(_DEFAULTS):
        raise WorkspaceError("The font Roboto is not installed.", "pip install --force-reinstall font-roboto")
    return paths


def metrics(paths: Sequence[Path], family: str) -> FontMetrics:
    """The measures of a family: of its bold face, in which captions are set, and of others for what that lacks.

    RecipeError where none of the files holds the family, or one is no font.
    """
    faces = [_face(path) for path in paths]
    own = [face for face in faces if family.casefold() in face.names]
    if not own:
        known = ", ".join(sorted({face.family for face in faces})) or "none"
        raise RecipeError(
            f"None of the brand's font files holds the font {family!r}.",
            f"Put its files into the brand's folder fonts/, or name one that is there: {known}.",
        )
    first, *others = sorted(own, key=lambda face: abs(face.weight - _BOLD))
    measured = _measured(first.path, first.family)
    spare = [_measured(face.path, face.family) for face in others]
    return FontMetrics(family, measured.units_per_em, measured.line_height, _filled(measured, spare))


def bold(paths: Sequence[Path], family: str) -> Path:
    """The file of a family's face that is nearest to bold; of any face where the files hold no such family."""
    return _nearest(paths, family, _BOLD)


def regular(paths: Sequence[Path], family: str) -> Path:
    """The file of a family's face that is nearest to regular."""
    return _nearest(paths, family, _REGULAR)


def _nearest(paths: Sequence[Path], family: str, weight: int) -> Path:
    faces = [_face(path) for path in paths]
    own = [face for face in faces if family.casefold() in face.names] or faces
    return min(own, key=lambda face: abs(face.weight - weight)).path


def _filled(measured: FontMetrics, spare: Sequence[FontMetrics]) -> Mapping[int, int]:
    """The advances of the first face, and those of others for the characters that it lacks, in its own units."""
    advances: dict[int, int] = {}
    for other in reversed(spare):
        scale = measured.line_height / other.line_height  # libass gives every face the same height
        advances |= {code: round(width * scale) for code, width in other.advances.items()}
    return advances | dict(measured.advances)


def _face(path: Path) -> _Face:
    with _opened(path) as font:
        name = font["name"]
        names = [record.toUnicode() for record in name.names if record.nameID in (_FAMILY, _FULL_NAME)]
        family = name.getDebugName(_FAMILY) or path.stem
        return _Face(path, frozenset(each.casefold() for each in names), family, int(font["OS/2"].usWeightClass))


def _measured(path: Path, family: str) -> FontMetrics:
    with _opened(path) as font:
        widths, glyphs = font["hmtx"].metrics, font.getBestCmap()
        advances = {code: widths[glyph][0] for code, glyph in glyphs.items() if glyph in widths}
        return FontMetrics(family, font["head"].unitsPerEm, _line_height(font), advances)


def _line_height(font: TTFont) -> int:
    """What libass scales to a font size: Windows' ascent + descent, and the horizontal header's where those are 0."""
    windows = int(font["OS/2"].usWinAscent + font["OS/2"].usWinDescent)
    return windows or int(font["hhea"].ascent - font["hhea"].descent)


@contextmanager
def _opened(path: Path) -> Iterator[TTFont]:
    """A font file, open for reading. RecipeError where it is none."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, lazy=True, fontNumber=0) as font:
            yield font
    except (TTLibError, OSError, KeyError, AssertionError) as fault:
        raise RecipeError(f"{path.name} is no font that can be read.", "Use a TrueType or OpenType file.") from fault
