"""How long an engine may take before it counts as hung."""

from __future__ import annotations

FLOOR_SECONDS = 10.0
"""Never less: a very large picture may take seconds to decode, and boards stall now and then."""
FACTOR = 20.0
"""Times the usual latency."""
WEIGHT = 0.1
"""Of the newest frame in the moving average of the latency."""

START_FLOOR_SECONDS, START_FACTOR = 5.0, 10.0
"""The same for the start of an engine with a delegate that has started before."""


def start_bound(usual: float, *, most: float) -> float:
    """How long an engine may take to start, seconds; `most` where `usual` is 0, not known."""
    return min(most, max(START_FLOOR_SECONDS, START_FACTOR * usual)) if usual else most


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
