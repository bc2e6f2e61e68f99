"""How long an engine may take before it counts as hung."""

from __future__ import annotations

FLOOR_SECONDS = 10.0
"""The least bound: a very large picture may take seconds to decode, and boards stall now and then.
"""
FACTOR = 20.0
"""The bound as a multiple of the usual latency."""
WEIGHT = 0.1
"""Weight of the newest frame in the moving average of the latency."""

START_FLOOR_SECONDS, START_FACTOR = 5.0, 10.0
"""The same two for the start of an engine with a delegate that has started before."""


def start_bound(usual: float, *, maximum: float) -> float:
    """How long an engine may take to start, in seconds; `maximum` if `usual` is 0 (not known)."""
    return min(maximum, max(START_FLOOR_SECONDS, START_FACTOR * usual)) if usual else maximum


class AnswerTimeout:
    """A bound for one engine, derived from measured latency.

    `usual` is how long its warm-up invoke took, in seconds; nothing else is known before the first
    frame. If `fixed` (seconds) is not 0, it is the bound.
    """

    def __init__(self, *, fixed: float, usual: float) -> None:
        self._fixed = fixed
        self._usual = usual

    @property
    def seconds(self) -> float:
        """How long to wait for an answer."""
        return self._fixed or max(FLOOR_SECONDS, FACTOR * self._usual)

    def observe(self, seconds: float) -> None:
        """Count a frame that took `seconds`."""
        self._usual += WEIGHT * (seconds - self._usual)
