"""What two models, or one on two delegates, gave for the same scenes."""

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
"""The output tensor for each scene, or for one of them without the batch dimension."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Outputs that can be compared with another model's, whatever their types are.

    `labels` is N x H x W, uint8; `values` is N x H x W x C, float32, the output's real values; None
    for a model that gives labels.
    """

    labels: npt.NDArray[np.uint8]
    values: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, model: ModelSpec, outputs: Outputs) -> Masks:
        """What a model's outputs say."""
        reader = mask_reader(model)
        labels = np.stack([reader.own_labels(each[None]) for each in outputs])
        if not model.has_scores:
            return cls(labels, None)
        return cls(labels, np.stack([reader.own_values(each[None]) for each in outputs]))

    def save(self, descriptor: int) -> None:
        """Write it to a file that is empty, in one go."""
        whole = io.BytesIO()
        if self.values is None:
            np.savez(whole, labels=self.labels)
        else:
            np.savez(whole, labels=self.labels, values=self.values)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(whole.getbuffer())

    @classmethod
    def load(cls, descriptor: int) -> Masks:
        """What `save` wrote."""
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            with np.load(file) as stored:
                return cls(stored["labels"], stored.get("values"))


def agreement(masks: Masks, expected: Masks) -> float:
    """The lowest share of pixels of one scene whose class is the expected one."""
    return float((masks.labels == expected.labels).mean(axis=(1, 2)).min())


def compare_values(masks: Masks, expected: Masks) -> dict[str, float | None]:
    """How far the real values are from the expected.

    None where one of them has labels only, other channels, or values that are no numbers.
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
