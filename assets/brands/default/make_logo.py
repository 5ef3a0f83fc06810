"""Draws logo.png: a speech mark with a record dot, and the name. Run: python assets/brands/default/make_logo.py"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.fonts import default_fonts

SIZE = (900, 360)
WHITE, ACCENT, SHADOW = (255, 255, 255, 255), (255, 196, 61, 255), (8, 12, 18, 255)
HERE = Path(__file__).parent


def main() -> None:
    mark = Image.new("RGBA", SIZE)
    _draw(ImageDraw.Draw(mark))
    shadow = Image.new("RGBA", SIZE, SHADOW)
    shadow.putalpha(mark.getchannel("A").filter(ImageFilter.GaussianBlur(14)).point(lambda alpha: min(255, alpha * 2)))
    shadow.alpha_composite(mark)
    shadow.save(HERE / "logo.png", optimize=True)


def _draw(pen: ImageDraw.ImageDraw) -> None:
    """A speech bubble with its tail, the dot that says "recording", and the word."""
    pen.rounded_rectangle((40, 84, 268, 256), radius=64, fill=WHITE)
    pen.polygon([(84, 240), (84, 312), (160, 240)], fill=WHITE)
    pen.ellipse((112, 128, 196, 212), fill=ACCENT)
    font = ImageFont.truetype(str(default_fonts()[1]), 178)
    pen.text((304, 172), "Candid", font=font, fill=WHITE, anchor="lm")


if __name__ == "__main__":
    main()
