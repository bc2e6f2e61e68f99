"""Things without a class that stand among the others, about 1 high, built as `things` are."""

from dataclasses import replace

import numpy as np

from scenes.canvas import Part
from scenes.colour import INK, WHITE, hsl, lit, mix, vivid
from scenes.shapes import (
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
    upright,
)


def books(rng: np.random.Generator, view: View) -> list[Part]:
    """A stack of books that lie flat."""
    parts, y = [], 0.0
    for _ in range(int(rng.integers(2, 5))):
        colour, thick = vivid(rng), rng.uniform(0.09, 0.14)
        yaw = rng.uniform(0.1, 0.6)
        width, depth = rng.uniform(0.85, 1.0), rng.uniform(0.6, 0.7)
        faces = cuboid(width, depth, thick, yaw, view)
        stack = [face.part(colour) for face in faces]
        stack.append(faces[1].part(WHITE, 0.0, 0.18, 1.0, 0.82))
        parts += [_raised(part, y) for part in stack]
        y += thick
    return parts


def bottle(rng: np.random.Generator, view: View) -> list[Part]:
    """A slim bottle with a label."""
    glass = hsl(rng.uniform(0.2, 0.62), rng.uniform(0.2, 0.6), rng.uniform(0.22, 0.5))
    radius = 0.14
    body = upright(glass, radius, view)
    shoulder = polygon((-radius, 0.6), (-0.05, 0.76), (0.05, 0.76), (radius, 0.6))
    return [
        Part(band(radius, 0.04, radius, 0.6, view.pitch), body),
        Part(disc(radius, 0.6, view.pitch), body),
        Part(shoulder, body),
        Part(rectangle(-0.05, 0.74, 0.05, 0.97), upright(glass, 0.05, view)),
        Part(rectangle(-0.058, 0.92, 0.058, 1.0), flat(vivid(rng))),
        Part(band(radius, 0.18, radius, 0.48, view.pitch), upright(WHITE, radius, view)),
        Part(band(radius, 0.28, radius, 0.36, view.pitch), upright(vivid(rng), radius, view)),
    ]


def lamp(rng: np.random.Generator, view: View) -> list[Part]:
    """A table lamp with a cloth shade."""
    metal, cloth = hsl(0.6, 0.06, rng.uniform(0.2, 0.5)), mix(vivid(rng), WHITE, 0.55)
    return [
        Part(disc(0.2, 0.02, view.pitch), flat(lit(metal, 0.7))),
        Part(disc(0.2, 0.05, view.pitch), flat(metal)),
        Part(rectangle(-0.022, 0.05, 0.022, 0.65), upright(metal, 0.022, view)),
        Part(
            band(0.32, 0.58, 0.19, 0.98, view.pitch),
            fade(lit(cloth, 0.9), lit(cloth, 1.25), 1, 0.6),
        ),
        Part(disc(0.19, 0.98, view.pitch), flat(lit(cloth, 1.35))),
    ]


def pear(rng: np.random.Generator, view: View) -> list[Part]:
    """A pear with its stalk."""
    skin = hsl(rng.uniform(0.1, 0.22), rng.uniform(0.5, 0.75), rng.uniform(0.45, 0.6))
    angles = np.linspace(0.0, 2 * np.pi, 60)
    radius = 0.36 - 0.13 * np.sin(angles) - 0.03 * np.cos(2 * angles)
    outline = np.stack([radius * np.cos(angles), 0.4 + 1.25 * radius * np.sin(angles)], axis=1)
    outline[:, 1] *= 0.85 / outline[:, 1].max()
    return [
        Part(outline, globe(skin, 0.0, 0.38, 0.5, view)),
        Part(limb((0.0, 0.82), (0.05, 0.98), 0.02, 0.025), flat(mix(INK, skin, 0.2))),
        Part(arc(0.14 * view.light, 0.5, 0.05, 0.07), flat(WHITE), 0.3),
    ]


def _raised(part: Part, y: float) -> Part:
    (x0, y0), (x1, y1) = part.shade.start, part.shade.end
    shade = replace(part.shade, start=(x0, y0 + y), end=(x1, y1 + y))
    return replace(part, points=np.add(part.points, (0.0, y)), shade=shade)
