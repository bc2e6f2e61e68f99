"""Recognises a graph that scales its input itself, from its first operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgesegd.models.normalization import (
    CENTRED,
    ONE,
    PIXELS,
    Normalization,
    Range,
    real_range,
    usual_range,
)
from edgesegd.models.pixel_map import TO_CHANNELS_FIRST, ChannelOrder, Layout, PixelMap
from edgesegd.models.tflite.constants import constant, constant_integers
from edgesegd.models.tflite.graph import Graph, Operator

_SAME_VALUES: Final = {
    *("CAST", "DEQUANTIZE", "PAD", "QUANTIZE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    "TRANSPOSE",
}
_AFFINE: Final = {"ADD", "DIV", "MUL", "SUB"}
_MAX_STEPS: Final = 8

# Ranges of pixels that a model may take, and how pixels of 0 to 255 are converted to them.
_TAKEN: Final = {
    PIXELS: ([0.0], [1.0]),
    ONE: ([0.0], [255.0]),
    CENTRED: ([127.5], [127.5]),
}
# Lowest and highest value after scaling, each with a tolerance: what networks are trained with.
_USUAL: Final = (
    ((-1.0, 0.02), (1.0, 0.02)),
    ((0.0, 0.01), (1.0, 0.01)),
    ((-0.5, 0.01), (0.5, 0.01)),
    ((-1.95, 0.3), (2.4, 0.35)),  # by the mean and deviation of ImageNet
    ((0.0, 0.05), (255.0, 0.05)),
    ((-115.0, 25.0), (140.0, 25.0)),  # by the mean of ImageNet alone
)
_BACK_TO_PIXELS: Final = (((0.0, 0.05), (255.0, 0.05)), ((-115.0, 25.0), (140.0, 25.0)))
"""What -1 to 1 is scaled to; a scaling to another range of about that size says nothing."""

Affine = tuple[float, float]
"""Factor and offset of one channel."""


@dataclass(frozen=True, slots=True)
class InputScaling:
    """What a graph does to its input first: what pixels must become for it, and their order.

    `order` is BGR if its constants are those of blue, green and red; None if they do not differ.
    """

    normalization: Normalization
    order: ChannelOrder | None


def scaling_in_graph(graph: Graph, image: PixelMap) -> InputScaling | None:
    """The scaling by constants with which a graph begins.

    None if it has none, or if the scaling fits several usual ranges of pixels or none.
    """
    first = [each for each in graph.operators if graph.inputs[0] in each.inputs]
    if len(first) == 1 and first[0].name == "QUANTIZE" and first[0].outputs:
        stored = graph.tensors[first[0].outputs[0]].spec
        return _of_range(*real_range(stored)) if stored.scale else None
    scaling = _first_scaling(graph, image)
    if scaling is None:
        return None
    fitting = [
        normalization
        for taken, normalization in _TAKEN.items()
        if _is_usual(scaling, taken, _BACK_TO_PIXELS if taken == CENTRED else _USUAL)
    ]
    if len(fitting) != 1:
        return None
    means = [-offset / factor for factor, offset in scaling]
    return InputScaling(Normalization.of(*fitting[0]), order_of(means))


def order_of(means: Sequence[float]) -> ChannelOrder | None:
    """The order of channels with these means: of photographs red's is the largest.

    None if they hardly differ, or if there are not three or four.
    """
    if len(means) not in {3, 4} or abs(means[0] - means[2]) <= 0.05 * max(map(abs, means[:3])):
        return None
    return ChannelOrder.RGB if means[0] > means[2] else ChannelOrder.BGR


def _of_range(low: float, high: float) -> InputScaling | None:
    """What a graph takes that quantizes its float input to this range first."""
    taken = usual_range(low, high)
    return None if taken is None else InputScaling(Normalization.of(*_TAKEN[taken]), None)


def _first_scaling(graph: Graph, image: PixelMap) -> list[Affine] | None:
    """The factor and offset of each channel; None if no operator scales them."""
    scaling: list[Affine] = [(1.0, 0.0)] * image.channels
    tensor, layout, found = graph.inputs[0], image.layout, False
    for _ in range(_MAX_STEPS):
        users = [each for each in graph.operators if tensor in each.inputs]
        if len(users) != 1 or not users[0].outputs:
            break
        operator = users[0]
        if operator.name == "TRANSPOSE" and len(operator.inputs) > 1:
            is_to_first = constant_integers(graph, operator.inputs[1]) == TO_CHANNELS_FIRST
            layout = Layout.CHANNELS_FIRST if is_to_first else Layout.CHANNELS_LAST
        elif operator.name in _AFFINE:
            step = _step(graph, operator, tensor, image.channels, layout)
            if step is None:
                return None
            scaling = [
                (factor * old_factor, factor * old_offset + offset)
                for (old_factor, old_offset), (factor, offset) in zip(scaling, step, strict=True)
            ]
            found = True
        elif operator.name not in _SAME_VALUES:
            break
        tensor = operator.outputs[0]
    return scaling if found and all(factor for factor, _ in scaling) else None


def _step(
    graph: Graph, operator: Operator, tensor: int, channels: int, layout: Layout
) -> list[Affine] | None:
    """Factor and offset of each channel in one operator; None if they are not constant."""
    if len(operator.inputs) != 2:
        return None
    is_first = operator.inputs[0] == tensor
    other = operator.inputs[1 if is_first else 0]
    numbers = constant(graph, other)
    if numbers is None:
        return None
    shape = graph.tensors[other].spec.shape
    by_channel = _by_channel(numbers, shape, channels, layout)
    if by_channel is None or (operator.name == "DIV" and (not is_first or 0 in by_channel)):
        return None
    turned = -1.0 if operator.name == "SUB" and not is_first else 1.0
    steps: dict[str, Callable[[float], Affine]] = {
        "ADD": lambda number: (1.0, number),
        "MUL": lambda number: (number, 0.0),
        "DIV": lambda number: (1 / number, 0.0),
        "SUB": lambda number: (turned, -turned * number),
    }
    return [steps[operator.name](each) for each in by_channel]


def _by_channel(
    numbers: Sequence[float], shape: tuple[int, ...], channels: int, layout: Layout
) -> list[float] | None:
    if len(numbers) == 1:
        return [float(numbers[0])] * channels
    first = layout is Layout.CHANNELS_FIRST
    fits = shape[-3:] == (channels, 1, 1) if first else shape[-1:] == (channels,)
    return list(numbers) if len(numbers) == channels and fits else None


def _is_usual(scaling: list[Affine], taken: Range, usual: Sequence[tuple[Range, Range]]) -> bool:
    low = min(factor * taken[0] + offset for factor, offset in scaling)
    high = max(factor * taken[1] + offset for factor, offset in scaling)
    return any(
        abs(low - lowest) <= low_slack and abs(high - highest) <= high_slack
        for (lowest, low_slack), (highest, high_slack) in usual
    )
