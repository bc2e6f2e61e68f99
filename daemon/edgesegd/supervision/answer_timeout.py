"""How long an engine may take before it counts as hung."""

from __future__ import annotations

from edgesegd.core.usual_timeout import UsualTimeout

FLOOR_SECONDS = 10.0
"""A very large picture may take seconds to decode, and boards stall now and then."""

START_FLOOR_SECONDS, START_FACTOR = 5.0, 10.0
"""The floor and the factor for the start of an engine whose delegate has started before."""


def start_bound(usual: float, *, maximum: float) -> float:
    """How long an engine may take to start, in seconds; `maximum` if `usual` is 0 (not known)."""
    return min(maximum, max(START_FLOOR_SECONDS, START_FACTOR * usual)) if usual else maximum


class AnswerTimeout(UsualTimeout):
    """How long to wait for an answer of one engine, in seconds.

    `usual` is how long its warm-up invoke took; nothing else is known before the first frame. If
    `fixed` is not 0, it is the timeout.
    """

    def __init__(self, *, fixed: float, usual: float) -> None:
        super().__init__(floor=FLOOR_SECONDS, usual=usual, fixed=fixed)
