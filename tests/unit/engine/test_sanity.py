"""Outputs that no honest delegate gives, and those that only look so."""

from __future__ import annotations

import numpy as np
import pytest

from edgesegd.core.errors import OutputConstant, OutputNotFinite
from edgesegd.engine.guard.sanity import SAMPLES, check_output
from edgesegd.models.spec import OutputKind, TensorSpec
from support.model_specs import model_spec

LOGITS = model_spec()
SHAPE = (1, 65, 65, 3)


def random_output() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)


def test_usual_logits_pass_the_output_check() -> None:
    check_output(LOGITS, random_output())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, -1, 777])
def test_one_value_that_is_not_finite_fails_the_output_check(bad: float, place: int) -> None:
    output = random_output()
    output.reshape(-1)[place] = bad
    with pytest.raises(OutputNotFinite):
        check_output(LOGITS, output)


def test_huge_logits_pass_the_output_check() -> None:
    check_output(LOGITS, random_output() * np.float32(1e30))


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_constant_logits_fail_the_output_check(value: float) -> None:
    with pytest.raises(OutputConstant, match=f"is {value:g}"):
        check_output(LOGITS, np.full(SHAPE, value, np.float32))


def test_logits_with_a_single_other_value_pass_the_output_check() -> None:
    output = np.zeros(SHAPE, np.float32)
    step = output.size // SAMPLES
    assert step > 1
    output.reshape(-1)[1] = 1
    check_output(LOGITS, output)


def test_constant_quantized_logits_fail_the_output_check() -> None:
    with pytest.raises(OutputConstant):
        check_output(LOGITS, np.full(SHAPE, 128, np.uint8))


def test_labels_of_one_class_pass_the_output_check() -> None:
    labels = model_spec(kind=OutputKind.LABELS, output=TensorSpec("labels", (1, 4, 6), "int64"))
    check_output(labels, np.zeros((1, 4, 6), np.int64))


def test_a_probability_of_0_everywhere_passes_the_output_check() -> None:
    person = model_spec(
        kind=OutputKind.PROBABILITY, output=TensorSpec("person", (1, 4, 6, 1), "float32")
    )
    check_output(person, np.zeros((1, 4, 6, 1), np.float32))
