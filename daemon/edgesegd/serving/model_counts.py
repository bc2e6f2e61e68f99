"""Counts of a model's frames since its present version began to serve."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


class ModelCounts:
    """Counts frames with and without a result, over all protocols, and adds up their times.

    `total_ns` is the total time from the arrival of frames to their responses: under True for
    frames with a result, under False for the others. `reused` of the `results` were not computed.
    `stage_ns` is the total time of each stage of frames with a result. `last_unix_ms` is when the
    last result was sent, 0 before the first. All start at 0 again when another version serves.
    """

    def __init__(self) -> None:
        self.version = ""
        self._begin("")

    def _begin(self, version: str) -> None:
        self.version = version
        self.results = self.reused = self.failures = self.last_unix_ms = 0
        self.total_ns: Counter[bool] = Counter()
        self.stage_ns: Counter[Stage] = Counter()

    def answered(
        self,
        version: str,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
    ) -> None:
        """Count a response that is sent while `version` serves, unless another version made it."""
        if version != self.version:
            self._begin(version)
        has_result = isinstance(outcome, FrameResult)
        if isinstance(outcome, FrameResult):
            if outcome.model.version != version:
                return
            self.results += 1
            self.reused += outcome.reused is not None
            self.last_unix_ms = time.time_ns() // 1_000_000
            for stage, spent in seconds.items():
                self.stage_ns[stage] += round(spent * 1e9)
        else:
            self.failures += 1
        self.total_ns[has_result] += round(total * 1e9)

    def abandoned(self, count: int) -> None:
        """Count frames whose clients left before the answer, after an unknown time."""
        self.failures += count
