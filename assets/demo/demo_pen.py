"""A pen for flat pictures: shapes in units of 1/1280 of the picture's width, moved and turned as a whole."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw

Color: TypeAlias = tuple[int, ...]  # red, green, blue and, where something shines through, alpha
Point: TypeAlias = tuple[float, float]


class Pen:
    """Draws on a picture with `sharp` pixels a unit. `moved` gives a pen for something that is moved or turned."""

    def __init__(self, draw: ImageDraw.ImageDraw, turn: complex, origin: complex) -> None:
        self._draw, self._turn, self._origin = draw, turn, origin

    @classmethod
    def on(cls, picture: Image.Image, sharp: int, margin: float) -> Pen:
        """`margin` units lie left of and above the origin."""
        return cls(ImageDraw.Draw(picture, "RGBA"), complex(sharp), complex(margin, margin) * sharp)

    def moved(self, x: float, y: float, degrees: float = 0.0, size: float = 1.0) -> Pen:
        origin = self._origin + self._turn * complex(x, y)
        return Pen(self._draw, self._turn * cmath.rect(size, math.radians(degrees)), origin)

    def shape(self, points: Sequence[Point], fill: Color) -> None:
        self._draw.polygon([self._place(point) for point in points], fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: Color) -> None:
        px, py = self._place((x, y))
        size = radius * abs(self._turn)
        self._draw.ellipse((px - size, py - size, px + size, py + size), fill=fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: Color) -> None:
        """`across` and `down` are the radii."""
        self.shape([(x + across * px, y + down * py) for px, py in _arc(0, 360, 48)], fill)

    def box(self, x: float, y: float, width: float, height: float, fill: Color, radius: float = 0.0) -> None:
        r = min(radius, width / 2, height / 2)
        corners = ((x + width - r, y + height - r), (x + r, y + height - r), (x + r, y + r), (x + width - r, y + r))
        rounded = [
            (cx + r * px, cy + r * py)
            for quarter, (cx, cy) in enumerate(corners)
            for px, py in _arc(90 * quarter, 90 * quarter + 90, 8 if r else 1)
        ]
        self.shape(rounded, fill)

    def line(self, points: Sequence[Point], fill: Color, width: float) -> None:
        """With round ends and joints."""
        thick = width * abs(self._turn)
        self._draw.line([self._place(point) for point in points], fill=fill, width=max(1, round(thick)))
        for x, y in points:
            self.disc(x, y, width / 2, fill)

    def _place(self, point: Point) -> Point:
        placed = self._origin + self._turn * complex(*point)
        return placed.real, placed.imag


def _arc(start: float, end: float, steps: int) -> list[Point]:
    """Points of the unit circle, degrees, clockwise on the screen."""
    angles = [math.radians(start + (end - start) * n / steps) for n in range(steps + 1)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


# --- how things move --------------------------------------------------------------------------------------------------


def eased(value: float) -> float:
    """0 up to 0, 1 from 1 on, and a gentle way between."""
    held = min(1.0, max(0.0, value))
    return held * held * (3 - 2 * held)


def between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
