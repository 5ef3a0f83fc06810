"""assets/people/<id>.toml <-> Person."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline import tomlfile
from pipeline.errors import CandidError, RecipeError
from pipeline.model import Person
from pipeline.shelf import explained
from pipeline.workspace import DEVICES

_ID = re.compile(r"[a-z0-9-]{1,40}")
_IDS_ARE = "An id has 1 to 40 lower-case letters, digits and dashes, for example maria-k."
_REMOVED = ".removed"  # the folder, beside the others, in which removed people are kept

# What stands in the file of a new person: key, an example where nothing is known, and what it is for.
_KEYS: tuple[tuple[str, Any, str], ...] = (
    ("name", "", "as it stands below the picture"),
    ("title", "Engineer", "below the name"),
    ("disclosure", "I work at Example", "says for whom they work"),
    ("language", "en", "what they speak, as a code"),
    ("look", 2, "which of the brand's looks, from 1; without it, one that follows from the id and stays"),
    ("services", ["youtube"], "where their videos go unless said otherwise"),
)


_Text = Annotated[str, AfterValidator(tomlfile.one_line)]
_Service = Literal["youtube", "peertube", "vimeo", "folder"]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: _Text = Field(min_length=1, max_length=80)
    title: _Text = Field("", max_length=80)
    disclosure: _Text = Field("", max_length=120)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    look: int | None = Field(None, ge=1, strict=True)
    services: list[_Service] = []
    wishes: dict[str, Any] = {}


def load(folder: Path, id: str) -> Person:
    """The person in `folder`/<id>.toml. RecipeError where the file is missing or wrong."""
    return _person(id, _told(folder, id))


def where(folders: Sequence[Path], id: str) -> Path:
    """The first folder that knows `id`. RecipeError lists those who are known."""
    for folder in folders:
        if _safe(id) and (folder / f"{id}.toml").is_file():
            return folder
    known = {path.stem for folder in folders for path in folder.glob("*.toml")}
    raise RecipeError(f"There is no person {id!r}.", _cure(id, sorted(filter(_safe, known)), folders[0]))


def find(folders: Sequence[Path], id: str) -> Person:
    """The person from the first folder that knows `id`. RecipeError lists those who are known."""
    return load(where(folders, id), id)


def wishes(folders: Sequence[Path], id: str) -> dict[str, Any]:
    """The recipe keys that a person wants, raw: as they stand in their file. RecipeError as `find`."""
    return _told(where(folders, id), id).wishes


def listed(folders: Sequence[Path]) -> tuple[tuple[Person, ...], tuple[CandidError, ...]]:
    """Everybody, by id, and what is wrong with files that cannot be read. The first folder that knows an id wins."""
    files: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob("[!.]*.toml"):
            files.setdefault(path.stem, path)
    found, faults = [], []
    for id, path in sorted(files.items()):
        try:
            found.append(load(path.parent, id))
        except CandidError as fault:
            faults.append(fault)
    return tuple(found), tuple(faults)


def add(folder: Path, person: Person) -> Path:
    """Writes the file of a new person, whole or not at all. RecipeError where the id is taken, or a value is wrong."""
    person = _checked(person)
    path = folder / f"{person.id}.toml"
    with explained(folder):
        if not tomlfile.create(path, _text(person)):
            raise RecipeError(f"There is a person {person.id!r} already.", f"Change {path}, or take another id.", "id")
    return path


def edit(folder: Path, id: str, **values: Any) -> None:
    """Changes keys of a person's file, as `tomlfile.changed` does. RecipeError where the result would be wrong."""
    tomlfile.edit(where((folder,), id) / f"{id}.toml", _File, "person", values)


def remove(folder: Path, id: str) -> Path:
    """Moves a person's file aside, so that it can be undone. Returns where it is now. RecipeError where nobody is."""
    path = where((folder,), id) / f"{id}.toml"
    kept = folder / _REMOVED / f"{id}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.toml"
    with explained(folder):
        kept.parent.mkdir(exist_ok=True)
        path.rename(kept)
    return kept


def _told(folder: Path, id: str) -> _File:
    _require_id(id)
    return tomlfile.read(folder / f"{id}.toml", _File, "person")


def _person(id: str, told: _File) -> Person:
    services = tuple(dict.fromkeys(told.services))
    return Person(id, told.name, told.title, told.disclosure, told.language, told.look, services)


def _checked(person: Person) -> Person:
    """The person as their file will say it: what could not be read back is not written."""
    _require_id(person.id)
    values = {key: value for key, value in asdict(person).items() if key != "id"}
    try:
        return _person(person.id, _File.model_validate({**values, "services": list(person.services)}))
    except ValidationError as fault:
        raise tomlfile.wrong(f"The person {person.id}", fault, _File) from fault


def _require_id(id: str) -> None:
    if not _safe(id):
        raise RecipeError(f"{id!r} cannot be the id of a person.", _IDS_ARE, "id")


def _safe(id: str) -> bool:
    """Whether an id is a file's name on every system: Windows keeps some for its devices."""
    return bool(_ID.fullmatch(id)) and id not in DEVICES


def _text(person: Person) -> str:
    """The file: what is known, each key with what it is for, and what is not known as a comment."""
    import tomlkit

    file = tomlkit.document()
    for key, example, about in _KEYS:
        value = getattr(person, key)
        if value:
            file.add(key, tomlkit.item(list(value) if isinstance(value, tuple) else value).comment(about))
        else:
            file.add(tomlkit.comment(f"{key} = {tomlkit.item(example).as_string()} # {about}"))
    file.add(tomlkit.nl())
    file.add(tomlkit.comment("[wishes] # recipe keys that hold whenever they speak, for example:"))
    file.add(tomlkit.comment('formats = ["vertical"]'))
    return tomlkit.dumps(file)


def _cure(id: str, known: Sequence[str], folder: Path) -> str:
    if close := difflib.get_close_matches(id, known, n=1):
        return f"Did you mean {close[0]!r}? Known: {', '.join(known)}."
    make = f'Make a file {folder / "ID.toml"} with a line: name = "..." (an ID has lower-case letters, digits, dashes).'
    return f"Known: {', '.join(known)}. {make}" if known else make
