"""Compares the outputs of two models, or of a model on two delegates, for the same pictures."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.imaging.mask import mask_reader
from edgesegd.models.spec import ModelSpec

Outputs = npt.NDArray[Any]
"""The output tensors of several pictures, stacked."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Outputs in a form that can be compared with another model's, whatever their dtypes are.

    `labels` is N x H x W, uint8. `values` is N x H x W x C, float32: the real (dequantized) values
    of the output; None for a model that outputs labels.
    """

    labels: npt.NDArray[np.uint8]
    values: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, model: ModelSpec, outputs: Outputs) -> Masks:
        """Read a model's outputs."""
        reader = mask_reader(model)
        labels = np.stack([reader.own_labels(each) for each in outputs])
        if not model.has_scores:
            return cls(labels, None)
        return cls(labels, np.stack([reader.own_values(each) for each in outputs]))

    def save(self, descriptor: int) -> None:
        """Write them to an empty file, in one write."""
        whole = io.BytesIO()
        if self.values is None:
            np.savez(whole, labels=self.labels)
        else:
            np.savez(whole, labels=self.labels, values=self.values)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(whole.getbuffer())

    @classmethod
    def load(cls, descriptor: int) -> Masks:
        """Read what `save` wrote."""
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            with np.load(file) as stored:
                return cls(stored["labels"], stored.get("values"))


def agreement(masks: Masks, expected: Masks) -> float:
    """The share of pixels with the expected class, lowest of all pictures."""
    return float((masks.labels == expected.labels).mean(axis=(1, 2)).min())


def compare_values(masks: Masks, expected: Masks) -> dict[str, float | None]:
    """How much the real values differ from the expected ones.

    None if one of them has labels only, other shapes, or values that are not finite.
    """
    mine, reference = masks.values, expected.values
    if (
        mine is None
        or reference is None
        or mine.shape != reference.shape
        or not (np.isfinite(mine).all() and np.isfinite(reference).all())
    ):
        return {"largest_difference": None, "deviation": None}
    difference = np.abs(mine - reference)
    spread = float(reference.std()) or 1.0
    return {
        "largest_difference": float(difference.max()),
        "deviation": float(difference.mean()) / spread,
    }
