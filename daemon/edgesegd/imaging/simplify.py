"""Leaves out points of outlines, the same ones for both classes that an outline separates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgesegd.imaging.corners import Flags, Integers
from edgesegd.imaging.rings import (
    Points,
    Reals,
    Rings,
    followers,
    kept_starts,
    lengths_of,
    ranges,
    ring_areas,
    starts_of,
)

Parts = Integers
"""3 x P: the numbers of the first and the last point of a part, and how many are between them."""

CUT = 0.5**1.5
"""How far a corner is from the line between the middles of the pixel edges before and behind it."""
MIN_CUT = 0.5
"""The smallest tolerance, in pixels, at which corners are cut."""
MAX_AREA_CHANGE = 0.1
"""The largest change of a ring's area; with more its tolerance is halved."""
MAX_PART = 128
"""Points after which one is kept in any case. So a comb or a spiral does not take a round for each
of its teeth or turns."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The `points` of rings; those that are a `node` stay. Rings begin at `starts`."""

    points: Points
    node: Flags
    starts: Integers

    def keep(self, wanted: Flags) -> Outline:
        """Only the points `wanted`."""
        return Outline(self.points[wanted], self.node[wanted], kept_starts(wanted, self.starts))


@dataclass(frozen=True, slots=True)
class Arcs:
    """The parts of rings from node to node, A of them; a ring without nodes is one.

    `starts` and `ends` are their first and last points, `lengths` the number without the last. An
    arc that separates two classes is in a ring of each, in opposite directions: `line` numbers them
    alike, and `drawn` is the arc that is simplified for both.
    """

    starts: Integers
    ends: Integers
    lengths: Integers
    line: Integers
    drawn: Integers
    backwards: Flags


def simplify(rings: Rings, tolerance: float) -> Outline:
    """The outlines with fewer points, at most `tolerance` pixels away from where they were.

    From a tolerance of half a pixel on, the steps of a slanting outline are made straight by going
    through the middles of pixel edges: the centres of all pixels stay on their side. Then points
    are left out. With less only corners are left out, and with 0 none.

    Up to 2 * `CUT` the centres stay on their side then too: no outline through the middles comes
    nearer to one than `CUT`, and each part of it moves less than that to the line between its ends.
    """
    outline = Outline(rings.points, rings.node, rings.starts)
    if tolerance == 0 or not len(rings.starts):
        return outline.keep(~rings.straight)
    if tolerance >= MIN_CUT:
        outline, tolerance = cut_corners(outline), tolerance - CUT
    outline = turn_to_nodes(outline)
    arcs = find_arcs(outline)
    kept = outline.node.copy()
    lines = np.unique(arcs.line)
    while len(lines):
        thin_out(outline.points, arcs, lines, tolerance, kept)
        lines = changed_lines(outline, arcs, kept) if tolerance > 0 else lines[:0]
        tolerance = tolerance / 2 if tolerance > 2 * CUT else 0.0
    return outline.keep(kept)


def cut_corners(outline: Outline) -> Outline:
    """The outlines through the middles of the pixel edges before and behind each corner.

    Nodes stay where they are.
    """
    points, count = outline.points, len(outline.points)
    after = followers(outline.starts, count)
    way = points[after] - points
    way /= (np.abs(way.real) + np.abs(way.imag)) * 2  # along a row or a column
    two = np.empty((count, 2), np.complex128)
    two[after, 0] = points[after] - way
    two[:, 1] = points + way
    two[outline.node] = points[outline.node, None]
    # A node is one point, and so is the middle of an edge between two corners.
    once = np.ones((count, 2), np.bool_)
    once[:, 1] = ~outline.node & (two[:, 1] != two[after, 0])
    return Outline(two.ravel(), outline.node.repeat(2), 2 * outline.starts).keep(once.ravel())


def turn_to_nodes(outline: Outline) -> Outline:
    """The same rings, each beginning with a node; the topmost point of those without is made one.

    It is the same point for both classes that the ring separates.
    """
    points, starts = outline.points, outline.starts
    lengths = lengths_of(starts, len(points))
    place = places(points)
    alone = ~np.logical_or.reduceat(outline.node, starts)
    topmost = np.where(alone, np.minimum.reduceat(place, starts), -1)
    node = outline.node | (place == topmost.repeat(lengths))
    nodes = np.flatnonzero(node)
    first = nodes[np.searchsorted(nodes, starts)]
    order = np.arange(len(node)) + (first - starts).repeat(lengths)
    order = np.where(
        order < (starts + lengths).repeat(lengths), order, order - lengths.repeat(lengths)
    )
    return Outline(points[order], node[order], starts)


def places(points: Points) -> Reals:
    """A number for each point, in the order of rows; coordinates are multiples of a half."""
    place: Reals = points.imag * (1 << 18) + points.real
    return place


def find_arcs(outline: Outline) -> Arcs:
    """The arcs of rings that begin with a node."""
    points, count = outline.points, len(outline.points)
    starts = np.flatnonzero(outline.node)
    lengths = lengths_of(starts, count)
    ends = starts + lengths
    before = ends - 1
    ends[np.searchsorted(starts, np.append(outline.starts[1:], count)) - 1] = outline.starts
    after = np.where(lengths > 1, starts + 1, ends)

    def way(start: Integers, after: Integers) -> Reals:
        """The place of half a pixel's step from the start; no two lines leave it alike."""
        step = points[after] - points[start]
        return places(points[start] + np.sign(step.real) / 2 + np.sign(step.imag) * 0.5j)

    head, tail = way(starts, after), way(ends, before)
    _, drawn, line = np.unique(np.minimum(head, tail), return_index=True, return_inverse=True)
    line = line.reshape(-1)  # numpy 2.0 gave it another shape
    drawn = drawn[line]
    return Arcs(starts, ends, lengths, line, drawn, head != head[drawn])


def thin_out(points: Points, arcs: Arcs, lines: Integers, tolerance: float, kept: Flags) -> None:
    """Mark the points of these lines that stay as `kept`; with a tolerance of 0 all stay."""
    chosen = np.zeros(len(arcs.line), np.bool_)
    chosen[lines] = True
    chosen = chosen[arcs.line]
    if tolerance == 0:
        kept[chosen.repeat(arcs.lengths)] = True
        return
    own = arcs.drawn == np.arange(len(chosen))
    first = chosen & own
    parts = np.stack([arcs.starts[first], arcs.ends[first], arcs.lengths[first] - 1])
    parts = divide_long(parts)
    kept[parts[0]] = True
    keep_farthest(points, parts, tolerance, kept)
    other = chosen & ~own
    lengths, starts, drawn = arcs.lengths[other], arcs.starts[other], arcs.starts[arcs.drawn[other]]
    inner = lengths - 1
    step = ranges(np.ones_like(inner), inner)
    backwards, lengths = arcs.backwards[other].repeat(inner), lengths.repeat(inner)
    source = drawn.repeat(inner) + np.where(backwards, lengths - step, step)
    kept[starts.repeat(inner) + step] = kept[source]


def divide_long(parts: Parts) -> Parts:
    """Parts with at most MAX_PART points between their ends, in place of longer ones."""
    step = MAX_PART + 1
    pieces = parts[2] // step + 1
    starts, ends, sizes = parts.repeat(pieces, axis=1)
    offsets = ranges(np.zeros_like(pieces), pieces) * step
    starts, sizes = starts + offsets, sizes - offsets
    return np.stack(
        [starts, np.where(sizes > MAX_PART, starts + step, ends), np.minimum(sizes, MAX_PART)]
    )


def keep_farthest(points: Points, parts: Parts, tolerance: float, kept: Flags) -> None:
    """Mark the points that Douglas and Peucker's algorithm keeps, of all parts at once.

    In each round the point of a part that is farthest from the line between its ends is kept, if
    it is farther away than `tolerance`, and divides it. Source: Douglas and Peucker, Algorithms for
    the reduction of the number of points required to represent a digitized line, Cartographica
    10(2), 1973.
    """
    parts = parts[:, parts[2] > 0]
    numbers = ranges(parts[0] + 1, parts[2])
    while parts.size:
        sizes = parts[2]
        begins = starts_of(sizes)
        distances = square_distances(points, parts, numbers)
        largest = np.maximum.reduceat(distances, begins)
        divided = largest > tolerance * tolerance
        found = np.flatnonzero(distances == np.where(divided, largest, -1).repeat(sizes))
        begins = begins[divided]
        if len(found) > len(begins):  # of several that are as far the first
            found = found[np.searchsorted(found, begins)]
        middles = numbers[found]
        kept[middles] = True
        stays = divided.repeat(sizes)
        stays[found] = False
        numbers = numbers[stays]
        before = found - begins
        halves = np.empty((3, len(found), 2), np.int64)
        halves[0, :, 0], halves[0, :, 1] = parts[0, divided], middles
        halves[1, :, 0], halves[1, :, 1] = middles, parts[1, divided]
        halves[2, :, 0], halves[2, :, 1] = before, sizes[divided] - before - 1
        parts = halves.reshape(3, -1)
        parts = parts[:, parts[2] > 0]


def square_distances(points: Points, parts: Parts, numbers: Integers) -> Reals:
    """The squares of the distances of points to the line between the ends of their part."""
    starts, ends, sizes = parts
    origins = points[starts]
    ways = points[ends] - origins
    lengths = np.abs(ways)
    turns = np.where(lengths > 0, ways.conj(), 1) / np.where(lengths > 0, lengths, 1)
    turned = (points[numbers] - origins.repeat(sizes)) * turns.repeat(sizes)
    along, beside = turned.real, turned.imag
    beyond = along - np.minimum(np.maximum(along, 0), lengths.repeat(sizes))
    squares: Reals = beside * beside + beyond * beyond
    return squares


def changed_lines(outline: Outline, arcs: Arcs, kept: Flags) -> Integers:
    """The lines around rings whose area changes too much if only the points `kept` stay."""
    before = ring_areas(outline.points, outline.starts)
    left = outline.keep(kept)
    change = np.abs(ring_areas(left.points, left.starts) - before)
    changed = change > MAX_AREA_CHANGE * np.abs(before)
    if not changed.any():
        return arcs.line[:0]
    ring = np.searchsorted(outline.starts, arcs.starts, "right") - 1
    return np.unique(arcs.line[changed[ring]])
