"""How long an engine may take before it counts as hung."""

from __future__ import annotations

FLOOR_SECONDS = 10.0
"""Never less: a very large picture may take seconds to decode, and boards stall now and then."""
FACTOR = 20.0
"""Times the usual latency."""
WEIGHT = 0.1
"""Of the newest frame in the moving average of the latency."""


class AnswerBound:
    """A bound derived from measured latency; `fixed` (seconds) overrides it where not 0."""

    def __init__(self, *, fixed: float) -> None:
        self._fixed = fixed
        self._usual: float | None = None

    @property
    def seconds(self) -> float:
        """How long to wait for an answer."""
        return self._fixed or max(FLOOR_SECONDS, FACTOR * (self._usual or 0))

    def observe(self, seconds: float) -> None:
        """A frame took this long."""
        if self._usual is None:
            self._usual = seconds
        self._usual += WEIGHT * (seconds - self._usual)
