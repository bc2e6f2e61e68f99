"""Outlines of classes, and the connected parts that they enclose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

PointArray: TypeAlias = npt.NDArray[np.float32]
"""Points of shape (N, 2): x and y in pixels, 0 to the width and height of the result. Read-only.
The pixel at column 0 and row 0 is the square from (0, 0) to (1, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One outline of a class."""

    points: PointArray
    """Its corners; the last one is joined to the first."""
    hole: bool
    """Whether it encloses a hole of the outline before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One connected part of a class."""

    class_id: int
    """The id of the class, 0 to 254."""
    class_name: str
    """The name of the class."""
    outline: PointArray
    """The outline around the part; its last point is joined to the first."""
    holes: tuple[PointArray, ...]
    """The outlines of the holes in it."""

    @property
    def area(self) -> float:
        """The area in square pixels, without the holes."""
        return signed_area(self.outline) + sum(map(signed_area, self.holes))


def signed_area(points: PointArray) -> float:
    """The area in an outline by the shoelace formula; below 0 for the outline of a hole."""
    x, y = points.astype(np.float64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def read_parts(class_id: int, class_name: str, polygons: Sequence[Polygon]) -> list[Part]:
    """The parts of a class; the daemon sends each outline before the holes in it."""
    found: list[tuple[PointArray, list[PointArray]]] = []
    for polygon in polygons:
        if polygon.hole:
            found[-1][1].append(polygon.points)
        else:
            found.append((polygon.points, []))
    return [Part(class_id, class_name, outline, tuple(holes)) for outline, holes in found]
