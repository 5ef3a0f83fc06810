"""PURE: what engines call a language."""

from __future__ import annotations


def code(language: str | None) -> str | None:
    """The bare code of a language: "en" for "en-US" or "EN_us"; None where none is given."""
    return (language or "").lower().replace("_", "-").partition("-")[0] or None
