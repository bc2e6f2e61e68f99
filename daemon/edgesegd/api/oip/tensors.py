"""Names, datatypes and shapes of a model's tensors in the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.core.options import NEEDS_SCORES, Output
from edgesegd.models.spec import ModelSpec, TensorSpec

IMAGE, LABELS, CONFIDENCE = "image", "labels", "confidence"
DATATYPES = {
    "float32": "FP32",
    "bool": "BOOL",
    "uint8": "UINT8",
    "int8": "INT8",
    "int16": "INT16",
    "uint16": "UINT16",
    "int32": "INT32",
    "uint32": "UINT32",
    "int64": "INT64",
    "uint64": "UINT64",
}
"""The protocol's names of numpy's dtypes."""
BYTES, PIXELS = "BYTES", "UINT8"
"""The types of `image`: the file of a picture, or its pixels."""
ANY = -1
"""The size of a dimension that varies."""


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """An input or output; a dimension of `shape` that varies is -1."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def own_input(model: ModelSpec) -> NamedTensor:
    """The model's own input."""
    return _own(model.input, {IMAGE}, "input")


def own_output(model: ModelSpec) -> NamedTensor:
    """The model's own output, of the whole graph."""
    return _own(model.output, {LABELS, CONFIDENCE}, "output")


def inputs_of(model: ModelSpec) -> tuple[NamedTensor, ...]:
    """The inputs; a request has one of them: a picture, or the model's own input tensor."""
    return NamedTensor(IMAGE, BYTES, (1,)), own_input(model)


def outputs_of(model: ModelSpec) -> dict[Output, NamedTensor]:
    """The outputs that a request can ask for, in their order.

    `labels` is H x W class ids, 255 for none; `confidence` is H x W, 255 for 1.0.
    """
    outputs = {
        Output.LABELS: NamedTensor(LABELS, PIXELS, (ANY, ANY)),
        Output.CONFIDENCE_MAP: NamedTensor(CONFIDENCE, PIXELS, (ANY, ANY)),
        Output.OUTPUT_TENSOR: own_output(model),
    }
    return {
        output: tensor
        for output, tensor in outputs.items()
        if model.has_scores or output not in NEEDS_SCORES
    }


def _own(tensor: TensorSpec, taken: set[str], kind: str) -> NamedTensor:
    """A tensor of the model; it is renamed if it has no name, or one of this protocol's own."""
    name = tensor.name or f"{kind}_tensor"
    if name in taken:
        name += "_tensor"
    return NamedTensor(name, DATATYPES[tensor.dtype], tensor.shape)
