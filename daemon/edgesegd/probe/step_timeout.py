"""How long a trial may be silent, on a board of any speed."""

from __future__ import annotations

INVOKE_FACTOR = 20
"""How many times as long as the slowest invoke so far a step may take: a board that is busy is that
much slower at most."""

CPU_FACTOR = 10
"""How many times as long the CPU may take for what nothing is known of: no driver hangs there, and
a slow board is slow, not broken."""


class StepTimeout:
    """The longest silence of one trial, whose child tells each step: a stage, an invoke.

    It begins with `seconds`, and grows with the invokes that are seen. `invoke_seconds` is what one
    took elsewhere on this board, 0 where that is not known.
    """

    def __init__(self, seconds: float, *, invoke_seconds: float = 0.0) -> None:
        self._least = seconds
        self.slowest_invoke = invoke_seconds

    @property
    def seconds(self) -> float:
        """How long the next step may take."""
        return max(self._least, INVOKE_FACTOR * self.slowest_invoke)

    def observe(self, invoke_seconds: float) -> None:
        """An invoke took so long."""
        self.slowest_invoke = max(self.slowest_invoke, invoke_seconds)


class CpuStepTimeout(StepTimeout):
    """The same on the CPU, which is given more until an invoke was seen."""

    @property
    def seconds(self) -> float:
        """How long the next step may take."""
        if not self.slowest_invoke:
            return self._least * CPU_FACTOR
        return super().seconds
