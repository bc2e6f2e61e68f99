"""What the first layers of a graph see of the picture: all of it, and the right way up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edgesegd.models.meaning.axes import is_sideways
from edgesegd.models.meaning.facts import Origin
from edgesegd.models.meaning.moves import PADS
from edgesegd.models.meaning.rule import Known
from edgesegd.models.pixel_map import TO_CHANNELS_FIRST
from edgesegd.models.tflite.constants import constant_integers
from edgesegd.models.tflite.graph import Operator

_OTHER_ORDERS: Final = {TO_CHANNELS_FIRST, (0, 2, 3, 1), (0, 1, 2, 3)}
"""Of TRANSPOSE, those that leave rows before columns."""


@dataclass(frozen=True, slots=True)
class FirstView:
    """What all operators that read the picture, and do not only move it, have before them.

    `is_part` is whether it is one crop of it, or mirrored. `is_sideways` is whether rows and
    columns were exchanged, and are not exchanged back later.
    """

    is_part: bool
    is_sideways: bool


def first_view(known: Known) -> FirstView:
    """Follow the picture forwards, from the graph's input to what is no picture any more.

    Nor is it followed through padding, which layers need, and which a crop may undo.
    """
    pictures, seen, exchanges = set(known.graph.inputs), set[int](), False
    for operator in known.graph.operators:
        if pictures.isdisjoint(operator.inputs):
            exchanges = exchanges or _may_exchange(known, operator)
        elif operator.name != "SHAPE" and operator.outputs:
            is_picture = known.of(operator.outputs[0]).origin is Origin.PICTURE
            if is_picture and operator.name not in PADS:
                pictures.update(operator.outputs)
            else:
                seen |= pictures.intersection(operator.inputs)
    facts = [known.of(each) for each in seen]
    return FirstView(
        is_part=len(facts) == 1 and facts[0].is_part,
        is_sideways=bool(facts) and not exchanges and all(is_sideways(each.axes) for each in facts),
    )


def _may_exchange(known: Known, operator: Operator) -> bool:
    """Whether an operator may exchange rows and columns."""
    if operator.name != "TRANSPOSE" or len(operator.inputs) < 2:
        return False
    return constant_integers(known.graph, operator.inputs[1]) not in _OTHER_ORDERS
