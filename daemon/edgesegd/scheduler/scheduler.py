"""Lanes in turn: one frame from each client that has one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from edgesegd.core.errors import Draining, EdgesegError, Expired
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.lane import Lane


class Scheduler:
    """Holds the waiting frames of all clients and hands them out.

    Fair: lanes are served in turn, so a fast camera cannot starve a slow one. A frame whose
    deadline passes while it waits is answered at once and never handed out.
    """

    def __init__(self) -> None:
        self._lanes: set[Lane] = set()
        self._turn: deque[Lane] = deque()
        self._again: deque[Job] = deque()
        self._work = asyncio.Event()
        self._draining = False

    @property
    def depth(self) -> int:
        """How many frames wait; may be asked by another thread."""
        return sum(map(len, tuple(self._lanes))) + len(self._again)

    @property
    def draining(self) -> bool:
        """Whether no more frames are taken."""
        return self._draining

    def open(self, lane: Lane) -> None:
        """Serve a new client."""
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

    async def take(self) -> Job:
        """The next frame; waits for one. Nothing is lost where the wait is cancelled."""
        while True:
            while job := self._next():
                if not job.answer.done():
                    job.taken = time.monotonic()
                    return job
            self._work.clear()
            await self._work.wait()

    def give_back(self, job: Job) -> None:
        """`job` was taken, but nothing came of it: it is the next one to be taken, or expires."""
        job.taken = None
        self._again.append(job)
        self._work.set()

    def drain(self) -> None:
        """Take no more frames; those that wait are still served."""
        self._draining = True

    def fail_waiting(self, make_error: Callable[[], EdgesegError]) -> None:
        """Answer every waiting frame with an error."""
        while self._again:
            self._again.popleft().settle(make_error())
        for lane in self._lanes:
            for job in list(lane):
                lane.remove(job)
                job.settle(make_error())

    def _next(self) -> Job | None:
        if self._again:
            return self._again.popleft()
        while self._turn:
            lane = self._turn.popleft()
            if lane.ready:
                job = lane.pop()
                self._queue(lane)
                return job
        return None

    def _queue(self, lane: Lane) -> None:
        if lane.ready and lane not in self._turn:
            self._turn.append(lane)
            self._work.set()

    def _expire_at(self, deadline: float, job: Job) -> None:
        def expire() -> None:
            if job.taken is None:
                job.settle(Expired("too old before its turn came"))

        # The loop's clock is time.monotonic, as is the deadline.
        timer = asyncio.get_running_loop().call_at(deadline, expire)
        job.answer.add_done_callback(lambda _: timer.cancel())
