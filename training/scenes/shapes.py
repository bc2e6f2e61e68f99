"""Polygons and shades that things are made of, in a thing's own coordinates (y upwards)."""

from dataclasses import dataclass

import numpy as np

from scenes.canvas import Part, Points, Shade
from scenes.colour import RGB, lit

Pair = tuple[float, float]
"""A point, two radii, or two angles."""


@dataclass(frozen=True)
class View:
    """How a scene is seen and lit.

    `light`: where it comes from, -1 (left) to 1 (right). `pitch`: how far the camera looks down,
    as height over width of a circle lying on the floor. `spin`: how far the thing has rolled,
    radians.
    """

    light: float
    pitch: float
    spin: float = 0.0


def flat(colour: RGB) -> Shade:
    """One colour."""
    return Shade(((0.0, colour),))


def fade(top: RGB, bottom: RGB, y_top: float, y_bottom: float) -> Shade:
    """From `top` down to `bottom`."""
    return Shade(((0.0, top), (1.0, bottom)), (0.0, y_top), (0.0, y_bottom))


def upright(colour: RGB, radius: float, view: View, centre: float = 0.0) -> Shade:
    """An upright cylinder's wall: Lambert's cosine law over half a turn."""
    sideways = 0.8 * view.light
    ahead = (1.0 - sideways**2) ** 0.5
    stops = []
    for position in np.linspace(0.0, 1.0, 9).tolist():
        normal = 2.0 * position - 1.0
        cosine = max(normal * sideways + (1.0 - normal**2) ** 0.5 * ahead, 0.0)
        stops.append((position, lit(colour, 0.38 + 0.72 * cosine)))
    return Shade(tuple(stops), (centre - radius, 0.0), (centre + radius, 0.0))


def globe(colour: RGB, x: float, y: float, radius: float, view: View) -> Shade:
    """A sphere: brightest towards the light, darkest on its far edge."""
    bright = (x + 0.42 * view.light * radius, y + 0.42 * radius)
    stops = ((0.0, 1.22), (0.3, 1.02), (0.7, 0.66), (1.0, 0.30))
    shades = tuple((position, lit(colour, brightness)) for position, brightness in stops)
    return Shade(shades, bright, (bright[0] + 1.62 * radius, bright[1]), radial=True)


def polygon(*corners: tuple[float, float]) -> Points:
    """The corners as an array."""
    return np.array(corners, np.float64)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Upright, from corner to corner."""
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def arc(x: float, y: float, rx: float, ry: float, sweep: Pair = (0.0, 360.0)) -> Points:
    """An ellipse, or its piece over `sweep`, in degrees against the clock from the right."""
    angles = np.radians(np.linspace(*sweep, 40))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """An upright rectangle with round corners."""
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = ((x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r), (x1 - r, y0 + r))
    return np.concatenate(
        [arc(x, y, r, r, (90.0 * i, 90.0 * i + 90.0)) for i, (x, y) in enumerate(corners)]
    )


def band(r0: float, y0: float, r1: float, y1: float, pitch: float) -> Points:
    """The near side of an upright cone's wall, from radius `r0` at `y0` to `r1` at `y1`."""
    low = arc(0.0, y0, r0, r0 * pitch, (180.0, 360.0))
    high = arc(0.0, y1, r1, r1 * pitch, (360.0, 180.0))
    return np.concatenate([low, high])


def disc(radius: float, y: float, pitch: float) -> Points:
    """A circle that lies flat, around the upright axis."""
    return arc(0.0, y, radius, radius * pitch)


def limb(start: Pair, end: Pair, r0: float, r1: float) -> Points:
    """A rod with round ends, from radius `r0` to `r1`."""
    towards = float(np.degrees(np.arctan2(end[1] - start[1], end[0] - start[0])))
    return np.concatenate(
        [
            arc(*start, r0, r0, (towards + 90.0, towards + 270.0)),
            arc(*end, r1, r1, (towards - 90.0, towards + 90.0)),
        ]
    )


def ring(centre: Pair, radii: Pair, thickness: float, sweep: Pair) -> Points:
    """A bent rod, `thickness` wide inwards: the piece of an ellipse over `sweep`, degrees."""
    rx, ry = radii
    return np.concatenate(
        [
            arc(*centre, rx, ry, sweep),
            arc(*centre, rx - thickness, ry - thickness, (sweep[1], sweep[0])),
        ]
    )


@dataclass(frozen=True)
class Face:
    """A flat side: the screen point of its corner, its two edges, and how bright it is."""

    corner: Points
    across: Points
    along: Points
    brightness: float

    def patch(self, u0: float, v0: float, u1: float, v1: float) -> Points:
        """A rectangle on the face; `u` and `v` run 0..1 over its edges."""
        corners = np.array([(u0, v0), (u1, v0), (u1, v1), (u0, v1)])
        return np.asarray(self.corner + corners @ np.stack([self.across, self.along]), np.float64)

    def part(
        self, colour: RGB, u0: float = 0.0, v0: float = 0.0, u1: float = 1.0, v1: float = 1.0
    ) -> Part:
        """A rectangle on the face in `colour`, as bright as the face, darker towards the floor."""
        shade = fade(
            lit(colour, self.brightness),
            lit(colour, self.brightness * 0.84),
            float(self.corner[1] + self.along[1]),
            float(self.corner[1]),
        )
        return Part(self.patch(u0, v0, u1, v1), shade)


def cuboid(width: float, depth: float, height: float, yaw: float, view: View) -> list[Face]:
    """The visible sides, then the top, of a cuboid standing on the origin, turned by `yaw`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, sin], [-sin, cos]])
    floor = turn * (1.0, view.pitch)
    half_width, half_depth, up = width / 2, depth / 2, np.array([0.0, height])
    sides = (
        ((-half_width, -half_depth), (width, 0.0), (0.0, -1.0)),
        ((half_width, -half_depth), (0.0, depth), (1.0, 0.0)),
        ((half_width, half_depth), (-width, 0.0), (0.0, 1.0)),
        ((-half_width, half_depth), (0.0, -depth), (-1.0, 0.0)),
    )
    faces = []
    for start, edge, normal in sides:
        sideways, away = np.array(normal) @ turn
        if away < 0.0:
            brightness = 0.58 + 0.4 * max(0.8 * sideways * view.light - 0.6 * away, 0.0)
            faces.append(Face(np.array(start) @ floor, np.array(edge) @ floor, up, brightness))
    corner = np.array([-half_width, -half_depth]) @ floor + up
    across, along = np.array([width, 0.0]) @ floor, np.array([0.0, depth]) @ floor
    return [*faces, Face(corner, across, along, 1.06)]
