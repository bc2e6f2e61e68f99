"""Converts the output tensor to the mask that a client requests, by the model's kind of graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgesegd.core.options import NEEDS_SCORES, NO_CLASS, ResultOptions
from edgesegd.imaging.axis import Resize
from edgesegd.imaging.geometry import Fit, Size
from edgesegd.imaging.labels import (
    Labels,
    OutputTensor,
    RealValues,
    Scores,
    real_values,
    sigmoid,
    to_labels,
    to_scores,
)
from edgesegd.imaging.resample import SampleGrid, make_sample_grids
from edgesegd.imaging.upsample import SmallScores, upsample_labels, upsample_scores
from edgesegd.models.spec import ModelSpec, OutputKind, Upsampling

MAX_LOGIT = 2.0**126
"""A bound of the search for a logit; the sum of two such bounds is still a float32."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Class ids and, if requested, their scores; both H x W.

    A score is that of the nearest pixel at the model's size.
    """

    labels: Labels
    scores: Scores | None


class MaskReader(Protocol):
    """Reads the output tensor of one model, whose own mask has this `size`."""

    size: Size

    def own_labels(self, tensor: OutputTensor) -> Labels:
        """The class of each pixel at the model's output size."""

    def own_values(self, tensor: OutputTensor) -> RealValues:
        """The real values of the output, H x W x C, at its own size."""

    def labels(self, tensor: OutputTensor, rows: SampleGrid, columns: SampleGrid) -> Labels:
        """The class at every crossing of `rows` and `columns`."""


def mask_reader(model: ModelSpec) -> MaskReader:
    """The reader for the model's graph."""
    if model.upsampling is None:
        return PlainReader(model)
    return UpsamplingReader(model, model.upsampling)


def read_mask(
    model: ModelSpec, reader: MaskReader, tensor: OutputTensor, placed: Fit, options: ResultOptions
) -> Mask:
    """The mask that `options` request; 255 where the frame was not in the model's input."""
    columns, rows = make_sample_grids(placed, reader.size, options)
    labels = reader.labels(tensor, rows, columns)
    labels[~rows.seen], labels[:, ~columns.seen] = NO_CLASS, NO_CLASS
    if options.outputs.isdisjoint(NEEDS_SCORES):
        return Mask(labels, None)
    own = to_scores(model, reader.own_values(tensor))
    scores = own.take(rows.nearest, axis=0).take(columns.nearest, axis=1)
    scores[~rows.seen], scores[:, ~columns.seen] = 0, 0
    return Mask(labels, scores)


class PlainReader:
    """For an output that is the mask; pixels for other sizes are picked from it."""

    def __init__(self, model: ModelSpec) -> None:
        self._model = model
        self.size = model.output_size

    def own_labels(self, tensor: OutputTensor) -> Labels:
        """The class of each pixel at the model's output size."""
        return to_labels(self._model, tensor)

    def own_values(self, tensor: OutputTensor) -> RealValues:
        """The real values of the output, H x W x C."""
        return real_values(self._model.output, self._model.output_map.view(tensor))

    def labels(self, tensor: OutputTensor, rows: SampleGrid, columns: SampleGrid) -> Labels:
        """The class of the output pixel under each crossing."""
        own = self.own_labels(tensor)
        if rows.own and columns.own:
            return own
        picked: Labels = own.take(columns.nearest, axis=1).take(rows.nearest, axis=0)
        return picked


class UpsamplingReader:
    """For an output of small scores; labels of any size are computed from them directly."""

    def __init__(self, model: ModelSpec, upsampling: Upsampling) -> None:
        self._model = model
        self._upsampling = upsampling
        _, height, width, _ = upsampling.scores.shape
        flags = upsampling.align_corners, upsampling.half_pixel_centers
        self.size = large_width, large_height = model.output_size
        self._down = Resize(height, large_height, *flags)
        self._across = Resize(width, large_width, *flags)
        self._own_rows, self._own_columns = self._down.axis(), self._across.axis()
        self._binary = model.output_kind.is_binary
        self._border = border_of(model, upsampling) if self._binary else 0

    def own_labels(self, tensor: OutputTensor) -> Labels:
        """The class of each pixel at the model's output size."""
        return self._best(upsample_labels(self._stored(tensor), self._own_rows, self._own_columns))

    def own_values(self, tensor: OutputTensor) -> RealValues:
        """The real values of the output of the whole graph, H x W x C."""
        small = real_values(self._upsampling.scores, tensor[0])
        values = upsample_scores(small, self._own_rows, self._own_columns)
        return sigmoid(values) if self._upsampling.sigmoid else values

    def labels(self, tensor: OutputTensor, rows: SampleGrid, columns: SampleGrid) -> Labels:
        """The best class at each crossing."""
        if rows.own and columns.own:
            return self.own_labels(tensor)
        down, across = (
            self._down.axis_through(rows.centres),
            self._across.axis_through(columns.centres),
        )
        return self._best(upsample_labels(self._stored(tensor), down, across))

    def _stored(self, tensor: OutputTensor) -> SmallScores:
        """The scores as they are stored, which have the same order as the real ones.

        With one class, the threshold is added as a second score; if both are equal the class wins.
        """
        scores: SmallScores = (
            tensor[0] if tensor.dtype == np.float32 else tensor[0].astype(np.int32)
        )
        if not self._binary:
            return scores
        against: SmallScores = np.concatenate([scores, np.full_like(scores, self._border)], axis=-1)
        return against

    def _best(self, labels: Labels) -> Labels:
        """Swap the two classes of one score: class 1 comes before the threshold, which is 0."""
        return np.bitwise_xor(labels, 1, dtype=np.uint8) if self._binary else labels


def border_of(model: ModelSpec, upsampling: Upsampling) -> float:
    """The lowest stored score at which a pixel belongs to the one class."""
    scores, is_logit = upsampling.scores, model.output_kind is OutputKind.LOGIT
    if scores.scale != 0:
        every = np.arange(-129, 256, dtype=np.int32)
        real = real_values(scores, every)
        reached = (sigmoid(real) if is_logit else real) >= model.threshold
        return int(every[reached].min(initial=256))
    return lowest_logit(model.threshold) if upsampling.sigmoid or is_logit else model.threshold


def lowest_logit(threshold: float) -> float:
    """The lowest float32 whose probability, rounded as a runtime rounds it, reaches `threshold`.

    Found by bisection, because the inverse of the sigmoid ignores how the sigmoid was rounded.
    """
    low, high = -MAX_LOGIT, MAX_LOGIT
    while low < (middle := float(np.float32((low + high) / 2))) < high:
        if sigmoid(np.full(1, middle, np.float32))[0] >= np.float32(threshold):
            high = middle
        else:
            low = middle
    return high
