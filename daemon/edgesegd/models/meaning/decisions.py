"""Rules of operators that decide: for a class, or between yes and no."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from edgesegd.models.meaning.axes import VARYING, Axis, dimension_of, without
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.rule import Known, Rule, constant_range, first
from edgesegd.models.tflite.constants import constant, constant_integers
from edgesegd.models.tflite.graph import Operator

_LESS: Final = ("LESS", "LESS_EQUAL")
_MORE: Final = ("GREATER", "GREATER_EQUAL")
_SAME: Final = ("EQUAL", "NOT_EQUAL")
_INTEGERS: Final = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}
_HIGHEST: Final = {"int8": 127.0, "uint8": 255.0, "int16": 32767.0, "uint16": 65535.0}
_WHOLE: Final = {Origin.IDS, Origin.BINARY}


def _arg_max(known: Known, operator: Operator, _result: int) -> Facts:
    source, name = operator.inputs[0], operator.name
    facts, shape = known.of(source), known.graph.tensors[source].spec.shape
    over = constant_integers(known.graph, operator.inputs[1]) if len(operator.inputs) > 1 else None
    if over is None or len(over) != 1 or not -len(shape) <= over[0] < len(shape):
        return Facts(made_by=name)
    dimension = over[0] % len(shape)
    if shape[dimension] >= VARYING:
        return Facts(made_by=f"{name} over a dimension of any length")
    axes = facts.axes
    if axes is not None:
        if dimension_of(axes, shape, Axis.CHANNEL) != dimension:
            return Facts(made_by=f"{name} over something else than classes")
        axes = without(axes, shape, dimension)
    count = shape[dimension]
    found = facts.becoming(Origin.IDS, name, 0.0, count - 1.0)
    return replace(found, axes=axes, class_count=count)


def _compare(known: Known, operator: Operator, _result: int) -> Facts:
    """Scores or probabilities above a constant, or ids that are or are not a certain one.

    LESS has the constant first then. That an id is the first one, or is not another one, is rather
    no than yes.
    """
    name, graph = operator.name, known.graph
    if len(operator.inputs) != 2:
        return Facts(made_by=name)
    values, limit = operator.inputs
    if name in _LESS or (name in _SAME and constant(graph, values) is not None):
        values, limit = limit, values
    facts, number = known.of(values), constant_range(graph, limit)
    if number is None or number[0] != number[1]:
        return facts.unknown(name)
    if name in _SAME:
        first_id, is_id = number[0] == facts.low, facts.low <= number[0] <= facts.high
        is_yes = facts.origin is Origin.IDS and is_id and first_id == (name == "NOT_EQUAL")
    else:
        is_yes = facts.origin in {Origin.SIGMOID, Origin.SCORES, Origin.IDS, Origin.BINARY}
    return _yes_or_no(name, facts) if is_yes else facts.unknown(name)


def _yes_or_no(name: str, facts: Facts) -> Facts:
    return replace(facts.becoming(Origin.BINARY, name, 0.0, 1.0), class_count=2)


def _combine(known: Known, operator: Operator, _result: int) -> Facts:
    """LOGICAL_AND and LOGICAL_OR."""
    facts = first(known, operator)
    every = {known.of(each).origin for each in operator.inputs}
    return (
        _yes_or_no(operator.name, facts)
        if every == {Origin.BINARY}
        else facts.unknown(operator.name)
    )


def _round(known: Known, operator: Operator, _result: int) -> Facts:
    facts = first(known, operator)
    if facts.origin is Origin.SIGMOID and facts.unit == 1:
        return _yes_or_no(operator.name, facts)
    survives = facts.origin in _WHOLE or (facts.is_probability and facts.unit > 1)
    return facts if survives else facts.unknown(operator.name)


def _select(known: Known, operator: Operator, _result: int) -> Facts:
    """SELECT of two constants, the second of them 0, by a condition."""
    facts, name = first(known, operator), operator.name
    if len(operator.inputs) != 3 or facts.origin is not Origin.BINARY:
        return facts.unknown(name)
    yes, no = (constant_range(known.graph, each) for each in operator.inputs[1:])
    if yes is None or no != (0.0, 0.0) or yes[0] != yes[1] or yes[0] <= 0:
        return facts.unknown(name)
    return replace(facts, high=yes[0], unit=yes[0])


def _cast(known: Known, operator: Operator, result: int) -> Facts:
    """A cast to integers cuts off fractions, after which only scaled probabilities survive.

    It takes the stored numbers, not the real values, and stores them as they are.
    """
    facts, tensors = first(known, operator), known.graph.tensors
    specs = [tensors[each].spec for each in (operator.inputs[0], result)]
    before, after = (each.dtype for each in specs)
    if facts.origin is not Origin.PICTURE and not all(each.stores_real_values for each in specs):
        return facts.unknown("CAST of quantized numbers")
    if after == "bool" and before != "bool":
        return facts.unknown("CAST to bool")
    cuts = after in _INTEGERS and before not in _INTEGERS | {"bool"}
    if cuts and facts.origin not in _WHOLE and (not facts.is_probability or facts.unit < 2):
        return facts.unknown(f"CAST to {after}")
    return facts.stored_up_to(_HIGHEST.get(after, inf), f"a CAST to {after}")


RULES: Final[dict[str, Rule]] = {
    "ARG_MAX": _arg_max,
    "CAST": _cast,
    "ROUND": _round,
    **dict.fromkeys((*_LESS, *_MORE, *_SAME), _compare),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR"), _combine),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _select),
}
