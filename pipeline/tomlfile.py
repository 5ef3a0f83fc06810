"""TOML files from people, checked: what is wrong is said with its line, and with what was probably meant."""

from __future__ import annotations

import difflib
import os
import re
import threading
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import RecipeError
from pipeline.shelf import explained

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    M = TypeVar("M", bound=BaseModel)

_LARGEST = 1 << 20  # bytes
_SHOWN = 60  # characters of a wrong value


def read(path: Path, schema: type[M], what: str) -> M:
    """The file at `path` as a `schema`.

    `what` names it to the user ("recipe"). RecipeError where something is wrong.
    """
    return parsed(_text(path, what), path.name, schema, what)


def parsed(text: str, name: str, schema: type[M], what: str) -> M:
    """The text of a file `name` as a `schema`. RecipeError where something is wrong."""
    from pydantic import ValidationError

    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise RecipeError(f"{name} is no valid TOML: {fault}.", "Mend that line.") from fault
    except ValueError as fault:  # thousands of digits: Python refuses to read them
        raise RecipeError(
            f"{name} holds a number with too many digits.", "Write a number that somebody means."
        ) from fault
    except RecursionError as fault:
        raise RecipeError(f"{name} is nested too deeply for a {what}.", "Such a file has a few lines.") from fault
    try:
        return schema.model_validate(told)
    except ValidationError as fault:
        raise wrong(name, fault, schema, text) from fault


def create(path: Path, text: str) -> bool:
    """Writes a new file, whole or not at all; False where there is one already. Two at once cannot both make it."""
    draft = _draft(path, text)
    with explained(path.parent):
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
    return True


def replace(path: Path, content: str | bytes) -> None:
    """Writes a file anew, whole or not at all."""
    _draft(path, content).replace(path)


def edit(path: Path, schema: type[BaseModel], what: str, values: Mapping[str, Any]) -> None:
    """Changes values of a file as `changed` does. RecipeError, as in `read`, where it is wrong or would be."""
    read(path, schema, what)
    text = changed(_text(path, what), values)
    parsed(text, path.name, schema, what)
    replace(path, text)


def changed(text: str, values: Mapping[str, Any]) -> str:
    """The text of a file with other values. Comments and order stay.

    Keys are dotted: "trim.pause" is the key pause in [trim]. None takes a key out.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for dotted, value in values.items():
        *tables, key = dotted.split(".")
        if value is None:
            _without(document, tables, key)
        else:
            _within(document, tables)[key] = _item(value)
    return tomlkit.dumps(document)


def _within(table: Any, names: Sequence[str]) -> Any:
    """A table of a table; made where there is none."""
    import tomlkit

    for name in names:
        if name not in table:
            table[name] = tomlkit.table()
        table = table[name]
    return table


def _without(table: Any, names: Sequence[str], key: str) -> None:
    for name in names:
        table = table.get(name, {})
    if key in table:
        del table[key]


def _item(value: Any) -> Any:
    """A value as people write it: a text of several lines in several lines."""
    import tomlkit

    if isinstance(value, str) and "\n" in value:
        return tomlkit.string(value, multiline=True)
    return tomlkit.item(value)


def _draft(path: Path, content: str | bytes) -> Path:
    draft = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    return draft


def _text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise RecipeError(f"{path.name} is too large for a {what}.", "Such a file has a few lines.")
        return path.read_text(encoding="utf-8-sig")  # some editors put a mark in front that TOML does not know
    except UnicodeDecodeError as fault:
        raise RecipeError(f"{path.name} is no text in UTF-8.", "Save it as UTF-8.") from fault
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise RecipeError(f"There is no {what} at {path}.", _near(path)) from fault
    except OSError as fault:
        raise RecipeError(
            f"The {what} at {path} cannot be read.", "It has to be a file, and you need the right to read it."
        ) from fault


def _near(path: Path) -> str:
    others = sorted(other.stem for other in path.parent.glob(f"*{path.suffix}")) if path.parent.is_dir() else []
    if close := difflib.get_close_matches(path.stem, others, n=1):
        return f"Did you mean {close[0]!r}? Known: {', '.join(others)}."
    return f"Known: {', '.join(others)}." if others else f"Make the file {path}."


# --- texts ------------------------------------------------------------------------------------------------------------

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # the direction of writing: a name could look like another one


def one_line(text: str) -> str:
    """The text. ValueError where it is more than a line, or could play with a terminal or with who reads it."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise ValueError("it has to be one line without control characters")
    return _readable(text)


def lines(text: str) -> str:
    """The text, of any number of lines. ValueError as `one_line`."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise ValueError("it holds control characters; write plain text")
    return _readable(text)


def _readable(text: str) -> str:
    if _TURNING.search(text):
        raise ValueError("it holds characters that turn the direction of writing; write plain text")
    return text


# --- words about what is wrong ----------------------------------------------------------------------------------------


def wrong(where: str, fault: ValidationError, schema: type[BaseModel], text: str = "") -> RecipeError:
    """The first error, in words: what is wrong in `where`, with its line in the text, and the cure."""
    said, cure = _worded(fault, schema, text)
    return RecipeError(f"{where}{said}", cure, ".".join(str(key) for key in fault.errors()[0]["loc"]))


def _worded(fault: ValidationError, schema: type[BaseModel], text: str) -> tuple[str, str]:
    """What the first error is, and the cure."""
    error = fault.errors()[0]
    keys = [str(key) for key in error["loc"]]
    where = _line(text, keys)
    name = ".".join(keys)
    if error["type"] == "extra_forbidden":
        return f"{where}: there is no key {name!r}.", _meant(schema, keys)
    if error["type"] == "missing":
        return f": the key {name!r} is missing.", f"Add a line: {keys[-1]} = ..."
    if error["type"] == "model_type":
        return f"{where}: {name} = {_short(error['input'])} is wrong.", f"It is a table: put its keys under [{name}]."
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {name} = {_short(error['input'])} is wrong.", f"{message[0].upper()}{message[1:]}."


def _short(value: object) -> str:
    """A value as it is shown in an error: a script that is too long is not said whole."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _meant(schema: type[BaseModel], keys: list[str]) -> str:
    """What was probably meant: a key like it, the table in which it belongs, else all that may stand there."""
    known = _known(schema, keys[:-1])
    if close := difflib.get_close_matches(keys[-1], known, n=1):
        return f"Did you mean {close[0]!r}?"
    for table in _tables(schema):
        if keys[-1] in _known(schema, [table]):
            return f"It belongs under [{table}]."
    if len(keys) > 1 and keys[-1] in _known(schema, []):
        return "It belongs at the top of the file, above the first [table]."
    return f"Known keys: {', '.join(known)}."


def _known(schema: type[BaseModel], keys: Sequence[str]) -> list[str]:
    at: Any = schema
    for key in keys:
        at = at.model_fields[key].annotation
    return list(at.model_fields)


def _tables(schema: type[BaseModel]) -> list[str]:
    """The keys of a schema that hold keys of their own."""
    return [name for name, field in schema.model_fields.items() if hasattr(field.annotation, "model_fields")]


def _line(text: str, keys: list[str]) -> str:
    """In which line a key stands; "" where it cannot be found."""
    wanted = [key for key in keys if not key.isdigit()]
    return next((f", line {number}" for number, path in _assignments(text) if path == wanted), "")


def _assignments(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that give a key a value or open a table, with the key's path. Text in triple quotes is passed over."""
    table: list[str] = []
    inside = ""  # the quotes that are open
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if inside in line else inside
        elif header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _path(header[1])
            yield number, table
        elif key := re.match(r"""\s*([\w."' -]+?)\s*=""", line):
            yield number, [*table, *_path(key[1])]
            inside = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), "")


def _path(dotted: str) -> list[str]:
    return [part.strip(" \t\"'") for part in dotted.split(".")]
