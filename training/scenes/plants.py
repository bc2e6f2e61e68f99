"""Plants in pots, built as `things` are."""

import numpy as np

from scenes.canvas import Part
from scenes.colour import RGB, hsl, lit, vivid
from scenes.shapes import (
    View,
    arc,
    band,
    disc,
    fade,
    flat,
    limb,
    rectangle,
    upright,
)


def plant(rng: np.random.Generator, view: View) -> list[Part]:
    """A plant in its pot: broad leaves, upright blades, or a cactus."""
    green = hsl(rng.uniform(0.24, 0.42), rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.45))
    kind = rng.choice(["leaves", "leaves", "blades", "cactus"])
    parts = _pot(rng, view)
    if kind == "cactus":
        return parts + _cactus(rng, view, green)
    count = int(rng.integers(9, 13)) if kind == "leaves" else int(rng.integers(6, 9))
    spread = 82.0 if kind == "leaves" else 26.0
    angles = np.linspace(-spread, spread, count) + rng.uniform(-7.0, 7.0, count)
    for angle in sorted(angles.tolist(), key=lambda a: -abs(a)):
        upwards = np.cos(np.radians(angle))
        if kind == "leaves":
            length, width = rng.uniform(0.42, 0.5) + 0.14 * upwards, rng.uniform(0.19, 0.25)
            droop = -0.22 * np.sign(angle) * (1.0 - upwards)
        else:
            length, width, droop = rng.uniform(0.42, 0.7), rng.uniform(0.12, 0.16), 0.0
        tint = lit(green, rng.uniform(0.75, 1.12))
        parts += _leaf(
            tint, view, angle=angle + 40 * droop, length=length, width=width, droop=droop
        )
    return parts


def _pot(rng: np.random.Generator, view: View) -> list[Part]:
    colour = vivid(rng) if rng.uniform() < 0.4 else hsl(rng.uniform(0.02, 0.07), 0.55, 0.5)
    top, foot = rng.uniform(0.23, 0.27), rng.uniform(0.15, 0.2)
    rim = top * 1.08
    return [
        Part(band(foot, 0.04, top, 0.33, view.pitch), upright(colour, top, view)),
        Part(band(top, 0.29, top, 0.32, view.pitch), upright(lit(colour, 0.6), top, view)),
        Part(band(rim, 0.31, rim, 0.4, view.pitch), upright(colour, rim, view)),
        Part(disc(rim, 0.4, view.pitch), flat(lit(colour, 1.1))),
        Part(disc(rim * 0.88, 0.4, view.pitch), flat(hsl(0.06, 0.35, 0.17))),
    ]


def _leaf(
    colour: RGB, view: View, *, angle: float, length: float, width: float, droop: float
) -> list[Part]:
    """A leaf from the pot's middle, `angle` degrees off upright, its two halves lit unlike."""
    along = np.linspace(0.0, 1.0, 24)
    turn = np.radians(angle)
    forward, across = (
        np.array([np.sin(turn), np.cos(turn)]),
        np.array([np.cos(turn), -np.sin(turn)]),
    )
    spine = np.outer(along * length, forward) + np.outer(along**2 * length * droop, -across)
    spine[:, 1] += 0.4
    half = np.outer(np.sin(np.pi * along**0.75) ** 0.8 * width / 2, across)
    bright, dark = (1.08, 0.8) if view.light * across[0] > 0 else (0.8, 1.08)
    tip, stem = spine[-1], spine[0]
    return [
        Part(
            np.concatenate([spine, (spine + sign * half)[::-1]]),
            fade(lit(colour, level), lit(colour, level * 0.72), float(tip[1]), float(stem[1])),
        )
        for sign, level in ((1.0, bright), (-1.0, dark))
    ]


def _cactus(rng: np.random.Generator, view: View, green: RGB) -> list[Part]:
    height, radius = rng.uniform(0.85, 1.0), rng.uniform(0.13, 0.17)
    trunk = upright(green, radius, view)
    parts = []
    for side in (-1.0, 1.0):
        x, y = side * (radius + 0.13), rng.uniform(0.56, 0.66)
        shade = upright(green, 0.075, view, x)
        parts.append(Part(limb((0.0, y), (x, y), 0.06, 0.075), flat(lit(green, 0.7))))
        parts.append(Part(limb((x, y), (x, y + rng.uniform(0.1, 0.2)), 0.075, 0.07), shade))
    parts.append(Part(limb((0.0, 0.38), (0.0, height - radius), radius * 0.92, radius), trunk))
    for share in (-0.5, 0.0, 0.5):
        x = share * radius
        rib = rectangle(x - 0.008, 0.42, x + 0.008, height - radius * 0.6)
        parts.append(Part(rib, flat(lit(green, 0.55)), 0.5))
    if rng.uniform() < 0.6:
        parts.append(Part(arc(0.03, height, 0.07, 0.05), flat(hsl(0.93, 0.8, 0.68))))
    return parts
