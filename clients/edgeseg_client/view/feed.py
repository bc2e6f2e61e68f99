"""What is known of one source now: its newest frame, its state and its numbers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import numpy as np

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.status import Status
from edgeseg_client.view.changes import Changes
from edgeseg_client.view.live_frame import LiveFrame

MAX_AGE_SECONDS: Final = 10.0
"""How old the newest frame of a live source may be, by default, to be shown as it is now."""
RECENT_SECONDS: Final = 3.0
"""The rate is that of the last so many seconds."""
_LATENCIES: Final = 120


class FeedState(StrEnum):
    """What a source does."""

    WAITING = "waiting"
    """It has given no frame yet."""
    LIVE = "live"
    LOST = "lost"
    """It is opened again and again."""
    REFUSED = "refused"
    """The daemon does not segment its frames; it is asked again and again."""
    ENDED = "ended"
    FAILED = "failed"
    """It ended with an error."""


class Feed:
    """One source; `newest` is its newest frame with a result, None before the first one.

    `last_failure` is why its last frame failed, or empty.

    `changes` is notified of each frame and of each state. `clock` is monotonic, in seconds. What
    is shown of a source whose frames grow old (`grows_old`) is at most `max_age` seconds old.
    """

    def __init__(
        self,
        name: str,
        changes: Changes,
        *,
        max_age: float = MAX_AGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.grows_old = False
        self._max_age = max_age
        self._newest_since = 0.0
        self.newest: LiveFrame | None = None
        self.state = FeedState.WAITING
        self.why = ""
        self._changes = changes
        self._clock = clock
        self._numbers = dict.fromkeys(("frames", "results", "dropped", "failed"), 0)
        self._moments: deque[float] = deque(maxlen=1000)
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self.last_failure = ""

    def add(self, answered: AnsweredFrame) -> None:
        """Count an answer; one with a result is the newest frame from now on."""
        self.count(answered.answer)
        result = answered.answer.segmented
        if result is not None:
            self.newest = LiveFrame(
                self.name,
                self._numbers["results"],
                answered.frame,
                result,
                answered.answer.latency,
            )
            self._newest_since = self._clock() - answered.answer.latency
        if self.state in {FeedState.WAITING, FeedState.REFUSED}:
            self.change(FeedState.LIVE)
        else:  # the last frames of a source may be answered after it is lost
            self.change(self.state, self.why)

    def count(self, answer: FrameAnswer) -> None:
        """Count an answer."""
        self._numbers["frames"] += 1
        if answer.segmented is not None:
            self._numbers["results"] += 1
            self._moments.append(self._clock())
            self._latencies.append(answer.latency)
            self.last_failure = ""
        elif answer.status in {Status.SUPERSEDED, Status.EXPIRED}:
            self._numbers["dropped"] += 1
        else:
            self._numbers["failed"] += 1
            self.last_failure = answer.message

    def lost(self, why: str) -> None:
        """The source is lost for the reason `why`, or with "" is back."""
        self.change(FeedState.LOST if why else FeedState.LIVE, why)

    def change(self, state: FeedState, why: str = "") -> None:
        """Set the state, and why it is so."""
        self.state, self.why = state, why
        self._changes.notify()

    def outdated(self) -> str:
        """Why `newest` is not what the source shows now; empty if it may be shown."""
        if self.state in {FeedState.LOST, FeedState.REFUSED, FeedState.FAILED}:
            return self.why
        if self.state is FeedState.ENDED:
            return "it has ended"
        age = self._clock() - self._newest_since
        if self.newest is None or age <= self._max_age:
            return ""
        if self.last_failure:
            return f"its frames have failed for {age:.0f} s: {self.last_failure}"
        return f"its newest frame is {age:.0f} s old" if self.grows_old else ""

    def describe(self) -> dict[str, Any]:
        """All numbers, ready for JSON; durations are in seconds."""
        return {
            "name": self.name,
            "state": self.state,
            "why": self.why,
            "last_failure": self.last_failure,
            "rate": self._rate(),
            "latency_p50": self._latency(50),
            "latency_p99": self._latency(99),
            **self._numbers,
        }

    def _rate(self) -> float:
        """Results per second in the last seconds."""
        since = self._clock() - RECENT_SECONDS
        return sum(moment >= since for moment in self._moments) / RECENT_SECONDS

    def _latency(self, percentile: float) -> float | None:
        if not self._latencies:
            return None
        return float(np.percentile(self._latencies, percentile))
