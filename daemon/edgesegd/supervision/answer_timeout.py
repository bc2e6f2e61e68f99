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


class AnswerTimeout:
    """A bound for one engine, derived from measured latency.

    `usual` is what its warm invoke took, seconds, which is all that is known before its first
    frame. `fixed` (seconds) overrides the bound where it is not 0.
    """

    def __init__(self, *, fixed: float, usual: float) -> None:
        self._fixed = fixed
        self._usual = usual

    @property
    def seconds(self) -> float:
        """How long to wait for an answer."""
        return self._fixed or max(FLOOR_SECONDS, FACTOR * self._usual)

    def observe(self, seconds: float) -> None:
        """A frame took this long."""
        self._usual += WEIGHT * (seconds - self._usual)
