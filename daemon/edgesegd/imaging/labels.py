"""Converts the model's output tensor to class ids and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.core.options import NO_CLASS
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec

OutputTensor = npt.NDArray[Any]
"""The model's output in its own layout and dtype; its `output_map` says where pixels are."""
Labels = npt.NDArray[np.uint8]
"""H x W, the class id of each pixel, 255 for no class."""
Scores = npt.NDArray[np.float32]
"""H x W, the probability of each pixel's label, 0.0 to 1.0."""
RealValues = npt.NDArray[np.float32]
"""The real (dequantized) values of a tensor, of any shape."""


def to_labels(model: ModelSpec, tensor: OutputTensor) -> Labels:
    """The class of each pixel at the model's output size; copies, so `tensor` may be reused."""
    stored: OutputTensor = model.output_map.view(tensor)
    match model.output_kind:
        case OutputKind.LABELS:
            return _known_ids(real_ids(model.output, stored[..., 0]))
        case OutputKind.PROBABILITY:
            plane = real_values(model.output, stored[..., 0])
            return (plane >= np.float32(model.threshold * model.unit)).astype(np.uint8)
        case OutputKind.LOGIT:
            plane = sigmoid(real_values(model.output, stored[..., 0]))
            return (plane >= model.threshold).astype(np.uint8)
        case OutputKind.MULTILABEL:
            best = best_channel(stored)
            values = np.take_along_axis(stored, best[..., None], axis=-1)[..., 0]
            limit = np.float32(model.threshold * model.unit)
            best[real_values(model.output, values) < limit] = NO_CLASS
            return best
        case OutputKind.LOGITS | OutputKind.PROBABILITIES:
            return best_channel(stored)


def best_channel(values: OutputTensor) -> Labels:
    """The channel of the highest value of each pixel of H x W x C, the first of equals.

    Planes are compared one after the other, where they are stored one after the other: that is
    quicker than to gather the values of each pixel.
    """
    if values.strides[-1] == values.itemsize or values.shape[-1] == 1:
        best: Labels = np.argmax(values, axis=-1).astype(np.uint8)
        return best
    highest = values[..., 0].copy()
    best = np.zeros(highest.shape, np.uint8)
    for channel in range(1, values.shape[-1]):
        plane = values[..., channel]
        np.copyto(best, np.uint8(channel), where=plane > highest)
        np.maximum(highest, plane, out=highest)
    return best


def to_scores(model: ModelSpec, values: RealValues) -> Scores:
    """The probability of each pixel's class, from the output's real values, H x W x C.

    With MULTILABEL, it is the highest probability also where no class reaches the threshold.
    """
    match model.output_kind:
        case OutputKind.PROBABILITY | OutputKind.LOGIT:
            foreground = values[..., 0] / np.float32(model.unit)
            if model.output_kind is OutputKind.LOGIT:
                foreground = sigmoid(foreground)
            own = np.where(foreground >= model.threshold, foreground, 1 - foreground)
            return _as_probability(own)
        case OutputKind.PROBABILITIES | OutputKind.MULTILABEL:
            return _as_probability(values.max(axis=-1) / np.float32(model.unit))
        case _:
            best = values.max(axis=-1)
            relative: Scores = np.exp(values - best[..., None]).sum(axis=-1)
            return np.reciprocal(relative)


def sigmoid(values: RealValues) -> RealValues:
    """1 / (1 + e^-x), in the steps of XNNPACK's kernels: of -|x|, and 1 minus that for the rest."""
    powers: RealValues = np.exp(-np.abs(values))
    lower: RealValues = np.divide(powers, powers + 1, dtype=np.float32)
    return np.where(values > 0, 1 - lower, lower)


def real_ids(tensor: TensorSpec, stored: OutputTensor) -> OutputTensor:
    """Class ids as they are meant: the real values of ids that a graph has quantized."""
    is_id = tensor.scale == 0 or (tensor.scale, tensor.zero_point) == (1, 0)
    return stored if is_id else np.rint(real_values(tensor, stored))


def _known_ids(ids: OutputTensor) -> Labels:
    """Ids of any dtype as uint8; all that is not the id of a class becomes 255."""
    if ids.dtype.kind == "b":
        return ids.astype(np.uint8)
    if ids.dtype.kind == "f":
        whole = np.rint(ids)
        known: Labels = np.where((whole >= 0) & (whole < NO_CLASS), whole, NO_CLASS).astype(
            np.uint8
        )
        return known
    # Negative values are large as unsigned numbers.
    unsigned = np.ascontiguousarray(ids).view(f"u{ids.itemsize}")
    known = np.minimum(unsigned, NO_CLASS)
    return known.astype(np.uint8)


def _as_probability(values: RealValues) -> Scores:
    """Values within 0 to 1, which resizes and quantization may leave by a little."""
    bounded: Scores = np.clip(values, 0, 1)
    return bounded


def real_values(tensor: TensorSpec, stored: OutputTensor) -> RealValues:
    """The real values of a tensor's content: scale * (stored - zero_point) if it is quantized."""
    if tensor.scale == 0:
        return stored.astype(np.float32, copy=False)
    centred = stored.astype(np.float32) - np.float32(tensor.zero_point)
    return centred * np.float32(tensor.scale)
