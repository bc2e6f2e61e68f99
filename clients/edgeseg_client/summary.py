"""Counts the answers of a stream."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.result import Result
from edgeseg_client.status import Status
from edgeseg_client.timing import Timing

Stage = Literal["queued", "decode", "preprocess", "invoke", "labels", "encode"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""The stages of a frame in the daemon, in their order."""
_RECENT: Final = 60
"""How many results the rate and the stages are of."""
_LATENCIES_KEPT: Final = 100_000
"""Percentiles use this many of the newest latencies, so that memory stays bounded."""


class Summary:
    """Counts answers and measures from its construction on; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self.statuses: Counter[Status] = Counter()
        """How many frames were answered with each status."""
        self.failed = 0
        """How many frames `failed`."""
        self.reused = 0
        """How many results were computed for an earlier frame."""
        self.last: Result | None = None
        """The last result."""
        self._recent: deque[tuple[float, Timing]] = deque(maxlen=_RECENT)

    def add(self, answer: FrameAnswer) -> None:
        """Counts one answer."""
        self._last = self._clock()
        self.statuses[answer.status] += 1
        self.failed += answer.failed
        if answer.segmented is not None:
            self._latencies.append(answer.latency)
            self.reused += answer.segmented.reused
            self.last = answer.segmented
            self._recent.append((self._last, answer.segmented.timing))

    @property
    def model(self) -> str:
        """The model of the last result, as `name version`; "" without results."""
        return "" if self.last is None else f"{self.last.model} {self.last.model_version}"

    @property
    def delegate(self) -> str:
        """The delegate of the last result; "" without results."""
        return "" if self.last is None else self.last.delegate

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class in the last result, by name; empty without results."""
        return {} if self.last is None else self.last.shares

    @property
    def dropped(self) -> int:
        """How many frames were superseded or expired."""
        return self.statuses[Status.SUPERSEDED] + self.statuses[Status.EXPIRED]

    @property
    def frames(self) -> int:
        """Frames answered, whatever their status."""
        return self.statuses.total()

    @property
    def seconds(self) -> float:
        """Seconds from the construction to the last answer."""
        return self._last - self._started

    @property
    def results_per_second(self) -> float:
        """Results per second; 0.0 before the first answer."""
        return self.statuses[Status.OK] / self.seconds if self.seconds > 0 else 0.0

    @property
    def recent_rate(self) -> float:
        """Results per second of the newest results; 0.0 before the second one."""
        if len(self._recent) < 2 or self._recent[-1][0] <= self._recent[0][0]:
            return 0.0
        return (len(self._recent) - 1) / (self._recent[-1][0] - self._recent[0][0])

    def stage(self, name: Stage) -> float:
        """The median of a stage of the newest results, in seconds; 0.0 without results."""
        times = [getattr(timing, name) for _, timing in self._recent]
        return float(np.median(times)) if times else 0.0

    def latency(self, percentile: float) -> float | None:
        """That percentile of the latency of results, in seconds; None without results."""
        if not self._latencies:
            return None
        return float(np.percentile(self._latencies, percentile))

    def as_dict(self) -> dict[str, object]:
        """All numbers, ready for JSON; durations are in seconds."""
        return {
            "frames": self.frames,
            "statuses": {status.value: count for status, count in sorted(self.statuses.items())},
            "reused": self.reused,
            "seconds": self.seconds,
            "results_per_second": self.results_per_second,
            "latency_p50": self.latency(50),
            "latency_p99": self.latency(99),
            "model": self.model,
            "delegate": self.delegate,
        }
