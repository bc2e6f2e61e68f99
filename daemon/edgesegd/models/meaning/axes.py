"""Follows rows, columns and channels through operators that move values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import prod
from typing import Final

from edgesegd.models.pixel_map import Layout, PixelMap


class Axis(StrEnum):
    """A direction in a picture."""

    ROW = "row"
    COLUMN = "column"
    CHANNEL = "channel"


Axes = tuple[tuple[Axis, int], ...]
"""Axes with their lengths in the order in which they are stored, without those of length 1."""
Shape = Sequence[int]
VARYING: Final = 1_000_003
"""The length that rows and columns are taken to have where they may vary and the file says 1."""


def channels_last(shape: Shape) -> Axes | None:
    """The axes of a shape (1, H, W, C), in which TFLite's operators on pictures have it."""
    match shape:
        case (1, height, width, channels):
            every = ((Axis.ROW, height), (Axis.COLUMN, width), (Axis.CHANNEL, channels))
            return tuple((axis, length) for axis, length in every if length != 1)
    return None


def is_sideways(axes: Axes | None) -> bool:
    """Whether columns come before rows."""
    order = [axis for axis, _ in axes or ()]
    both = Axis.ROW in order and Axis.COLUMN in order
    return both and order.index(Axis.COLUMN) < order.index(Axis.ROW)


def axes_of_picture(shape: Shape, image: PixelMap) -> Axes | None:
    """The axes of a picture that is stored in `shape`, with or without a batch."""
    order = [Axis.ROW, Axis.COLUMN]
    sides = list(shape[1:] if len(shape) in {3, 4} and shape[0] == 1 else shape)
    if len(sides) == 3:
        order.insert(0 if image.layout is Layout.CHANNELS_FIRST else 2, Axis.CHANNEL)
    if len(sides) != len(order):
        return None
    return tuple((axis, each) for axis, each in zip(order, sides, strict=True) if each != 1)


def dimension_of(axes: Axes, shape: Shape, wanted: Axis) -> int | None:
    """The dimension of `shape` that is exactly the axis `wanted`."""
    groups = _groups(axes, shape)
    for dimension, group in enumerate(groups or ()):
        if [axis for axis, _ in group] == [wanted]:
            return dimension
    return None


def reshaped(axes: Axes, shape: Shape) -> Axes | None:
    """The axes after a reshape; None if it cuts one of them into pieces."""
    return axes if _groups(axes, shape) is not None else None


def transposed(axes: Axes, shape: Shape, order: Sequence[int]) -> Axes | None:
    """The axes after the dimensions of `shape` are put into `order`."""
    groups = _groups(axes, shape)
    if groups is None or sorted(order) != list(range(len(shape))):
        return None
    return tuple(each for dimension in order for each in groups[dimension])


def resized(axes: Axes, before: Shape, after: Shape) -> Axes | None:
    """The axes after dimensions have become longer or shorter."""
    groups = _groups(axes, before)
    if groups is None or len(before) != len(after):
        return None
    result: list[tuple[Axis, int]] = []
    for group, old, new in zip(groups, before, after, strict=True):
        if old == new:
            result += group
        elif len(group) != 1:
            return None
        elif new != 1:
            result.append((group[0][0], new))
    return tuple(result)


def without(axes: Axes, shape: Shape, dimension: int) -> Axes | None:
    """The axes without one dimension of `shape`."""
    groups = _groups(axes, shape)
    if groups is None:
        return None
    return tuple(each for at, group in enumerate(groups) if at != dimension for each in group)


def _groups(axes: Axes, shape: Shape) -> list[Axes] | None:
    """The axes that each dimension of `shape` joins; None if they do not fit."""
    groups, start = [], 0
    for length in shape:
        end = start
        while end < len(axes) and prod(each for _, each in axes[start:end]) < length:
            end += 1
        group = axes[start:end]
        if prod(each for _, each in group) != length:
            return None
        groups.append(group)
        start = end
    return groups if start == len(axes) else None
