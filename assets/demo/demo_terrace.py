"""Where it happens: a roof terrace in the evening, a table, a server that has had it coming, and a piano."""

from __future__ import annotations

import math
import random

from demo_pen import Color, Pen, Point, between, eased
from demo_sound import COLLAPSES, LANDS, SPLITS

_SKY = (  # rings around the sun, the widest first
    (1500, (120, 148, 186)),
    (860, (142, 164, 194)),
    (700, (170, 180, 200)),
    (560, (202, 194, 200)),
    (430, (230, 204, 192)),
    (310, (246, 214, 184)),
    (200, (252, 226, 186)),
    (104, (255, 240, 206)),
)
_SUN = (610.0, 400.0)
_FAR, _NEAR, _WINDOW, _WINDOW_OFF = (190, 160, 178), (136, 116, 150), (255, 222, 150), (156, 136, 166)
_WALL, _WALL_DARK, _COPING = (196, 136, 118), (178, 118, 106), (222, 170, 146)
_DECK, _DECK_DARK, _DECK_LINE = (150, 106, 96), (140, 96, 90), (118, 78, 78)
_INK, _METAL, _METAL_LIGHT, _METAL_LINE = (40, 42, 62), (62, 68, 94), (86, 94, 124), (120, 130, 160)
_GREEN, _AMBER, _OFF = (128, 240, 180), (255, 196, 61), (46, 50, 72)
_WOOD, _WOOD_DARK, _WOOD_LIGHT = (124, 62, 52), (88, 42, 42), (156, 86, 66)
_TABLE, _TABLE_DARK = (232, 190, 140), (192, 146, 104)
_IVORY, _GOLD, _ROPE, _SHADE = (254, 248, 236), (240, 196, 96), (232, 214, 178), (60, 40, 70, 70)
_LEAF, _LEAF_DARK, _POT = (92, 150, 116), (66, 118, 96), (226, 122, 94)
MIDDLE = 930.0  # of the table and of what happens to it
_TABLE_TOP, _TALL, _FLAT = 500.0, 186.0, 66.0


# --- what stands still ------------------------------------------------------------------------------------------------


def backdrop(pen: Pen) -> None:
    for radius, color in _SKY:
        pen.disc(*_SUN, radius, color)
    _clouds(pen)
    _city(pen, _FAR, seed=3, low=300, high=420, lit=0)
    _city(pen, _NEAR, seed=8, low=380, high=470, lit=0.3)
    _lights(pen)
    _wall(pen)
    _deck(pen)
    _plant(pen.moved(1214, 640))
    _cactus(pen.moved(86, 632))


def _clouds(pen: Pen) -> None:
    for x, y, size in ((150, 120, 1.0), (700, 170, 0.7), (1120, 214, 0.9)):
        for across, down, wide in ((0, 0, 150), (34, -18, 84), (-46, 14, 120)):
            pen.box(x + across * size, y + down * size, wide * size, 20 * size, (255, 246, 232, 90), 10 * size)


def _city(pen: Pen, color: Color, seed: int, low: int, high: int, lit: float) -> None:
    chance, x = random.Random(seed), -60.0  # noqa: S311 - the same city in every clip
    while x < 1340:
        width, top = chance.uniform(46, 96), chance.uniform(low, high)
        pen.box(x, top, width + 1, 600 - top, color)
        if chance.random() < 0.4:
            pen.box(x + width * 0.4, top - 26, 4, 30, color)
        for n in range(int(width // 17) if lit else 0):
            for floor in range(4):
                shine = _WINDOW if chance.random() < lit else _WINDOW_OFF
                pen.box(x + 8 + n * 17, top + 12 + floor * 20, 8, 11, shine, 1)
        x += width


def _lights(pen: Pen) -> None:
    """Bulbs on a cable, from a pole to both sides."""
    pen.box(506, 92, 7, 400, (112, 84, 104), 3)
    for start, end, sag in (((-60, 78), (509, 96), 56), ((509, 96), (1340, 150), 84)):
        cable = [_sagging(start, end, sag, n / 24) for n in range(25)]
        pen.line(cable, (112, 84, 104), 2.5)
        for x, y in cable[2:-1:3]:
            pen.disc(x, y + 11, 15, (255, 228, 150, 60))
            pen.box(x - 3, y, 6, 7, (112, 84, 104), 2)
            pen.disc(x, y + 11, 7, (255, 236, 176))


def _sagging(start: Point, end: Point, sag: float, share: float) -> Point:
    return between(start[0], end[0], share), between(start[1], end[1], share) + 4 * sag * share * (1 - share)


def _wall(pen: Pen) -> None:
    pen.box(-60, 484, 1400, 90, _WALL)
    for row in range(4):
        for column in range(-2, 24):
            if (row * 7 + column * 5) % 9 < 2:
                pen.box(column * 58 + (row % 2) * 29, 506 + row * 16, 50, 11, _WALL_DARK, 3)
    pen.box(-60, 476, 1400, 16, _COPING, 4)
    pen.box(-60, 490, 1400, 5, _WALL_DARK)


def _deck(pen: Pen) -> None:
    pen.box(-60, 564, 1400, 220, _DECK)
    for plank, y in enumerate((564, 590, 622, 660, 706)):
        if plank % 2:
            pen.box(-60, y, 1400, (32, 46)[plank == 3], _DECK_DARK)
        pen.box(-60, y, 1400, 3, _DECK_LINE)
        for n in range(4):
            pen.box(150 + n * 370 - plank * 83 % 290, y, 3, 34, _DECK_LINE)


def _plant(pen: Pen) -> None:
    pen.oval(0, 16, 62, 9, _SHADE)
    for degrees, length in ((-58, 108), (-32, 136), (-8, 156), (16, 142), (40, 120), (64, 92)):
        leaf = pen.moved(0, -60, degrees)
        leaf.shape(
            [(0, 0), (-17, -length * 0.5), (0, -length), (17, -length * 0.5)], _LEAF if degrees % 16 else _LEAF_DARK
        )
        leaf.line([(0, 0), (0, -length * 0.8)], _LEAF_DARK, 2)
    pen.shape([(-46, -64), (46, -64), (34, 16), (-34, 16)], _POT)
    pen.box(-52, -72, 104, 20, (238, 142, 112), 5)


def _cactus(pen: Pen) -> None:
    pen.oval(0, 16, 46, 8, _SHADE)
    pen.line([(-30, -70), (-30, -48), (0, -40)], _LEAF_DARK, 15)
    pen.line([(30, -88), (30, -60), (0, -54)], _LEAF_DARK, 15)
    pen.line([(0, -20), (0, -112)], _LEAF, 28)
    pen.disc(0, -128, 8, (244, 150, 160))
    pen.shape([(-34, -28), (34, -28), (26, 16), (-26, 16)], _IVORY)
    pen.box(-38, -34, 76, 14, _COPING, 4)


# --- what does not stay as it is --------------------------------------------------------------------------------------


def things(pen: Pen, at: float, gone: float) -> None:
    """`gone` counts the seconds since the rope gave way."""
    fallen = _bounced((gone - COLLAPSES) / 0.22)
    pen.oval(MIDDLE, 650, 212, 13, _SHADE)
    _legs(pen, fallen)
    top = pen.moved(MIDDLE, between(_TABLE_TOP, 622, fallen), degrees=4.5 * fallen)
    _server(top, at, gone)
    top.box(-196, 0, 392, 20, _TABLE, 6)
    top.box(-196, 13, 392, 9, _TABLE_DARK, 4)
    if gone < LANDS:
        hanging = pen.moved(MIDDLE, _falling(gone), degrees=_swaying(at, gone))
        _piano(hanging, gone)
    else:
        _piano(top.moved(0, -_height(gone)), gone)
    _rope(pen, at, gone)


def _bounced(share: float) -> float:
    """A fall, and one small bounce."""
    if share < 1:
        return max(0.0, share) ** 2
    return 1 - 0.12 * max(0.0, math.sin((share - 1) * 2.4)) * (share < 2.3)


def _legs(pen: Pen, fallen: float) -> None:
    for side in (-1, 1):
        foot, splayed = MIDDLE + side * 164, side * 74 * fallen
        hip = between(_TABLE_TOP + 14, 634, fallen)
        pen.line([(MIDDLE + side * 160, hip), (foot + splayed, between(646, 644, fallen))], _TABLE_DARK, 15)


def _height(gone: float) -> float:
    """Of the server."""
    return between(_TALL, _FLAT, eased((gone - LANDS) / 0.09))


def _server(pen: Pen, at: float, gone: float) -> None:
    height, crushed = _height(gone), gone > LANDS
    half = 122.0 if crushed else 100.0
    unit = height / 4
    pen.box(-half, -height, 2 * half, height, _INK, 8)
    for row in range(4):
        lean = (7, -9, 5, -4)[row] if crushed else 0
        panel = pen.moved(lean, -height + row * unit)
        panel.box(7 - half, 4, 2 * half - 14, unit - 7, _METAL_LIGHT if row % 2 else _METAL, 4)
        if row:
            _bays(panel, half, unit, row, at, crushed)
    if not crushed:
        _grumpy(pen.moved(-half, -height), at, gone)


def _bays(pen: Pen, half: float, unit: float, row: int, at: float, crushed: bool) -> None:
    for bay in range(5):
        pen.box(22 - half + bay * 20, unit * 0.3, 13, unit * 0.42, _INK, 2)
    for lamp in range(3):
        blinks = math.sin(at * (2.3 + 1.1 * lamp) + row * 1.9) > -0.2
        survivor = crushed and row == 3 and lamp == 0 and at % 1.0 < 0.5
        lit = survivor or (blinks and not crushed)
        pen.disc(half - 24 - lamp * 17, unit * 0.52, 4.6, (_AMBER if lamp == 1 else _GREEN) if lit else _OFF)


def _grumpy(pen: Pen, at: float, gone: float) -> None:
    """The server's own opinion, on its uppermost unit. It sees the piano too late."""
    pen.box(50, 7, 100, 34, _INK, 7)
    afraid = gone > 0.15
    for side, x in ((-1, 74), (1, 126)):
        pen.disc(x, 22, 9, _AMBER)
        if not afraid:
            pen.shape([(x - 11, 20 + side * 5), (x + 11, 20 - side * 5), (x + 11, 10), (x - 11, 10)], _INK)
    if afraid:
        pen.oval(100, 31, 6, 5, _AMBER)
    else:
        pen.line([(91, 33), (100, 31), (109, 33)], _AMBER, 2.6)
    pen.line([(20, 18), (38, 18)], _METAL_LINE, 3)
    pen.line([(20, 28), (38, 28)], _METAL_LINE, 3)


# --- the piano --------------------------------------------------------------------------------------------------------


def _falling(gone: float) -> float:
    """Where its underside is: it hangs, jolts when the rope gives way, and falls."""
    drop = max(0.0, (gone - 0.2) / (LANDS - 0.2))
    return 198 + 8 * eased(gone / 0.1) + (_TABLE_TOP - _TALL - 206) * drop**2


def _swaying(at: float, gone: float) -> float:
    return 0.5 * math.sin(at * 1.3) - 6 * eased((gone - 0.05) / 0.4)


def _piano(pen: Pen, gone: float) -> None:
    """Two halves: with the server gone, nothing holds them together."""
    apart = _bounced((gone - SPLITS) / 0.25)
    tilt = -7 * eased((gone - LANDS) / 0.12)
    for side in (-1, 1):
        _half(pen.moved(side * 26 * apart, 10 * apart, degrees=tilt + side * 17 * apart, size=0.88), side, gone)


def _half(pen: Pen, side: int, gone: float) -> None:
    def part(y: float, height: float, reach: float, color: Color) -> None:
        """From the broken edge in the middle outward."""
        inner = [(_crack(y + height * n / 12), y + height * n / 12) for n in range(13)]
        pen.shape([*inner, (side * reach, y + height), (side * reach, y)], color)

    pen.box(side * 132 - 12, -14, 24, 16, _WOOD_DARK, 3)
    part(-150, 140, 150, _WOOD)
    part(-140, 46, 136, _WOOD_LIGHT)
    part(-134, 34, 128, _WOOD)
    part(-160, 14, 160, _WOOD_DARK)
    part(-92, 12, 158, _WOOD_DARK)
    part(-46, 10, 150, _WOOD_DARK)
    pen.box(side * 70 - 30, -30, 60, 14, _WOOD_LIGHT, 4)
    pen.box(side * 8 - 4, -20, 10, 14, _GOLD, 3)
    _keys(pen, side, gone)


def _crack(y: float) -> float:
    """Where the halves meet, at the height y: a zigzag."""
    return 18 * abs((y / 26) % 2 - 1) - 9


def _keys(pen: Pen, side: int, gone: float) -> None:
    for key in range(9):
        left = 16.0 * key + 1 if side > 0 else -16.0 * key - 15
        number = key if side > 0 else 20 - key
        if gone < LANDS or number % 5 not in (1, 3):
            pen.box(left, -82, 14.5, 34, _IVORY, 2)
            pen.box(left, -52, 14.5, 5, (220, 204, 190), 2)
        else:
            pen.box(left, -82, 14.5, 34, _INK, 2)
        if number % 7 not in (2, 6):
            pen.box(left + 10, -82, 9, 20, _INK, 2)


def _rope(pen: Pen, at: float, gone: float) -> None:
    """It runs to a knot above the piano; afterwards its ends hang there."""
    pen.line([(MIDDLE, -40), (MIDDLE, 14)], _ROPE, 6)
    if gone < 0.2:
        lid = pen.moved(MIDDLE, _falling(gone), degrees=_swaying(at, gone), size=0.88)
        for side in (-1, 1):
            lid.line([(0, -208), (side * 112, -158)], _ROPE, 6)
    else:
        for side in (-1, 1):
            swing = side * 16 + 60 * side * math.exp(-1.6 * gone) * math.cos(7 * gone)
            pen.line([(MIDDLE, 14), (MIDDLE + swing * 0.5, 36), (MIDDLE + swing, 60)], _ROPE, 6)
    pen.disc(MIDDLE, 14, 9, _ROPE)
