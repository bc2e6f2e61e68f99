"""A supersampled canvas: shaded polygons, painted onto a picture and its label map at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from scenes.colour import RGB, to_bytes

Points = npt.NDArray[np.float64]
"""float64[N, 2]: a polygon's corners (x, y), y upwards."""

RgbPixels = npt.NDArray[np.uint8]
"""uint8[H, W, 3]: a picture."""

LabelPixels = npt.NDArray[np.uint8]
"""uint8[H, W]: a class id for each pixel."""

SUPERSAMPLING = 3
"""Canvas pixels per picture pixel and axis; odd, so that each picture pixel has a middle one."""

_SHADES = 256

_Axis = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shade:
    """Colours from `start` to `end`, along that line or, if `radial`, in circles around `start`.

    `stops` are (position 0..1, colour) in rising order; outside them the end colours go on.
    """

    stops: tuple[tuple[float, RGB], ...]
    start: tuple[float, float] = (0.0, 0.0)
    end: tuple[float, float] = (0.0, 1.0)
    radial: bool = False

    def palette(self) -> bytes:
        """256 RGB triples, position 0 first."""
        positions = np.linspace(0.0, 1.0, _SHADES)
        at = [position for position, _ in self.stops]
        channels = [np.interp(positions, at, [c[i] for _, c in self.stops]) for i in range(3)]
        return (np.clip(np.stack(channels, axis=1), 0.0, 1.0) * 255).astype(np.uint8).tobytes()


@dataclass(frozen=True)
class Part:
    """A polygon with its shade, in a thing's own coordinates."""

    points: Points
    shade: Shade
    opacity: float = 1.0


@dataclass(frozen=True)
class Placement:
    """Where a thing's origin lies, in picture pixels; what its unit measures; its turn, radians."""

    x: float
    y: float
    scale: float
    angle: float = 0.0

    def apply(self, points: Points) -> Points:
        """Picture coordinates (y downwards) of a thing's points (y upwards)."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = points @ np.array([[cos, -sin], [-sin, -cos]])
        return np.asarray(turned * self.scale + (self.x, self.y), np.float64)


class Canvas:
    """A picture of `size` (width, height) pixels and its labels, drawn at three times the size."""

    def __init__(self, size: tuple[int, int], below: Canvas | None = None) -> None:
        """Empty, or a copy of `below`, which has the same size."""
        self.size = size
        if below is None:
            large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
            self._rgb, self._labels = Image.new("RGB", large), Image.new("L", large)
        else:
            self._rgb, self._labels = below._rgb.copy(), below._labels.copy()  # noqa: SLF001

    def paint(self, parts: Iterable[Part], place: Placement, label: int = 0) -> None:
        """Draws `parts` in order; every pixel they touch becomes `label`."""
        for part in parts:
            self._paint_part(part, place, label)

    def paint_glow(
        self, centre: tuple[float, float], radii: tuple[float, float], colour: RGB, opacity: float
    ) -> None:
        """Blends in an ellipse that fades towards its edge, in picture pixels; labels stay.

        Dark colours make shadows, light ones lamps.
        """
        (cx, cy), (rx, ry) = (np.multiply(pair, SUPERSAMPLING).tolist() for pair in (centre, radii))
        box = self._clip(cx - rx, cy - ry, cx + rx, cy + ry)
        if box is None:
            return
        xs, ys = _axes(box)
        distance = ((xs - cx) / rx)[None, :] ** 2 + ((ys - cy) / ry)[:, None] ** 2
        fade = np.square(np.clip(1.0 - distance, 0.0, 1.0)) * (255 * opacity)
        self._rgb.paste(to_bytes(colour), box, Image.fromarray(fade.astype(np.uint8)))

    def picture(self) -> Image.Image:
        """The picture at its size, edges softened by averaging."""
        return self._rgb.reduce(SUPERSAMPLING)

    def labels(self) -> LabelPixels:
        """The label under each picture pixel's middle: exact, never a blend."""
        middle = SUPERSAMPLING // 2
        return np.asarray(self._labels)[middle::SUPERSAMPLING, middle::SUPERSAMPLING].copy()

    def _clip(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[int, int, int, int] | None:
        width, height = self._rgb.size
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(width, int(right) + 2), min(height, int(bottom) + 2)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def _paint_part(self, part: Part, place: Placement, label: int) -> None:
        points = place.apply(part.points) * SUPERSAMPLING
        box = self._clip(*points.min(axis=0), *points.max(axis=0))
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        corners = (points - box[:2]).ravel().tolist()
        ImageDraw.Draw(mask).polygon(corners, fill=round(255 * part.opacity))
        self._rgb.paste(_fill(part.shade, place, box), box, mask)
        if part.opacity < 1.0:
            mask = mask.point([0] + [255] * 255)
        self._labels.paste(label, box, mask)


def _axes(box: tuple[int, int, int, int]) -> tuple[_Axis, _Axis]:
    """The middles of a box's columns and rows, canvas pixels."""
    columns, rows = np.arange(box[0], box[2]), np.arange(box[1], box[3])
    return columns.astype(np.float32) + 0.5, rows.astype(np.float32) + 0.5


def _fill(
    shade: Shade, place: Placement, box: tuple[int, int, int, int]
) -> Image.Image | tuple[int, int, int]:
    """The shade's colours over `box` (canvas pixels), or its only colour."""
    if len(shade.stops) == 1:
        return to_bytes(shade.stops[0][1])
    ends = np.array([shade.start, shade.end])
    (ax, ay), (bx, by) = (place.apply(ends) * SUPERSAMPLING).tolist()
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    xs, ys = _axes(box)
    if shade.radial:
        along = np.sqrt((np.square(xs - ax)[None, :] + np.square(ys - ay)[:, None]) / square)
    else:
        along = (xs - ax)[None, :] * (dx / square) + (ys - ay)[:, None] * (dy / square)
    steps = np.clip(along * (_SHADES - 1), 0, _SHADES - 1).astype(np.uint8)
    picture = Image.fromarray(steps)
    picture.putpalette(shade.palette())
    return picture.convert("RGB")
