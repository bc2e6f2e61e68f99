"""The waiting frames of one client."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum, auto

from edgesegd.core.client import Client
from edgesegd.core.errors import Overloaded, Superseded
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.turns import Member, Moment

OVERDUE_AFTER = 2.0
"""After this many usual intervals without a frame, no further frame is expected."""

LATEST_INTERVAL = 0.25
"""Weight of the newest interval in the usual one, a moving average."""


class Overflow(Enum):
    """What happens when a frame arrives and the lane is full."""

    SUPERSEDE = auto()
    """The new frame supersedes the oldest waiting one."""
    REJECT = auto()
    """The new frame is refused."""


class Lane(Member):
    """A bounded queue of the frames of one stream, or of a client's single images.

    At most `limit` frames wait; `overflow` says what happens to one more. Clients whose frames are
    refused should try again after `retry_after` seconds. While both have frames, a lane of `weight`
    2 gets two turns for each turn of a lane of weight 1. No frames are taken from a `paused` lane,
    because its client does not read its answers. `taken` is how many of the lane's frames are in
    engines, `unanswered` how many are in engines or wait. The last frame had `frame_size` bytes,
    the last result `result_size`.
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
        """Whether a frame that waits here may be superseded by a newer one."""
        return self._overflow is Overflow.SUPERSEDE

    @property
    def newest(self) -> float:
        """When the newest frame arrived; a time of `time.monotonic`."""
        return self._newest

    def renews_within(self, seconds: float, now: float) -> bool:
        """Whether a frame that waits `seconds` here is usually superseded.

        Until the stream's interval is known, the answer is yes. If the next frame is overdue, it is
        no: the stream has ended, or its client waits for the answer.
        """
        interval = self._interval or seconds
        overdue = now - self._newest > OVERDUE_AFTER * interval
        return self.grows_stale and 0 < interval <= seconds and not overdue

    def first_lane(self, moment: Moment, among: int) -> tuple[Lane, bool]:
        """As the base says."""
        return self, self.renews_within(moment.usual * among, moment.now)

    def pick(self, moment: Moment, among: int) -> Lane:
        """Itself."""
        del moment, among
        return self

    def put(self, job: Job) -> None:
        """Add `job` to the queue; raises Overloaded if the lane is full and rejects."""
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
            self._jobs.popleft().settle(Superseded("a newer frame of the stream arrived"))

    @property
    def oldest(self) -> Job:
        """The frame that waited longest."""
        return self._jobs[0]

    def pop(self) -> Job:
        """Take the frame that waited longest."""
        return self._jobs.popleft()

    def remove(self, job: Job) -> None:
        """Remove a frame, if it still waits."""
        if job in self._jobs:
            self._jobs.remove(job)
