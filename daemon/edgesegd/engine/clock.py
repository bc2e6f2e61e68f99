"""Measures the time of each stage of a frame."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

from edgesegd.core.result import Stage


class StageClock:
    """Measures consecutive stages; `seconds` is the time of each, added to the times of `before`.

    If a stage ends twice, its times are added up.
    """

    def __init__(self, before: Mapping[Stage, float] = MappingProxyType({})) -> None:
        self.seconds = dict(before)
        self._last = time.perf_counter()

    def end(self, stage: Stage) -> None:
        """Count the time since the end of the last stage as time of `stage`."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
