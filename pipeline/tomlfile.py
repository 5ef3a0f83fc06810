"""TOML files from people, checked: what is wrong is said with its line, and with what was probably meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import RecipeError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    M = TypeVar("M", bound=BaseModel)

_LARGEST = 1 << 20


def read(path: Path, schema: type[M], what: str) -> M:
    """The file at `path` as a `schema`.

    `what` names it to the user ("recipe"). RecipeError where something is wrong.
    """
    from pydantic import ValidationError

    text = _text(path, what)
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise RecipeError(f"{path.name} is no valid TOML: {fault}.", "Mend that line.") from fault
    try:
        return schema.model_validate(told)
    except ValidationError as fault:
        what, cure = _worded(fault, schema, text)
        raise RecipeError(f"{path.name}{what}", cure) from fault


def _text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise RecipeError(f"{path.name} is too large for a {what}.", "Such a file has a few lines.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise RecipeError(f"{path.name} is no text in UTF-8.", "Save it as UTF-8.") from fault
    except OSError as fault:
        raise RecipeError(f"There is no {what} at {path}.", _near(path)) from fault


def _near(path: Path) -> str:
    others = sorted(other.stem for other in path.parent.glob(f"*{path.suffix}")) if path.parent.is_dir() else []
    return f"Known: {', '.join(others)}." if others else f"Make the file {path}."


def _worded(fault: ValidationError, schema: type[BaseModel], text: str) -> tuple[str, str]:
    """What the first error is, and the cure."""
    error = fault.errors()[0]
    keys = [str(key) for key in error["loc"]]
    where = _line(text, keys)
    name = ".".join(keys)
    if error["type"] == "extra_forbidden":
        known = _known(schema, keys[:-1])
        meant = difflib.get_close_matches(keys[-1], known, n=1)
        return f"{where}: there is no key {name!r}.", (
            f"Did you mean {meant[0]!r}?" if meant else f"Known keys: {', '.join(known)}."
        )
    if error["type"] == "missing":
        return f": the key {name!r} is missing.", f"Add a line: {keys[-1]} = ..."
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {name} = {error['input']!r} is wrong.", f"{message[0].upper()}{message[1:]}."


def _known(schema: type[BaseModel], keys: list[str]) -> list[str]:
    at: Any = schema
    for key in keys:
        at = at.model_fields[key].annotation
    return [field.alias or name for name, field in at.model_fields.items()]


def _line(text: str, keys: list[str]) -> str:
    """In which line a key stands; "" where it cannot be found."""
    names = [key for key in keys if not key.isdigit()]
    for number, line in enumerate(text.splitlines(), start=1):
        if names and re.match(rf"\s*[\"']?{re.escape(names[-1])}[\"']?\s*=", line):
            return f", line {number}"
    return ""
