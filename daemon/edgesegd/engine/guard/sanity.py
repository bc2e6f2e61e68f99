"""Finds outputs that cannot be right; this runs for every frame, so it must be very fast."""

from __future__ import annotations

import numpy as np

from edgesegd.core.errors import OutputConstant, OutputNotFinite
from edgesegd.imaging.labels import OutputTensor
from edgesegd.models.spec import ModelSpec, OutputKind

SAMPLES = 4096
"""How many values are compared first; nearly always two of them differ."""
SEVERAL_CLASSES = (OutputKind.LOGITS, OutputKind.PROBABILITIES)
"""Only for these is a constant output wrong: labels of one class, or a mask without foreground, may
well be right."""


def check_output(model: ModelSpec, output: OutputTensor) -> None:
    """Raise OutputNotFinite or OutputConstant if the output cannot be right."""
    values = output.reshape(-1)
    if values.dtype.kind == "f" and not _all_finite(values):
        raise OutputNotFinite("the output has values that are not finite")
    if _has_several_classes(model) and _constant(values):
        raise OutputConstant(f"every value of the output is {values[0]:g}")


def _has_several_classes(model: ModelSpec) -> bool:
    """Whether the output holds a value for each of several classes."""
    ids_of_scores = model.output_kind is OutputKind.LABELS and model.upsampling is not None
    return ids_of_scores or model.output_kind in SEVERAL_CLASSES


def _all_finite(values: OutputTensor) -> bool:
    # One pass without a temporary array: the sum of squares is not finite if a value is not. It is
    # not finite either if huge values overflow; then each value is checked.
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values @ values)) or bool(np.isfinite(values).all())


def _constant(values: OutputTensor) -> bool:
    few = values[:: max(1, values.size // SAMPLES)]
    return bool((few == values[0]).all()) and bool((values == values[0]).all())
