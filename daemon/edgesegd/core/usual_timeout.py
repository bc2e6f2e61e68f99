"""A timeout that follows from how long something usually takes."""

from __future__ import annotations

FACTOR = 20.0
"""The timeout as a multiple of the usual duration."""
WEIGHT = 0.1
"""Weight of the newest duration in the usual one, a moving average."""


class UsualTimeout:
    """FACTOR times the usual duration, but at least `floor`; everything in seconds.

    `usual` is the usual duration as far as it is known before the first is observed. If `fixed` is
    not 0, it is the timeout.
    """

    def __init__(self, *, floor: float, usual: float, fixed: float = 0.0) -> None:
        self._floor = floor
        self._usual = usual
        self._fixed = fixed

    @property
    def seconds(self) -> float:
        """How long the next one may take."""
        return self._fixed or max(self._floor, FACTOR * self._usual)

    def observe(self, seconds: float) -> None:
        """Count one that took `seconds`."""
        self._usual += WEIGHT * (seconds - self._usual)
