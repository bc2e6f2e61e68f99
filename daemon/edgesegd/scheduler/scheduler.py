"""Lanes in turn: one frame from each client that has one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from edgesegd.core.errors import Draining, EdgesegError, Expired
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.lane import Lane

MOST_AHEAD = 8.0
"""Turns (of weight 1) that a lane can be ahead of the one that is furthest behind. More is
forgiven: what cameras miss for want of a fresh frame they are not owed for ever."""

SAVED_TURNS = 4.0
"""Turns (of weight 1) that a lane may be behind when it comes back with a frame."""

TURNS_OF_AGE = 4.0
"""What the age of a camera's frame counts against it beside others, in turns, when it is the usual
time from one taken frame to the next. It grows with the square of the age: who is taken among fresh
frames is a matter of turns, but an old one is hardly taken."""

LATEST_TIME = 0.1
"""What the newest time between taken frames counts in the usual one, a moving average."""


class Scheduler:
    """Holds the waiting frames of all clients and hands them out.

    Fair: lanes are served in turn, by their weights, so a fast camera cannot starve a slow one. A
    frame whose deadline passes while it waits is answered at once and never handed out.

    The turns are those of stride scheduling (Waldspurger and Weihl, 1995): a lane's next turn is
    1 / weight after its last one.

    Fresh: lanes whose waiting frames are superseded before their turn comes are taken for cameras.
    By turns alone their frames would wait as long as they wait for a turn: with many cameras, many
    invokes. So among the cameras that are due before any other lane, age counts beside turns.

    With `ahead` an engine that is still busy is given any frame; otherwise none that may yet give
    way to a newer one, unless it will `soon` be free: a newer one would be the better one when the
    engine comes to it. `clock` tells the time as the jobs do.
    """

    def __init__(self, *, ahead: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._ahead = ahead
        self._clock = clock
        self._lanes: set[Lane] = set()
        self._waiting: list[Lane] = []
        self._furthest_behind = 0.0
        self._last_turn = 0.0
        self._last_taken: float | None = None
        self._usual = 0.0
        self._again: deque[Job] = deque()
        self._watchers: list[Callable[[], None]] = []
        self._draining = False

    @property
    def depth(self) -> int:
        """How many frames wait; may be asked by another thread."""
        return sum(map(len, tuple(self._lanes))) + len(self._again)

    @property
    def draining(self) -> bool:
        """Whether no more frames are taken."""
        return self._draining

    def watch(self, on_work: Callable[[], None]) -> Callable[[], None]:
        """Call `on_work` whenever there may be a frame to take; what ends that."""
        self._watchers.append(on_work)
        return lambda: self._watchers.remove(on_work)

    def open(self, lane: Lane) -> None:
        """Serve a new client, as if it had just had a turn.

        So who opens a stream for each frame gains nothing by it.
        """
        lane.turn = self._last_turn + 1 / lane.weight
        self._lanes.add(lane)

    def close(self, lane: Lane) -> None:
        """Forget a client that left, and the frames that it has waiting."""
        self._lanes.discard(lane)
        for job in list(lane):
            lane.remove(job)
            job.answer.cancel()

    def submit(self, lane: Lane, job: Job) -> None:
        """Let a frame wait its turn; raises Draining, Expired or Overloaded."""
        if self._draining:
            raise Draining("the daemon is stopping")
        if job.expired():
            raise Expired("too old when it came")
        lane.put(job)
        # However it is settled, by time, by its client's leaving or by an engine: it waits no more.
        job.answer.add_done_callback(lambda _: lane.remove(job))
        if job.deadline is not None:
            self._expire_at(job.deadline, job)
        self._queue(lane)

    def pause(self, lane: Lane) -> None:
        """Hand out nothing from `lane` until it is resumed."""
        lane.paused = True

    def resume(self, lane: Lane) -> None:
        """Hand out frames from `lane` again."""
        lane.paused = False
        self._queue(lane)

    def take(self, *, busy: bool = False, soon: bool = False) -> Job | None:
        """The next frame; None where there is none, or none for an engine that is still `busy`.

        A busy engine is not given the frame of somebody whose turn comes later: it gets none.
        """
        while self._again and not busy:
            again = self._again.popleft()
            if not again.answer.done():
                return self._taken(again)
        while not self._again and (lane := self._next()):
            if busy and lane.grows_stale and not (soon or self._ahead):
                return None
            self._waiting.remove(lane)
            if job := self._serve(lane):
                return self._taken(job)
        if not busy:
            self._last_taken = None  # what comes next is not told by how fast frames are taken
        return None

    def give_back(self, job: Job) -> None:
        """`job` was taken, but nothing came of it: it is the next one to be taken, or expires."""
        if job.answer.done():
            return
        job.taken = None
        self._again.append(job)
        job.answer.add_done_callback(lambda _: self._forget(job))
        self._tell()

    def drain(self) -> None:
        """Take no more frames; those that wait are still served."""
        self._draining = True

    def fail_waiting(self, make_error: Callable[[Job], EdgesegError]) -> None:
        """Answer every waiting frame with its error."""
        for job in list(self._again):
            job.settle(make_error(job))
        self._again.clear()
        for lane in self._lanes:
            for job in list(lane):
                lane.remove(job)
                job.settle(make_error(job))

    def _next(self) -> Lane | None:
        """The lane to take a frame from."""
        self._waiting = [lane for lane in self._waiting if lane.ready]
        if not self._waiting:
            return None
        behind = min(lane.turn for lane in self._waiting)
        self._furthest_behind = max(self._furthest_behind, behind)
        now, a_round = self._clock(), self._usual * len(self._waiting)
        cameras: list[Lane] = []
        others: list[Lane] = []
        for lane in self._waiting:
            (cameras if lane.renews_within(a_round, now) else others).append(lane)
        first = min(others, key=self._turn, default=None)
        due = [lane for lane in cameras if first is None or self._turn(lane) < self._turn(first)]
        return min(due, key=lambda lane: self._place(lane, now), default=first)

    def _turn(self, lane: Lane) -> float:
        """When it is its turn."""
        return min(lane.turn, self._furthest_behind + MOST_AHEAD)

    def _place(self, lane: Lane, now: float) -> float:
        """Of a camera among cameras: its turn, put off by the age of its frame."""
        age = (now - lane.newest) / self._usual
        return self._turn(lane) + TURNS_OF_AGE * age * age

    def _serve(self, lane: Lane) -> Job | None:
        """Take from the lane whose turn it is; None where its frame was settled just now."""
        job = lane.pop()
        if job.answer.done():
            self._queue(lane)
            return None
        self._last_turn = self._turn(lane)
        lane.turn = self._last_turn + 1 / lane.weight
        self._queue(lane)
        return job

    def _taken(self, job: Job) -> Job:
        now = self._clock()
        if self._last_taken is not None:
            took = now - self._last_taken
            self._usual += LATEST_TIME * (took - self._usual) if self._usual else took
        job.taken = self._last_taken = now
        return job

    def _forget(self, job: Job) -> None:
        if job in self._again:
            self._again.remove(job)

    def _queue(self, lane: Lane) -> None:
        if not lane.ready:
            return
        if lane not in self._waiting:
            lane.turn = max(lane.turn, self._furthest_behind - SAVED_TURNS)
            self._waiting.append(lane)
        self._tell()

    def _tell(self) -> None:
        for on_work in self._watchers:
            on_work()

    def _expire_at(self, deadline: float, job: Job) -> None:
        def expire() -> None:
            if job.taken is None:
                job.settle(Expired("too old before its turn came"))

        # The loop's clock is time.monotonic, as is the deadline.
        timer = asyncio.get_running_loop().call_at(deadline, expire)
        job.answer.add_done_callback(lambda _: timer.cancel())
