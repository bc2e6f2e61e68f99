"""What becomes of frames, for tests to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage


class Counted:
    """A FrameObserver that counts: frames by outcome, limits that were met, and seconds."""

    def __init__(self) -> None:
        self.outcomes = Counter[str]()
        self.limits = Counter[str]()
        self.totals: list[float] = []
        self.ages: list[float | None] = []

    def frame_answered(
        self,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
        age: float | None,
    ) -> None:
        assert Stage.QUEUED in seconds
        self.outcomes["ok" if isinstance(outcome, FrameResult) else outcome.outcome] += 1
        self.totals.append(total)
        self.ages.append(age)

    def frames_abandoned(self, count: int) -> None:
        self.outcomes["cancelled"] += count

    def limit_met(self, limit: str) -> None:
        self.limits[limit] += 1
