"""Converts the model's output tensor to class ids and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.core.options import NO_CLASS
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec

OutputTensor = npt.NDArray[Any]
"""1 x H x W x C or 1 x H x W, float32, uint8, int8, int32 or int64."""
Labels = npt.NDArray[np.uint8]
"""H x W, the class id of each pixel, 255 for no class."""
Scores = npt.NDArray[np.float32]
"""H x W, the probability of each pixel's label, 0.0 to 1.0."""
RealValues = npt.NDArray[np.float32]
"""Of any shape: the real (dequantized) values of a tensor."""


def to_labels(model: ModelSpec, tensor: OutputTensor) -> Labels:
    """The class of each pixel at the model's output size; copies, so `tensor` may be reused."""
    match model.output_kind:
        case OutputKind.LABELS:
            # Negative values are large as unsigned numbers, so all that is not a class becomes 255.
            ids = tensor.reshape(tensor.shape[1:3])
            known: Labels = np.minimum(ids.view(f"u{ids.itemsize}"), NO_CLASS).astype(np.uint8)
            return known
        case OutputKind.PROBABILITY:
            plane = real_values(model.output, tensor.reshape(tensor.shape[1:3]))
            return (plane >= model.threshold).astype(np.uint8)
        case OutputKind.LOGITS | OutputKind.PROBABILITIES:
            best: Labels = np.argmax(tensor[0], axis=-1).astype(np.uint8)
            return best


def to_scores(model: ModelSpec, values: RealValues) -> Scores:
    """The probability of each pixel's class, from the output's real values, H x W x C."""
    if model.output_kind is OutputKind.PROBABILITY:
        foreground = values[..., 0]
        return np.where(foreground >= model.threshold, foreground, 1 - foreground)
    best: Scores = values.max(axis=-1)
    if model.output_kind is OutputKind.PROBABILITIES:
        return best
    relative: Scores = np.exp(values - best[..., None]).sum(axis=-1)
    return np.reciprocal(relative)


def real_values(tensor: TensorSpec, stored: OutputTensor) -> RealValues:
    """The real values of a tensor's content: scale * (stored - zero_point) if it is quantized."""
    if tensor.scale == 0:
        return stored.astype(np.float32, copy=False)
    centred = stored.astype(np.float32) - np.float32(tensor.zero_point)
    return centred * np.float32(tensor.scale)
