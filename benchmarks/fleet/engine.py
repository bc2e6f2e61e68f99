"""An engine of a simulated board, and what gives it frames."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial

from edgesegd.core.result import FrameResult, Stage
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.prefetch import PrefetchTimer
from fleet.shared_cores import Process, Step

SLOTS = 2
"""Frames that an engine may have: `slots` of the daemon's engines."""
STALL_FACTOR = 4.0
"""As the daemon's Dispatcher counts an engine's time at most."""


class SimulatedEngine:
    """Takes frames from the daemon's own scheduler, as the daemon's Dispatcher does.

    `process` does the steps of `draw_work()` for each frame. `in_turn` is whether it is one of
    several engines, which get the next frame a moment before they are free. It takes frames while
    `may_take()`. `hand_over` is called with what the front does with an answer.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        process: Process,
        in_turn: bool,
        may_take: Callable[[], bool],
        draw_work: Callable[[], tuple[Step, ...]],
        hand_over: Callable[[Callable[[], None]], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._scheduler = scheduler
        self._process = process
        self._may_take = may_take
        self._draw_work = draw_work
        self._hand_over = hand_over
        self._prefetch = PrefetchTimer(predict=in_turn, in_turn=in_turn)
        self._jobs: dict[Job, float] = {}
        self._answered = self._free = 0.0
        self._timer: asyncio.TimerHandle | None = None
        scheduler.watch(self._on_work)

    def _on_work(self) -> None:
        if not self._jobs:
            self._fill_slots(1)
        if self._scheduler.has_work:
            self._loop.call_soon(self._fill_slots)

    def _fill_slots(self, slots: int = SLOTS) -> None:
        while len(self._jobs) < slots and self._may_take():
            prefetch = self._loop.time() >= self._prefetch.next_at
            job = self._scheduler.take(busy=bool(self._jobs), prefetch=prefetch)
            if job is None:
                break
            self._give(job)

    def _give(self, job: Job) -> None:
        now, steps = self._loop.time(), self._draw_work()
        self._jobs[job] = now
        self._prefetch.given(now)
        self._set_timer()

        def answer() -> None:
            ended = self._loop.time()
            began, self._free = max(now, self._free), ended
            used = sum(step.seconds for step in steps)
            self._hand_over(partial(self._on_answer, job, used, ended - began))

        self._process.do(answer, *steps)

    def _on_answer(self, job: Job, used: float, worked: float) -> None:
        """In the front: the engine needed `used` seconds of CPU time, and `worked` seconds."""
        now, begun = self._loop.time(), self._jobs.pop(job)
        took, self._answered = now - max(begun, self._answered), now
        result = FrameResult(1, 1, (1, 1), seconds={Stage.INVOKE: worked})
        job.settle(result)
        self._scheduler.finish(job, min(took, used + STALL_FACTOR * self._scheduler.usual_work))
        self._prefetch.answered(now, more=bool(self._jobs))
        self._prefetch.learn(result)
        self._set_timer()
        self._fill_slots()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if math.isfinite(self._prefetch.next_at):
            self._timer = self._loop.call_at(self._prefetch.next_at, self._fill_slots)
