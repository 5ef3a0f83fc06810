"""assets/people/<id>.toml -> Person."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline import tomlfile
from pipeline.errors import RecipeError
from pipeline.model import Person

_ID = re.compile(r"[a-z0-9-]+")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: str = Field(min_length=1, max_length=80)
    title: str = Field("", max_length=80)
    disclosure: str = Field("", max_length=120)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")


def load(folder: Path, id: str) -> Person:
    """The person in `folder`/<id>.toml. RecipeError where the file is missing or wrong."""
    told = tomlfile.read(folder / f"{id}.toml", _File, "person")
    return Person(id, told.name, told.title, told.disclosure, told.language)


def find(folders: Sequence[Path], id: str) -> Person:
    """The person from the first folder that knows `id`. RecipeError lists those who are known."""
    for folder in folders:
        if _ID.fullmatch(id) and (folder / f"{id}.toml").is_file():
            return load(folder, id)
    known = {path.stem for folder in folders for path in folder.glob("*.toml")}
    raise RecipeError(f"There is no person {id!r}.", _cure(id, sorted(filter(_ID.fullmatch, known)), folders[0]))


def _cure(id: str, known: Sequence[str], folder: Path) -> str:
    if close := difflib.get_close_matches(id, known, n=1):
        return f"Did you mean {close[0]!r}? Known: {', '.join(known)}."
    make = f'Make a file {folder / "ID.toml"} with a line: name = "..." (an ID has lower-case letters, digits, dashes).'
    return f"Known: {', '.join(known)}. {make}" if known else make
