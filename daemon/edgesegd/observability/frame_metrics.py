"""Counts the outcomes of frames in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult, Stage
from edgesegd.observability.model_metrics import ModelMetrics


class FrameMetrics:
    """Counts frames by the delegate that ran them; if none did, by the delegate in use.

    `memory_used` is called when a frame is answered or abandoned, `limit_met` with the name of a
    limit that was met.
    """

    def __init__(
        self,
        metrics: ModelMetrics,
        *,
        delegate: Callable[[], str],
        memory_used: Callable[[], None],
        limit_met: Callable[[str], None],
    ) -> None:
        self._metrics = metrics
        self._delegate = delegate
        self._memory_used = memory_used
        self._limit_met = limit_met

    def frame_answered(
        self,
        outcome: FrameResult | EdgesegError,
        seconds: Mapping[Stage, float],
        total: float,
        age: float | None,
    ) -> None:
        """A frame's response is sent."""
        delegate = outcome.delegate if isinstance(outcome, FrameResult) else self._delegate()
        self._metrics.frame_answered(outcome, seconds, total, delegate, age)
        self._memory_used()

    def frames_abandoned(self, count: int) -> None:
        """Clients left before the answers to `count` frames."""
        self._metrics.frames_abandoned(count, self._delegate())
        self._memory_used()

    def limit_met(self, limit: str) -> None:
        """A limit was met."""
        self._limit_met(limit)
