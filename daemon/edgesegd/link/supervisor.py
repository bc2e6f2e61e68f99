"""Keeps one engine running and fed, whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from edgesegd.core.delegates.spec import Choice
from edgesegd.core.errors import (
    Draining,
    EdgesegError,
    EngineFailed,
    Expired,
    InternalFault,
    NoEngine,
)
from edgesegd.link.bound import AnswerBound
from edgesegd.link.link import EngineLost
from edgesegd.link.pace import Pace
from edgesegd.link.succession import Running, Succession
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.scheduler import Scheduler

log = logging.getLogger(__name__)

MOST_TRIES = 3
"""Engines that may be lost with one frame in them: a delegate, the same again, and the CPU."""


class Supervisor:
    """Feeds an engine from the scheduler; the next one when it is lost, or a better one is ready.

    The frames that were in a lost engine are given back, to be run first if their deadlines allow.
    Where no engine can be had for a while and this one is `alone`, the frames that wait are
    answered. `answer_seconds` is how long an engine may take for a frame; 0 derives it from what
    that engine takes.
    """

    def __init__(
        self, *, succession: Succession, scheduler: Scheduler, answer_seconds: float, alone: bool
    ) -> None:
        self._succession = succession
        self._scheduler = scheduler
        self._answer_seconds = answer_seconds
        self._alone = alone
        self._running: Running | None = None

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        self._running = await self._succession.first()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._succession.climb())
            group.create_task(self._feed())

    def reorder(self, choices: list[Choice]) -> None:
        """Use these delegates from now on, best first."""
        self._succession.reorder(choices)

    async def close(self) -> None:
        """End the engines that `run` does not."""
        if self._running is not None:
            await self._running.link.close()
            self._running = None
        await self._succession.close()

    async def _feed(self) -> None:
        while True:
            running = self._running or await self._succession.replacement(self._give_up)
            self._running = None
            feeding = _Feeding(running, self._scheduler, self._succession, self._answer_seconds)
            try:
                await feeding.run()
                self._running = self._succession.climbed()
            except EngineLost as loss:
                self._succession.lost(running, loss)
            finally:
                await running.link.close()

    def _give_up(self, error: NoEngine) -> None:
        """Answer what waits; a frame that engines were lost with alone is not to come again."""

        def answer(job: Job) -> NoEngine | EngineFailed:
            return failed_with(job, str(error)) if len(job.losses) > 1 else NoEngine(str(error))

        if self._alone:
            self._scheduler.fail_waiting(answer)


class _Feeding:
    """Keeps the hands of one engine full: one frame is invoked while the next is decoded.

    A frame that may yet be superseded is given to it when its pace says so.
    """

    def __init__(
        self,
        running: Running,
        scheduler: Scheduler,
        succession: Succession,
        answer_seconds: float,
    ) -> None:
        self._running = running
        self._link = running.link
        self._scheduler = scheduler
        self._succession = succession
        self._bound = AnswerBound(fixed=answer_seconds, usual=running.link.ready.invoke_seconds)
        self._pace = Pace(foresee=not running.rung.choice[0].is_cpu)
        self._jobs: dict[Job, asyncio.Task[None]] = {}
        self._answered = 0.0
        self._loss: EngineLost | None = None
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Until a better engine is ready; raises EngineLost."""
        unwatch = self._scheduler.watch(self._news.set)
        better = asyncio.ensure_future(self._succession.better_ready.wait())
        better.add_done_callback(lambda _: self._news.set())
        self._link.lost.add_done_callback(lambda _: self._news.set())
        try:
            while self._jobs or not (better.done() or self._is_lost()):
                if not better.done() and not self._is_lost():
                    self._fill_hands()
                await self._news.wait()
                self._news.clear()
        finally:
            unwatch()
            better.cancel()
            if self._timer is not None:
                self._timer.cancel()
            for job, task in self._jobs.items():
                task.cancel()
                job.settle(Draining("the daemon stopped before the frame was segmented"))
                self._scheduler.finish(job, 0.0)
        if self._is_lost():
            raise self._loss or EngineLost("crash", "it ended while it had nothing to do")

    def _is_lost(self) -> bool:
        return self._loss is not None or self._link.lost.done()

    def _fill_hands(self) -> None:
        while len(self._jobs) < self._link.slots and (job := self._next()):
            self._jobs[job] = asyncio.create_task(self._segment(job))
            self._pace.given(time.monotonic())
            self._look_again()

    def _look_again(self) -> None:
        """When the engine wants a frame though it is busy."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if math.isfinite(self._pace.next_at):
            # The loop's clock is time.monotonic.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._pace.next_at, self._news.set)

    def _next(self) -> Job | None:
        """A frame that engines were lost with runs alone: it may be its fault."""
        if any(job.losses for job in self._jobs):
            return None
        busy, soon = bool(self._jobs), time.monotonic() >= self._pace.next_at
        while (job := self._scheduler.take(busy=busy, soon=soon)) and job.expired():
            job.settle(Expired("too old before it was invoked"))
            self._scheduler.finish(job, 0.0)
        return job

    async def _segment(self, job: Job) -> None:
        """Answer a frame or give it back, whatever goes wrong."""
        try:
            await self._segment_or_give_back(job)
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            job.settle(InternalFault())
            self._scheduler.finish(job, 0.0)
        finally:
            del self._jobs[job]
            self._news.set()

    async def _segment_or_give_back(self, job: Job) -> None:
        begun = time.monotonic()
        try:
            # One that waits behind another in the engine may take the time of both.
            patience = self._bound.seconds * len(self._jobs)
            result = await self._link.segment(job, answer_seconds=patience)
        except EngineLost as lost:
            self._lose(lost)
            job.spent += self._took(begun)
            self._give_back(job, lost)
        except EdgesegError as error:
            job.settle(error)
            self._scheduler.finish(job, self._took(begun))
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            # What is still to come from the engine may belong to another frame.
            self._lose(EngineLost("fault", "a fault of the daemon; its log says more"))
            job.settle(InternalFault())
            self._scheduler.finish(job, 0.0)
        else:
            job.settle(result)
            took = self._took(begun)
            self._bound.observe(took)
            self._scheduler.finish(job, took)
            self._pace.learn(result)
            self._succession.worked()
            if len(job.losses) > 1:  # another delegate was lost by this frame again and again
                self._succession.clear(job.losses, certain=False)
        finally:
            self._pace.answered(time.monotonic(), more=len(self._jobs) > 1)
            self._look_again()

    def _took(self, begun: float) -> float:
        """How long the engine was about a frame that is answered now, in seconds.

        One that was given to it behind another has its time from the other's answer on.
        """
        now = time.monotonic()
        took, self._answered = now - max(begun, self._answered), now
        return took

    def _lose(self, lost: EngineLost) -> None:
        self._loss = self._loss or lost
        self._link.kill()  # another frame may be in it, which is not to wait

    def _give_back(self, job: Job, lost: EngineLost) -> None:
        """Let the next engine try the frame, unless all were lost with it: then it is the cause."""
        job.losses.append(self._running.rung)
        if len(job.losses) < MOST_TRIES:
            self._scheduler.give_back(job)
            return
        self._succession.clear(job.losses, certain=True)
        job.settle(failed_with(job, str(lost)))
        self._scheduler.finish(job, job.spent)


def failed_with(job: Job, last: str) -> EngineFailed:
    """What a frame is answered that engines were lost with, again and again."""
    often = f"{len(job.losses)} engines failed with this frame in them"
    return EngineFailed(f"{often}, the last: {last}; do not send it again")
