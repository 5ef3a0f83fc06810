"""PURE: what engines and people call a language."""

from __future__ import annotations

# Of those that Whisper knows, the ones that are likeliest to be met; any other is told by its code.
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def code(language: str | None) -> str | None:
    """The bare code of a language: "en" for "en-US" or "EN_us"; None where none is given."""
    return (language or "").lower().replace("_", "-").partition("-")[0] or None


def named(language: str) -> str:
    """A language as people call it."""
    return _NAMES.get(language, language)
