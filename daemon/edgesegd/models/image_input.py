"""Finds the input of a graph that takes the picture."""

from __future__ import annotations

from typing import Final

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.spec import TensorSpec
from edgesegd.models.tensor_meaning import MAX_SIDE
from edgesegd.models.tflite.graph import Graph

_DTYPES: Final = ("float32", "uint8", "int8")
_NEEDED: Final = f"(1, H, W, 3) of {', '.join(_DTYPES)} is needed"


def find_image_input(graph: Graph) -> TensorSpec:
    """The one input, (1, H, W, 3) of a fixed size; raises `ModelInvalid` for all others."""
    if len(graph.inputs) != 1:
        raise ModelInvalid(f"the model has {len(graph.inputs)} inputs, but one {_NEEDED}")
    tensor = graph.tensors[graph.inputs[0]]
    if not tensor.has_fixed_size:
        raise ModelInvalid(f"the model's input {tensor} has no fixed size; convert it with one")
    match tensor.spec.shape:
        case (1, height, width, 3) if (
            2 <= height <= MAX_SIDE and 2 <= width <= MAX_SIDE and tensor.spec.dtype in _DTYPES
        ):
            return tensor.spec
        case (1, 3, _, _):
            raise ModelInvalid(
                f"the model's input {tensor} has its channels first (NCHW), but {_NEEDED}: "
                "convert it with channels last"
            )
        case _:
            raise ModelInvalid(f"the model's input is {tensor}, but {_NEEDED}")
