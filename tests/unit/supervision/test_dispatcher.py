"""What a dispatcher learns from the results of its engine."""

from __future__ import annotations

import asyncio
import math
from typing import cast

import pytest

from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.core.usual_timeout import FACTOR
from edgesegd.ipc.messages import EngineReady
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.dispatcher import STALL_FACTOR, Dispatcher
from edgesegd.supervision.engine_process import EngineProcess, OnOutcome
from edgesegd.supervision.engine_state import EngineEvent, EngineLife

SLOW_INVOKE, LATE = 30.0, 1000.0
COMPUTED = FrameResult(1, 1, (1, 1), seconds={Stage.INVOKE: SLOW_INVOKE})
REUSED = FrameResult(1, 1, (1, 1), seconds={}, reused=Reused(0, ReuseMode.UNCHANGED))


class SlowEngine:
    """An engine whose invokes take SLOW_INVOKE; it answers at once with `result`."""

    def __init__(self, result: FrameResult) -> None:
        self.ready = EngineReady("", "cpu", 0, 0, 1, SLOW_INVOKE)
        self.slots, self.life = 1, EngineLife()
        self.life.apply(EngineEvent.LOADED)
        self.life.serve()
        self.cpu_seconds = 0.0
        self.bounds: list[float] = []
        self._result = result

    def segment(self, job: Job, *, answer_seconds: float, on_outcome: OnOutcome) -> None:
        del job
        self.bounds.append(answer_seconds)
        asyncio.get_running_loop().call_soon(on_outcome, self._result)


@pytest.mark.parametrize(("result", "learns"), [(COMPUTED, True), (REUSED, False)])
async def test_only_computed_results_tell_how_long_an_engine_takes(
    result: FrameResult, learns: bool
) -> None:
    scheduler, lane, engine = Scheduler(), Lane(200, Overflow.REJECT), SlowEngine(result)
    scheduler.open(lane)
    heard: list[FrameResult] = []
    dispatcher = Dispatcher(
        cast(EngineProcess, engine),
        scheduler,
        ranked=None,
        blame_frame=lambda _ranked, _fatal: None,
        on_result=heard.append,
        predict=True,
    )
    running = asyncio.create_task(dispatcher.run())
    jobs = [Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), Answer()) for _ in range(100)]
    for job in jobs:
        scheduler.submit(lane, job)
    assert [await job.answer for job in jobs] == [result] * 100
    engine.life.drain()
    await running
    assert len(heard) == (100 if learns else 0)
    assert engine.bounds[0] == FACTOR * SLOW_INVOKE
    # Answers that come at once make the bound shorter, but a repeat must not.
    assert (engine.bounds[-1] == engine.bounds[0]) != learns
    assert (dispatcher._prefetch.next_at < math.inf) == learns


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class StallingEngine(SlowEngine):
    """One whose second frame comes late, after it has used the processor for a part of that."""

    def __init__(self, clock: Clock, used: float) -> None:
        super().__init__(COMPUTED)
        self._clock = clock
        self._late, self._used = iter([0.0, LATE]), used

    def segment(self, job: Job, *, answer_seconds: float, on_outcome: OnOutcome) -> None:
        late = next(self._late)
        self._clock.now += SLOW_INVOKE + late
        self.cpu_seconds += self._used if late else SLOW_INVOKE
        super().segment(job, answer_seconds=answer_seconds, on_outcome=on_outcome)


@pytest.mark.parametrize("used", [0.0, LATE])
async def test_a_client_is_charged_with_the_work_for_its_frame_and_not_with_a_stall(
    used: float,
) -> None:
    clock = Clock()
    scheduler, lane = Scheduler(work_clock=clock), Lane(2, Overflow.REJECT)
    scheduler.open(lane)
    engine = StallingEngine(clock, used)
    dispatcher = Dispatcher(
        cast(EngineProcess, engine),
        scheduler,
        ranked=None,
        blame_frame=lambda _ranked, _fatal: None,
    )
    running = asyncio.create_task(dispatcher.run())
    for _ in range(2):
        job = Job(FrameSpec(FrameFormat.JPEG), b"x", ResultOptions(), Answer())
        scheduler.submit(lane, job)
        before = lane.account.turn
        await job.answer
    charged = lane.account.turn - before
    engine.life.drain()
    await running
    assert charged == pytest.approx(LATE if used else STALL_FACTOR * SLOW_INVOKE, rel=0.5)
