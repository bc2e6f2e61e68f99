"""Outputs of models that need not store their numbers alike."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import pytest

from edgesegd.engine.guard.comparison import Masks, agreement, compare_values
from edgesegd.ipc.arena import anonymous_file
from edgesegd.models.spec import OutputKind, TensorSpec
from support.model_specs import model_spec

SCORES = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
"""The outputs for two scenes, as the model of `model_spec` returns them."""
QUANTIZED = TensorSpec("logits", (1, 4, 6, 3), "uint8", 0.05, 128)
NOTHING = {"largest_difference": None, "deviation": None}


def real(scores: npt.NDArray[np.float32] = SCORES) -> Masks:
    return Masks.of(model_spec(), scores)


def labels(ids: npt.NDArray[np.int64]) -> Masks:
    spec = TensorSpec("ids", (1, 4, 6), "int64")
    return Masks.of(model_spec(output=spec, kind=OutputKind.LABELS), ids)


def test_an_output_agrees_with_itself() -> None:
    assert agreement(real(), real()) == 1
    assert compare_values(real(), real()) == {"largest_difference": 0, "deviation": 0}


def test_quantized_scores_are_compared_as_real_values() -> None:
    stored = (SCORES / 0.05 + 128).round().clip(0, 255).astype(np.uint8)
    found = compare_values(Masks.of(model_spec(output=QUANTIZED), stored), real())
    assert found["deviation"] is not None
    assert 0 < found["deviation"] < 0.02


def test_labels_are_compared_with_the_best_scores() -> None:
    ids = SCORES.argmax(-1).astype(np.int64)
    assert agreement(labels(ids), real()) == agreement(real(), labels(ids)) == 1
    ids[1, :2] = (ids[1, :2] + 1) % 3
    assert agreement(labels(ids), real()) == 0.5
    assert compare_values(labels(ids), real()) == compare_values(real(), labels(ids)) == NOTHING


def test_scores_of_other_classes_are_not_compared() -> None:
    more = np.concatenate([SCORES, SCORES[..., :1] - 1], axis=-1)
    wider = Masks.of(model_spec(output=TensorSpec("logits", (1, 4, 6, 4), "float32")), more)
    assert agreement(wider, real()) == 1
    assert compare_values(wider, real()) == NOTHING


@pytest.mark.parametrize("broken", ["mine", "theirs"])
def test_outputs_with_nan_have_no_distance(broken: str) -> None:
    bad = SCORES.copy()
    bad[0, 0, 0, 0] = np.nan
    pair = (real(bad), real()) if broken == "mine" else (real(), real(bad))
    assert compare_values(*pair) == NOTHING


@pytest.mark.parametrize("masks", [real(), labels(SCORES.argmax(-1))])
def test_saved_masks_are_read_again(masks: Masks) -> None:
    descriptor = anonymous_file()
    masks.save(descriptor)
    again = Masks.load(descriptor)
    os.close(descriptor)
    np.testing.assert_array_equal(again.labels, masks.labels)
    assert (again.values is None) == (masks.values is None)
    assert agreement(again, masks) == 1
    assert compare_values(again, masks) == compare_values(masks, masks)
