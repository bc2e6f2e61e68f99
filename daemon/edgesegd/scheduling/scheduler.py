"""The queue of waiting frames: clients take turns, and so do the streams of each client."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from edgesegd.core.client import Client
from edgesegd.core.errors import Draining, EdgesegError, Expired, InternalFault
from edgesegd.scheduling.accounts import Accounts
from edgesegd.scheduling.demand import Demand
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.scheduling.penalty import Penalties
from edgesegd.scheduling.turns import Group, Member, Moment

LATEST_TIME = 0.1
"""Weight of the newest time in the usual one, a moving average."""

OUTLIER = 4.0
"""A frame's engine time counts as at most this many times the usual one in the average."""


def _stopping() -> EdgesegError:
    return Draining("the daemon is stopping")


class Scheduler:
    """Holds the waiting frames of all clients and hands them out.

    Fair: clients are served in turn, and so are the lanes of each client, by their weights. So a
    fast camera cannot starve a slow one, and a client with many streams cannot starve a client with
    one. A turn is the usual engine time of a frame: a client whose frames need more gets fewer
    turns, and one whose frames need much more gets a penalty (see `Penalties`). Schedulers of
    several models that share `accounts` divide the engine time of all models among clients. A frame
    whose deadline passes while it waits is answered at once and never handed out.

    A busy engine is not given a frame that may be superseded, unless it should `prefetch` one
    because it will be free in a moment: before that, a newer frame could still arrive. `clock` is
    the clock of the jobs' times, `work_clock` the one for how long engines need. `demand` says
    whether there was work for several engines recently, `frames` is how many frames were handed
    out.
    """

    def __init__(
        self,
        accounts: Accounts | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        work_clock: Callable[[], float] | None = None,
    ) -> None:
        self.demand = Demand(clock=clock)
        self._accounts = accounts or Accounts()
        self._work = self._accounts.usual_work()
        self._clock = clock
        self.work_clock = work_clock or clock
        self._lanes: set[Lane] = set()
        self._all = Group(self._accounts, self._work)
        self._groups: dict[Client, Group] = {}
        self._penalties = Penalties(clock, self._on_penalty_end)
        self._last_taken: float | None = None
        self._usual = 0.0
        self._again: deque[Job] = deque()
        self._watchers: list[Callable[[], None]] = []
        self._refuse: Callable[[], EdgesegError] | None = None
        self.frames = 0
        self._in_engines = 0
        self._last_use = clock()
        self._exclusive = 0
        self._engines_idle = asyncio.Event()
        self._engines_idle.set()

    @property
    def depth(self) -> int:
        """How many frames wait; may be asked by another thread."""
        return sum(map(len, tuple(self._lanes))) + len(self._again)

    @property
    def in_engines(self) -> int:
        """How many frames engines have; may be asked by another thread."""
        return self._in_engines

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Hand out no frames and wait until no engine has one; frames that arrive wait."""
        self._exclusive += 1
        try:
            await self._engines_idle.wait()
            yield
        finally:
            self._exclusive -= 1
            self.wake()

    async def unused(self, seconds: float) -> None:
        """Wait until no frame has waited or been in an engine for `seconds`."""
        while (left := seconds - self.unused_seconds) > 0:  # noqa: ASYNC110 # it may be used again
            await asyncio.sleep(left)

    @property
    def unused_seconds(self) -> float:
        """How long no frame has arrived, waited or been in an engine, in seconds."""
        return 0.0 if self._in_engines or self.depth else self._clock() - self._last_use

    def watch(self, on_work: Callable[[], None]) -> Callable[[], None]:
        """Call `on_work` whenever there may be a frame to take; returns what ends that.

        It is called within the call that added the frame, and may take the frame at once.
        """
        self._watchers.append(on_work)
        return lambda: self._watchers.remove(on_work)

    def wake(self) -> None:
        """Notify all watchers: there may be a frame to take, or an engine that may take it now."""
        for on_work in tuple(self._watchers):
            on_work()

    def open(self, lane: Lane, client: Client = ()) -> None:
        """Serve a new lane of `client`, as if it had just had a turn.

        The names of a client go from general to particular, such as address, then connection.
        Clients take turns by their first name, within it by the second, and so on.
        """
        lane.client = client
        self._group(client).join(lane, lane.weight)
        self._lanes.add(lane)

    def close(self, lane: Lane) -> None:
        """Remove a lane whose client left, and cancel the frames that wait in it."""
        self._lanes.discard(lane)
        for job in list(lane):
            job.answer.cancel()
        lane.closed = True
        self._leave(lane)
        self._remove_closed(lane)

    def submit(self, lane: Lane, job: Job) -> None:
        """Queue a frame in a lane; raises Expired, Overloaded, or the error given to `drain`."""
        if self._refuse is not None:
            raise self._refuse()
        if job.expired():
            raise Expired("too old when it arrived")
        lane.put(job)
        job.lane = lane
        self.demand.add(lane)
        timer = None if job.deadline is None else self._expire_at(job.deadline, job)
        # The frame waits until it is settled: by its deadline, by its client or by an engine.
        job.answer.on_done(lambda: self._remove(lane, job, timer))
        for group, member in lane.path:
            group.record_frame(member, job.received)
        self._enter(lane)

    def pause(self, lane: Lane) -> None:
        """Hand out nothing from `lane` until it is resumed."""
        lane.paused = True
        self._leave(lane)

    def resume(self, lane: Lane) -> None:
        """Hand out frames from `lane` again."""
        lane.paused = False
        self._enter(lane)

    def block(self, client: Client) -> None:
        """Hand out no frames of a client until `unblock`; the client must have lanes."""
        group = self._group(client)
        group.blocked = True
        if group.group is not None:
            group.group.leave(group)

    def unblock(self, client: Client) -> None:
        """Hand out frames of a client again."""
        group = self._groups.get(client)
        if group is not None and group.group is not None:
            group.blocked = False
            group.group.enter(group)
            self._forget_empty(group)
            self.wake()

    @property
    def usual_work(self) -> float:
        """How long an engine usually needs for a frame, in seconds."""
        return self._work.turn

    @property
    def has_work(self) -> bool:
        """Whether there may be a frame to take."""
        return bool(self._all.waiting or self._again)

    @property
    def next_turn(self) -> tuple[float, ...] | None:
        """When the turn of the next frame is, by the accounts; None if there is no frame."""
        if self._exclusive:
            return None
        if self._again:
            return ()
        return self._all.turns if self._all.waiting else None

    def take(self, *, busy: bool = False, prefetch: bool = False) -> Job | None:
        """The next frame; None if there is none, or none that a `busy` engine may have.

        If a busy engine may not have the frame whose turn is next, it gets no other frame instead.
        """
        if self._exclusive or (self._again and busy):
            job = None
        elif self._again:
            job = self._taken(self._again.popleft())
        else:
            job = self._next_in_turn(busy, prefetch)
        if job is None and (self._exclusive or not busy):
            self._last_taken = None  # the time until the next frame is no interval under load
        return job

    def _next_in_turn(self, busy: bool, prefetch: bool) -> Job | None:
        while self._all.waiting:
            lane = self._all.pick(Moment(self._clock(), self._usual, self._work.turn))
            if busy and lane.grows_stale and not prefetch:
                return None
            if not lane.oldest.may_start(lane.oldest):
                continue  # its client is blocked now
            job = lane.pop()
            lane.taken += 1
            job.charged = self._work.turn
            try:
                for group, member in lane.path:
                    group.serve(member, job.charged / lane.weight)
                return self._taken(job)
            except BaseException:
                job.settle(InternalFault())
                raise
        return None

    def finish(self, job: Job, seconds: float, *, computed: bool = True) -> None:
        """A frame that was taken is answered; engines needed `seconds` for it.

        A frame that was not `computed`, because a result was reused, says nothing about how long
        other frames usually take.
        """
        if job.lane is None:
            return
        lane, job.lane = job.lane, None
        self._left_engine(job)
        if seconds > 0:
            self._charge(lane, seconds, job.charged, computed=computed)
        lane.taken -= 1
        self._remove_closed(lane)

    def requeue(self, job: Job) -> None:
        """Queue a job again whose engine was lost: it is the next one to be taken, or expires.

        If it has expired, or its client has left, the client is not charged with the time until the
        engine was lost: nothing shows that the frame was the cause.
        """
        if job.expired():
            job.settle(Expired("too old before another engine could take it"))
        if job.answer.done:
            self.finish(job, 0.0)
            return
        self._left_engine(job)
        job.taken = None
        self._again.append(job)
        job.answer.on_done(lambda: self._forget(job))
        self.wake()

    def drain(self, refuse: Callable[[], EdgesegError] = _stopping) -> None:
        """Refuse new frames with the error of `refuse`; frames that wait are still served."""
        self._refuse = refuse

    def fail_waiting(self, make_error: Callable[[Job], EdgesegError]) -> None:
        """Answer every waiting frame with the error that `make_error` returns for it."""
        for job in list(self._again):
            job.settle(make_error(job))
        for lane in list(self._lanes):
            for job in list(lane):
                job.settle(make_error(job))

    def _charge(self, lane: Lane, seconds: float, charged: float, *, computed: bool) -> None:
        """Correct the accounts by what a frame needed more or less than it was `charged`."""
        usual = self._work.turn
        if computed:
            usual = self._work.observe(seconds, weight=LATEST_TIME, outlier=OUTLIER)
        for group, member in lane.path:
            group.charge(member, (seconds - charged) / lane.weight)
        self._penalties.impose(lane, seconds, OUTLIER * usual)

    def _group(self, client: Client) -> Group:
        """The group of a client's lanes, within the groups of its more general names."""
        if not client:
            return self._all
        group = self._groups.get(client)
        if group is None:
            group = self._groups[client] = Group(self._accounts, self._work, client)
            self._group(client[:-1]).join(group, 1.0)
        return group

    def _remove_closed(self, lane: Lane) -> None:
        """Remove a closed lane once no engine has a frame of it, and groups without lanes."""
        if lane.closed and not lane.taken and lane.group is not None:
            lane.group.remove(lane)
            self._forget_empty(lane.group)

    def _forget_empty(self, member: Member) -> None:
        """Remove an empty group and empty groups above it.

        Not while it is penalized or blocked: a client could end that by connecting again.
        """
        while (
            isinstance(member, Group) and member.empty and not (member.penalized or member.blocked)
        ):
            if member.group is None:
                return
            if self._groups.pop(member.name, None) is not None:
                self._accounts.close(member.name, member)
            member.group.remove(member)
            member = member.group

    def _taken(self, job: Job) -> Job:
        now = self.work_clock()
        if self._last_taken is not None:
            took = now - self._last_taken
            self._usual += LATEST_TIME * (took - self._usual) if self._usual else took
        self._last_taken = now
        job.taken = self._clock()
        self.frames += 1
        self._in_engines += 1
        self._engines_idle.clear()
        return job

    def _left_engine(self, job: Job) -> None:
        self._last_use = self._clock()
        if job.taken is not None:
            self._in_engines -= 1
            if not self._in_engines:
                self._engines_idle.set()
                if not self.has_work:
                    self._last_taken = None  # from now on intervals show arrivals, not speed

    def _remove(self, lane: Lane, job: Job, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
        self.demand.remove(lane)
        lane.remove(job)
        if not lane.ready:
            self._leave(lane)

    def _forget(self, job: Job) -> None:
        if job in self._again:
            self._again.remove(job)
            self.finish(job, 0.0)

    def _enter(self, lane: Lane) -> None:
        if lane.group is not None:
            lane.group.enter(lane)
        if lane.ready:
            self.wake()

    def _leave(self, lane: Lane) -> None:
        if lane.group is not None:
            lane.group.leave(lane)

    def _on_penalty_end(self, member: Member) -> None:
        self._forget_empty(member)
        self.wake()

    def _expire_at(self, deadline: float, job: Job) -> asyncio.TimerHandle:
        def expire() -> None:
            if job.taken is None:
                job.settle(Expired("too old before its turn came"))

        # The loop's clock is time.monotonic, as is the deadline.
        return asyncio.get_running_loop().call_at(deadline, expire)
