"""How long an invoke takes, of one candidate or of two in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from edgesegd.probe.trial import Trial, TrialFailed

MIN_TIMED, ENOUGH_TIMED, MAX_TIMED = 2, 5, 30
TIMED_SECONDS = 2.0
"""Warm invokes are timed until enough are and this time is reached, or the most."""
MAX_TIMED_SECONDS = 10.0
"""Where an invoke takes seconds the least are enough, if one more would take longer than that."""

Turn = Callable[[], AbstractAsyncContextManager[None]]
"""Within it nothing else of ours runs: the next invokes have the board for themselves."""


def any_time() -> AbstractAsyncContextManager[None]:
    """A turn where nothing else of ours runs anyway."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of single invokes, and their ratio to those of the first candidate."""

    seconds: tuple[float, ...]
    relative: float

    def percentile(self, percent: int) -> float:
        """Of the seconds: so much of a hundred took less."""
        return sorted(self.seconds)[len(self.seconds) * percent // 100]


class Yardstick:
    """Times candidates, each in turn with the fastest of those that it was given to `keep`."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._trial: Trial | None = None
        self._relative = 1.0
        self._first_median = 0.0

    async def time(self, trial: Trial) -> Timed:
        """Time a candidate; raises TrialFailed."""
        while self._trial is not None:
            try:
                pairs = await time_in_turn(self._trial, trial, self._turn)
            except TrialFailed as failure:
                if failure.trial is trial:
                    raise
                await self.close()
            else:
                seconds = tuple(second for _, second in pairs)
                return Timed(seconds, self._relative * ratio(pairs))
        seconds = tuple(await time_alone(trial, self._turn))
        median = statistics.median(seconds)
        self._first_median = self._first_median or median
        return Timed(seconds, median / self._first_median)

    async def keep(self, trial: Trial, timed: Timed) -> None:
        """Time others in turn with this one, if it is faster than the one before; end the other."""
        if self._trial is not None and timed.relative >= self._relative:
            await trial.close()
            return
        await self.close()
        self._trial, self._relative = trial, timed.relative

    async def close(self) -> None:
        """End the candidate that is kept."""
        if self._trial is not None:
            await self._trial.close()
            self._trial = None


async def time_alone(trial: Trial, turn: Turn) -> list[float]:
    """Seconds of some warm invokes; raises TrialFailed."""
    seconds: list[float] = []
    while not is_enough(seconds):
        async with turn():
            seconds.append(await trial.invoke())
    return seconds


async def time_in_turn(one: Trial, other: Trial, turn: Turn) -> list[tuple[float, float]]:
    """Seconds of warm invokes of two, one right after the other, each first in every second pair.

    Raises TrialFailed.
    """
    pairs: list[tuple[float, float]] = []
    while not is_enough([sum(pair) for pair in pairs]):
        async with turn():
            if len(pairs) % 2:
                second = await other.invoke()
                pairs.append((await one.invoke(), second))
            else:
                first = await one.invoke()
                pairs.append((first, await other.invoke()))
    return pairs


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """How many times as long as the one the other takes, as the median pair has it."""
    return statistics.median(second / first for first, second in pairs)


def is_enough(seconds: Sequence[float]) -> bool:
    """Whether no more needs to be timed; `seconds` is what was."""
    count, total = len(seconds), sum(seconds)
    if count < MIN_TIMED:
        return False
    if count >= MAX_TIMED or total + seconds[-1] > MAX_TIMED_SECONDS:
        return True
    return count >= ENOUGH_TIMED and total >= TIMED_SECONDS
