"""The timeout of each step of a trial, on a board of any speed."""

from __future__ import annotations

INVOKE_FACTOR = 20
"""A step may take this many times as long as the slowest invoke so far; a busy board is not slower
than that."""

CPU_FACTOR = 10
"""Before the first invoke, the CPU's timeout is this many times as long: no driver can hang there,
and a slow board is not broken."""


class TrialTimeout:
    """The timeout of one trial, whose process reports each step: a stage or an invoke.

    It begins with `seconds`, and grows with the slowest invoke. `invoke_seconds` is how long an
    invoke took in another trial on this board, 0 if that is not known.
    """

    def __init__(self, seconds: float, *, invoke_seconds: float = 0.0) -> None:
        self._minimum = seconds
        self.slowest_invoke = invoke_seconds

    @property
    def seconds(self) -> float:
        """How long the next step may take."""
        return max(self._minimum, INVOKE_FACTOR * self.slowest_invoke)

    def observe(self, invoke_seconds: float) -> None:
        """Count an invoke that took `invoke_seconds`."""
        self.slowest_invoke = max(self.slowest_invoke, invoke_seconds)


class CpuTrialTimeout(TrialTimeout):
    """The timeout on the CPU, which is longer until the first invoke is done."""

    @property
    def seconds(self) -> float:
        """How long the next step may take."""
        if not self.slowest_invoke:
            return self._minimum * CPU_FACTOR
        return super().seconds
