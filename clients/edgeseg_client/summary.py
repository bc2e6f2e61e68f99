"""Counts the answers of a stream."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import numpy as np

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.status import Status

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
        self.model = ""
        """The model of the last result, as `name version`."""
        self.delegate = ""
        """The delegate of the last result."""

    def add(self, answer: FrameAnswer) -> None:
        """Counts one answer."""
        self._last = self._clock()
        self.statuses[answer.status] += 1
        self.failed += answer.failed
        if answer.segmented is not None:
            self._latencies.append(answer.latency)
            self.model = f"{answer.segmented.model} {answer.segmented.model_version}"
            self.delegate = answer.segmented.delegate

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
            "seconds": self.seconds,
            "results_per_second": self.results_per_second,
            "latency_p50": self.latency(50),
            "latency_p99": self.latency(99),
            "model": self.model,
            "delegate": self.delegate,
        }
