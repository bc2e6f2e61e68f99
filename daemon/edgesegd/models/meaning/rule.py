"""What a rule of an operator gets, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edgesegd.models.meaning.facts import Facts, Range
from edgesegd.models.tflite.constants import constant
from edgesegd.models.tflite.graph import Graph, Operator


class Known(Protocol):
    """A graph, and the facts about its tensors."""

    @property
    def graph(self) -> Graph:
        """The graph."""

    def of(self, tensor: int) -> Facts:
        """The facts about a tensor."""


Rule = Callable[[Known, Operator, int], Facts]
"""The facts about one of an operator's outputs; the operator has at least one input."""


def first(known: Known, operator: Operator) -> Facts:
    """The facts about an operator's first input."""
    return known.of(operator.inputs[0])


def constant_range(graph: Graph, tensor: int) -> Range | None:
    """The lowest and the highest number of a constant; None if a tensor is not one."""
    numbers = constant(graph, tensor)
    return (min(numbers), max(numbers)) if numbers else None


def with_constant(known: Known, operator: Operator) -> tuple[Facts, Range | None]:
    """The facts about the computed operand of two, and the range of the constant one, if any."""
    if len(operator.inputs) != 2:
        return Facts(made_by=operator.name), None
    one, other = operator.inputs
    if (number := constant_range(known.graph, other)) is not None:
        return known.of(one), number
    if (number := constant_range(known.graph, one)) is not None:
        return known.of(other), number
    return known.of(one), None
