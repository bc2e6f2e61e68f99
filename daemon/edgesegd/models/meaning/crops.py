"""Operators that keep some of the values: crops, and choices of classes."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Final

from edgesegd.models.meaning.axes import Axes, Axis, Shape, dimension_of, resized, without
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.rule import Known, Rule, first
from edgesegd.models.tflite.constants import constant_integers
from edgesegd.models.tflite.flatbuffer import INT32
from edgesegd.models.tflite.graph import Graph, Operator

_CUTS: Final = ("SLICE", "SPLIT", "SPLIT_V", "STRIDED_SLICE")
CHOICES: Final = (*_CUTS, "GATHER", "GATHER_ND", "UNPACK")
"""Operators that may leave out classes."""
_MEANS_BY_CLASS: Final = {Origin.SOFTMAX, Origin.SIGMOID, Origin.SCORES, Origin.BINARY}
_ONE_OF_A_QUARTER: Final = 4


def source_of(operator: Operator) -> int:
    """The input of an operator that copies values from it."""
    return operator.inputs[1 if operator.name == "SPLIT" and len(operator.inputs) > 1 else 0]


def _cut(known: Known, operator: Operator, result: int) -> Facts:
    """A crop of rows and columns, or of classes."""
    source = source_of(operator)
    facts, graph = known.of(source), known.graph
    before, after = (graph.tensors[each].spec.shape for each in (source, result))
    steps = _steps(graph, operator, len(before))
    if facts.origin is Origin.PICTURE:
        return _cut_picture(facts, before, after, steps)
    channel = dimension_of(facts.axes, before, Axis.CHANNEL) if facts.axes else None
    if any(each < 0 for at, each in enumerate(steps) if at != channel):
        return replace(facts.unknown(f"{operator.name} that turns them around"), is_moved=True)
    if facts.axes is None:
        # Without axes it cannot be known whether classes were cut off.
        is_first = _is_one_and_first(graph, operator, result)
        if facts.origin not in _MEANS_BY_CLASS or (facts.origin is Origin.BINARY and not is_first):
            return facts
        return replace(facts.unknown(operator.name), is_first=is_first)
    cut = replace(facts, axes=_cropped(facts.axes, before, after))
    if channel is None or _keeps(before, after, channel):
        is_part = facts.is_part or prod(before) != prod(after)
        is_cropped = facts.is_cropped or any(
            lost * _ONE_OF_A_QUARTER >= length
            for length, lost in zip(before, _lost(before, after, steps), strict=False)
        )
        return replace(cut, is_part=is_part, is_cropped=is_cropped)
    return _some_classes(graph, operator, result, channel, cut)


def _cut_picture(facts: Facts, before: Shape, after: Shape, steps: Shape) -> Facts:
    """The facts about a crop of the picture; one without a row or column shows it all.

    A mirrored picture is another part of it at every place.
    """
    if facts.axes is None:
        return facts
    is_part = facts.is_part
    for axis in (Axis.ROW, Axis.COLUMN):
        at = dimension_of(facts.axes, before, axis)
        if at is not None and len(before) == len(after):
            is_part |= steps[at] < 0 or _lost(before, after, steps)[at] > abs(steps[at])
    return replace(facts, axes=_cropped(facts.axes, before, after), is_part=is_part)


def _steps(graph: Graph, operator: Operator, count: int) -> Shape:
    """The stride of a crop along each dimension; negative ones if they are not known.

    Strides may be given for some dimensions only, of which one stands for all that are left out.
    """
    if operator.name != "STRIDED_SLICE":
        return (1,) * count
    steps = constant_integers(graph, operator.inputs[3]) if len(operator.inputs) > 3 else None
    if not steps or 0 in steps:
        return (-1,) * count
    if len(steps) == count:
        return steps
    options = operator.options
    ellipsis, added = (options.integer(each, INT32) if options else 0 for each in (2, 3))
    if ellipsis and not added:
        at = ellipsis.bit_length() - 1
        return (*steps[:at], *(1,) * (count - len(steps) + 1), *steps[at + 1 :])
    return (min(steps) if min(steps) < 0 else max(steps),) * count


def _lost(before: Shape, after: Shape, steps: Shape) -> tuple[int, ...]:
    """How many rows, columns and so on a crop left out at the ends, of each dimension."""
    if len(before) != len(after):
        return ()
    return tuple(
        max(0, old - new * abs(step)) for old, new, step in zip(before, after, steps, strict=True)
    )


def _cropped(axes: Axes, before: Shape, after: Shape) -> Axes | None:
    """The axes after a crop or padding, which may also drop one dimension."""
    if len(before) == len(after):
        return resized(axes, before, after)
    for dimension in range(len(before)):
        if (*before[:dimension], *before[dimension + 1 :]) == tuple(after):
            return without(axes, before, dimension)
    return None


def _keeps(before: tuple[int, ...], after: tuple[int, ...], channel: int) -> bool:
    """Whether a crop keeps all channels."""
    if len(before) == len(after):
        return before[channel] == after[channel]
    return prod(before) == prod(after)


def _some_classes(
    graph: Graph, operator: Operator, result: int, channel: int, facts: Facts
) -> Facts:
    """The facts about some classes of several; one probability is that of its class.

    The first class of several is usually the background, so its probability is not taken for that
    of the foreground.
    """
    name = operator.name
    if facts.origin not in _MEANS_BY_CLASS:
        return facts
    single = facts.axes is not None and all(axis is not Axis.CHANNEL for axis, _ in facts.axes)
    if facts.origin is Origin.BINARY and not single:
        return facts
    is_first = single and not _begins_after_the_first(graph, operator, result, channel)
    if facts.origin is Origin.SCORES:
        return replace(facts.unknown(f"{name} of some classes' scores"), is_first=is_first)
    if single and not is_first:
        origin = Origin.BINARY if facts.origin is Origin.BINARY else Origin.SIGMOID
        return replace(facts, origin=origin, made_by=f"{name} of one class", class_count=0)
    return replace(facts.as_other(), made_by=f"{name} of some classes", is_first=is_first)


def _is_one_and_first(graph: Graph, operator: Operator, result: int) -> bool:
    """Whether of some dimension only the first is left, which may be that of the classes."""
    before, after = (graph.tensors[each].spec.shape for each in (source_of(operator), result))
    for at, length in enumerate(before):
        left = before[:at], before[at + 1 :]
        is_one = after in ((*left[0], *left[1]), (*left[0], 1, *left[1]))
        if length > 1 and is_one and not _begins_after_the_first(graph, operator, result, at):
            return True
    return False


def _picked(known: Known, operator: Operator, result: int) -> Facts:
    """GATHER and UNPACK, of which it is only followed whether the first of several is left."""
    facts, graph, name = first(known, operator), known.graph, operator.name
    before, after = (graph.tensors[each].spec.shape for each in (operator.inputs[0], result))
    axis = operator.options.integer(0 if name == "GATHER" else 1, INT32) if operator.options else 0
    if facts.origin is Origin.PICTURE:
        return _in_another_order(facts, before, (axis,)) if before == after else Facts(made_by=name)
    if name == "UNPACK":
        is_first = len(operator.outputs) > 1 and operator.outputs[0] == result
    else:
        chosen = constant_integers(graph, operator.inputs[1]) if len(operator.inputs) > 1 else None
        is_first = chosen == (0,)
    return replace(facts.unknown(name), axes=None, is_first=facts.is_first or is_first)


def _reversed(known: Known, operator: Operator, _result: int) -> Facts:
    """REVERSE_V2 may change the order of channels, or mirror the picture."""
    facts, shape = first(known, operator), known.graph.tensors[operator.inputs[0]].spec.shape
    over = constant_integers(known.graph, operator.inputs[1]) if len(operator.inputs) > 1 else None
    if facts.origin is Origin.PICTURE and over:
        return _in_another_order(facts, shape, over)
    channel = dimension_of(facts.axes, shape, Axis.CHANNEL) if facts.axes else None
    is_order = over is not None and bool(shape) and {at % len(shape) for at in over} == {channel}
    found = replace(facts.unknown(operator.name), axes=None)
    return replace(found, is_moved=facts.is_moved or not is_order)


def _in_another_order(picture: Facts, shape: Shape, over: Shape) -> Facts:
    """The facts about a picture whose channels are in another order, or which is mirrored."""
    if picture.axes is None or not shape:
        return Facts()
    channel = dimension_of(picture.axes, shape, Axis.CHANNEL)
    is_order = {each % len(shape) for each in over} == {channel}
    return replace(picture, is_part=picture.is_part or not is_order)


def _begins_after_the_first(graph: Graph, operator: Operator, result: int, channel: int) -> bool:
    if operator.name in {"SPLIT", "SPLIT_V"}:
        return operator.outputs.index(result) > 0
    begin = constant_integers(graph, operator.inputs[1]) if len(operator.inputs) > 1 else None
    if begin is None or channel >= len(begin):
        return False
    if operator.name == "STRIDED_SLICE" and operator.options is not None:
        is_open = operator.options.integer(0, INT32) >> channel & 1
        if is_open:
            return False
    length = graph.tensors[operator.inputs[0]].spec.shape[channel]
    return begin[channel] % length != 0


RULES: Final[dict[str, Rule]] = {
    "GATHER": _picked,
    "REVERSE_V2": _reversed,
    "UNPACK": _picked,
    **dict.fromkeys(_CUTS, _cut),
}
