"""Traces the outlines of all classes of a label map along the edges of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgesegd.imaging.corners import Corners, Flags, Integers, find_corners, link_corners
from edgesegd.imaging.labels import Labels

Points = npt.NDArray[np.complex128]
"""Points x + iy, in pixels."""
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rings:
    """Closed outlines, R of them with N points, one after another.

    The `points` are on the grid between the pixels, x + iy: 0 to the width and the height. A point
    is a corner, or a `node`: where more than two outlines meet, or a corner of the picture. Nodes
    that are no corners are `straight`. A ring visits a point once.

    Of each ring, `starts` is its first point, `areas` its area in pixels, negative for a hole, and
    `outer` the number of the outer ring that a hole is in, or its own.
    """

    points: Points
    node: Flags
    straight: Flags
    starts: Integers
    class_ids: Labels
    areas: Reals
    outer: Integers


Order = tuple[Integers, Integers]
"""The corners of all rings, one ring after another, and where in them each ring starts."""


def trace_rings(labels: Labels) -> Rings:
    """The outlines of every class but 255, as rings by class and place.

    Raises InvalidOptions if there are too many corners.
    """
    corners = find_corners(labels)
    following = link_corners(corners)
    order, starts = split_touching(corners, following, walk(corners, following))
    points = corners.x[order] + 1j * corners.y[order]
    areas = ring_areas(points, starts)
    outer = find_outer(labels, corners, (order, starts), np.flatnonzero(areas < 0))
    class_ids = corners.class_ids[order[starts]]
    once = ~corners.repeated[order]
    order = order[once]
    node, straight = corners.node[order], corners.straight[order]
    return Rings(points[once], node, straight, kept_starts(once, starts), class_ids, areas, outer)


def select_rings(rings: Rings, numbers: Integers) -> Rings:
    """The rings of these numbers, in their order; with a hole must come the ring it is in."""
    lengths = lengths_of(rings.starts, len(rings.points))[numbers]
    points = ranges(rings.starts[numbers], lengths)
    renumbered = np.zeros(len(rings.starts), np.int64)
    renumbered[numbers] = np.arange(len(numbers))
    return Rings(
        rings.points[points],
        rings.node[points],
        rings.straight[points],
        starts_of(lengths),
        rings.class_ids[numbers],
        rings.areas[numbers],
        renumbered[rings.outer[numbers]],
    )


def lengths_of(starts: Integers, count: int) -> Integers:
    """The lengths of rings, of `count` points together."""
    lengths: Integers = np.diff(starts, append=count)
    return lengths


def starts_of(lengths: Integers) -> Integers:
    """Where rings of these lengths start."""
    starts: Integers = np.cumsum(lengths) - lengths
    return starts


def ranges(starts: Integers, lengths: Integers) -> Integers:
    """The numbers from each start on, as many as its length, one range after another."""
    numbers: Integers = np.arange(lengths.sum()) + (starts - starts_of(lengths)).repeat(lengths)
    return numbers


def kept_starts(kept: Flags, starts: Integers) -> Integers:
    """Where rings start of which only the points `kept` are left; at least one of each."""
    return starts_of(np.add.reduceat(kept, starts, dtype=np.int64)) if len(starts) else starts


def followers(starts: Integers, count: int) -> Integers:
    """The number of the point after each of `count` points of rings."""
    after = np.arange(1, count + 1)
    after[np.append(starts[1:], count) - 1] = starts
    return after


def ring_areas(points: Points, starts: Integers) -> Reals:
    """The signed area of each ring, by the shoelace formula: negative for holes."""
    if not len(starts):
        return np.zeros(0)
    products: Reals = (points.conj() * points[followers(starts, len(points))]).imag
    areas: Reals = np.add.reduceat(products, starts) / 2
    return areas


def walk(corners: Corners, following: Integers, among: Flags | None = None) -> Order:
    """The order of the corners along the rings; with `among`, of those alone, whole rings.

    A loop in Python steps over every second corner: those that are left along a row. Following all
    rings at once in numpy takes as long for a street scene, and longer for more.
    """
    here = np.flatnonzero(corners.out_across if among is None else corners.out_across & among)
    number = np.empty(len(following), np.int64)
    number[here] = np.arange(len(here))
    ahead = number[following[following[here]]].tolist()
    path: list[int] = []
    starts: list[int] = []
    for start in range(len(ahead)):
        if ahead[start] >= 0:
            starts.append(2 * len(path))
            step = start
            while (after := ahead[step]) >= 0:
                ahead[step] = -1
                path.append(step)
                step = after
    order = np.empty((len(path), 2), np.int64)
    order[:, 0] = here[np.fromiter(path, np.int64, len(path))]
    order[:, 1] = following[order[:, 0]]
    return order.ravel(), np.array(starts, np.int64)


def split_touching(corners: Corners, following: Integers, rings: Order) -> Order:
    """The same rings, but two in the place of one that touches itself.

    Two visits of a point are never interlaced with those of another, for outlines do not cross. So
    all can be changed at once. `following` is changed too.
    """
    order, starts = rings
    first = np.flatnonzero(corners.touching[:-1] & corners.touching[1:])
    for values in (corners.x, corners.y, corners.class_ids):
        first = first[values[first] == values[first + 1]]
    ring = ring_numbers(rings)
    first = first[ring[first] == ring[first + 1]]
    if not len(first):
        return rings
    following[first], following[first + 1] = following[first + 1], following[first]
    changed = np.zeros(len(starts), np.bool_)
    changed[ring[first]] = True
    lengths = lengths_of(starts, len(order))
    kept = order[np.repeat(~changed, lengths)]
    added, added_starts = walk(corners, following, changed[ring])
    both = np.concatenate([starts_of(lengths[~changed]), added_starts + len(kept)])
    return np.concatenate([kept, added]), both


def ring_numbers(rings: Order) -> Integers:
    """The number of the ring of each corner."""
    order, starts = rings
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.repeat(np.arange(len(starts)), lengths_of(starts, len(order)))
    return numbers


def find_outer(labels: Labels, corners: Corners, rings: Order, holes: Integers) -> Integers:
    """The number of the outer ring that each of the `holes` is in; of other rings their own.

    The run of pixels above the start of a hole begins at an edge of the same component, which
    belongs to its outer ring, or to another hole of it that starts further up.
    """
    order, starts = rings
    outer = np.arange(len(starts))
    if not len(holes):
        return outer
    height, width = labels.shape
    start = order[starts[holes] + 1]  # the left end of its upper edge
    above = corners.y[start] - 1
    begins = np.ones(labels.shape, np.bool_)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    runs = np.flatnonzero(begins)
    left = runs[np.searchsorted(runs, above * width + corners.x[start], "right") - 1]

    def place(class_ids: Labels, x: Integers, y: Integers) -> Integers:
        number: Integers = (class_ids.astype(np.int64) * (width + 1) + x) * (height + 1) + y
        return number

    first, second = corners.by_column[::2], corners.by_column[1::2]
    places = place(corners.class_ids[first], corners.x[first], corners.y[first])
    wanted = place(corners.class_ids[start], left - above * width, above)
    edge = np.searchsorted(places, wanted, "right") - 1
    end = np.where(corners.out_across[first[edge]], first[edge], second[edge])
    outer[holes] = ring_numbers(rings)[end]
    while (outer != (beyond := outer[outer])).any():
        outer = beyond
    return outer
