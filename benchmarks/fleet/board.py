"""A simulated board: the front of its daemon, its engines, and the daemon's own scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Literal

from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler
from fleet.engine import SimulatedEngine
from fleet.service_times import ServiceTimes
from fleet.shared_cores import Process, SharedCores, Step

Optimize = Literal["auto", "latency", "throughput"]
"""The option of the daemon."""

BEFORE_NEXT = 0.3
"""The share of the front's work for a result that it does before the engine gets its next frame:
reading the engine's message. The rest is the response. Assumed, not measured."""
JPEG, OPTIONS = FrameSpec(FrameFormat.JPEG), ResultOptions()


class SimulatedBoard:
    """Answers frames as a daemon with `optimize` does.

    The first engine uses `threads`, each of several engines one. There are as many of those as
    cores, and they are there at once. `cores` may be shared with other boards.
    """

    def __init__(
        self,
        times: ServiceTimes,
        cores: SharedCores,
        *,
        engines: int,
        threads: int,
        optimize: Optimize,
        random: Random,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._times = times
        self._random = random
        self._front = Process(cores)
        self._scheduler = Scheduler(clock=self._loop.time)
        self._optimize = optimize
        demand = self._scheduler.demand
        demand.on_change = self._scheduler.wake
        self._add_engine(cores, threads, in_turn=False, may_take=lambda: not self._several)
        for _ in range(engines):
            self._add_engine(cores, 1, in_turn=True, may_take=lambda: self._several)

    @property
    def _several(self) -> bool:
        """Whether several engines have the frames now."""
        if self._optimize == "auto":
            return self._scheduler.demand.several
        return self._optimize == "throughput"

    def _add_engine(
        self, cores: SharedCores, threads: int, *, in_turn: bool, may_take: Callable[[], bool]
    ) -> None:
        before_next = Step(BEFORE_NEXT * self._times.front_result)
        SimulatedEngine(
            scheduler=self._scheduler,
            process=Process(cores),
            in_turn=in_turn,
            may_take=may_take,
            draw_work=partial(self._draw_work, threads),
            hand_over=lambda then: self._front.do(then, before_next),
        )

    def _draw_work(self, threads: int) -> tuple[Step, ...]:
        ratio = self._random.choice(self._times.spread)
        invoke = self._times.invoke if threads == 1 else self._times.invoke_all_cores
        return Step(ratio * self._times.serial), Step(ratio * invoke, threads)

    def open(self, client: str) -> Lane:
        """The lane of a camera's stream (LATEST)."""
        lane = Lane(1, Overflow.SUPERSEDE)
        self._scheduler.open(lane, (client,))
        return lane

    def receive(self, lane: Lane, on_answer: Callable[[bool], None]) -> None:
        """A frame has arrived; `on_answer` is called with whether it got a result."""
        received = self._loop.time()
        submit = partial(self._submit, lane, received, on_answer)
        self._front.do(submit, Step(self._times.front_frame))

    def _submit(self, lane: Lane, received: float, on_answer: Callable[[bool], None]) -> None:
        job = Job(frame=JPEG, data=b"", options=OPTIONS, answer=Answer(), received=received)
        job.answer.on_done(lambda: self._respond(job, on_answer))
        self._scheduler.submit(lane, job)

    def _respond(self, job: Job, on_answer: Callable[[bool], None]) -> None:
        if isinstance(job.answer.outcome, FrameResult):
            rest = Step((1 - BEFORE_NEXT) * self._times.front_result)
            self._front.do(lambda: on_answer(True), rest)
        else:
            on_answer(False)
