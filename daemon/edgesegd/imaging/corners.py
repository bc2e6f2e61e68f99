"""Finds the corners of the outlines of all classes of a label map, and which follows which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgesegd.core.errors import InvalidOptions
from edgesegd.core.options import NO_CLASS
from edgesegd.imaging.labels import Labels

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_EDGE_POINTS, MAX_CORNERS = 1 << 18, 1 << 17
"""Bounds of time and memory, ten times what a street scene of 1280x720 has. Noise has more."""
ADVICE = "ask for another output, such as rle, for a smaller size or for fewer classes"

TOP_LEFT, BOTTOM_LEFT, TOP_RIGHT, BOTTOM_RIGHT = range(4)
"""The pixels around a point of the grid; those on its left come first."""


@dataclass(frozen=True, slots=True)
class Corners:
    """The corners of all outlines, N of them, by class, row and column.

    `x` and `y` are points of the grid between the pixels: 0 to the width or the height. Seen along
    an outline its class is on the right, so outer outlines run clockwise on a screen.

    `out_across` marks corners that their outline leaves along a row. `node` marks points where more
    than two outlines meet. An outline that goes straight through such a point has two corners
    there, one of them marked `repeated`, both `straight`. `touching` marks corners of two pixels of
    a class that have nothing else in common. `by_column` is the order by class, column and row.
    """

    x: Integers
    y: Integers
    class_ids: Labels
    out_across: Flags
    node: Flags
    straight: Flags
    repeated: Flags
    touching: Flags
    by_column: Integers


def find_corners(labels: Labels) -> Corners:
    """The corners of every class but 255; raises InvalidOptions for more than are allowed.

    A pixel has a corner at a point if it differs from both of its neighbours there (convex), or is
    like both and differs from the pixel opposite (concave). So two pixels of a class that touch at
    a point only are not connected.
    """
    height, width = labels.shape
    padded = np.full((height + 2, width + 2), NO_CLASS, np.uint8)
    padded[1:-1, 1:-1] = labels
    mixed = padded[1:] != padded[:-1]
    mixed = mixed[:, 1:] | mixed[:, :-1]
    across = padded[:, 1:] != padded[:, :-1]
    mixed |= across[1:]
    mixed |= across[:-1]
    check_count("points on edges of pixels", int(np.count_nonzero(mixed)), MAX_EDGE_POINTS)
    points = np.flatnonzero(mixed)
    rows = points // (width + 1)
    columns = points - rows * (width + 1)

    flat, at = (
        padded.ravel(),
        points + rows,
    )  # a padded row has one pixel more than there are points
    top_left, top_right = flat[at], flat[at + 1]
    at += width + 2
    bottom_left, bottom_right = flat[at], flat[at + 1]
    top, bottom = top_left == top_right, bottom_left == bottom_right
    left, right = top_left == bottom_left, top_right == bottom_right
    falling, rising = top_left == bottom_right, top_right == bottom_left
    around = np.stack([top_left, bottom_left, top_right, bottom_right], axis=1)
    beside = np.stack([top, bottom, top, bottom], axis=1)
    below = np.stack([left, left, right, right], axis=1)
    opposite = np.stack([falling, rising, rising, falling], axis=1)
    edges = 4 - np.add(top, bottom, dtype=np.int8) - np.add(left, right, dtype=np.int8)
    found = np.flatnonzero(
        (((beside == below) & ~(beside & opposite)) | (edges == 3)[:, None]) & (around != NO_CLASS)
    )
    check_count("corners", len(found), MAX_CORNERS)

    found = found[np.argsort(around.ravel()[found], kind="stable")]
    point, quadrant, class_ids = found >> 2, found & 3, around.ravel()[found]
    like_beside, like_below = beside.ravel()[found], below.ravel()[found]
    on_diagonal = (quadrant == TOP_LEFT) | (quadrant == BOTTOM_RIGHT)
    out_across, straight = on_diagonal ^ (like_beside & like_below), like_beside ^ like_below
    of_picture = ((rows == 0) | (rows == height)) & ((columns == 0) | (columns == width))
    x = columns[point]
    return Corners(
        x=x,
        y=rows[point],
        class_ids=class_ids,
        out_across=out_across,
        node=((edges > 2) | of_picture)[point],
        straight=straight,
        repeated=straight & (like_beside == out_across),
        touching=opposite.ravel()[found] & ~(like_beside | like_below),
        by_column=sort_by_column(point, quadrant, x, class_ids),
    )


def check_count(what: str, found: int, largest: int, advice: str = ADVICE) -> None:
    """Raise InvalidOptions if the outlines have more than is allowed."""
    if found > largest:
        raise InvalidOptions(
            f"the outlines of this mask have {found:,} {what}, more than the {largest:,} that are "
            f"allowed; {advice}"
        )


def sort_by_column(point: Integers, quadrant: Integers, x: Integers, class_ids: Labels) -> Integers:
    """The order of corners by class, column and row, from that by class, row and column.

    Of two at one point, that of the upper pixel comes first.
    """
    order = np.arange(len(point))
    rising = (quadrant[:-1] == BOTTOM_LEFT) & (quadrant[1:] == TOP_RIGHT)
    rising &= (point[1:] == point[:-1]) & (class_ids[1:] == class_ids[:-1])
    lower = np.flatnonzero(rising)
    order[lower], order[lower + 1] = lower + 1, lower
    # numpy sorts 16 and 8 bits in linear time; no side has more than 65,535 pixels.
    order = order[np.argsort(x[order].astype(np.uint16), kind="stable")]
    return order[np.argsort(class_ids[order], kind="stable")]


def link_corners(corners: Corners) -> Integers:
    """The number of the corner that follows each.

    The corners of a class in a row come in pairs, which an edge joins; so do those in a column.
    """
    following = np.empty(len(corners.x), np.int64)
    by_row = np.arange(len(corners.x))
    for order, leaves in (
        (by_row, corners.out_across),
        (corners.by_column, ~corners.out_across),
    ):
        first, second = order[::2], order[1::2]
        forward = leaves[first]
        following[np.where(forward, first, second)] = np.where(forward, second, first)
    return following
