"""Finds graphs whose end only upsamples small scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgesegd.models.mask_output import MAX_CLASSES, MaskOutput
from edgesegd.models.pixel_map import TO_CHANNELS_FIRST
from edgesegd.models.spec import OutputKind, TensorSpec, Upsampling
from edgesegd.models.tflite.constants import constant_integers
from edgesegd.models.tflite.graph import Graph, Operator

ALIGN_CORNERS, HALF_PIXEL_CENTERS = 2, 3
"""Fields of ResizeBilinearOptions in TFLite's `schema.fbs`."""
SCORE_TYPES: Final = ("float32", "uint8", "int8")
LAST_AXIS: Final = (-1, 3)
PLANES_AXIS: Final = (-3, 1)
"""The axis of classes after scores were moved to channels first."""
_MOVES: Final = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE", "TRANSPOSE")
_OF_IDS: Final = (*_MOVES, "CAST")
_OF_SCORES: Final = (*_MOVES, "DEQUANTIZE")


def find_upsampling(
    graph: Graph, mask: MaskOutput, *, has_any_size: bool = False
) -> Upsampling | None:
    """The end of the graph that makes `mask` from smaller scores; None if it ends differently.

    Supported are: scores, resizes to the same size, a bilinear resize, then ARG_MAX or, for one
    class, LOGISTIC, and operators that only move values. No other operator may use the tensors
    between these. The sizes in the file are not those in use if the model takes any size.
    """
    if mask.kind is OutputKind.MULTILABEL or mask.unit != 1 or has_any_size:
        return None
    output = graph.outputs[mask.position]
    if graph.outputs.count(output) > 1 or any(output in each.inputs for each in graph.operators):
        return None  # something else needs it
    end = _End(graph, output)
    if mask.is_placed_by_graph:
        end.step_all(_OF_IDS if mask.kind is OutputKind.LABELS else _OF_SCORES)
    sigmoid = False
    if mask.kind is OutputKind.LABELS:
        if not end.step("ARG_MAX") or not _is_over_classes(graph, end):
            return None
    elif mask.kind is OutputKind.PROBABILITY and end.spec.dtype == "float32":
        sigmoid = end.step("LOGISTIC")
    large = end.spec
    if not end.step("RESIZE_BILINEAR") or end.last.options is None:
        return None
    resize = end.last.options
    small = end.spec
    if not _can_be_upsampled(small, large) or mask.map.size != (large.shape[2], large.shape[1]):
        return None
    while _changes_nothing(graph, graph.producer(end.tensor)) and end.step("RESIZE_BILINEAR"):
        pass
    return Upsampling(
        scores=end.spec,
        position=end.tensor,
        left_out=tuple(end.left_out),
        align_corners=resize.flag(ALIGN_CORNERS),
        half_pixel_centers=resize.flag(HALF_PIXEL_CENTERS),
        sigmoid=sigmoid,
    )


class _End:
    """Walks backwards from an output; `tensor` is the present one, `left_out` what was passed."""

    def __init__(self, graph: Graph, output: int) -> None:
        self._graph = graph
        self.tensor = output
        self.left_out: list[int] = []

    @property
    def spec(self) -> TensorSpec:
        """The spec of the present tensor."""
        return self._graph.tensors[self.tensor].spec

    @property
    def last(self) -> Operator:
        """The operator that was passed last."""
        return self._graph.operators[self.left_out[-1]]

    def step_all(self, names: Sequence[str]) -> None:
        """Pass all operators of these names."""
        while any(self.step(each) for each in names):
            pass

    def step(self, name: str) -> bool:
        """Pass the operator of that name, if it made this tensor from one that only it uses."""
        graph = self._graph
        for at, operator in enumerate(graph.operators):
            if self.tensor in operator.outputs:
                source = operator.inputs[0] if operator.inputs else -1
                if operator.name != name or len(operator.outputs) != 1 or source < 0:
                    return False
                users = sum(source in each.inputs for each in graph.operators)
                if users != 1 or source in graph.outputs or source in graph.inputs:
                    return False
                self.left_out.append(at)
                self.tensor = source
                return True
        return False


def _can_be_upsampled(small: TensorSpec, large: TensorSpec) -> bool:
    match small.shape, large.shape:
        case (1, height, width, classes), (1, large_height, large_width, large_classes):
            return (
                small.dtype in SCORE_TYPES
                and (small.dtype, small.scale, small.zero_point)
                == (large.dtype, large.scale, large.zero_point)
                and classes == large_classes <= MAX_CLASSES
                and 2 <= height < large_height
                and 2 <= width < large_width
            )
    return False


def _changes_nothing(graph: Graph, operator: Operator | None) -> bool:
    """Whether an operator is a resize to the same size."""
    if operator is None or operator.name != "RESIZE_BILINEAR" or not operator.inputs:
        return False
    source, result = graph.tensors[operator.inputs[0]].spec, graph.tensors[operator.outputs[0]].spec
    return (source.shape, source.dtype, source.scale) == (result.shape, result.dtype, result.scale)


def _is_over_classes(graph: Graph, end: _End) -> bool:
    """Whether the ARG_MAX that was passed is over the classes; passes a TRANSPOSE before it."""
    axis = _constant(graph, end.last, 1)
    if len(axis) != 1:
        return False
    if axis[0] in PLANES_AXIS and end.step("TRANSPOSE"):
        return _constant(graph, end.last, 1) == TO_CHANNELS_FIRST
    return axis[0] in LAST_AXIS and len(end.spec.shape) == 4


def _constant(graph: Graph, operator: Operator, position: int) -> tuple[int, ...]:
    """The constant integers in one input of an operator; empty if there are none."""
    if position >= len(operator.inputs):
        return ()
    return constant_integers(graph, operator.inputs[position]) or ()
