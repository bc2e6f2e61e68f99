"""Where the time of a frame goes."""

from __future__ import annotations

import time

from edgesegd.core.result import Stage


class StageClock:
    """Measures consecutive stages; `seconds` holds those that have ended."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._last = time.perf_counter()

    def end(self, stage: Stage) -> None:
        """The time since the last stage ended was spent in `stage`."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
