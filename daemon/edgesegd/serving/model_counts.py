"""What a model did since it serves, in its present version."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


class ModelCounts:
    """Frames with a result and without, of clients of all protocols, and where their time went.

    `total_ns` is the time from the arrival of frames to their responses, by whether they have a
    result; `stage_ns` that of each stage, of those that have one. `last_unix_ms` is when the last
    result was sent, 0 where none was. All of it begins anew with another version.
    """

    def __init__(self) -> None:
        self.version = ""
        self._begin("")

    def _begin(self, version: str) -> None:
        self.version = version
        self.results = self.failures = self.last_unix_ms = 0
        self.total_ns: Counter[bool] = Counter()
        self.stage_ns: Counter[Stage] = Counter()

    def answered(
        self,
        version: str,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
    ) -> None:
        """A frame's response is sent, while `version` serves; one of another counts no more."""
        if version != self.version:
            self._begin(version)
        has_result = isinstance(outcome, FrameResult)
        if isinstance(outcome, FrameResult):
            if outcome.model.version != version:
                return
            self.results += 1
            self.last_unix_ms = time.time_ns() // 1_000_000
            for stage, spent in seconds.items():
                self.stage_ns[stage] += round(spent * 1e9)
        else:
            self.failures += 1
        self.total_ns[has_result] += round(total * 1e9)

    def abandoned(self, count: int) -> None:
        """Clients left before the answers to so many frames; how long they waited is not known."""
        self.failures += count
