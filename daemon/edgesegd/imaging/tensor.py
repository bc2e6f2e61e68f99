"""A tensor that a client made itself, for the model's input as it is."""

from __future__ import annotations

import numpy as np

from edgesegd.core.errors import InvalidFrame
from edgesegd.imaging.preprocess import GivenTensor, Preprocessor
from edgesegd.models.spec import TensorSpec


def read_tensor(spec: TensorSpec, data: memoryview, preprocessor: Preprocessor) -> GivenTensor:
    """The tensor whose bytes are `data`, row by row; they are copied.

    Raises InvalidFrame where they are not as many as the input `spec` has, or hold a number that is
    infinite or NaN: what a model makes of those is not defined.
    """
    if len(data) != spec.size:
        raise InvalidFrame(
            f"the model's input {spec.name!r} has {spec.size:,} bytes: {spec.shape} of "
            f"{spec.dtype}; {len(data):,} came"
        )
    values = np.frombuffer(data, spec.dtype).reshape(spec.shape).copy()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidFrame("the tensor holds numbers that are infinite or none (NaN)")
    low, high = preprocessor.limits
    return GivenTensor(values, bool(values.min() >= low and values.max() <= high))
