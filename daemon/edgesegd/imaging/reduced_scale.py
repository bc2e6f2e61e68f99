"""How much of a large picture is decoded, depending on the size of the model's input."""

from __future__ import annotations

from typing import NamedTuple

from edgesegd.imaging.geometry import Size


class ReducedScale(NamedTuple):
    """How large a picture must be, as multiples of the size that the model needs.

    A JPEG is decoded at the smallest scale that is at least `enough` times this size. A picture of
    more than twice `gap` times this size is first averaged over whole pixels. For each needed row
    of a raw frame, `rows` are read, if it has as many.
    """

    enough: float
    gap: float
    rows: int


SMALL_INPUT = 320
"""Pixels of the longer side. Up to there every model that was tried (193, 256 and 257) keeps 99.6 %
of its labels or more whatever the picture, and pictures are decoded and resized in a third of the
time; at 513 one kept 97.3 %. `benchmarks/reduced_scale.py` measures it."""

FOR_SMALL_INPUT = ReducedScale(enough=0.9, gap=1.0, rows=2)
FOR_LARGE_INPUT = ReducedScale(enough=1.5, gap=2.0, rows=4)


def reduced_scale_for(model_input: Size) -> ReducedScale:
    """The scale that keeps at least 99.5 % of the labels of a model with this input."""
    return FOR_SMALL_INPUT if max(model_input) <= SMALL_INPUT else FOR_LARGE_INPUT
