"""Keeps one engine running and fed, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from edgesegd.core.errors import EngineFailed, NoEngine
from edgesegd.core.result import FrameResult, Stage
from edgesegd.delegates.spec import Choice
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.dispatcher import Dispatcher, failed_with
from edgesegd.supervision.engine_process import EngineLost
from edgesegd.supervision.failover import Running, Succession


class Supervisor:
    """Feeds an engine from the scheduler; the next one when it is lost, or a better one is ready.

    The frames that were in a lost engine are given back, to be run first if their deadlines allow.
    Where no engine can be had for a while and this one is `alone`, the frames that wait are
    answered. `answer_seconds`, `in_turn` and `may_take` are the Dispatcher's;
    `on_invoke` is told of each how many seconds it took, and what ran it.
    """

    def __init__(
        self,
        *,
        succession: Succession,
        scheduler: Scheduler,
        answer_seconds: float,
        alone: bool,
        in_turn: bool = False,
        may_take: Callable[[], bool] = lambda: True,
        on_invoke: Callable[[Choice, float], None] = lambda _choice, _seconds: None,
    ) -> None:
        self._succession = succession
        self._scheduler = scheduler
        self._answer_seconds = answer_seconds
        self._alone = alone
        self._in_turn = in_turn
        self._may_take = may_take
        self._on_invoke = on_invoke
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

    def clear(self, notes: Iterable[object], certain: bool) -> None:
        """Engines were lost by a frame's fault, as `Succession.clear` has it."""
        self._succession.clear(notes, certain)

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
            dispatcher = Dispatcher(
                running.link,
                self._scheduler,
                name=running.rung,
                clear=self._succession.clear,
                on_result=partial(self._worked, running),
                may_take=self._may_take,
                answer_seconds=self._answer_seconds,
                foresee=self._in_turn or not running.rung.delegate.is_cpu,
                in_turn=self._in_turn,
            )
            try:
                await dispatcher.run(self._succession.better_ready)
                self._running = self._succession.climbed()
            except EngineLost as loss:
                self._succession.lost(running, loss)
            finally:
                await running.link.close()

    def _worked(self, running: Running, result: FrameResult) -> None:
        self._succession.worked()
        self._on_invoke(running.rung.choice, result.seconds.get(Stage.INVOKE, 0.0))

    def _give_up(self, error: NoEngine) -> None:
        """Answer what waits; a frame that engines were lost with alone is not to come again."""

        def answer(job: Job) -> NoEngine | EngineFailed:
            return failed_with(job, str(error)) if len(job.losses) > 1 else NoEngine(str(error))

        if self._alone:
            self._scheduler.fail_waiting(answer)
