"""Computes the class ids of a large mask from small scores, without computing the large scores.

Bilinear interpolation is a convex combination, so if the four corners of a cell have the same best
class, all its pixels have. Only the other cells, a few in a hundred, are interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.imaging.axis import Axis, Indices
from edgesegd.imaging.labels import Labels

SmallScores = npt.NDArray[Any]
"""h x w x C, float32, or int32 for 8-bit scores."""

ONE = 1 << 11
"""1.0 as an integer weight, as in XNNPACK's `ibilinear` for 8 bits."""
HALF_PRODUCT, PRODUCT_BITS = 1 << 21, 22
"""Two weights make 22 bits, which are rounded away."""
NARROW = 2.0**-19
"""How far rounding can bring two classes together on the way, at most, as a share of the largest
score. Nine roundings of half a unit in the last place, 2^-24, on each of two sides, are less."""
PIXELS_AT_A_TIME = 1 << 17
"""How much is interpolated at a time: half a megabyte for each array."""


def upsample_labels(scores: SmallScores, rows: Axis, columns: Axis) -> Labels:
    """The best class at every crossing of `rows` and `columns`; the first of equals.

    The result is the same as if all scores were interpolated with XNNPACK's formula. It is exactly
    that of the runtimes, unless the processor's kernels fuse multiplying and adding.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # broken models output inf and NaN
        corners = _Corners.of(scores)
        # Right for cells of one class; the others are overwritten below.
        labels: Labels = corners.best.take(rows.lower, axis=0).take(columns.lower, axis=1)
        for cells in _batches(_mixed_cells(corners, rows, columns), rows, columns):
            _interpolate(corners, cells, labels)
    return labels


def upsample_scores(scores: SmallScores, rows: Axis, columns: Axis) -> npt.NDArray[np.float32]:
    """All scores at every crossing, H x W x C, float only; this may need much memory."""
    wide = _lerp_along(scores, columns, axis=1)
    return _lerp_along(wide, rows, axis=0)


def _lerp_along(scores: SmallScores, along: Axis, axis: int) -> npt.NDArray[np.float32]:
    upper = np.minimum(along.lower + 1, along.count - 1)
    first, second = scores.take(along.lower, axis=axis), scores.take(upper, axis=axis)
    weight = along.weight[:, None] if axis == 1 else along.weight[:, None, None]
    second -= first
    second *= weight
    second += first
    return second


@dataclass(frozen=True, slots=True)
class _Corners:
    """Small scores with the last row and column repeated, so that every cell has four corners.

    `best` is the class of each corner, `sure` whether no other class is within `slack` of it.
    """

    scores: SmallScores
    best: Labels
    sure: npt.NDArray[np.bool_]
    slack: np.float32

    @classmethod
    def of(cls, small: SmallScores) -> _Corners:
        height, width, classes = small.shape
        scores = np.empty((height + 1, width + 1, classes), small.dtype)
        scores[:-1, :-1], scores[-1, :-1], scores[:-1, -1] = small, small[-1], small[:, -1]
        scores[-1, -1] = small[-1, -1]
        best = scores.argmax(axis=-1)
        if scores.dtype.kind != "f":
            # Rounding keeps the order, or makes scores equal, and then the first wins as here.
            sure, slack = np.ones(best.shape, np.bool_), np.float32(0)
        else:
            planes = np.ascontiguousarray(np.moveaxis(scores, -1, 0))  # quicker to go through
            highest = planes.max(axis=0)
            slack = np.float32(NARROW) * max(highest.max(), -planes.min())
            sure = (planes >= highest - slack).sum(axis=0, dtype=np.uint8) == 1
        return cls(scores, best.astype(np.uint8), sure, slack)


@dataclass(frozen=True, slots=True)
class _Cells:
    """n cells to interpolate: their corner, and rows and columns of their pixels.

    `y` and `x` are n x m, where m is the pixels of the largest cell; in smaller cells the last is
    repeated. `down` and `right` are their weights.
    """

    row: Indices
    column: Indices
    y: Indices
    x: Indices
    down: npt.NDArray[Any]
    right: npt.NDArray[Any]


def _mixed_cells(corners: _Corners, rows: Axis, columns: Axis) -> tuple[Indices, Indices]:
    """Row and column of the cells whose pixels may belong to several classes."""
    best, sure = corners.best, corners.sure
    across = (best[:, 1:] == best[:, :-1]) & sure[:, 1:] & sure[:, :-1]
    whole = across[1:] & across[:-1] & (best[1:, 1:] == best[:-1, 1:])
    used_rows, used_columns = np.diff(rows.starts) > 0, np.diff(columns.starts) > 0
    row, column = np.nonzero(~whole & used_rows[:, None] & used_columns)
    return row, column


def _batches(cells: tuple[Indices, Indices], rows: Axis, columns: Axis) -> Iterator[_Cells]:
    """Split the cells into batches of bounded memory."""
    row, column = cells
    longest = int(np.diff(rows.starts).max()) * int(np.diff(columns.starts).max())
    step = max(1, PIXELS_AT_A_TIME // longest)
    for start in range(0, row.size, step):
        some = slice(start, start + step)
        y, x = _pixels_of(rows, row[some]), _pixels_of(columns, column[some])
        high = max(1, PIXELS_AT_A_TIME // x.size)
        for top in range(0, y.shape[1], high):
            part = y[:, top : top + high]
            yield _Cells(row[some], column[some], part, x, rows.weight[part], columns.weight[x])


def _pixels_of(axis: Axis, cell: Indices) -> Indices:
    starts = axis.starts
    longest = int((starts[cell + 1] - starts[cell]).max())
    ends = starts[cell + 1][:, None]
    pixels: Indices = np.minimum(starts[cell][:, None] + np.arange(longest), ends - 1)
    return pixels


def _interpolate(corners: _Corners, cells: _Cells, labels: Labels) -> None:
    """Write the labels of all pixels of `cells`."""
    row, column = cells.row, cells.column
    four = np.stack(
        [corners.scores[row + down, column + right] for down in (0, 1) for right in (0, 1)]
    )
    loses = four.max(axis=0) + corners.slack < four.min(axis=0).max(axis=1, keepdims=True)
    # The classes that may win somewhere, in order, because the first of equals wins.
    first, *others = np.flatnonzero(~loses.all(axis=0)).tolist()
    most = _lerp(four[..., first], cells)
    winner = np.full(most.shape, first, np.uint8)
    for each in others:
        scores = _lerp(four[..., each], cells)
        better = scores > most
        np.copyto(most, scores, where=better)
        np.copyto(winner, np.uint8(each), where=better)
    labels[cells.y[:, :, None], cells.x[:, None, :]] = winner


def _lerp(four: SmallScores, cells: _Cells) -> npt.NDArray[Any]:
    """The scores of one class at all pixels of the cells; `four` is 4 x n, at the corners."""
    top_left, top_right, low_left, low_right = four[..., None]
    right, down = cells.right, cells.down[..., None]
    if four.dtype.kind == "f":
        top = top_left + (top_right - top_left) * right
        low = low_left + (low_right - low_left) * right
        large: npt.NDArray[Any] = (low - top)[:, None] * down
        large += top[:, None]
        return large
    right, down = np.rint(right * ONE).astype(np.int32), np.rint(down * ONE).astype(np.int32)
    top = top_left * ONE + (top_right - top_left) * right
    low = low_left * ONE + (low_right - low_left) * right
    large = (top * ONE)[:, None] + (low - top)[:, None] * down
    large += HALF_PRODUCT
    large >>= PRODUCT_BITS
    return large
