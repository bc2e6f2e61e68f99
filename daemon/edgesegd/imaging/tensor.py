"""Reads a tensor that a client has computed itself for the model's input."""

from __future__ import annotations

import numpy as np

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.imaging.preprocess import GivenTensor, Preprocessor
from edgesegd.models.spec import TensorSpec


def read_tensor(spec: TensorSpec, data: memoryview, preprocessor: Preprocessor) -> GivenTensor:
    """The tensor whose bytes are `data`, row by row; they are copied.

    Raises InvalidFrame if their number is not that of the input `spec`, or if a value is infinite
    or NaN, for which a model's output is not defined.
    """
    if len(data) != spec.size:
        raise InvalidFrame(
            f"the model's input {spec.name!r} has {spec.size:,} bytes: {spec.shape} of "
            f"{spec.dtype}, not {len(data):,} bytes",
            InvalidReason.DESCRIPTION,
        )
    values = np.frombuffer(data, spec.dtype).reshape(spec.shape).copy()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidFrame(
            "the tensor has values that are infinite or NaN", InvalidReason.DESCRIPTION
        )
    low, high = preprocessor.limits
    return GivenTensor(values, bool(values.min() >= low and values.max() <= high))
