"""Keeps one engine supplied with frames."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import cast

from edgesegd.core.errors import Draining, EdgesegError, EngineFailed, Expired, InternalFault
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.answer_timeout import AnswerTimeout
from edgesegd.supervision.delegate_ranking import BlameFrame, RankedDelegate
from edgesegd.supervision.engine_process import EngineLost, EngineProcess
from edgesegd.supervision.prefetch import PrefetchTimer

log = logging.getLogger(__name__)

STALL_FACTOR = 4.0
"""An engine whose driver or board stalls works no more than it does usually, which may be on a
device: time without use of the processor counts as at most this many usual frames."""
MAX_TRIES = 3
"""Engines that may be lost with the same frame: a delegate, the same again, and the CPU."""


class Dispatcher:
    """Keeps the slots of one engine full: one frame is invoked while the next is decoded.

    While `may_take` returns True, a frame is taken when it arrives, or when another one is answered
    and a slot is free; call the scheduler's `wake` when the result of `may_take` changes. A frame
    that may yet be superseded is taken when the PrefetchTimer says so (`predict` and `in_turn` are
    its arguments). `on_result` is called after each result that was not reused. If the engine is
    lost, its delegate `ranked`, None for a replica, is added to the `losses` of each frame in it;
    once a frame is found to be the cause, `blame_frame` is called with its losses and whether no
    engine segmented it. `answer_seconds` is how long the engine may take for a frame; 0 derives the
    bound from measured latency. An engine on the CPU takes frames when its model may use `cores`;
    None for an engine with its own device.
    """

    def __init__(
        self,
        engine: EngineProcess,
        scheduler: Scheduler,
        *,
        ranked: RankedDelegate | None,
        blame_frame: BlameFrame,
        on_result: Callable[[FrameResult], None] = lambda _: None,
        may_take: Callable[[], bool] = lambda: True,
        answer_seconds: float = 0.0,
        predict: bool = False,
        in_turn: bool = False,
        cores: Cores | None = None,
    ) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._ranked = ranked
        self._blame_frame = blame_frame
        self._on_result = on_result
        self._may_take = may_take
        self._bound = AnswerTimeout(fixed=answer_seconds, usual=engine.ready.invoke_seconds)
        self._prefetch = PrefetchTimer(predict=predict, in_turn=in_turn)
        self._cores = cores or Cores()
        self._jobs: dict[Job, float] = {}
        self._answered = 0.0
        self._cpu_before = engine.cpu_seconds
        self._is_filling = False
        self._idle = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Give the engine frames while it serves, until the last one is answered.

        Raises EngineLost if it is lost before that.
        """
        unwatch = self._scheduler.watch(self._on_work)
        self._cores.join(self._scheduler)
        try:
            self._fill_slots()
            await self._engine.life.served()
            if self._jobs:
                self._idle.clear()
                await self._idle.wait()
            if self._engine.life.is_over:
                raise await self._engine.why_lost()
        finally:
            self._engine.life.drain()
            unwatch()
            if self._timer is not None:
                self._timer.cancel()
            while self._jobs:
                job, _ = self._jobs.popitem()
                job.settle(Draining("the daemon stopped before the frame was segmented"))
                self._scheduler.finish(job, 0.0)
                self._cores.end(self._scheduler)
            self._cores.leave(self._scheduler)

    def _on_work(self) -> None:
        """There may be a frame: idle engines may take it first, then busy ones."""
        if not self._jobs:
            self._fill_slots(1)
        if self._scheduler.has_work:
            asyncio.get_running_loop().call_soon(self._fill_slots)

    def _fill_slots(self, slots: int = sys.maxsize) -> None:
        """Give the engine frames until `slots` of its slots are in use.

        Taking a frame may call this again; the inner call returns, and the outer loop goes on.
        """
        if self._is_filling or not self._scheduler.has_work:
            return
        self._is_filling = True
        try:
            while (
                self._engine.life.is_serving
                and len(self._jobs) < min(slots, self._engine.slots)
                and self._may_take()
                and self._cores.may_take(self._scheduler, busy=bool(self._jobs))
                and (job := self._next())
            ):
                self._give(job)
        finally:
            self._is_filling = False

    def _arm_prefetch(self) -> None:
        """Set the timer for when the busy engine wants its next frame."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if math.isfinite(self._prefetch.next_at):
            # The loop's clock is time.monotonic.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._prefetch.next_at, self._fill_slots)

    def _next(self) -> Job | None:
        """The next frame; none while a frame that engines were lost with runs.

        That frame may be the cause of the losses, so no other is put at risk with it.
        """
        if any(job.losses for job in self._jobs):
            return None
        busy, prefetch = bool(self._jobs), time.monotonic() >= self._prefetch.next_at
        while (job := self._scheduler.take(busy=busy, prefetch=prefetch)) and job.expired():
            job.settle(Expired("too old before it was invoked"))
            self._scheduler.finish(job, 0.0)
        return job

    def _give(self, job: Job) -> None:
        now = time.monotonic()
        self._jobs[job] = self._scheduler.work_clock()
        self._cores.begin(self._scheduler)
        self._prefetch.given(now)
        self._arm_prefetch()
        on_outcome = partial(self._on_outcome, job)
        try:
            self._engine.segment(job, answer_seconds=self._bound.seconds, on_outcome=on_outcome)
        except Exception as error:  # noqa: BLE001 # _on_outcome handles each kind
            on_outcome(error)

    def _on_outcome(self, job: Job, outcome: FrameResult | Exception) -> None:
        """Answer a frame, or return it to the scheduler if the engine was lost."""
        begun = self._jobs.pop(job, None)
        if begun is None:  # it was answered when `run` ended
            return
        try:
            self._answer_or_requeue(job, outcome, self._took(begun, outcome))
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            job.settle(InternalFault())
            self._scheduler.finish(job, 0.0)
        self._prefetch.answered(time.monotonic(), more=bool(self._jobs))
        self._arm_prefetch()
        if not self._jobs:
            self._idle.set()
        self._cores.end(self._scheduler)
        self._fill_slots()

    def _answer_or_requeue(self, job: Job, outcome: FrameResult | Exception, took: float) -> None:
        if isinstance(outcome, FrameResult):
            job.settle(outcome)
            self._scheduler.finish(job, took, computed=outcome.reused is None)
            if outcome.reused is not None:  # neither the model nor its delegate has done anything
                return
            self._bound.observe(took)
            self._prefetch.learn(outcome)
            self._on_result(outcome)
            if len(job.losses) > 1:  # other engines were lost with this frame more than once
                self._blame_frame(_lost_with(job), False)
        elif isinstance(outcome, EngineLost):
            self._engine.fail(outcome)  # another frame may be in it, which should not wait
            job.spent += took
            self._requeue(job, outcome)
        elif isinstance(outcome, EdgesegError):
            job.settle(outcome)
            self._scheduler.finish(job, took)
        else:
            log.error("a frame failed by a fault of the daemon", exc_info=outcome)
            # The engine's next answers may belong to other frames than the front assumes.
            self._engine.fail(EngineLost("fault", "a fault of the daemon; its log says more"))
            job.settle(InternalFault())
            self._scheduler.finish(job, 0.0)

    def _took(self, begun: float, outcome: FrameResult | Exception) -> float:
        """How long the engine worked on a frame that is answered now, in seconds.

        If the frame waited in the engine behind another, this counts from the other's answer. Time
        in which this process was stopped, or the engine stalled, does not count: the client would
        be charged with it.
        """
        now = self._scheduler.work_clock()
        took, self._answered = now - max(begun, self._answered), now
        used = self._engine.cpu_seconds - self._cpu_before
        self._cpu_before = self._engine.cpu_seconds
        usual = self._scheduler.usual_work
        if isinstance(outcome, EngineLost) or not usual:
            return took
        return min(took, used + STALL_FACTOR * usual)

    def _requeue(self, job: Job, lost: EngineLost) -> None:
        """Let the next engine try the frame; after MAX_TRIES losses the frame is the cause."""
        job.losses.append(self._ranked)
        if len(job.losses) < MAX_TRIES:
            self._scheduler.requeue(job)
            return
        self._blame_frame(_lost_with(job), True)
        job.settle(failed_with(job, str(lost)))
        self._scheduler.finish(job, job.spent)


def _lost_with(job: Job) -> list[RankedDelegate | None]:
    """The delegates of the engines that were lost with a frame."""
    return cast(list[RankedDelegate | None], job.losses)  # the scheduler knows no delegates


def failed_with(job: Job, last: str) -> EngineFailed:
    """The answer to a frame that several engines were lost with."""
    often = f"{len(job.losses)} engines failed with this frame in them"
    return EngineFailed(f"{often}, the last: {last}; do not send it again")
