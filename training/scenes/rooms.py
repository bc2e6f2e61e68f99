"""Backgrounds: where the things stand. Nothing here has a class.

Coordinates: x 0..aspect from the left, y 0 (bottom) to 1 (top) of the picture.
"""

from collections.abc import Callable

import numpy as np

from scenes.canvas import Canvas, Part, Placement, Points
from scenes.colour import INK, RGB, WHITE, hsl, lit, mix, pastel, vivid
from scenes.hangings import hangings, shelf, star
from scenes.shapes import View, arc, fade, flat, polygon, rectangle

Room = Callable[[np.random.Generator, Canvas, View, float], None]
"""Paints a background up to the horizon, given as y."""


def paint_room(rng: np.random.Generator, canvas: Canvas, view: View) -> float:
    """Fills the canvas with a random background; gives the horizon's y, 0 (bottom) to 1."""
    horizon = rng.uniform(0.48, 0.66)
    rooms: list[Room] = [_living_room, _living_room, _workshop, _table, _meadow, _studio]
    rooms[rng.integers(len(rooms))](rng, canvas, view, horizon)
    return float(horizon)


def _unit(canvas: Canvas) -> tuple[Placement, float]:
    """The picture's own coordinates, and its aspect (width over height)."""
    width, height = canvas.size
    return Placement(0.0, height, height), width / height


def _living_room(rng: np.random.Generator, canvas: Canvas, view: View, horizon: float) -> None:
    page, aspect = _unit(canvas)
    wall = pastel(rng)
    parts = [_wall(wall, horizon, aspect)]
    pattern = rng.choice(["plain", "stripes", "dots", "panel"])
    second = mix(wall, WHITE if rng.uniform() < 0.6 else INK, rng.uniform(0.08, 0.25))
    if pattern == "stripes":
        step = rng.uniform(0.07, 0.16)
        parts += [
            Part(rectangle(x, horizon, x + step / 2, 1.0), flat(second), 0.6)
            for x in np.arange(-step, aspect, step).tolist()
        ]
    elif pattern == "dots":
        for row, y in enumerate(np.arange(horizon + 0.06, 1.05, 0.09).tolist()):
            parts += [
                Part(arc(x, y, 0.014, 0.014), flat(second), 0.8)
                for x in np.arange(0.05 * (row % 2), aspect + 0.1, 0.1).tolist()
            ]
    elif pattern == "panel":
        parts.append(Part(rectangle(0.0, horizon, aspect, horizon + 0.16), flat(second)))
    canvas.paint(parts, page)
    canvas.paint(hangings(rng, horizon, aspect), page)
    floor = _planks if rng.uniform() < 0.6 else _tiles
    canvas.paint(floor(rng, horizon, aspect), page)
    board = mix(wall, WHITE, 0.65)
    skirting = fade(board, lit(board, 0.7), horizon + 0.03, horizon - 0.005)
    canvas.paint([Part(rectangle(0.0, horizon - 0.008, aspect, horizon + 0.03), skirting)], page)
    if rng.uniform() < 0.5:
        rug, at = vivid(rng), rng.uniform(0.3, 0.7) * aspect
        shades = (mix(rug, INK, 0.35), mix(rug, WHITE, 0.3), mix(rug, WHITE, 0.1))
        rugs = [
            Part(arc(at, horizon * 0.42, size, size * view.pitch), flat(shade))
            for size, shade in zip((0.5, 0.47, 0.4), shades, strict=True)
        ]
        canvas.paint(rugs, page)


def _workshop(rng: np.random.Generator, canvas: Canvas, view: View, horizon: float) -> None:
    page, aspect = _unit(canvas)
    wall = hsl(rng.uniform(0.5, 0.7), rng.uniform(0.05, 0.3), rng.uniform(0.35, 0.75))
    canvas.paint([_wall(wall, horizon, aspect)], page)
    step, joint = rng.uniform(0.09, 0.15), lit(wall, 0.75)
    bricks = rng.uniform() < 0.6
    for row, y in enumerate(np.arange(horizon, 1.0, step / 2).tolist()):
        canvas.paint([Part(rectangle(0.0, y, aspect, y + 0.006), flat(joint), 0.7)], page)
        for x in np.arange(step * 0.5 * (row % 2), aspect, step).tolist():
            seam = rectangle(x, y, x + 0.006, y + step / 2)
            canvas.paint([Part(seam, flat(joint), 0.7)] if bricks else [], page)
    left, y = rng.uniform(0.05, 0.6) * aspect, rng.uniform(horizon + 0.12, 0.85)
    canvas.paint(shelf(rng, left, y), page)
    canvas.paint(_tiles(rng, horizon, aspect), page)
    if rng.uniform() < 0.6:
        stripe = rng.uniform(0.05, 0.2)
        paint = hsl(0.13, 0.8, 0.55)
        canvas.paint([Part(rectangle(0.0, stripe, aspect, stripe + 0.025), flat(paint), 0.8)], page)


def _table(rng: np.random.Generator, canvas: Canvas, view: View, horizon: float) -> None:
    page, aspect = _unit(canvas)
    wall = hsl(rng.uniform(), rng.uniform(0.1, 0.45), rng.uniform(0.25, 0.75))
    canvas.paint([_wall(wall, horizon, aspect)], page)
    width, height = canvas.size
    for _ in range(int(rng.integers(6, 16))):
        centre = (rng.uniform(0, width), rng.uniform(0, height * (1 - horizon)))
        size = rng.uniform(0.03, 0.2) * height
        canvas.paint_glow(centre, (size, size), vivid(rng), rng.uniform(0.3, 0.9))
    top = hsl(rng.uniform(0.04, 0.11), rng.uniform(0.2, 0.5), rng.uniform(0.42, 0.72))
    parts = [Part(rectangle(0.0, 0.0, aspect, horizon), fade(lit(top, 0.95), top, horizon, 0.0))]
    for _ in range(int(rng.integers(10, 26))):
        y = horizon * (1.0 - rng.uniform() ** 0.6)
        x, length = rng.uniform(-0.3, aspect), rng.uniform(0.2, 0.8)
        grain = arc(x + length / 2, y, length / 2, 0.002 + 0.005 * (horizon - y))
        parts.append(Part(grain, flat(lit(top, rng.choice([0.8, 1.06]))), 0.5))
    parts.append(Part(rectangle(0.0, horizon, aspect, horizon + 0.012), flat(lit(top, 0.6))))
    canvas.paint(parts, page)


def _meadow(rng: np.random.Generator, canvas: Canvas, view: View, horizon: float) -> None:
    page, aspect = _unit(canvas)
    width, height = canvas.size
    sky = hsl(rng.uniform(0.52, 0.62), rng.uniform(0.4, 0.8), rng.uniform(0.55, 0.75))
    low = mix(sky, hsl(rng.choice([0.1, 0.55, 0.95]), 0.8, 0.85), 0.7)
    canvas.paint([Part(rectangle(0.0, horizon, aspect, 1.0), fade(sky, low, 1.0, horizon))], page)
    sun = ((0.5 + 0.4 * view.light) * width, height * rng.uniform(0.05, 0.2))
    canvas.paint_glow(sun, (0.3 * height, 0.3 * height), (1.0, 0.97, 0.82), 0.95)
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.uniform(0.0, aspect), rng.uniform(horizon + 0.15, 0.95)
        for puff in np.linspace(-0.09, 0.09, 5).tolist():
            size = rng.uniform(0.03, 0.055) * (1.2 - 4 * abs(puff))
            cloud = arc(x + puff, y, size * 1.3, size)
            canvas.paint(
                [Part(cloud, fade(WHITE, mix(WHITE, sky, 0.35), y + 0.05, y - 0.05))], page
            )
    grass = hsl(rng.uniform(0.2, 0.34), rng.uniform(0.3, 0.6), rng.uniform(0.38, 0.55))
    for layer, share in enumerate((0.6, 0.35)):
        xs = np.linspace(0.0, aspect, 60)
        waves = 0.04 * np.sin(xs * rng.uniform(2, 6) + rng.uniform(0, 6))
        top = waves + (horizon + 0.1 - 0.05 * layer)
        hill = np.concatenate([np.stack([xs, top], 1), polygon((aspect, 0.3), (0.0, 0.3))])
        canvas.paint([Part(hill, flat(mix(grass, low, share)))], page)
    near = fade(lit(grass, 1.05), lit(grass, 0.85), horizon, 0.0)
    canvas.paint([Part(rectangle(0.0, 0.0, aspect, horizon), near)], page)
    for _ in range(int(rng.integers(40, 120))):
        y = horizon * (1.0 - rng.uniform() ** 0.7)
        x, size = rng.uniform(0.0, aspect), 0.012 + 0.035 * (horizon - y)
        blade = polygon(
            (x - size / 5, y), (x + size / 5, y), (x + rng.uniform(-1, 1) * size, y + size)
        )
        canvas.paint([Part(blade, flat(lit(grass, rng.choice([0.72, 1.12]))))], page)


def _studio(rng: np.random.Generator, canvas: Canvas, view: View, horizon: float) -> None:
    page, aspect = _unit(canvas)
    width, height = canvas.size
    colour = hsl(rng.uniform(), rng.uniform(0.1, 0.6), rng.uniform(0.4, 0.8))
    sweep = fade(lit(colour, 0.8), lit(colour, 1.08), 1.0, horizon - 0.1)
    canvas.paint([Part(rectangle(0.0, 0.0, aspect, 1.0), sweep)], page)
    spot = ((0.5 + 0.25 * view.light) * width, height * (1 - horizon))
    canvas.paint_glow(spot, (0.8 * height, 0.5 * height), lit(colour, 1.5), 0.6)
    for _ in range(int(rng.integers(0, 5))):
        x, y, size = rng.uniform(0, aspect), rng.uniform(horizon, 1.0), rng.uniform(0.04, 0.16)
        shape = arc(x, y, size, size) if rng.uniform() < 0.5 else star(x, y, size)
        canvas.paint([Part(shape, flat(lit(colour, rng.uniform(0.75, 1.2))))], page)


def _wall(colour: RGB, horizon: float, aspect: float) -> Part:
    shade = fade(lit(colour, 0.88), lit(colour, 1.04), 1.0, horizon)
    return Part(rectangle(0.0, horizon, aspect, 1.0), shade)


def _planks(rng: np.random.Generator, horizon: float, aspect: float) -> list[Part]:
    """Floorboards that run towards a vanishing point above the horizon."""
    wood = hsl(rng.uniform(0.05, 0.11), rng.uniform(0.25, 0.6), rng.uniform(0.38, 0.66))
    vanish_x, vanish_y = rng.uniform(0.3, 0.7) * aspect, horizon + rng.uniform(0.25, 0.6)
    share = (vanish_y - horizon) / vanish_y
    step = rng.uniform(0.13, 0.24)
    parts = [Part(rectangle(0.0, 0.0, aspect, horizon), flat(lit(wood, 0.6)))]
    for left in np.arange(-3.0 * aspect, 4.0 * aspect, step).tolist():
        right = left + step * 0.97
        far = [vanish_x + (x - vanish_x) * share for x in (left, right)]
        board = polygon((left, 0.0), (right, 0.0), (far[1], horizon), (far[0], horizon))
        tint = lit(wood, rng.uniform(0.86, 1.08))
        parts.append(Part(board, fade(lit(tint, 0.9), lit(tint, 1.05), horizon, 0.0)))
    return parts


def _tiles(rng: np.random.Generator, horizon: float, aspect: float) -> list[Part]:
    """A floor of square tiles in perspective, or a plain one."""
    colour = hsl(rng.uniform(), rng.uniform(0.05, 0.35), rng.uniform(0.45, 0.75))
    ground = fade(lit(colour, 0.86), lit(colour, 1.04), horizon, 0.0)
    parts = [Part(rectangle(0.0, 0.0, aspect, horizon), ground)]
    if rng.uniform() < 0.35:
        return parts
    second, vanish_y = lit(colour, rng.choice([0.78, 1.12])), horizon + rng.uniform(0.2, 0.45)
    middle, step = rng.uniform(0.3, 0.7) * aspect, rng.uniform(0.2, 0.34)
    depths = 1.0 / (1.0 + 0.28 * np.arange(0, 14))
    rows = (vanish_y * (1.0 - depths)).tolist()
    for row in range(len(rows) - 1):
        if rows[row] > horizon:
            break
        for column in range(-16, 16, 2):
            left = (column + row % 2) * step
            near, far = depths[row], depths[row + 1]
            tile: Points = polygon(
                (middle + left * near, rows[row]),
                (middle + (left + step) * near, rows[row]),
                (middle + (left + step) * far, rows[row + 1]),
                (middle + left * far, rows[row + 1]),
            )
            tile[:, 1] = np.minimum(tile[:, 1], horizon)
            parts.append(Part(tile, fade(lit(second, 0.86), second, horizon, 0.0)))
    return parts
