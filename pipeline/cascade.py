"""PURE: settings in layers. What a later layer says wins; tables are merged, everything else is replaced.

Product < brand < recipe < person < command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says: `source` names it to people; `values` are nested tables."""

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of the merged settings: its dotted key, and the layer it comes from."""

    key: str
    value: Any
    source: str


def merged(layers: Sequence[Layer]) -> dict[str, Any]:
    """All layers in one, the last one on top."""
    whole: dict[str, Any] = {}
    for setting in settings(layers):
        *tables, last = setting.key.split(".")
        at = whole
        for table in tables:
            at = at.setdefault(table, {})
        at[last] = setting.value
    return whole


def settings(layers: Sequence[Layer]) -> tuple[Setting, ...]:
    """Every value that holds in the end, with where it comes from; in the order in which keys first appear."""
    found: dict[str, Setting] = {}
    for layer in layers:
        for key, value in _leaves(layer.values, ""):
            found[key] = Setting(key, value, layer.source)
    return tuple(found.values())


def _leaves(values: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
