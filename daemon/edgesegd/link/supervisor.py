"""Keeps one engine running and fed, whatever happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from edgesegd.core.delegates.spec import Choice
from edgesegd.core.errors import EdgesegError, EngineFailed, Expired
from edgesegd.link.bound import AnswerBound
from edgesegd.link.link import EngineLink, EngineLost
from edgesegd.link.succession import Running, Succession
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.scheduler import Scheduler

MOST_TRIES = 3
"""Engines that may be lost with one frame in them: a delegate, the same again, and the CPU."""


class Supervisor:
    """Feeds an engine from the scheduler; the next one when it is lost, or a better one is ready.

    The frame that was in a lost engine is given back, to be run first if its deadline allows. Where
    no engine can be had for a while and this one is `alone`, the frames that wait are answered.
    """

    def __init__(
        self, *, succession: Succession, scheduler: Scheduler, bound: AnswerBound, alone: bool
    ) -> None:
        self._succession = succession
        self._scheduler = scheduler
        self._bound = bound
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
            try:
                await self._serve(running.link)
                self._running = self._succession.climbed()
            except EngineLost as loss:
                self._succession.lost(running, loss)
            finally:
                await running.link.close()

    async def _serve(self, link: EngineLink) -> None:
        """Segment frame after frame; returns when a better engine is ready."""
        while job := await self._take(link):
            if job.expired():
                job.settle(Expired("too old before it was invoked"))
            if not job.answer.done():
                await self._segment(link, job)

    async def _segment(self, link: EngineLink, job: Job) -> None:
        started = time.monotonic()
        try:
            result = await link.segment(job, answer_seconds=self._bound.seconds)
        except EngineLost as lost:
            job.losses += 1
            if job.losses < MOST_TRIES:
                self._scheduler.give_back(job)
            else:
                often = f"{job.losses} engines failed with this frame in them"
                job.settle(EngineFailed(f"{often}, the last: {lost}"))
            raise
        except EdgesegError as error:
            job.settle(error)
        else:
            self._bound.observe(time.monotonic() - started)
            self._succession.worked()
            job.settle(result)

    async def _take(self, link: EngineLink) -> Job | None:
        """The next frame; None where a better engine is ready.

        Raises EngineLost where the engine ends while there is no frame.
        """
        better = self._succession.better_ready
        if better.is_set():
            return None
        taking = asyncio.ensure_future(self._scheduler.take())
        climbing = asyncio.ensure_future(better.wait())
        try:
            await asyncio.wait({taking, climbing, link.lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            climbing.cancel()
            if not taking.done():
                taking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await taking
        if not taking.cancelled():
            return taking.result()
        if better.is_set():
            return None
        raise EngineLost("crash", "it ended while it had nothing to do")

    def _give_up(self, error: EngineFailed) -> None:
        if self._alone:
            self._scheduler.fail_waiting(lambda: EngineFailed(str(error)))
