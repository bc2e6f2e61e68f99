"""Where the time of a frame goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

from edgesegd.core.result import Stage


class StageClock:
    """Measures consecutive stages; `seconds` holds those that have ended, with what was `before`.

    A stage in two parts has the time of both.
    """

    def __init__(self, before: Mapping[Stage, float] = MappingProxyType({})) -> None:
        self.seconds = dict(before)
        self._last = time.perf_counter()

    def end(self, stage: Stage) -> None:
        """The time since the last stage ended was spent in `stage`."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
