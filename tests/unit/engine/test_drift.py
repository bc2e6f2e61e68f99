"""Checks of a delegate against the CPU: how many must differ, and what ends them."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import CheckFailed, EngineDistrusted, ModelUnsupported
from edgesegd.engine.guard.drift import DriftCheck
from edgesegd.engine.runtimes.interpreter import LoadedModel
from edgesegd.imaging.preprocess import GivenTensor, Pixels
from edgesegd.ipc.checks import MAX_CHECKS
from edgesegd.models.spec import TensorSpec
from support.model_specs import model_spec

SCORES = np.zeros((1, 4, 6, 3), np.float32)
SCORES[..., 1] = 1.0
OTHERS = np.roll(SCORES, 1, axis=-1)
"""The same classes everywhere, and other ones everywhere."""


class Reference:
    """A model on the CPU that always gives SCORES; `error` is what its invoke raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.tensor = np.zeros((1, 8, 8, 3), np.float32)

    def input(self) -> Any:  # noqa: ANN401 # as a LoadedModel
        return self.tensor

    def invoke(self) -> None:
        if self.error is not None:
            raise self.error

    def output(self) -> Any:  # noqa: ANN401 # as a LoadedModel
        return SCORES


class Checked:
    """A check whose thread is waited for after each frame."""

    def __init__(self, reference: Reference, *, every: int = 1) -> None:
        model = model_spec()
        self.check = DriftCheck(model, model, lambda: cast(LoadedModel, reference), every=every)
        self.pixels: Pixels | GivenTensor = np.asarray(Image.new("RGB", (8, 8)))
        while self.check._loaded is None:
            pass

    def inspect(self, output: Any) -> None:  # noqa: ANN401 # an array of any shape
        self.check.inspect(self.pixels, output)
        while self.check._output is not None and self.check._found is None:
            pass

    def is_well(self) -> bool:
        try:
            self.check.raise_if_found()
        except EngineDistrusted:
            return False
        return True


def test_one_frame_that_differs_replaces_no_delegate() -> None:
    checked = Checked(Reference())
    for output in (SCORES, OTHERS, SCORES, SCORES, OTHERS, SCORES, SCORES):
        checked.inspect(output)
        assert checked.is_well()


@pytest.mark.parametrize("between", [0, 1])
def test_two_of_three_frames_that_differ_replace_a_delegate(between: int) -> None:
    checked = Checked(Reference())
    checked.inspect(SCORES)
    checked.inspect(OTHERS)
    assert checked.is_well()
    for _ in range(between):
        checked.inspect(SCORES)
    checked.inspect(OTHERS)
    with pytest.raises(EngineDistrusted, match=r"agrees with the CPU on 0\.0% of pixels"):
        checked.check.raise_if_found()


def test_each_check_is_reported_once_with_its_agreement() -> None:
    checked, half = Checked(Reference()), SCORES.copy()
    half[:, :2] = OTHERS[:, :2]
    assert checked.check.take_checks() == []
    for output in (SCORES, half):
        checked.inspect(output)
    assert checked.check.take_checks() == [DelegateCheck(1.0, True), DelegateCheck(0.5, False)]
    assert checked.check.take_checks() == []
    checked.inspect(OTHERS)
    assert not checked.is_well()
    assert checked.check.take_checks() == [DelegateCheck(0.0, False)], "the one that found it"


def test_a_check_whose_classes_agree_but_whose_values_do_not_differs() -> None:
    checked = Checked(Reference())
    checked.inspect(3 * SCORES)
    assert checked.check.take_checks() == [DelegateCheck(1.0, False)]


def test_checks_that_nobody_takes_are_forgotten_but_for_the_newest() -> None:
    checked = Checked(Reference())
    for _ in range(MAX_CHECKS + 5):
        checked.inspect(SCORES)
    assert len(checked.check.take_checks()) == MAX_CHECKS


def test_after_a_frame_that_differs_the_next_one_is_checked_too() -> None:
    checked = Checked(Reference(), every=100)
    checked.inspect(OTHERS)
    assert checked.is_well()
    checked.inspect(OTHERS)
    assert not checked.is_well()


def test_a_clients_tensor_is_compared_where_the_reference_takes_the_same() -> None:
    checked = Checked(Reference())
    checked.pixels = GivenTensor(np.full((1, 8, 8, 3), 0.5, np.float32), True)
    checked.inspect(OTHERS)
    checked.inspect(OTHERS)
    assert not checked.is_well()


def test_and_not_where_it_takes_other_numbers() -> None:
    quantized = model_spec(image=TensorSpec("image", (1, 8, 8, 3), "uint8", 0.5, 3))
    reference = cast(LoadedModel, Reference())
    check = DriftCheck(quantized, model_spec(), lambda: reference, every=1)
    while check._loaded is None:
        pass
    for _ in range(3):
        check.inspect(GivenTensor(np.zeros((1, 8, 8, 3), np.uint8), True), OTHERS)
        assert check._output is None
    check.raise_if_found()


def test_a_check_that_fails_replaces_the_engine_and_is_not_taken_for_a_lie(
    capfd: pytest.CaptureFixture[str],
) -> None:
    checked = Checked(Reference(MemoryError("no memory")))
    checked.inspect(SCORES)
    for _ in range(2):
        with pytest.raises(CheckFailed, match="cannot be checked any more: no memory"):
            checked.check.raise_if_found()
    assert "MemoryError" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "why"),
    [(ModelUnsupported("a custom operator"), "a custom operator"), (MemoryError(), "MemoryError")],
)
def test_a_delegate_whose_model_the_cpu_cannot_load_is_reported_as_unchecked(
    monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    model, whole_line = model_spec(), threading.Event()

    class Heard(io.StringIO):
        def flush(self) -> None:
            whole_line.set()

    def refuse() -> LoadedModel:
        raise error

    heard = Heard()
    monkeypatch.setattr(sys, "stderr", heard)
    check = DriftCheck(model, model, refuse, every=1)
    assert whole_line.wait(10)
    assert heard.getvalue() == f"the delegate is not checked: {why}\n"
    check.inspect(np.asarray(Image.new("RGB", (8, 8))), OTHERS)
    check.raise_if_found()
