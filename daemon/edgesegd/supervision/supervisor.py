"""Keeps one engine running and supplied with frames, and replaces it if it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.core.errors import NoEngine
from edgesegd.core.result import FrameResult, Stage
from edgesegd.delegates.spec import Choice
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.delegate_ranking import BlameFrame, RankedDelegate
from edgesegd.supervision.dispatcher import Dispatcher
from edgesegd.supervision.engine_process import EngineLost
from edgesegd.supervision.failover import Failover, Running


class Supervisor:
    """Gives an engine frames until it is lost or a better one is ready; then the next engine.

    Frames that were in a lost engine return to the scheduler and run first, if their deadlines
    allow it. While no engine can be started, `give_up` is called again and again. `on_invoke`
    is called after each result, with the choice that ran it and the seconds of its invoke.
    `blame_frame`, `answer_seconds`, `in_turn`, `may_take` and `cores` are the Dispatcher's.
    Once it `is_retired`, no engine follows the present one.
    """

    def __init__(
        self,
        *,
        failover: Failover,
        scheduler: Scheduler,
        answer_seconds: float,
        give_up: Callable[[NoEngine], None],
        blame_frame: BlameFrame,
        in_turn: bool = False,
        may_take: Callable[[], bool] = lambda: True,
        on_invoke: Callable[[Choice, float], None] = lambda _choice, _seconds: None,
        cores: Cores | None = None,
    ) -> None:
        self._failover = failover
        self._scheduler = scheduler
        self._answer_seconds = answer_seconds
        self._give_up = give_up
        self._blame_frame = blame_frame
        self._in_turn = in_turn
        self._may_take = may_take
        self._on_invoke = on_invoke
        self._cores = cores
        self._running: Running | None = None
        self._closing = BackgroundTasks()
        self.is_retired = False

    @property
    def is_serving(self) -> bool:
        """Whether there is an engine that has frames or may get some."""
        return self._running is not None and self._running.engine.life.may_answer

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        self._running = await self._failover.first()

    async def run(self) -> None:
        """Serve until cancelled, or until `end` is called."""
        async with asyncio.TaskGroup() as group:
            upgrading = group.create_task(self._failover.upgrade())
            await self._serve()
            upgrading.cancel()

    def end(self, running: asyncio.Task[None]) -> None:
        """Answer the frames in the engine, then end it; `running` is the task of `run`."""
        self.is_retired = True
        if self._running is None:
            running.cancel()
        else:
            self._running.engine.life.drain()

    def reorder(self, choices: list[Choice]) -> None:
        """Use these delegates from now on, best first."""
        self._failover.reorder(choices)

    def blame_frame(self, ranked: Iterable[RankedDelegate | None], fatal: bool) -> None:
        """A frame caused the loss of engines; see `Failover.blame_frame`."""
        self._failover.blame_frame(ranked, fatal)

    def forget(self) -> None:
        """Report that its engine is closed and no other replaces it."""
        self._failover.retired()

    async def close(self) -> None:
        """End the engines that `run` does not end, and wait until all have ended."""
        if self._running is not None:
            if self._running.engine.life.is_serving:  # `run` was not ended before
                self._running.engine.life.drain()
            self._closing.start(self._running.engine.close())
            self._running = None
        await self._failover.close()
        await self._closing.wait()

    async def _serve(self) -> None:
        """Serve with one engine after another; each is closed as soon as it serves no more."""
        while not self.is_retired:
            running = self._running or await self._failover.replacement(self._give_up)
            self._running, following = running, None
            dispatcher = Dispatcher(
                running.engine,
                self._scheduler,
                ranked=running.ranked,
                blame_frame=self._blame_frame,
                on_result=partial(self._worked, running),
                may_take=self._may_take,
                answer_seconds=self._answer_seconds,
                predict=self._in_turn or not running.ranked.delegate.is_cpu,
                in_turn=self._in_turn,
                cores=self._cores if running.ranked.delegate.is_cpu else None,
            )
            running.engine.life.serve()
            if self._failover.has_better:
                running.engine.life.drain()
            try:
                await dispatcher.run()
                following = None if self.is_retired else self._failover.upgraded()
            except EngineLost as loss:
                self._failover.lost(running, loss)
            finally:
                self._running = following
                self._closing.start(running.engine.close())

    def _worked(self, running: Running, result: FrameResult) -> None:
        self._failover.worked()
        self._on_invoke(running.ranked.choice, result.seconds.get(Stage.INVOKE, 0.0))
