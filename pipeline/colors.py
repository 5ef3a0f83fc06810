"""PURE: how well colors stand out from each other, as WCAG 2.2 defines it."""

from __future__ import annotations

Color = tuple[int, int, int]  # sRGB, 0..255 each

TEXT_CONTRAST = 4.5  # success criterion 1.4.3 (minimum), for text that is not large


def contrast(a: Color, b: Color) -> float:
    """The contrast ratio of two colors, 1..21 (definition "contrast ratio")."""
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    """Relative luminance, 0..1 (definition "relative luminance")."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
