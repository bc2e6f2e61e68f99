"""Reads the numbers of constant tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod
from struct import unpack_from
from typing import Final

from edgesegd.models.tflite.graph import Graph

_FORMATS: Final = {
    "float32": "f",
    "float16": "e",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "bool": "?",
}
_MAX_NUMBERS: Final = 4096
"""More are weights, not parameters of an operator."""


def constant(graph: Graph, tensor: int) -> Sequence[float] | None:
    """The real values of a constant tensor, in row-major order.

    Followed through DEQUANTIZE and CAST, in which converters store small floats. None if the tensor
    is computed from the picture, is too large, is quantized per channel, or is not finite, and of
    quantized numbers that a CAST takes as they are stored.
    """
    if tensor < 0:
        return None
    producer = graph.producer(tensor)
    if producer is not None:
        if producer.name not in {"DEQUANTIZE", "CAST"} or not producer.inputs:
            return None
        source = graph.tensors[producer.inputs[0]]
        is_stored = producer.name == "CAST" and not source.spec.stores_real_values
        if graph.producer(producer.inputs[0]) is not None or not source.content or is_stored:
            return None
        return constant(graph, producer.inputs[0])
    found = graph.tensors[tensor]
    code, count = _FORMATS.get(found.spec.dtype), prod(found.spec.shape)
    if code is None or not found.content or not 1 <= count <= _MAX_NUMBERS:
        return None
    stored: tuple[float, ...] = unpack_from(f"<{count}{code}", found.content)
    if found.spec.scale:
        stored = tuple((each - found.spec.zero_point) * found.spec.scale for each in stored)
    return stored if all(isfinite(each) for each in stored) else None


def constant_integers(graph: Graph, tensor: int) -> tuple[int, ...] | None:
    """Like `constant`, for a tensor of positions or sizes."""
    found = constant(graph, tensor)
    return None if found is None else tuple(int(each) for each in found)
