"""Finds the output of a graph that is the mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.spec import OutputKind, TensorSpec
from edgesegd.models.tensor_meaning import (
    can_be,
    channel_count,
    infer_kind,
    is_raw_score,
    origin,
)
from edgesegd.models.tflite.graph import Graph, Tensor

MAX_CLASSES: Final = 255
"""Ids are 0 to 254, because 255 is "no class" in a mask."""


@dataclass(frozen=True, slots=True)
class MaskOutput:
    """The output that is served; `position` is its index among the graph's outputs."""

    position: int
    tensor: TensorSpec
    kind: OutputKind


def find_mask_output(
    graph: Graph,
    image: TensorSpec,
    wanted_position: int | None = None,
    wanted_kind: OutputKind | None = None,
) -> MaskOutput:
    """The first output that is a mask of the image, or the one that the sidecar names.

    Raises `ModelInvalid` if there is none, and `ConfigError` if the sidecar does not fit the model.
    """
    outputs = [graph.tensors[each] for each in graph.outputs]
    origins = [origin(graph, each) for each in graph.outputs]
    if wanted_position is not None and wanted_position >= len(outputs):
        raise ConfigError(
            f"output.index is {wanted_position}, but the model's outputs are 0 to "
            f"{len(outputs) - 1}"
        )
    candidates = range(len(outputs)) if wanted_position is None else [wanted_position]
    for position in candidates:
        tensor = outputs[position].spec
        kind = wanted_kind or infer_kind(tensor, image, origins[position])
        if kind and outputs[position].has_fixed_size and can_be(tensor, kind):
            _check_class_count(tensor)
            return MaskOutput(position, tensor, kind)
    if wanted_kind:
        raise ConfigError(
            f'output.kind = "{wanted_kind}" does not fit the model: its output is '
            f"{_describe([outputs[each] for each in candidates])}"
        )
    message = (
        "this is not a single-image segmentation model: its output is "
        f"{_describe([outputs[each] for each in candidates])}, but a mask (1, H, W, C) is needed"
    )
    if any(is_raw_score(origins[each]) for each in candidates):
        message += (
            '; if it is the probability of one class, write kind = "probability" under [output] '
            "in a sidecar"
        )
    raise ModelInvalid(message)


def _describe(outputs: Sequence[Tensor]) -> str:
    return " and ".join(str(each) for each in outputs) or "missing"


def _check_class_count(mask: TensorSpec) -> None:
    if channel_count(mask) > MAX_CLASSES:
        raise ModelInvalid(
            f"the model has {channel_count(mask)} classes; at most {MAX_CLASSES} can be told "
            'apart, because 255 means "no class"'
        )
