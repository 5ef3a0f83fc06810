"""What forms say, as values of a file, and back. The file's own check says what is wrong, and beside which field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request

from pipeline.errors import CandidError

# How a value stands in a form: "text"; "number"; "lines" (a list, one a line); "several" (a list, one a field);
# "yes" (yes, no, or "" for neither). A field that is left empty says nothing.
Kinds = Mapping[str, str]


async def _told(request: Request) -> dict[str, tuple[str, ...]]:
    async with request.form() as form:
        return {key: tuple(value for value in form.getlist(key) if isinstance(value, str)) for key in form}


Told = Annotated[dict[str, tuple[str, ...]], Depends(_told)]  # every field of a form, each with what was typed


def one(told: Mapping[str, Sequence[str]], key: str) -> str:
    """The text of a field; browsers send line breaks as two characters."""
    return next(iter(told.get(key, ())), "").replace("\r\n", "\n").strip()


def read(told: Mapping[str, Sequence[str]], kinds: Kinds) -> dict[str, Any]:
    """What a form says, key by key; None where it says nothing."""
    return {key: _value(kind, told.get(key, ())) for key, kind in kinds.items()}


def _value(kind: str, typed: Sequence[str]) -> Any:
    given = [text for text in (each.replace("\r\n", "\n").strip() for each in typed) if text]
    if not given:
        return None
    if kind == "lines":
        return [line.strip() for line in "\n".join(given).split("\n") if line.strip()]
    if kind == "several":
        return given
    if kind == "yes":
        return given[0] == "yes"
    return _number(given[0]) if kind == "number" else given[0]


def _number(text: str) -> int | float | str:
    """A number; what is none stays as it is, so that the file's check says so."""
    if re.fullmatch(r"-?\d{1,12}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,12}\.\d{1,12}", text) else text


def shown(values: Mapping[str, Any], kinds: Kinds) -> dict[str, Any]:
    """The values of a file as they stand in a form."""
    return {key: _shown(kind, values.get(key)) for key, kind in kinds.items()}


def _shown(kind: str, value: Any) -> Any:
    if kind == "several":
        return list(value or ())
    if value is None:
        return ""
    if kind == "lines":
        return "\n".join(map(str, value))
    if kind == "yes":
        return "yes" if value else "no"
    return f"{value:g}" if kind == "number" and isinstance(value, float) else str(value)


def typed(told: Mapping[str, Sequence[str]], kinds: Kinds) -> dict[str, Any]:
    """What was typed, to be shown again."""
    return {key: list(told.get(key, ())) if kind == "several" else one(told, key) for key, kind in kinds.items()}


def changes(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What a form says otherwise than the file."""
    return {key: value for key, value in now.items() if _or_none(value) != _or_none(before.get(key))}


def _or_none(value: Any) -> Any:
    """A value that says nothing is none: `why = ""` in a file stays where it is."""
    return None if value in ("", []) else value


def faults(fault: CandidError, keys: Iterable[str]) -> dict[str, str]:
    """What is wrong, by the field beside which it is said; "" where it belongs to none."""
    known, key = set(keys), str(getattr(fault, "key", ""))
    while key and key not in known:
        key = key.rpartition(".")[0]
    return {key: fault.do if key and fault.what.endswith(" is wrong.") else str(fault)}
