"""Follows the values of a tensor backwards through its graph to what they mean.

Each operator has a rule that turns the facts about its inputs into those about its output. The
formulas are those of TFLite's reference kernels (`tensorflow/lite/kernels`), the numbers of option
fields those of its `schema.fbs`.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Final

from edgesegd.models.meaning import activations, arithmetic, crops, decisions, moves
from edgesegd.models.meaning.any_size import with_lengths
from edgesegd.models.meaning.axes import Axis, axes_of_picture, dimension_of, reshaped
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.rule import Rule
from edgesegd.models.pixel_map import PixelMap
from edgesegd.models.tflite.graph import Graph, Operator

_MAX_DEPTH: Final = 64
_RULES: Final[dict[str, Rule]] = (
    activations.RULES | arithmetic.RULES | decisions.RULES | moves.RULES
)


class Meanings:
    """The facts about the tensors of one graph; each is found when it is asked for."""

    def __init__(self, graph: Graph, image: PixelMap) -> None:
        """`image` is the picture in the graph's input."""
        self.graph = with_lengths(graph)
        self._image = image
        self._known: dict[int, Facts] = {}
        self._scores: dict[int, int | None] = {}
        self._depth = 0

    def of(self, tensor: int) -> Facts:
        """The facts about a tensor's real values."""
        if tensor not in self._known:
            self._known[tensor] = Facts()  # for a damaged graph that goes in circles
            self._known[tensor] = self._within_shape(tensor, self._find(tensor))
        return self._known[tensor]

    def comes_from(self, tensor: int, source: int, *, directly: bool = False) -> bool:
        """Whether a tensor is computed from another one, a few operators before it.

        `directly` is without another layer in between: by functions of the same values.
        """
        waiting, seen = [tensor], set[int]()
        while waiting and len(seen) < _MAX_DEPTH:
            at = waiting.pop()
            if at == source:
                return True
            producer = self.graph.producer(at)
            if producer is None or at in seen or (directly and _is_layer(producer)):
                continue
            seen.add(at)
            waiting += [each for each in producer.inputs if each >= 0]
        return False

    def scores_of(self, tensor: int) -> int:
        """The scores from which a tensor is computed, and from nothing else.

        Those are what a layer computes, what is computed of several such, and what is chosen of
        them before a softmax has made them one decision. Without any, the tensor itself.
        """
        found = self._source_of(tensor)
        return tensor if found is None else found

    def _source_of(self, tensor: int) -> int | None:
        """The one tensor that another one is a function of; None for constants."""
        if tensor not in self._scores:
            self._scores[tensor] = tensor  # for a damaged graph that goes in circles
            producer = self.graph.producer(tensor)
            if producer is None:
                self._scores[tensor] = tensor if tensor in self.graph.inputs else None
            elif producer.name == "SHAPE":
                self._scores[tensor] = None
            elif not _is_layer(producer) and self._depth < _MAX_DEPTH:
                self._scores[tensor] = self._source_through(producer, tensor)
        return self._scores[tensor]

    def _source_through(self, operator: Operator, result: int) -> int | None:
        self._depth += 1
        try:
            every = {self._source_of(each) for each in operator.inputs if each >= 0} - {None}
        finally:
            self._depth -= 1
        if len(every) > 1 or (every and self._is_choice(operator, result)):
            return result
        return every.pop() if every else None

    def _is_choice(self, operator: Operator, result: int) -> bool:
        """Whether an operator leaves out some of several classes' scores."""
        if operator.name not in crops.CHOICES:
            return False
        source = crops.source_of(operator)
        facts, tensors = self.of(source), self.graph.tensors
        before, after = (tensors[each].spec.shape for each in (source, result))
        channel = dimension_of(facts.axes, before, Axis.CHANNEL) if facts.axes else None
        if channel is not None and len(before) == len(after):
            leaves_out = before[channel] != after[channel]
        else:
            leaves_out = prod(before) != prod(after)
        return leaves_out and facts.origin is not Origin.SOFTMAX

    def _find(self, tensor: int) -> Facts:
        if tensor in self.graph.inputs:
            shape = self.graph.tensors[tensor].spec.shape
            return Facts(Origin.PICTURE, "the input", axes=axes_of_picture(shape, self._image))
        producer = self.graph.producer(tensor)
        if producer is None:
            return Facts()
        if self._depth == _MAX_DEPTH:
            return Facts(made_by=f"more than {_MAX_DEPTH} operators that only change values")
        self._depth += 1
        try:
            return self._apply_rule(producer, tensor)
        finally:
            self._depth -= 1

    def _apply_rule(self, operator: Operator, result: int) -> Facts:
        rule = _RULES.get(operator.custom or operator.name)
        if rule is None or not operator.inputs or min(operator.inputs[:2]) < 0:
            return Facts(made_by=f"{operator.name} {operator.custom}".strip())
        return rule(self, operator, result)

    def _within_shape(self, tensor: int, facts: Facts) -> Facts:
        """Without axes that the tensor's own shape contradicts, as in a damaged file."""
        shape = self.graph.tensors[tensor].spec.shape
        axes = None if facts.axes is None else reshaped(facts.axes, shape)
        return replace(facts, axes=axes)


def _is_layer(operator: Operator) -> bool:
    """Whether an operator multiplies by weights."""
    return (operator.custom or operator.name) in activations.PRODUCTS
