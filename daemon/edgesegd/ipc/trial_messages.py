"""Messages between a delegate's trial and its parent: plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgesegd.delegates.spec import DelegateSpec

MAX_DEVIATION = 0.1
"""Largest accepted mean difference of the output's values from the CPU's, in their standard
deviations.

Half precision stays below 0.01. The limit finds a wrong delegate even if the model sees only
background in a picture, where the classes alone would not differ.
"""

SOFTWARE_ADAPTER = "software"
"""In an adapter's kind: there is no GPU. The CPU emulates one, 60 to 80 times slower than its own
kernels."""


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """An order to try one delegate on one model.

    `model_path` is the file that the delegate runs, which may differ from the CPU's;
    `model_sha256` is the SHA-256 of its content. `reference` is the descriptor of a file with the
    CPU's output. If the file is empty, this is the first trial, which runs on the CPU and writes
    it. `threads` 0 lets the trial choose. `sandbox` is the option of that name: what
    works in a trial must work in an engine.
    """

    model_path: str
    model_sha256: str
    runtime: str
    delegate: DelegateSpec
    threads: int
    reference: int
    sandbox: str = "auto"

    def to_message(self) -> dict[str, Any]:
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> TrialOrder:
        """Read a message."""
        delegate = DelegateSpec.from_message(message["delegate"])
        return cls(**{**message, "delegate": delegate})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial found out about a candidate before the timing.

    The delegate runs `delegated` of the model's `operators`; both are 0 on the CPU. `agreement` is
    the share of pixels with the same class as on the CPU, lowest of all probe pictures.
    `largest_difference` is the largest difference of the output's real values from the CPU's, and
    `deviation` the mean difference in standard deviations of the CPU's values; both are None for
    labels, and for values that are not finite. `finite` is whether all values were finite. `memory`
    is the peak of the process, in bytes. `adapter` is the GPU that ran the model, if one did.
    `fallback` is why the CPU runs without XNNPACK, "" if it does not.
    """

    runtime: str
    threads: int
    delegated: int
    operators: int
    agreement: float
    largest_difference: float | None
    deviation: float | None
    finite: bool
    memory: int
    adapter: str = ""
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTrialResult(TrialResult):
    """What a complete trial found out, including how long warm invokes took.

    `seconds_p10`, `seconds_p50` and `seconds_p90` are percentiles of the seconds of single invokes.
    `relative` is the ratio of this candidate's invokes to those of the first candidate that was
    timed. Each invoke is compared with its neighbour in time, because other programs on the board
    slow both down equally.
    """

    seconds_p10: float
    seconds_p50: float
    seconds_p90: float
    relative: float
