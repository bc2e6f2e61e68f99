"""Times the invokes of one candidate, or of two in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from edgesegd.probe.trial import Trial, TrialFailed

MIN_TIMED, ENOUGH_TIMED, MAX_TIMED = 2, 5, 30
TIMED_SECONDS = 2.0
"""Warm invokes are timed until there are ENOUGH_TIMED and they took this long, or MAX_TIMED."""
MAX_TIMED_SECONDS = 10.0
"""If invokes take seconds, MIN_TIMED are enough, if one more would exceed this total."""

Exclusive = Callable[[], AbstractAsyncContextManager[None]]
"""In its context no frame is in an engine of this daemon, so invokes are timed undisturbed."""


def already_exclusive() -> AbstractAsyncContextManager[None]:
    """For a process that serves no frames: it never waits."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class InvokeTimes:
    """The seconds of single invokes, and their ratio to those of the first candidate."""

    seconds: tuple[float, ...]
    relative: float

    def percentile(self, percent: int) -> float:
        """The seconds below which `percent` of the invokes are."""
        return sorted(self.seconds)[len(self.seconds) * percent // 100]


class PairedTimer:
    """Times candidates; invokes of each alternate with those of the fastest that was kept."""

    def __init__(self, exclusive: Exclusive) -> None:
        self._exclusive = exclusive
        self._trial: Trial | None = None
        self._relative = 1.0
        self._first_median = 0.0

    async def time(self, trial: Trial) -> InvokeTimes:
        """Time a candidate; raises TrialFailed."""
        while self._trial is not None:
            try:
                pairs = await time_pairs(self._trial, trial, self._exclusive)
            except TrialFailed as failure:
                if failure.trial is trial:
                    raise
                await self.close()
            else:
                seconds = tuple(second for _, second in pairs)
                return InvokeTimes(seconds, self._relative * ratio(pairs))
        seconds = tuple(await time_alone(trial, self._exclusive))
        median = statistics.median(seconds)
        self._first_median = self._first_median or median
        return InvokeTimes(seconds, median / self._first_median)

    async def keep(self, trial: Trial, times: InvokeTimes) -> None:
        """Keep this trial for comparison if it is faster than the kept one; end the slower one."""
        if self._trial is not None and times.relative >= self._relative:
            await trial.close()
            return
        await self.close()
        self._trial, self._relative = trial, times.relative

    async def close(self) -> None:
        """End the kept trial."""
        if self._trial is not None:
            await self._trial.close()
            self._trial = None


async def time_alone(trial: Trial, exclusive: Exclusive) -> list[float]:
    """Time warm invokes; returns their seconds. Raises TrialFailed."""
    seconds: list[float] = []
    while not is_enough(seconds):
        async with exclusive():
            seconds.append(await trial.invoke())
    return seconds


async def time_pairs(one: Trial, other: Trial, exclusive: Exclusive) -> list[tuple[float, float]]:
    """Time pairs of warm invokes, one of each trial; returns the seconds of each pair.

    The trials are first in turn. Raises TrialFailed.
    """
    pairs: list[tuple[float, float]] = []
    while not is_enough([sum(pair) for pair in pairs]):
        async with exclusive():
            if len(pairs) % 2:
                second = await other.invoke()
                pairs.append((await one.invoke(), second))
            else:
                first = await one.invoke()
                pairs.append((first, await other.invoke()))
    return pairs


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median, over the pairs, of the second's time divided by the first's."""
    return statistics.median(second / first for first, second in pairs)


def is_enough(seconds: Sequence[float]) -> bool:
    """Whether enough invokes were timed; `seconds` are theirs."""
    count, total = len(seconds), sum(seconds)
    if count < MIN_TIMED:
        return False
    if count >= MAX_TIMED or total + seconds[-1] > MAX_TIMED_SECONDS:
        return True
    return count >= ENOUGH_TIMED and total >= TIMED_SECONDS
