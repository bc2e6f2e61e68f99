"""Whether two outputs for one picture mean the same."""

from __future__ import annotations

import numpy as np

from edgesegd.core.labels import OutputTensor, real_values, to_labels
from edgesegd.core.model.spec import ModelSpec


def agreement(
    model: ModelSpec, output: OutputTensor, reference: ModelSpec, expected: OutputTensor
) -> float:
    """The share of pixels whose class is that of `expected`, an output of `reference`."""
    same = to_labels(model, output) == to_labels(reference, expected)
    return float(same.mean())


def differences(
    model: ModelSpec, output: OutputTensor, reference: ModelSpec, expected: OutputTensor
) -> tuple[float, float] | None:
    """The largest difference of the real values, and the mean in standard deviations.

    None where one of them gives labels, or they are not of one shape.
    """
    if model.output_kind is not reference.output_kind or output.shape != expected.shape:
        return None
    if not model.has_scores:
        return None
    wanted = real_values(reference, expected)
    difference = np.abs(real_values(model, output) - wanted)
    return float(difference.max()), float(difference.mean()) / (float(wanted.std()) or 1.0)
