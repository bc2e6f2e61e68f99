"""The frames of one client that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum, auto

from edgesegd.core.client import Client
from edgesegd.core.errors import Overloaded, Superseded
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.turns import Member, Moment

OVERDUE_AFTER = 2.0
"""So many times the usual interval without a frame, and none is expected any more."""

LATEST_INTERVAL = 0.25
"""What the newest interval counts in the usual one, a moving average."""


class Overflow(Enum):
    """What happens when a lane is full and one more frame comes."""

    SUPERSEDE = auto()
    """The oldest waiting frame gives way."""
    REJECT = auto()
    """The new frame is refused."""


class Lane(Member):
    """A bounded queue of the frames of one stream, or of a client's single images.

    At most `limit` frames wait; `overflow` says what happens to one more. `retry_after` (seconds)
    is told to those refused. A lane of `weight` 2 gets two turns for each that one of 1 gets,
    while both have frames. A paused lane keeps its frames, but none is taken from it: its client
    does not read the answers that it has. Of the frames of its `client`, `taken` are in
    engines and `unanswered` there or waiting; the last one had `frame_size` bytes, and its result
    `result_size`.
    """

    def __init__(
        self, limit: int, overflow: Overflow, *, weight: float = 1.0, retry_after: float = 0.1
    ) -> None:
        super().__init__()
        self._jobs: deque[Job] = deque()
        self._limit = limit
        self._overflow = overflow
        self._retry_after = retry_after
        self.weight = weight
        self.paused = False
        self.client: Client = ()
        self.frame_size = 0
        self.result_size = 0
        self.closed = False
        self.taken = 0
        self.unanswered = 0
        self._newest = 0.0
        self._interval = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    @property
    def ready(self) -> bool:
        """Whether a frame can be taken."""
        return bool(self._jobs) and not self.paused

    @property
    def grows_stale(self) -> bool:
        """Whether a frame that waits here may yet give way to a newer one."""
        return self._overflow is Overflow.SUPERSEDE

    @property
    def newest(self) -> float:
        """When the newest frame came; a time of `time.monotonic`."""
        return self._newest

    def renews_within(self, seconds: float, now: float) -> bool:
        """Whether newer frames usually take the place of one that waits so long here.

        As long as nothing is known of the stream, they do. They do not where the next one is
        overdue: it sent its last one, or it waits for the answer.
        """
        interval = self._interval or seconds
        overdue = now - self._newest > OVERDUE_AFTER * interval
        return self.grows_stale and 0 < interval <= seconds and not overdue

    def front(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """As the base says."""
        return self, self.renews_within(moment.usual * among, moment.now)

    def pick(self, moment: Moment, among: int) -> Lane:
        """Itself."""
        del moment, among
        return self

    def put(self, job: Job) -> None:
        """Let `job` wait; raises Overloaded where the lane is full and rejects."""
        full = len(self._jobs) >= self._limit
        if full and self._overflow is Overflow.REJECT:
            raise Overloaded(
                f"{self._limit} frames wait already; try again later", self._retry_after
            )
        if self._newest:
            took = job.received - self._newest
            self._interval += LATEST_INTERVAL * (took - self._interval) if self._interval else took
        self._newest = job.received
        self._jobs.append(job)
        if full:
            self._jobs.popleft().settle(Superseded("a newer frame of the stream came"))

    @property
    def oldest(self) -> Job:
        """The frame that waited longest."""
        return self._jobs[0]

    def pop(self) -> Job:
        """Take the frame that waited longest."""
        return self._jobs.popleft()

    def remove(self, job: Job) -> None:
        """Forget a frame, if it still waits."""
        if job in self._jobs:
            self._jobs.remove(job)
