"""What a delegate gives is looked at, and the CPU is trusted."""

from __future__ import annotations

from typing import Protocol

from edgesegd.engine.guard.drift import DriftCheck
from edgesegd.engine.guard.sanity import check_output
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import ModelInput
from edgesegd.models.spec import ModelSpec


class OutputGuard(Protocol):
    """Asked about every frame; both raise EngineUnfit."""

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """The model gave `output` for `pixels`."""

    def raise_if_rejected(self) -> None:
        """The frame's result is about to be delivered."""


class TrustedOutput:
    """For the CPU, which all others are compared with."""

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """It is right."""

    def raise_if_rejected(self) -> None:
        """It is right."""


class CheckedOutput:
    """Looks at the values of every frame; `drift`, where there is one, at some more closely."""

    def __init__(self, model: ModelSpec, drift: DriftCheck | None) -> None:
        self._model = model
        self._drift = drift

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """Raises OutputNotFinite or OutputConstant."""
        check_output(self._model, output)
        if self._drift is not None:
            self._drift.look(pixels, output)

    def raise_if_rejected(self) -> None:
        """Raises EngineUnfit where frames were found to be wrong by now, or cannot be checked."""
        if self._drift is not None:
            self._drift.raise_if_found()
