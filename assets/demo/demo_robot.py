"""The presenter: breathes, blinks, talks with a hand, is startled by the piano, and smiles when it is over."""

from __future__ import annotations

import math
from dataclasses import dataclass

from demo_pen import Pen, Point, between, eased
from demo_sound import DESTRUCTION_SECONDS, LANDS, SETTLES, SPARKS, Track

_BODY, _DARK, _LIGHT, _SCREEN = (104, 172, 180), (64, 124, 138), (152, 206, 208), (30, 38, 60)
_GLOW, _BLUSH, _HAT, _HAT_DARK = (132, 244, 218), (236, 128, 128, 130), (255, 196, 61), (224, 158, 40)
_RED, _CREAM, _SOOT, _SHADE = (236, 92, 78), (252, 246, 234), (54, 46, 62, 110), (60, 40, 70, 70)
_X, _TOP = 290.0, 204.0  # the middle of the head, and its upper edge
_ARM = 84.0  # the length of upper arm and forearm


@dataclass(frozen=True, slots=True)
class Pose:
    """How the arms are held (angles of both halves, degrees: 0 hangs, 90 points outward) and where the eyes look."""

    left: Point
    right: Point
    look: Point

    def toward(self, other: Pose, share: float) -> Pose:
        pairs = zip((self.left, self.right, self.look), (other.left, other.right, other.look), strict=True)
        return Pose(*((between(a[0], b[0], share), between(a[1], b[1], share)) for a, b in pairs))


_CARRIES, _HANGS, _OFFERS = (24.0, 150.0), (16.0, 6.0), (34.0, 82.0)
_AHEAD = (3.0, 0.0)
_REST = Pose(_CARRIES, _HANGS, _AHEAD)
_OPEN = Pose(_CARRIES, _OFFERS, _AHEAD)
_POSES = (  # one a sentence
    _OPEN,
    Pose(_CARRIES, (64, 197), (-10, -9)),  # thinks
    Pose(_CARRIES, (62, 84), (14, 3)),  # points at the server
    Pose((46, 172), _HANGS, (-13, 2)),  # raises the coffee
    Pose(_CARRIES, (50, 168), _AHEAD),  # stop
    Pose(_CARRIES, (84, 130), (15, -10)),  # points at the piano
    _REST,
    _OPEN,
)
_ALARM = Pose((52, 150), (104, 188), (15, -6))


def robot(pen: Pen, at: float, sound: Track) -> None:
    gone = at - sound.destruction
    pose, shiver = _pose(at, sound), _shiver(gone)
    breath = 1.6 * math.sin(at * 1.9)
    pen.oval(_X, 648, 104, 11, _SHADE)
    _legs(pen.moved(_X, 0))
    standing = pen.moved(_X + shiver, _TOP + breath + 7 * _crouch(gone))
    hand = _arm(standing, -1, pose.left)
    _mug(standing.moved(*hand), at)
    _torso(standing, at, gone)
    head = standing.moved(_shaken(at, sound), 0, degrees=3 * _crouch(gone))
    _head(head, at, sound, pose)
    _hat(head, gone)
    _arm(standing, 1, pose.right)


def _pose(at: float, sound: Track) -> Pose:
    pose = _REST
    for said, wanted in zip(sound.said, _POSES, strict=True):
        share = eased((at - said.start + 0.3) / 0.35) * eased((said.end + 0.35 - at) / 0.35)
        lively = wanted.right if wanted.right == _HANGS else (wanted.right[0], wanted.right[1] + 9 * sound.voice(at))
        pose = pose.toward(Pose(wanted.left, lively, wanted.look), share)
    return pose.toward(_ALARM, _crouch(at - sound.destruction))


def _crouch(gone: float) -> float:
    """How much the robot takes cover, 0..1."""
    return eased((gone - 0.12) / 0.3) * eased((DESTRUCTION_SECONDS + 0.1 - gone) / 0.5)


def _shiver(gone: float) -> float:
    return 3.0 * math.sin(60 * gone) * eased((gone - LANDS) / 0.05) * eased((LANDS + 2.4 - gone) / 2)


def _shaken(at: float, sound: Track) -> float:
    """ "No, wait": the head says it too."""
    no = sound.said[4]
    inside = eased((at - no.start) / 0.2) * eased((no.end - at) / 0.2)
    return 9 * inside * math.sin(13 * (at - no.start))


# --- body -------------------------------------------------------------------------------------------------------------


def _legs(pen: Pen) -> None:
    for x in (-44, 18):
        pen.box(x, 520, 26, 116, _DARK)
        pen.box(x, 560, 26, 5, _BODY)
        pen.box(x - 10, 624, 48, 24, _BODY, 12)
        pen.box(x - 10, 638, 48, 10, _DARK, 5)


def _torso(pen: Pen, at: float, gone: float) -> None:
    pen.box(-24, 150, 48, 44, _DARK, 8)
    pen.box(-84, 182, 168, 160, _BODY, 40)
    pen.box(-84, 300, 168, 42, _DARK, 21)
    pen.box(-84, 290, 168, 30, _BODY)
    pen.box(-70, 196, 12, 84, _LIGHT, 6)
    pen.box(-44, 222, 88, 56, _SCREEN, 12)
    _heartbeat(pen, at, gone)
    if gone > SPARKS:
        for x, y, size in ((44, 296, 17), (58, 286, 11), (-50, 210, 10)):
            pen.disc(x, y, size, _SOOT)


def _heartbeat(pen: Pen, at: float, gone: float) -> None:
    excited = 0 < gone < DESTRUCTION_SECONDS
    height = 18 if excited else 9
    beats = [(-34.0, 0.0), (-14, 0), (-8, -height), (0, height), (7, -height * 0.5), (12, 0), (34, 0)]
    pen.line([(x, 250 + y) for x, y in beats], _RED if excited else _GLOW, 3.5)
    if not excited and at % 1.2 < 0.12:
        pen.disc(34, 250, 4, _CREAM)


def _arm(pen: Pen, side: int, angles: Point) -> Point:
    """Where the hand is."""
    shoulder = (side * 72.0, 208.0)
    elbow = _reached(shoulder, side, angles[0])
    hand = _reached(elbow, side, angles[1])
    pen.line([shoulder, elbow, hand], _DARK, 25)
    pen.disc(*shoulder, 20, _BODY)
    pen.disc(*elbow, 7, _BODY)
    pen.disc(*hand, 19, _BODY)
    pen.disc(hand[0] - 5, hand[1] - 5, 6, _LIGHT)
    return hand


def _reached(joint: Point, side: int, degrees: float) -> Point:
    turn = math.radians(degrees)
    return joint[0] + side * _ARM * math.sin(turn), joint[1] + _ARM * math.cos(turn)


def _mug(pen: Pen, at: float) -> None:
    pen.disc(-24, -18, 12, _CREAM)
    pen.disc(-24, -18, 6, (214, 168, 150))
    pen.box(-22, -36, 40, 40, _CREAM, 6)
    pen.box(-22, -18, 40, 8, _RED)
    for strand in (-10, 6):
        steam = [(strand + 3 * math.sin(0.9 * n + at * 1.6 + strand), -42.0 - 6 * n) for n in range(5)]
        pen.line(steam, (255, 255, 255, 70), 4)


# --- head -------------------------------------------------------------------------------------------------------------


def _head(pen: Pen, at: float, sound: Track, pose: Pose) -> None:
    gone = at - sound.destruction
    for x in (-126, 100):
        pen.box(x, 52, 26, 64, _DARK, 10)
    pen.box(-112, 0, 224, 168, _BODY, 52)
    pen.box(-98, 22, 10, 60, _LIGHT, 5)
    pen.box(-86, 22, 172, 124, _SCREEN, 36)
    pen.shape([(-50, 22), (-18, 22), (-62, 100), (-80, 80)], (255, 255, 255, 14))
    for x in (-58, 60):
        pen.oval(x + pose.look[0] * 0.4, 106, 13, 8, _BLUSH)
    _eyes(pen.moved(*pose.look), at, gone)
    _mouth(pen.moved(pose.look[0] * 0.5, 0), at, gone, sound)
    if gone > SPARKS:
        for x, y, size in ((92, 128, 15), (80, 142, 10), (-96, 108, 8)):
            pen.disc(x, y, size, _SOOT)


def _eyes(pen: Pen, at: float, gone: float) -> None:
    startled = 0.05 < gone < DESTRUCTION_SECONDS
    relieved = DESTRUCTION_SECONDS + 0.3 < gone < DESTRUCTION_SECONDS + 3.2
    for x in (-38, 38):
        if relieved:
            pen.line(_curve(x, 72, 17, -13), _GLOW, 7)
        elif not startled and (at + 0.6) % 3.4 < 0.13:
            pen.box(x - 17, 66, 34, 6, _GLOW, 3)
        else:
            _eye(pen, x, 21 if startled else 17)


def _eye(pen: Pen, x: float, radius: float) -> None:
    pen.disc(x, 68, radius, _GLOW)
    pen.disc(x + 5, 62, radius / 3, _CREAM)
    pen.disc(x + 2, 70, radius / 2.6, _SCREEN)


def _mouth(pen: Pen, at: float, gone: float, sound: Track) -> None:
    if sound.voice(at) > 0.03:
        for bar in range(-4, 5):
            tall = 5 + 34 * sound.voice(at - 0.022 * abs(bar)) * (1 - abs(bar) / 6)
            pen.box(bar * 10 - 3, 116 - tall / 2, 6, tall, _GLOW, 3)
    elif 0.05 < gone < DESTRUCTION_SECONDS:
        pen.oval(0, 118, 11, 14, _GLOW)
    else:
        pen.line(_curve(0, 110, 30, 15 if gone > 0 else 8), _GLOW, 6)


def _curve(x: float, y: float, half: float, deep: float) -> list[Point]:
    """A smile (or, where `deep` is negative, a brow)."""
    return [(x + half * n / 6, y + deep * (1 - (n / 6) ** 2)) for n in range(-6, 7)]


def _hat(pen: Pen, gone: float) -> None:
    """It hops when the piano lands and stays askew; the last key of the piano comes to rest on it."""
    bounce = gone - LANDS
    hop = 74 * bounce * (0.62 - bounce) * 10 if 0 < bounce < 0.62 else 0.0
    hat = pen.moved(0, 16 - hop, degrees=-9 * eased(bounce / 0.5))
    dome = [(94 * math.cos(turn / 20 * math.pi), -66 * math.sin(turn / 20 * math.pi) - 8) for turn in range(21)]
    hat.shape(dome, _HAT)
    hat.box(-12, -80, 24, 72, _HAT_DARK, 10)
    hat.shape([(x * 0.86 - 6, y * 0.86 - 8) for x, y in dome[13:17]] + [(-66.0, -30.0)], (255, 222, 132))
    hat.box(-124, -14, 248, 18, _HAT_DARK, 9)
    hat.box(-124, -18, 248, 15, _HAT, 7)
    _last_key(hat, gone)


def _last_key(pen: Pen, gone: float) -> None:
    fall = eased((gone - SETTLES + 0.2) / 0.35)
    if fall > 0:
        lying = pen.moved(34, between(-420, -76, fall**2), degrees=between(200, 16, fall))
        lying.box(-34, -8, 68, 14, _CREAM, 3)
        lying.box(-34, 2, 68, 4, (214, 200, 186), 2)
