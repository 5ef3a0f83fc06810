"""PURE: where things lie in a frame. The table of formats, and the part of the frame that each card covers.

Sizes are chosen so that the brand stays light: logo all the time, lower third for 4 s and end card for 2 s together
take less than 2 % of the pixels x seconds of a video of 20 s. The safe areas are those of STANDARDS, "Captions".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.model import CaptionRules, Format, Rect

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "landscape": Format(
            name="landscape",
            width=1920,
            height=1080,
            captions=Rect(307, 864, 1306, 162),  # 68 % of the width
            lower_third=Rect(86, 684, 600, 144),
            logo=Rect(1684, 54, 150, 60),
            rules=CaptionRules(max_chars=42),
        ),
        # Only x 108..900, y 200..1536 is free of the platforms' own buttons and texts.
        "vertical": Format(
            name="vertical",
            width=1080,
            height=1920,
            captions=Rect(108, 1290, 792, 246),
            lower_third=Rect(108, 1112, 600, 144),
            logo=Rect(750, 212, 150, 60),
            rules=CaptionRules(max_chars=24),
        ),
        "square": Format(
            name="square",
            width=1080,
            height=1080,
            captions=Rect(108, 864, 864, 162),
            lower_third=Rect(54, 694, 420, 116),
            logo=Rect(914, 54, 112, 45),
            rules=CaptionRules(max_chars=32),
        ),
    }
)

_INK: Mapping[tuple[str, str], Rect] = MappingProxyType(
    {
        ("bumper", "landscape"): Rect(260, 330, 1400, 420),
        ("bumper", "vertical"): Rect(108, 560, 792, 720),
        ("bumper", "square"): Rect(90, 300, 900, 480),
        ("end_card", "landscape"): Rect(520, 452, 880, 176),
        ("end_card", "vertical"): Rect(144, 800, 720, 216),
        ("end_card", "square"): Rect(230, 470, 620, 140),
    }
)


def ink(kind: str, shape: Format) -> Rect:
    """The part of the frame that a card ("bumper", "end_card") draws on; nothing of it lies outside."""
    return _INK[kind, shape.name]
