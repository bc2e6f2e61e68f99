"""The things with a class, but plants: each function builds one about 1 high, on the origin."""

import numpy as np

from scenes.canvas import Part, Points
from scenes.colour import INK, RGB, WHITE, hsl, lit, mix, vivid
from scenes.shapes import (
    Face,
    View,
    arc,
    band,
    cuboid,
    disc,
    fade,
    flat,
    globe,
    limb,
    polygon,
    rectangle,
    ring,
    rounded,
    upright,
)


def ball(rng: np.random.Generator, view: View) -> list[Part]:
    """A ball: plain with a stripe, or a beach ball, turned by `view.spin`."""
    radius = 0.5
    base, second = vivid(rng), WHITE if rng.uniform() < 0.7 else vivid(rng)
    turn = rng.uniform(0.0, 2 * np.pi) + view.spin
    parts = [Part(disc(radius, radius, 1.0), globe(base, 0.0, radius, radius, view))]
    if rng.uniform() < 0.65:
        lean = rng.uniform(-25.0, 25.0)
        edges = np.arange(-90.0, 90.0, 45.0) + lean
        panels = [(edge, edge + 24.0) for edge in edges.tolist()]
    else:
        panels = [(-float(rng.uniform(8.0, 20.0)), float(rng.uniform(8.0, 20.0)))]
    for west, east in panels:
        points = _panel(max(west, -90.0), min(east, 90.0), radius)
        turned = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        parts.append(Part(np.add(turned, (0.0, radius)), globe(second, 0.0, radius, radius, view)))
    glint = arc(0.21 * view.light, 0.74, 0.075, 0.05)
    return [*parts, Part(glint, flat((1.0, 1.0, 1.0)), 0.45)]


def _panel(west: float, east: float, radius: float) -> Points:
    """The piece of a sphere between two meridians, degrees, seen from the front."""
    latitudes = np.radians(np.linspace(-90.0, 90.0, 40))
    high = radius * np.sin(latitudes)
    left = np.sin(np.radians(west)) * radius * np.cos(latitudes)
    right = np.sin(np.radians(east)) * radius * np.cos(latitudes)
    return np.concatenate([np.stack([left, high], 1), np.stack([right, high], 1)[::-1]])


def box(rng: np.random.Generator, view: View) -> list[Part]:
    """A cardboard box, a present or a wooden crate."""
    width, depth = rng.uniform(0.85, 1.2), rng.uniform(0.7, 1.0)
    height = rng.uniform(0.6, 0.85)
    faces = cuboid(width, depth, height, rng.uniform(0.25, 1.3), view)
    kind = rng.choice(["cardboard", "present", "crate"])
    if kind == "cardboard":
        colour = hsl(rng.uniform(0.06, 0.1), rng.uniform(0.3, 0.55), rng.uniform(0.5, 0.66))
        parts = [face.part(colour) for face in faces]
        tape = mix(colour, WHITE, 0.5)
        parts.append(faces[0].part(tape, 0.42, 0.72, 0.58, 1.0))
        parts.append(faces[-1].part(tape, 0.42, 0.0, 0.58, 1.0))
        return [*parts, faces[1].part(mix(colour, INK, 0.65), 0.62, 0.12, 0.86, 0.3)]
    if kind == "present":
        colour = vivid(rng)
        ribbon = WHITE if rng.uniform() < 0.5 else vivid(rng)
        parts = [face.part(colour) for face in faces]
        parts += [face.part(ribbon, 0.42, 0.0, 0.58, 1.0) for face in faces]
        parts.append(faces[-1].part(ribbon, 0.0, 0.42, 1.0, 0.58))
        return parts + _bow(faces[-1], ribbon)
    colour = hsl(rng.uniform(0.05, 0.12), rng.uniform(0.35, 0.6), rng.uniform(0.42, 0.58))
    parts = [face.part(mix(colour, INK, 0.35)) for face in faces]
    for face in faces:
        for low in (0.0, 0.27, 0.54, 0.81):
            parts.append(face.part(colour, 0.0, low, 1.0, low + 0.2))
        for left in (0.0, 0.86):
            parts.append(face.part(mix(colour, INK, 0.12), left, 0.0, left + 0.14, 1.0))
    return parts


def _bow(top: Face, colour: RGB) -> list[Part]:
    x, y = top.patch(0.5, 0.5, 0.5, 0.5)[0].tolist()
    shade = fade(lit(colour, 1.15), lit(colour, 0.7), y + 0.2, y)
    loops = [
        polygon((x, y), (x + s * 0.1, y + 0.19), (x + s * 0.24, y + 0.17), (x + s * 0.22, y + 0.02))
        for s in (-1.0, 1.0)
    ]
    knot = Part(arc(x, y + 0.03, 0.05, 0.05), flat(lit(colour, 0.8)))
    return [*(Part(loop, shade) for loop in loops), knot]


def cone(rng: np.random.Generator, view: View) -> list[Part]:
    """A traffic cone on its foot, with one or two bright bands."""
    hue = rng.uniform(0.02, 0.07) if rng.uniform() < 0.7 else rng.uniform()
    colour = hsl(hue, rng.uniform(0.75, 0.95), rng.uniform(0.48, 0.58))
    radius, tip = rng.uniform(0.25, 0.31), rng.uniform(0.04, 0.06)
    foot = colour if rng.uniform() < 0.6 else mix(colour, INK, 0.8)
    side = radius * rng.uniform(2.25, 2.5)
    parts = [face.part(foot) for face in cuboid(side, side, 0.06, rng.uniform(0.1, 1.4), view)]

    def radius_at(y: float) -> float:
        return float(radius + (tip - radius) * (y - 0.06) / 0.94)

    wall = np.concatenate(
        [
            arc(0, 0.06, radius, radius * view.pitch, (180, 360)),
            arc(0, 1.0, tip, tip * view.pitch, (0, 180)),
        ]
    )
    parts.append(Part(wall, upright(colour, radius, view)))
    for low, high in ((0.3, 0.48), (0.62, 0.76))[: rng.integers(1, 3)]:
        stripe = band(radius_at(low), low, radius_at(high), high, view.pitch)
        parts.append(Part(stripe, upright(WHITE, radius_at(low), view)))
    return [*parts, Part(disc(tip, 1.0, view.pitch), flat(mix(colour, INK, 0.6)))]


def mug(rng: np.random.Generator, view: View) -> list[Part]:
    """A mug with its handle on either side and something hot in it."""
    colour = vivid(rng) if rng.uniform() < 0.75 else WHITE
    radius, foot = rng.uniform(0.38, 0.45), rng.uniform(0.85, 1.0)
    side = rng.choice([-1.0, 1.0])
    grip = upright(lit(colour, 0.9), 0.3, view, side * (radius + 0.1))
    sweep = (-105.0, 105.0) if side > 0 else (75.0, 285.0)
    parts = [Part(ring((side * radius * 0.95, 0.5), (0.33, 0.31), 0.115, sweep), grip)]
    wall = np.concatenate(
        [
            arc(0, 0.06, radius * foot, radius * view.pitch, (180, 360)),
            arc(0, 1.0, radius, radius * view.pitch, (0, 180)),
        ]
    )
    parts.append(Part(wall, upright(colour, radius, view)))
    decor = rng.choice(["stripe", "heart", "glaze", "none"])
    second = WHITE if colour != WHITE else vivid(rng)
    if decor == "stripe":
        low = rng.uniform(0.2, 0.5)
        stripe = band(radius * (0.99 if foot > 0.9 else 0.96), low, radius, low + 0.22, view.pitch)
        parts.append(Part(stripe, upright(second, radius, view)))
    elif decor == "heart":
        x = -0.1 * side
        parts += [Part(arc(x + d, 0.5, 0.08, 0.08), flat(second)) for d in (-0.068, 0.068)]
        parts.append(Part(polygon((x - 0.14, 0.47), (x + 0.14, 0.47), (x, 0.28)), flat(second)))
    elif decor == "glaze":
        glaze = band(radius, 0.72, radius, 1.0, view.pitch)
        parts.append(Part(glaze, upright(mix(colour, second, 0.7), radius, view)))
    parts.append(Part(disc(radius, 1.0, view.pitch), flat(lit(colour, 1.2))))
    inside = radius * 0.89
    parts.append(Part(disc(inside, 1.0, view.pitch), flat(lit(colour, 0.45))))
    drink = hsl(rng.uniform(0.04, 0.1), 0.55, rng.uniform(0.16, 0.34))
    surface = arc(0.0, 0.97, inside * 0.94, inside * 0.78 * view.pitch)
    return [*parts, Part(surface, flat(drink))]


def robot(rng: np.random.Generator, view: View) -> list[Part]:
    """A toy robot: treads or legs, a body with a dial, two arms, a face that glows."""
    shell = vivid(rng) if rng.uniform() < 0.6 else hsl(rng.uniform(), 0.08, rng.uniform(0.6, 0.8))
    accent, glow = vivid(rng), hsl(rng.choice([0.5, 0.14, 0.35]), 0.9, 0.68)
    metal = hsl(0.6, 0.08, 0.42)
    wide, head, corner = rng.uniform(0.25, 0.3), rng.uniform(0.23, 0.28), rng.uniform(0.04, 0.11)
    body, skull = upright(shell, wide, view), upright(lit(shell, 1.04), head, view)
    parts = []
    for side in (-1.0, 1.0):
        hand = (side * (wide + rng.uniform(0.08, 0.14)), rng.uniform(0.2, 0.62))
        parts.append(Part(limb((side * wide, 0.46), hand, 0.05, 0.05), flat(lit(metal, 0.8))))
        parts.append(Part(arc(*hand, 0.075, 0.075), globe(accent, *hand, 0.075, view)))
        x = side * 0.14
        parts.append(Part(rounded(x - 0.11, 0.0, x + 0.11, 0.2, 0.07), flat(metal)))
        parts.append(Part(rounded(x - 0.09, 0.0, x + 0.09, 0.07, 0.03), flat(INK)))
    parts += [
        Part(rectangle(-0.08, 0.5, 0.08, 0.6), flat(lit(metal, 0.7))),
        Part(rounded(-wide, 0.13, wide, 0.55, corner), body),
        Part(rounded(-wide * 0.6, 0.2, wide * 0.6, 0.43, 0.04), flat(lit(shell, 0.62))),
        Part(disc(0.075, 0.32, 1.0), flat(accent)),
        Part(disc(0.04, 0.32, 1.0), flat(glow)),
        Part(rectangle(-0.014, 0.88, 0.014, 0.97), flat(metal)),
        Part(disc(0.045, 0.97, 1.0), globe(accent, 0.0, 0.97, 0.045, view)),
    ]
    ear = upright(accent, head + 0.05, view)
    parts.append(Part(rounded(-head - 0.045, 0.66, head + 0.045, 0.8, 0.03), ear))
    parts.append(Part(rounded(-head, 0.58, head, 0.9, corner + 0.02), skull))
    parts.append(Part(rounded(-head * 0.8, 0.63, head * 0.8, 0.83, 0.06), flat(INK)))
    parts += [Part(arc(s * head * 0.4, 0.75, 0.045, 0.045), flat(glow)) for s in (-1.0, 1.0)]
    mouth = ring((0.0, 0.71), (0.07, 0.05), 0.016, (200.0, 340.0))
    return [*parts, Part(mouth, flat(glow))]
