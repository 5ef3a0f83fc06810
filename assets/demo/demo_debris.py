"""What flies: sparks, keys, screws, splinters and smoke.

Each piece knows its whole flight, so that any picture can be drawn alone.
"""

from __future__ import annotations

import functools
import math
import random
from dataclasses import dataclass

from demo_pen import Color, Pen, eased
from demo_sound import BANGS, COLLAPSES, DESTRUCTION_SECONDS, LANDS, SPARKS
from demo_terrace import MIDDLE

_FALLS = 900.0  # units a second squared
_IVORY, _INK, _METAL, _WOOD, _GOLD = (254, 248, 236), (40, 42, 62), (96, 104, 134), (140, 76, 60), (240, 196, 96)
_HOT, _WHITE, _SMOKE, _SMOKE_LIGHT = (255, 206, 84), (255, 250, 226), (112, 104, 124), (150, 142, 158)
_FLAMES: tuple[Color, ...] = ((240, 106, 66), (255, 176, 66), (255, 236, 160))
_SIZES = (
    (_IVORY, 12, 40),
    (_INK, 8, 24),
    (_METAL, 18, 13),
    (_METAL, 9, 9),
    (_WOOD, 34, 9),
    (_WOOD, 15, 11),
    (_GOLD, 9, 5),
)


@dataclass(frozen=True, slots=True)
class Bit:
    """Thrown at `born` from a place with a speed; it lands on the deck and stays there."""

    born: float
    x: float
    y: float
    across: float
    down: float
    floor: float
    spin: float
    look: tuple[Color, int, int]

    def at(self, gone: float) -> tuple[float, float, float]:
        """Where it is, and how it is turned, degrees."""
        height = self.floor - self.y
        lands = (-self.down + math.sqrt(self.down**2 + 2 * _FALLS * height)) / _FALLS
        age = min(gone - self.born, lands)
        y = self.y + self.down * age + _FALLS / 2 * age**2
        return self.x + self.across * age, y, self.spin * age


@dataclass(frozen=True, slots=True)
class Puff:
    born: float
    life: float
    x: float
    y: float
    across: float
    up: float
    size: float


def behind(pen: Pen, gone: float) -> None:
    """The flash of a bang, behind the things."""
    for at, force in BANGS:
        age = gone - at
        if 0 <= age < 0.17:
            star = pen.moved(MIDDLE, 430, degrees=at * 90)
            for size, color in ((1.0, _HOT), (0.7, _WHITE)):
                star.shape(_star((150 + 1500 * age) * force * size), (*color, int(255 * (1 - age / 0.2))))


def _star(radius: float) -> list[tuple[float, float]]:
    reaches = (radius * (1.0 if n % 2 else 0.6) * (1 + 0.16 * math.sin(2.6 * n)) for n in range(26))
    return [
        (reach * math.cos(n * math.tau / 26), reach * math.sin(n * math.tau / 26)) for n, reach in enumerate(reaches)
    ]


def in_front(pen: Pen, gone: float) -> None:
    for bit in _bits():
        if gone >= bit.born:
            _draw(pen, bit, gone)
    for puff in _puffs():
        if 0 <= gone - puff.born < puff.life:
            _smoke(pen, puff, gone - puff.born)
    for spark in _sparks():
        if 0 <= gone - spark.born < 0.8:
            _glow(pen, spark, gone)
    _fire(pen.moved(MIDDLE + 4, 560), gone)


def _draw(pen: Pen, bit: Bit, gone: float) -> None:
    x, y, turned = bit.at(gone)
    color, width, height = bit.look
    pen.moved(x, y, turned).box(-width / 2, -height / 2, width, height, color, 2)


def _smoke(pen: Pen, puff: Puff, age: float) -> None:
    share = age / puff.life
    size = puff.size * (0.5 + 0.8 * eased(share * 2)) * (1 - share**3)
    x, y = puff.x + puff.across * math.sqrt(share), puff.y - puff.up * share
    alpha = int(235 * (1 - share**2))
    pen.disc(x, y, size, (*_SMOKE, alpha))
    pen.disc(x - size * 0.22, y - size * 0.26, size * 0.64, (*_SMOKE_LIGHT, alpha))


def _glow(pen: Pen, spark: Bit, gone: float) -> None:
    head, tail = spark.at(gone), spark.at(max(spark.born, gone - 0.035))
    left = 1 - (gone - spark.born) / 0.8
    pen.line([tail[:2], head[:2]], spark.look[0], 1.5 + 3.5 * left)


def _fire(pen: Pen, gone: float) -> None:
    """A small flame that stays."""
    size = eased((gone - SPARKS) / 0.5) * (1.5 if gone < DESTRUCTION_SECONDS else 1.0)
    for number, color in enumerate(_FLAMES):
        if size > 0:
            _flame(
                pen, size * (66 - 18 * number), size * (21 - 6 * number), 5 * size * math.sin(gone * 9 + number), color
            )


def _flame(pen: Pen, tall: float, half: float, lick: float, color: Color) -> None:
    right = [(half * 0.5, 0), (half, -tall * 0.3), (half * 0.35 + lick, -tall * 0.62), (lick, -tall)]
    left = [(-half * 0.5, -tall * 0.66), (-half, -tall * 0.3), (-half * 0.5, 0)]
    pen.shape([*right, *left], color)


# --- thrown once ------------------------------------------------------------------------------------------------------


@functools.cache
def _bits() -> tuple[Bit, ...]:
    chance = random.Random(11)  # noqa: S311 - the same pieces in every picture
    return tuple(_bit(chance, at, force) for at, force in BANGS for _ in range(int(30 * force)))


def _bit(chance: random.Random, at: float, force: float) -> Bit:
    side = chance.uniform(-1, 1)
    return Bit(
        born=at + chance.uniform(0, 0.05),
        x=MIDDLE + 120 * side,
        y=450 if at < COLLAPSES else 560,
        across=side * chance.uniform(120, 380),
        down=-chance.uniform(160, 640) * (0.5 + 0.5 * force),
        floor=chance.uniform(606, 694),
        spin=chance.uniform(-500, 500),
        look=chance.choice(_SIZES),
    )


@functools.cache
def _sparks() -> tuple[Bit, ...]:
    chance = random.Random(5)  # noqa: S311 - the same sparks in every picture
    times = [at for at, force in BANGS for _ in range(int(26 * force))]
    times += [SPARKS + chance.uniform(0, 1.1) for _ in range(70)]
    return tuple(_spark(chance, at) for at in times)


def _spark(chance: random.Random, at: float) -> Bit:
    angle, speed = chance.uniform(1.08, 1.92) * math.pi, chance.uniform(200, 720)
    across, down = math.cos(angle) * speed, math.sin(angle) * speed
    return Bit(at, MIDDLE + chance.uniform(-60, 60), 470 if at < COLLAPSES else 560, across, down, 690, 0,
               (chance.choice((_HOT, _WHITE)), 0, 0))  # fmt: skip


@functools.cache
def _puffs() -> tuple[Puff, ...]:
    """Dust rolls away from the two heavy falls; smoke rises, and less and less of it."""
    chance = random.Random(9)  # noqa: S311 - the same smoke in every picture
    dust = [
        Puff(at + chance.uniform(0, 0.1), chance.uniform(0.7, 1.5), MIDDLE + side * 90, y + chance.uniform(-14, 14),
             side * chance.uniform(40, 260), chance.uniform(6, 60), chance.uniform(22, 44))
        for at, y in ((LANDS, 490), (COLLAPSES, 640)) for n in range(26) for side in (n % 2 * 2 - 1,)
    ]  # fmt: skip
    smoke = [
        Puff(LANDS + 0.2 + 0.07 * n, chance.uniform(1.2, 1.9), MIDDLE + chance.uniform(-60, 60), 430,
             chance.uniform(-50, 90), chance.uniform(180, 330), chance.uniform(20, 38))
        for n in range(48)
    ]  # fmt: skip
    thread = [Puff(DESTRUCTION_SECONDS + 0.33 * n, 2.0, MIDDLE + 4, 500, 26, 190, 11) for n in range(40)]
    return (*dust, *smoke, *thread)
