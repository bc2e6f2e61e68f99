"""Rules of sums, products, quotients and bounds, and of tensors that are joined."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from edgesegd.models.meaning.activations import activated
from edgesegd.models.meaning.axes import Axis, dimension_of, resized
from edgesegd.models.meaning.facts import Facts, Origin, Range
from edgesegd.models.meaning.rule import Known, Rule, with_constant
from edgesegd.models.tflite.constants import constant, constant_integers
from edgesegd.models.tflite.flatbuffer import INT32
from edgesegd.models.tflite.graph import Operator

_ONE: Final = (1.0, 1.0)
_ZERO: Final = (0.0, 0.0)


def _arithmetic(known: Known, operator: Operator, _result: int) -> Facts:
    """ADD, SUB, MUL and DIV: with a constant, or of two computed tensors."""
    values, number = with_constant(known, operator)
    if number is None:
        return activated(operator, _of_two(known, operator))
    if constant(known.graph, operator.inputs[0]) is None:
        return activated(operator, _then_number(operator.name, values, number))
    return activated(operator, _number_then(operator.name, number, values))


def _then_number(name: str, values: Facts, number: Range) -> Facts:
    """Values, the operator, then a constant."""
    low, high = number
    if name == "DIV":
        if low * high <= 0:
            return values.unknown(name)
        return values.scaled((1 / high, 1 / low), _ZERO)
    if name == "SUB":
        return values.scaled(_ONE, (-high, -low))
    return values.scaled(number, _ZERO) if name == "MUL" else values.scaled(_ONE, number)


def _number_then(name: str, number: Range, values: Facts) -> Facts:
    """A constant, the operator, then values."""
    if name == "DIV":
        return values.unknown(name)
    if name == "SUB":
        return values.scaled((-1.0, -1.0), number)
    return _then_number(name, values, number)


def _of_two(known: Known, operator: Operator) -> Facts:
    name = operator.name
    if len(operator.inputs) != 2:
        return Facts(made_by=name)
    one, other = (known.of(each) for each in operator.inputs)
    origins, axes = {one.origin, other.origin}, one.axes or other.axes
    if name == "DIV" and (count := _count_shares(known, operator)):
        shares = one.becoming(Origin.SOFTMAX, "DIV by the SUM", 0.0, 1.0)
        return replace(shares, class_count=count)
    mixed = replace(
        one.becoming(Origin.OTHER, name),
        axes=axes,
        is_cropped=one.is_cropped or other.is_cropped,
        is_moved=one.is_moved or other.is_moved,
    )
    if Origin.PICTURE in origins:
        return replace(mixed, origin=Origin.PICTURE, is_part=one.is_part or other.is_part)
    are_probabilities = origins == {Origin.SIGMOID} and one.unit == other.unit == 1
    if name == "MUL" and are_probabilities:
        return replace(one, made_by=name, axes=axes)
    if Origin.SCORES in origins and Origin.OTHER not in origins:
        return replace(mixed, origin=Origin.SCORES)
    return mixed


def _count_shares(known: Known, operator: Operator) -> int:
    """Over how many classes a DIV is e^x by the sum of e^x, a softmax in pieces; else 0."""
    graph, (part, whole) = known.graph, operator.inputs
    total, exponent = graph.producer(whole), graph.producer(part)
    if total is None or total.name != "SUM" or exponent is None or exponent.name != "EXP":
        return 0
    over = constant_integers(graph, total.inputs[1]) if len(total.inputs) > 1 else None
    shape, axes = graph.tensors[part].spec.shape, known.of(part).axes
    if total.inputs[0] != part or over is None or len(over) != 1:
        return 0
    if not -len(shape) <= over[0] < len(shape):
        return 0
    dimension = over[0] % len(shape)
    of_classes = axes is None or dimension_of(axes, shape, Axis.CHANNEL) == dimension
    return shape[dimension] if of_classes else 0


def _clip(known: Known, operator: Operator, _result: int) -> Facts:
    """MINIMUM and MAXIMUM with a constant."""
    values, limit = with_constant(known, operator)
    if limit is None:
        return Facts(made_by=operator.name, axes=values.axes)
    if operator.name == "MINIMUM":
        return values.clipped(-inf, limit[1])
    return values.clipped(limit[0], inf)


def _concatenation(known: Known, operator: Operator, result: int) -> Facts:
    """Of tensors that all mean the same: of pieces of a picture, or of classes."""
    every = [known.of(each) for each in operator.inputs if each >= 0]
    one = every[0]
    if len(every) == 1:
        return one
    before, after = (known.graph.tensors[at].spec.shape for at in (operator.inputs[0], result))
    along = (operator.options.integer(0, INT32) if operator.options else 0) % max(1, len(after))
    axes = None if one.axes is None else resized(one.axes, before, after)
    of_classes = one.axes is None or dimension_of(one.axes, before, Axis.CHANNEL) in {along, None}
    alike = {(each.origin, each.unit, each.axes is None) for each in every}
    low, high = min(each.low for each in every), max(each.high for each in every)
    if (
        len(alike) > 1
        or one.origin is Origin.PICTURE
        or (of_classes and one.origin not in {Origin.SIGMOID, Origin.SCORES})
    ):
        return Facts(made_by=operator.name, axes=axes)
    is_part = not of_classes or any(each.is_part for each in every)
    is_cropped = of_classes and any(each.is_cropped for each in every)
    return replace(
        one,
        low=low,
        high=high,
        axes=axes,
        is_part=is_part,
        is_cropped=is_cropped,
        is_moved=any(each.is_moved for each in every),
        is_first=any(each.is_first for each in every),
    )


RULES: Final[dict[str, Rule]] = {
    "CONCATENATION": _concatenation,
    **dict.fromkeys(("ADD", "DIV", "MUL", "SUB"), _arithmetic),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), _clip),
}
