"""assets/people/<id>.toml -> Person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline import tomlfile
from pipeline.errors import RecipeError
from pipeline.model import Person


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
        if re.fullmatch(r"[a-z0-9-]+", id) and (folder / f"{id}.toml").is_file():
            return load(folder, id)
    known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    raise RecipeError(
        f"There is no person {id!r}.",
        f"Known: {', '.join(known)}." if known else f'Make a file {folders[0] / "ID.toml"} with a line: name = "..."',
    )
