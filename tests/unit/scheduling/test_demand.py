"""Whether there is work for several engines, on a clock of the test."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

import pytest

from edgesegd.scheduling.demand import Demand
from edgesegd.scheduling.lane import Lane, Overflow


class Timer:
    """A callback that may be cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.call = callback

    def cancel(self) -> None:
        self.call = lambda: None


class Timeline:
    """A clock that the test turns, with timers."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    def clock(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), timer))
        return timer

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self._timers)
            timer.call()
        self.now = end


class Load:
    """A demand whose changes are counted, and lanes with frames in it."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.demand = Demand(clock=self.timeline.clock, call_later=self.timeline.call_later)
        self.demand.on_change = self._count
        self.changes = 0

    def _count(self) -> None:
        self.changes += 1

    def several_after(self, seconds: float) -> bool:
        self.timeline.run(seconds)
        return self.demand.several

    def frame(self, lane: Lane, seconds: float) -> None:
        """One frame that takes so long."""
        self.demand.add(lane)
        self.timeline.run(seconds)
        self.demand.remove(lane)


def every(address: str = "board") -> Lane:
    lane = Lane(4, Overflow.REJECT)
    lane.client = (address, f"{address}:1")
    return lane


def latest() -> Lane:
    return Lane(1, Overflow.SUPERSEDE)


def test_several_frames_of_one_stream_are_for_several_engines_after_a_while() -> None:
    load, lane = Load(), every()
    load.demand.add(lane)
    load.demand.add(lane)
    answers = [load.several_after(seconds) for seconds in (0.5, 1.0)]
    load.demand.remove(lane)
    answers += [load.several_after(seconds) for seconds in (0.1, 3.0)]
    assert answers == [False, True, True, False]
    assert load.changes == 2


def test_one_frame_after_another_is_for_one_engine() -> None:
    load, lane = Load(), every()
    for _ in range(1000):
        load.frame(lane, 0.01)
    assert load.changes == 0


def test_a_camera_that_sends_faster_than_it_is_answered_is_for_one_engine() -> None:
    """Its newest frame supersedes the one that waits: latency is what it is about."""
    load, camera = Load(), latest()
    load.demand.add(camera)
    for _ in range(1000):
        load.demand.add(camera)
        load.timeline.run(0.01)
        load.demand.remove(camera)
    assert load.changes == 0


def test_several_cameras_are_for_several_engines() -> None:
    load, cameras = Load(), [latest() for _ in range(8)]
    for camera in cameras:
        load.demand.add(camera)
    load.timeline.run(2.0)
    assert load.demand.several


def test_frames_that_overlap_now_and_then_are_for_one_engine() -> None:
    """As of two cameras that each want a third of an engine's time."""
    load, one, other = Load(), every(), every()
    for _ in range(300):
        load.demand.add(one)
        load.timeline.run(0.005)
        load.demand.add(other)
        load.timeline.run(0.008)
        load.demand.remove(one)
        load.timeline.run(0.005)
        load.demand.remove(other)
        load.timeline.run(0.012)
    assert load.changes == 0


def test_a_load_at_the_limit_does_not_change_the_answer_to_and_fro() -> None:
    """Side by side each frame takes longer, and so frames overlap for more of the time."""
    load, one, other = Load(), every(), every()
    for _ in range(1000):
        together = 0.72 if not load.demand.several else 0.6
        load.demand.add(one)
        load.demand.add(other)
        load.timeline.run(0.1 * together)
        load.demand.remove(one)
        load.timeline.run(0.1 * (1 - together))
        load.demand.remove(other)
    assert load.changes <= 1


def test_arrivals_at_random_near_the_limit_change_the_answer_less_and_less_often() -> None:
    """Without a least time in a state it changed twenty times a minute."""
    chance = random.Random(1)
    load, lanes = Load(), [every() for _ in range(64)]
    in_flight: list[Lane] = []
    changes = []
    for _ in range(5):
        before, until = load.changes, load.timeline.now + 60
        while load.timeline.now < until:
            rate = 1 / 0.0148 if not load.demand.several else min(2, len(in_flight) or 1) / 0.023
            arrival, service = chance.expovariate(62.0), chance.expovariate(rate)
            load.timeline.run(min(arrival, service) if in_flight else arrival)
            if in_flight and service < arrival:
                lane = in_flight.pop(0)
                load.demand.remove(lane)
                lanes.append(lane)
            elif lanes:
                in_flight.append(lanes.pop())
                load.demand.add(in_flight[-1])
        changes.append(load.changes - before)
    assert max(changes[1:]) <= 8
    assert sum(changes) > 0


def test_the_level_is_how_many_frames_there_were_lately() -> None:
    load, lanes = Load(), [every() for _ in range(4)]
    for lane in lanes:
        load.demand.add(lane)
    load.timeline.run(5.0)
    assert round(load.demand.level, 1) == 4.0
    for lane in lanes[1:]:
        load.demand.remove(lane)
    load.timeline.run(0.1)
    assert 3.0 < load.demand.level < 4.0
    load.timeline.run(5.0)
    assert round(load.demand.level, 1) == 1.0


@pytest.mark.parametrize(
    ("frames", "several"),
    [
        ({"robot": 1, "batch": 64}, False),
        ({"robot": 1, "other": 1}, True),
        ({"batch": 64}, True),
        ({"batch": 64, "other": 64}, True),
        ({"robot": 1, "batch": 64, "other": 64}, True),
        ({"one": 1, "two": 1, "three": 1}, True),
    ],
)
def test_a_client_with_one_frame_keeps_its_turns_against_one_other_client(
    frames: dict[str, int], several: bool
) -> None:
    """Engines side by side would serve the other's frames at the same time, each more slowly."""
    load = Load()
    for address, count in frames.items():
        lane = every(address)
        for _ in range(count):
            load.demand.add(lane)
    assert load.several_after(5.0) is several
