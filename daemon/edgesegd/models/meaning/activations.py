"""Rules of operators that compute scores, and of the functions that are applied to them."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from edgesegd.models.meaning.axes import Axis, channels_last, dimension_of
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.rule import Known, Rule, first
from edgesegd.models.tflite.constants import constant
from edgesegd.models.tflite.flatbuffer import INT8
from edgesegd.models.tflite.graph import Graph, Operator

_ON_PICTURES: Final = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"),
    "Convolution2DTransposeBias",  # of MediaPipe
)
_SMOOTHING: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
PRODUCTS: Final = ("BATCH_MATMUL", "FULLY_CONNECTED", *_ON_PICTURES)
"""Operators that multiply by weights: the layers of a network."""
_SAME_ABOVE_0: Final = ("ELU", "LEAKY_RELU", "PRELU")
_CURVES: Final = (*_SAME_ABOVE_0, "GELU", "HARD_SWISH")
_RANGES: Final = {
    "RELU": (0.0, inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
_FUSED: Final = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
"""ActivationFunctionType of TFLite's `schema.fbs`; 0 is none."""
_FUSED_FIELD: Final = {
    "ADD": 0,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    "DIV": 0,
    "FULLY_CONNECTED": 0,
    "MUL": 0,
    "SUB": 0,
    "TRANSPOSE_CONV": 3,
}
"""The field with the fused activation, in the options of each operator."""


def activated(operator: Operator, facts: Facts) -> Facts:
    """The facts after the activation that is fused into an operator."""
    field = _FUSED_FIELD.get(operator.name)
    if field is None or operator.options is None:
        return facts
    code = operator.options.integer(field, INT8)
    if code == 0:
        return facts
    name = _FUSED.get(code)
    return facts.clipped(*_RANGES[name]) if name else facts.unknown(f"{operator.name}'s activation")


def _product(known: Known, operator: Operator, result: int) -> Facts:
    """A layer computes scores, but not if it only smooths what is a probability or an id."""
    name = operator.custom or operator.name
    shape = known.graph.tensors[result].spec.shape
    if name in _SMOOTHING and _keeps_channels_apart(known.graph, operator, result):
        facts = known.of(picture_of(operator))
        if facts.is_final:
            return facts.unknown(f"{name} of {facts.made_by}")
    axes = channels_last(shape) if name in _ON_PICTURES else None
    return activated(operator, Facts(Origin.SCORES, name, axes=axes))


def picture_of(operator: Operator) -> int:
    """The input of a layer that has the values, not the weights or the size."""
    is_third = operator.name == "TRANSPOSE_CONV" and len(operator.inputs) > 2
    return operator.inputs[2 if is_third else 0]


def _keeps_channels_apart(graph: Graph, operator: Operator, result: int) -> bool:
    """Whether each channel of the result is of one channel alone, as behind a blur.

    Transposed convolutions to as many channels are taken for such, as they enlarge scores; other
    convolutions only if their weights say so.
    """
    source = picture_of(operator)
    if source < 0:
        return False
    before, after = (graph.tensors[each].spec.shape[-1:] for each in (source, result))
    if before != after or not after:
        return False
    if operator.name != "CONV_2D" or after == (1,) or len(operator.inputs) < 2:
        return True
    weights, count = constant(graph, operator.inputs[1]), after[0]
    shape = graph.tensors[operator.inputs[1]].spec.shape
    if weights is None or len(shape) != 4 or shape[0] != count or shape[-1] not in {1, count}:
        return False
    size = len(weights) // count
    return shape[-1] == 1 or all(
        at // size == at % count for at, weight in enumerate(weights) if weight
    )


def _softmax(known: Known, operator: Operator, _result: int) -> Facts:
    """SOFTMAX is over the last dimension, which may be another than the classes'."""
    facts, shape = first(known, operator), known.graph.tensors[operator.inputs[0]].spec.shape
    last = len(shape) - 1
    of_classes = facts.axes is None or dimension_of(facts.axes, shape, Axis.CHANNEL) == last
    if not of_classes or not shape or shape[-1] < 2:
        return facts.becoming(Origin.OTHER, "SOFTMAX over something else than classes")
    return replace(facts.becoming(Origin.SOFTMAX, "SOFTMAX", 0.0, 1.0), class_count=shape[-1])


def _log_softmax(known: Known, operator: Operator, _result: int) -> Facts:
    """The softmax of its result is that of its input, so that they are logits."""
    return first(known, operator).becoming(Origin.SCORES, operator.name)


def _sigmoid(known: Known, operator: Operator, _result: int) -> Facts:
    facts = first(known, operator)
    if facts.is_final:
        return facts.unknown(f"LOGISTIC of {facts.made_by}")
    if facts.is_first:
        return facts.unknown("LOGISTIC of the first of several classes' scores")
    return facts.becoming(Origin.SIGMOID, "LOGISTIC", 0.0, 1.0)


def _tanh(known: Known, operator: Operator, _result: int) -> Facts:
    return first(known, operator).becoming(Origin.OTHER, "TANH", -1.0, 1.0)


def _exp(known: Known, operator: Operator, _result: int) -> Facts:
    return first(known, operator).becoming(Origin.OTHER, "EXP", 0.0, inf)


def _curve(known: Known, operator: Operator, _result: int) -> Facts:
    """Bends scores; what is not negative stays as it is in some of them."""
    facts, name = first(known, operator), operator.name
    if facts.is_final and name in _SAME_ABOVE_0:
        return facts
    if facts.is_final:
        return facts.unknown(f"{name} of {facts.made_by}")
    return facts.becoming(Origin.SCORES, name)


def _range(known: Known, operator: Operator, _result: int) -> Facts:
    return first(known, operator).clipped(*_RANGES[operator.name])


RULES: Final[dict[str, Rule]] = {
    "EXP": _exp,
    "LOGISTIC": _sigmoid,
    "LOG_SOFTMAX": _log_softmax,
    "SOFTMAX": _softmax,
    "TANH": _tanh,
    **dict.fromkeys(_CURVES, _curve),
    **dict.fromkeys(PRODUCTS, _product),
    **dict.fromkeys(_RANGES, _range),
}
