"""Keeps one engine running and fed, whatever happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from edgesegd.core.errors import EdgesegError, EngineFailed, Expired, StartupError
from edgesegd.link.backoff import Backoff
from edgesegd.link.bound import AnswerBound
from edgesegd.link.link import EngineLink, EngineLost
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.scheduler import Scheduler

log = logging.getLogger(__name__)

RESTART_FIRST, RESTART_LONGEST = 0.1, 5.0
"""Seconds between tries to start an engine; the first replacement starts at once."""
GIVE_UP_AFTER = 3
"""Failed starts in a row; then the frames that wait are answered, and no longer kept waiting."""


class EngineObserver(Protocol):
    """Who wants to know how the engine fares."""

    def engine_ready(self, link: EngineLink) -> None:
        """An engine is ready."""

    def engine_lost(self, cause: str) -> None:
        """The engine is gone, by "crash", "hang", "invoke" or "start"."""


class Supervisor:
    """Feeds an engine from the scheduler and replaces it when it is lost.

    The frame that was in a lost engine is given to the next one once, if its deadline allows.
    """

    def __init__(
        self,
        *,
        start_engine: Callable[[], Awaitable[EngineLink]],
        scheduler: Scheduler,
        observer: EngineObserver,
        bound: AnswerBound,
    ) -> None:
        self._start_engine = start_engine
        self._scheduler = scheduler
        self._observer = observer
        self._bound = bound
        self._backoff = Backoff(first=RESTART_FIRST, longest=RESTART_LONGEST)
        self._link: EngineLink | None = None
        self._again: Job | None = None

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        self._link = await self._start_engine()
        self._observer.engine_ready(self._link)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            link = self._link or await self._replace()
            try:
                await self._serve(link)
            except EngineLost as lost:
                log.warning("engine lost (%s): %s; starting another", lost.cause, lost)
                self._observer.engine_lost(lost.cause)
            finally:
                self._link = None
                await link.close()

    async def close(self) -> None:
        """End the engine, where `run` does not."""
        if self._link is not None:
            await self._link.close()
            self._link = None

    async def _replace(self) -> EngineLink:
        for failures in itertools.count(1):
            await asyncio.sleep(self._backoff.next())
            try:
                link = await self._start_engine()
            except StartupError as error:
                log.error("no engine: %s", error)  # noqa: TRY400 # a sentence says more
                self._observer.engine_lost("start")
                if failures >= GIVE_UP_AFTER:
                    self._give_up(EngineFailed(f"no engine can be started: {error}"))
            else:
                log.info("engine %d ready: %s", link.pid, link.ready.runtime)
                self._observer.engine_ready(link)
                return link
        raise AssertionError("counting has no end")

    async def _serve(self, link: EngineLink) -> None:
        while True:
            retried, self._again = self._again, None
            job = retried or await self._take(link)
            if job.expired():
                job.settle(Expired("too old before it was invoked"))
            if not job.answer.done():
                await self._segment(link, job, last_try=retried is not None)

    async def _segment(self, link: EngineLink, job: Job, *, last_try: bool) -> None:
        job.taken = started = time.monotonic()
        try:
            result = await link.segment(job, answer_seconds=self._bound.seconds)
        except EngineLost as lost:
            if last_try:
                job.settle(EngineFailed(f"the engine failed twice with this frame in it: {lost}"))
            else:
                job.taken = None  # it waits again, and may expire
                self._again = job
            raise
        except EdgesegError as error:
            job.settle(error)
        else:
            self._bound.observe(time.monotonic() - started)
            self._backoff.reset()
            job.settle(result)

    async def _take(self, link: EngineLink) -> Job:
        """The next frame; raises EngineLost where the engine ends while there is none."""
        taking = asyncio.ensure_future(self._scheduler.take())
        try:
            await asyncio.wait({taking, link.lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not taking.done():
                taking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await taking
        if taking.cancelled():
            raise EngineLost("crash", "it ended while it had nothing to do")
        return taking.result()

    def _give_up(self, error: EngineFailed) -> None:
        if self._again is not None:
            self._again.settle(error)
            self._again = None
        self._scheduler.fail_waiting(lambda: EngineFailed(str(error)))
