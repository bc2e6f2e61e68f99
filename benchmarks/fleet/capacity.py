"""How many cameras a board and a fleet carry, by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fleet.paper import Bounds, bounds
from fleet.placement import PLACEMENTS
from fleet.service_times import ServiceTimes
from fleet.simulation import Outcome, Setting, simulate

DRAWS = 3
"""How often the phases of the cameras are drawn; the worst counts."""
MOST_CAMERAS = 4096
"""No board is tried with more."""


@dataclass(frozen=True)
class Aim:
    """What the cameras of a board need: a `share` of the frames with a result, and their p99.

    `p99` is the most that the 99th percentile of the results' latency may be, in seconds.
    """

    share: float
    p99: float

    def is_met(self, outcome: Outcome) -> bool:
        """Whether the cameras of a board have what they need."""
        return outcome.share >= self.share and outcome.latency(0.99) <= self.p99


@dataclass(frozen=True)
class Capacity:
    """The `cameras` that a board carries, what they see there, and the bounds on paper.

    There is no `outcome` if it carries none. `fleets` are the cameras of so many boards, by
    placement.
    """

    aim: Aim
    cameras: int
    outcome: Outcome | None
    paper: Bounds
    fleets: dict[int, dict[str, int]]


def capacity(
    times: ServiceTimes, setting: Setting, aim: Aim, fleets: list[int], *, seconds: float
) -> Capacity:
    """The cameras that a board and fleets of such boards carry, so that the aim is met."""
    board = _BoardTrials(times, setting, aim, seconds)
    most = board.find_most()
    return Capacity(
        aim,
        most,
        board.worst(most) if most else None,
        bounds(times, setting, aim.share),
        {
            boards: {each.name: each.carries(boards, most) if most else 0 for each in PLACEMENTS}
            for boards in fleets
        },
    )


class _BoardTrials:
    """Tries a board with numbers of cameras."""

    def __init__(self, times: ServiceTimes, setting: Setting, aim: Aim, seconds: float) -> None:
        self._times, self._setting, self._aim, self._seconds = times, setting, aim, seconds
        self._known: dict[int, Outcome] = {}

    def worst(self, cameras: int) -> Outcome:
        """What so many cameras see, with those phases that are worst for their latency."""
        if cameras not in self._known:
            drawn = [self._try(cameras, seed) for seed in range(DRAWS)]
            failed = [outcome for outcome in drawn if not self._aim.is_met(outcome)]
            self._known[cameras] = max(failed or drawn, key=lambda each: each.latency(0.99))
        return self._known[cameras]

    def find_most(self) -> int:
        """The most cameras with which the aim is met; 0 for none."""
        low, high = 0, 1
        while high < MOST_CAMERAS and self._is_met(high):
            low, high = high, 2 * high
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_met(middle) else (low, middle)
        return low

    def _is_met(self, cameras: int) -> bool:
        return self._aim.is_met(self.worst(cameras))

    def _try(self, cameras: int, seed: int) -> Outcome:
        random = Random(seed)  # noqa: S311 # phases of cameras
        placed = [(0, random.random()) for _ in range(cameras)]
        return simulate(self._times, self._setting, placed, seconds=self._seconds, seed=seed)
