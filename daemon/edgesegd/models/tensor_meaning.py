"""Infers the meaning of an output tensor's values from its shape, dtype and origin."""

from __future__ import annotations

from typing import Final

from edgesegd.models.spec import OutputKind, TensorSpec
from edgesegd.models.tflite.graph import Graph

MAX_SIDE: Final = 8192

_REAL: Final = {"float32", "uint8", "int8"}
_INTEGER: Final = {"int64", "int32", "uint8"}
# Operators that move or rescale values, and keep their meaning.
_TRANSPARENT: Final = {
    "CAST",
    "DEQUANTIZE",
    "EXPAND_DIMS",
    "QUANTIZE",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SQUEEZE",
}
# Operators with unbounded results, so that one channel of them is not a probability.
_UNBOUNDED: Final = {"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
_LONGEST_WALK: Final = 16


def origin(graph: Graph, tensor: int) -> str:
    """The operator that gave a tensor's values their meaning; "" if there is none."""
    for _ in range(_LONGEST_WALK):
        producer = graph.producer(tensor)
        if producer is None:
            return ""
        if producer.name not in _TRANSPARENT or not producer.inputs:
            return producer.name
        tensor = producer.inputs[0]
    return ""


def infer_kind(mask: TensorSpec, image: TensorSpec, made_by: str) -> OutputKind | None:
    """The kind of an output, given the operator that made it; None if it is not a mask.

    A raw score of one class is not a mask either, because its threshold is not known.
    """
    if not _is_map(mask) or not _covers(mask, image):
        return None
    if channel_count(mask) > 1:
        if mask.dtype not in _REAL:
            return None
        return OutputKind.PROBABILITIES if made_by == "SOFTMAX" else OutputKind.LOGITS
    is_quantized = mask.scale != 0
    if mask.dtype in _INTEGER and (made_by == "ARG_MAX" or not is_quantized):
        return OutputKind.LABELS
    if (mask.dtype == "float32" or is_quantized) and not is_raw_score(made_by):
        return OutputKind.PROBABILITY
    return None


def can_be(mask: TensorSpec, kind: OutputKind) -> bool:
    """Whether a tensor's shape and dtype allow a kind."""
    if not _is_map(mask):
        return False
    match kind:
        case OutputKind.LOGITS | OutputKind.PROBABILITIES:
            return channel_count(mask) > 1 and mask.dtype in _REAL
        case OutputKind.LABELS:
            return channel_count(mask) == 1 and mask.dtype in _INTEGER
        case OutputKind.PROBABILITY:
            return channel_count(mask) == 1 and mask.dtype in _REAL


def is_raw_score(made_by: str) -> bool:
    """Whether an operator's result may lie outside 0 to 1."""
    return made_by in _UNBOUNDED


def channel_count(mask: TensorSpec) -> int:
    """How many values each pixel of a map (1, H, W) or (1, H, W, C) has."""
    return mask.shape[3] if len(mask.shape) == 4 else 1


def _is_map(mask: TensorSpec) -> bool:
    match mask.shape:
        case (1, height, width) | (1, height, width, _):
            return 2 <= height <= MAX_SIDE and 2 <= width <= MAX_SIDE
        case _:
            return False


def _covers(mask: TensorSpec, image: TensorSpec) -> bool:
    """Whether a map has the image's aspect ratio, up to one row and column.

    This distinguishes a mask from a detector's list of boxes, which may have the shape (1, H, W).
    """
    _, height, width = mask.shape[:3]
    _, image_height, image_width = image.shape[:3]
    return abs(height * image_width - width * image_height) <= image_height + image_width
