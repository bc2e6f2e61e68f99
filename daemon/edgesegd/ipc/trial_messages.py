"""What a delegate's trial is asked and answers: plain values, passed between two processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgesegd.delegates.spec import DelegateSpec

LARGEST_DEVIATION = 0.1
"""Mean difference of the output's values from the CPU's, in standard deviations of those.

Half precision stays below 0.01. It tells a delegate that lies where a picture is all background to
a model, so that the classes alone would not.
"""

SOFTWARE_ADAPTER = "software"
"""In an adapter's kind: there is no GPU, the CPU plays it, 60 to 80 times as slow as kernels."""


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """One delegate to be tried on one model.

    `model_path` is the file that the delegate runs, which need not be the CPU's, and `model_sha256`
    is that of its content. `reference` is the
    descriptor of a file that holds what the CPU gave; where it is empty, this trial is the CPU's
    first and writes it. `threads` of 0 are as many as make sense.
    """

    model_path: str
    model_sha256: str
    runtime: str
    delegate: DelegateSpec
    threads: int
    reference: int

    def to_message(self) -> dict[str, Any]:
        """As it goes to the child."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> TrialOrder:
        """As it came."""
        delegate = DelegateSpec.from_message(message["delegate"])
        return cls(**{**message, "delegate": delegate})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a trial saw of a candidate before it was timed.

    `delegated` of the model's `operators` are run by the delegate; both are 0 on the CPU.
    `agreement` is the lowest share of pixels, over the probe images, whose class is the CPU's.
    `largest_difference` is that of the output's real values, and `deviation` their mean difference
    in standard deviations of the CPU's; both None for labels and no numbers. `finite` is whether
    all of them were numbers. `memory` is the process's peak, bytes. `adapter` is the GPU that ran
    it, where one did.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Tried):
    """What a trial that came to its end saw: how long warm invokes took, too.

    Of the seconds of single invokes the percentiles are given. `relative` is their ratio to those
    of the first candidate that was timed, each to its neighbour in time: a board that other
    programs use is as slow for the one as for the other.
    """

    seconds_p10: float
    seconds_p50: float
    seconds_p90: float
    relative: float
