"""Class ids at the size that a client asks for, nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgesegd.core.geometry import Fit, Size
from edgesegd.core.labels import Labels, Scores
from edgesegd.core.options import NO_CLASS, ResultOptions, SizeMode

Indices = npt.NDArray[np.intp]
"""For each wanted column (or row) the one of the model's output that it shows; -1 for none."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Class ids and, where they were asked for, their scores; both H x W."""

    labels: Labels
    scores: Scores | None


def at_size(mask: Mask, placed: Fit, options: ResultOptions) -> Mask:
    """`mask` at the size that `options` ask for; 255 where the model saw no frame."""
    height, width = mask.labels.shape
    horizontal, vertical = _axes(placed, (width, height))
    match options.size:
        case SizeMode.MODEL:
            if placed.target_size == placed.input:
                return mask
            return _pick(mask, horizontal.unpadded(), vertical.unpadded())
        case SizeMode.FRAME:
            wanted = placed.frame
        case SizeMode.CUSTOM:
            wanted = (options.width, options.height)
    return _pick(mask, horizontal.shown_by(wanted[0]), vertical.shown_by(wanted[1]))


@dataclass(frozen=True, slots=True)
class _Axis:
    """One direction of a `Fit`, and `count`, how many output pixels the model has along it."""

    frame: int
    input: int
    source_start: float
    source_length: float
    target_start: float
    target_length: float
    count: int

    def unpadded(self) -> Indices:
        """The model's own pixels, but for those in the padding."""
        index = np.arange(self.count)
        in_input = (index + 0.5) * self.input / self.count
        in_target = (in_input - self.target_start) / self.target_length
        return np.where((in_target >= 0) & (in_target < 1), index, -1)

    def shown_by(self, wanted: int) -> Indices:
        """The model's pixel under the centre of each of `wanted` pixels that span the frame."""
        in_frame = (np.arange(wanted) + 0.5) * self.frame / wanted
        in_source = (in_frame - self.source_start) / self.source_length
        in_input = self.target_start + in_source * self.target_length
        index = np.floor(in_input * self.count / self.input).astype(np.intp)
        return np.where((in_source >= 0) & (in_source < 1), index.clip(0, self.count - 1), -1)


def _axes(placed: Fit, output: Size) -> tuple[_Axis, _Axis]:
    source, target = placed.source, placed.target
    return (
        _Axis(
            frame=placed.frame[0],
            input=placed.input[0],
            source_start=source.left,
            source_length=source.width,
            target_start=target.left,
            target_length=target.width,
            count=output[0],
        ),
        _Axis(
            frame=placed.frame[1],
            input=placed.input[1],
            source_start=source.top,
            source_length=source.height,
            target_start=target.top,
            target_length=target.height,
            count=output[1],
        ),
    )


def _pick(mask: Mask, columns: Indices, rows: Indices) -> Mask:
    unseen_columns, unseen_rows = columns < 0, rows < 0
    labels = mask.labels.take(columns, axis=1).take(rows, axis=0)
    labels[unseen_rows], labels[:, unseen_columns] = NO_CLASS, NO_CLASS
    if mask.scores is None:
        return Mask(labels, None)
    scores = mask.scores.take(columns, axis=1).take(rows, axis=0)
    scores[unseen_rows], scores[:, unseen_columns] = 0, 0
    return Mask(labels, scores)
