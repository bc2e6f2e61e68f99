"""Checks the output of a delegate; the CPU's output is trusted."""

from __future__ import annotations

from typing import Protocol

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.engine.guard.drift import DriftCheck
from edgesegd.engine.guard.sanity import check_output
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import ModelInput
from edgesegd.models.spec import ModelSpec


class OutputGuard(Protocol):
    """Is called for every frame; `inspect` and `raise_if_rejected` raise EngineUnfit."""

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """Check the model's `output` for `pixels`."""

    def raise_if_rejected(self) -> None:
        """Raise if the delegate was found to be wrong; called before a result is sent."""

    def take_checks(self) -> list[DelegateCheck]:
        """The comparisons with the CPU that ended since this was called before."""


class TrustedOutput:
    """For the CPU, with which all delegates are compared: nothing is checked."""

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """Do nothing."""

    def raise_if_rejected(self) -> None:
        """Do nothing."""

    def take_checks(self) -> list[DelegateCheck]:
        """None."""
        return []


class CheckedOutput:
    """Checks the values of every frame, and compares some frames with the CPU (`drift`)."""

    def __init__(self, model: ModelSpec, drift: DriftCheck | None) -> None:
        self._model = model
        self._drift = drift

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """Check a frame; raises OutputNotFinite or OutputConstant."""
        check_output(self._model, output)
        if self._drift is not None:
            self._drift.inspect(pixels, output)

    def raise_if_rejected(self) -> None:
        """Raise EngineUnfit if frames were found to be wrong, or cannot be checked any more."""
        if self._drift is not None:
            self._drift.raise_if_found()

    def take_checks(self) -> list[DelegateCheck]:
        """The comparisons with the CPU that ended since this was called before."""
        return [] if self._drift is None else self._drift.take_checks()
