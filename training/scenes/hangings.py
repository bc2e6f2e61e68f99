"""What hangs on the walls of rooms, in the picture's coordinates. Nothing here has a class."""

import numpy as np

from scenes.canvas import Part, Points
from scenes.colour import INK, WHITE, hsl, lit, mix, pastel, vivid
from scenes.shapes import arc, fade, flat, rectangle, rounded


def hangings(rng: np.random.Generator, horizon: float, aspect: float) -> list[Part]:
    """What hangs on the wall: a window, pictures, a shelf, a clock."""
    parts: list[Part] = []
    kinds = rng.permutation(["window", "picture", "shelf", "clock", "picture"])
    slots = np.linspace(0.0, aspect, 4)[:-1] + aspect / 6
    for kind, x in zip(kinds[: rng.integers(1, 4)], rng.permutation(slots).tolist(), strict=False):
        y = rng.uniform(horizon + 0.24, 0.9)
        if kind == "window":
            parts += _window(rng, x, y)
        elif kind == "picture":
            parts += _picture(rng, x, y)
        elif kind == "shelf":
            parts += shelf(rng, x - 0.2, y - 0.08)
        else:
            face = flat(WHITE)
            parts += [
                Part(arc(x, y, 0.09, 0.09), flat(vivid(rng))),
                Part(arc(x, y, 0.075, 0.075), face),
            ]
            parts.append(Part(rectangle(x - 0.005, y, x + 0.005, y + 0.055), flat(INK)))
            parts.append(Part(rectangle(x, y - 0.005, x + 0.04, y + 0.005), flat(INK)))
    return parts


def _window(rng: np.random.Generator, x: float, y: float) -> list[Part]:
    wide, high = rng.uniform(0.13, 0.2), rng.uniform(0.15, 0.2)
    sky = hsl(rng.uniform(0.5, 0.62), 0.6, rng.uniform(0.6, 0.8))
    frame = WHITE if rng.uniform() < 0.6 else hsl(0.08, 0.4, 0.4)
    glass = fade(sky, mix(sky, WHITE, 0.7), y + high, y - high)
    bars = ((x - wide, y - 0.008, x + wide, y + 0.008), (x - 0.008, y - high, x + 0.008, y + high))
    return [
        Part(
            rectangle(x - wide - 0.02, y - high - 0.02, x + wide + 0.02, y + high + 0.02),
            flat(frame),
        ),
        Part(rectangle(x - wide, y - high, x + wide, y + high), glass),
        *(Part(rectangle(*bar), flat(frame)) for bar in bars),
        Part(
            rectangle(x - wide - 0.04, y - high - 0.04, x + wide + 0.04, y - high - 0.015),
            flat(frame),
        ),
    ]


def _picture(rng: np.random.Generator, x: float, y: float) -> list[Part]:
    wide, high = rng.uniform(0.07, 0.14), rng.uniform(0.07, 0.14)
    frame = rng.choice([0.12, 0.35, 0.9])
    ground, figure = pastel(rng), vivid(rng)
    size = min(wide, high) * 0.6
    shape = arc(x, y, size, size) if rng.uniform() < 0.5 else star(x, y, size)
    return [
        Part(
            rectangle(x - wide - 0.018, y - high - 0.018, x + wide + 0.018, y + high + 0.018),
            flat(hsl(0.08, 0.2, frame)),
        ),
        Part(rectangle(x - wide, y - high, x + wide, y + high), fade(ground, WHITE, y + high, y)),
        Part(shape, flat(figure)),
    ]


def shelf(rng: np.random.Generator, left: float, y: float) -> list[Part]:
    """A board on the wall with books on it."""
    right = left + rng.uniform(0.3, 0.42)
    wood = hsl(0.08, 0.4, rng.uniform(0.3, 0.6))
    parts = [Part(rectangle(left, y - 0.022, right, y), fade(wood, lit(wood, 0.6), y, y - 0.022))]
    x = left + 0.02
    while x < right - 0.06:
        width, height = rng.uniform(0.018, 0.04), rng.uniform(0.08, 0.14)
        spine = vivid(rng)
        parts.append(Part(rounded(x, y, x + width, y + height, 0.004), flat(spine)))
        parts.append(
            Part(
                rectangle(x, y + height * 0.7, x + width, y + height * 0.78),
                flat(mix(spine, WHITE, 0.6)),
            )
        )
        x += width + (0.002 if rng.uniform() < 0.85 else 0.06)
    return parts


def star(x: float, y: float, size: float) -> Points:
    """Five points."""
    angles = np.radians(np.arange(10) * 36.0 + 90.0)
    radii = np.where(np.arange(10) % 2 == 0, size, size * 0.45)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
