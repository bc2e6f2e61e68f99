"""How many results a second there were lately."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW_SECONDS: Final = 10.0


class Rate:
    """Counts results over the last ten seconds. Times are of any monotonic clock, in seconds."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        """Counts a result."""
        self._times.append(now)
        self._drop_old(now)

    def per_second(self, now: float) -> float:
        """Results a second; at first over the time since the start, if that is a second or more."""
        self._drop_old(now)
        return len(self._times) / max(1.0, min(_WINDOW_SECONDS, now - self._begun))

    def _drop_old(self, now: float) -> None:
        while self._times and now - self._times[0] >= _WINDOW_SECONDS:
            self._times.popleft()
