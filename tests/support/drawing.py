"""Draws outlines back as masks: by the even-odd rule, without any library of pictures."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.core.result import Outlines

Ring = npt.NDArray[np.floating[Any]]
"""N x 2: the points of an outline, x and y in pixels."""
Member = npt.NDArray[np.bool_]


def read_outlines(outlines: Outlines) -> list[Ring]:
    """The outlines, in their order."""
    points = np.frombuffer(outlines.points, np.float32).reshape(-1, 2).astype(np.float64)
    return np.split(points, np.cumsum(array("I", outlines.lengths))[:-1])


def fill(rings: Iterable[Ring], shape: Sequence[int]) -> Member:
    """The pixels whose centre has an odd number of edges on its left."""
    height, width = shape
    crossed = np.zeros((height, width + 1), np.int64)
    for ring in rings:
        for (x, y), (to_x, to_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            centres = np.arange(height) + 0.5
            rows = np.flatnonzero((centres >= min(y, to_y)) & (centres < max(y, to_y)))
            if len(rows):
                at = x + (centres[rows] - y) * (to_x - x) / (to_y - y)
                np.add.at(crossed, (rows, np.ceil(at - 0.5).astype(int).clip(0, width)), 1)
    filled: Member = np.cumsum(crossed, axis=1)[:, :width] % 2 == 1
    return filled


def area(ring: Ring) -> float:
    """The signed area, by the shoelace formula."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def iou(first: Member, second: Member) -> float:
    """Intersection over union."""
    return float((first & second).sum() / (first | second).sum())
