"""All engines of one model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from edgesegd.core.errors import EngineFailed, NoEngine
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.delegate_ranking import BlameFrame, RankedDelegate
from edgesegd.supervision.dispatcher import failed_with
from edgesegd.supervision.replica_controller import ReplicaController
from edgesegd.supervision.supervisor import Supervisor

log = logging.getLogger(__name__)

GiveUp = Callable[[NoEngine], None]


@dataclass(slots=True, eq=False)
class _Extra:
    """An extra engine and the task that runs it."""

    choice: Choice
    supervisor: Supervisor
    task: asyncio.Task[None] | None = None


class EnginePool:
    """One engine with the best delegate that is healthy, and one for each extra device.

    All engines take frames from one scheduler, each when it is free. `supervise` makes a supervisor
    for the given choices, best first; the supervisor calls the given GiveUp while it cannot get
    an engine, and the BlameFrame when a frame has caused the loss of engines, whichever they
    are. If the CPU is the best delegate, `replicas` may take frames instead of the first
    engine.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        supervise: Callable[[list[Choice], GiveUp, BlameFrame], Supervisor],
        scheduler: Scheduler,
        replicas: ReplicaController | None = None,
    ) -> None:
        self._supervise = supervise
        self._scheduler = scheduler
        self._replicas = replicas
        self._extras: list[_Extra] = []
        self._first = supervise(list(selection.ranking), self._give_up, self.blame_frame)
        self._running: asyncio.TaskGroup | None = None
        self._first_task: asyncio.Task[None] | None = None
        self._wanted = selection.extra
        self._consider_replicas(selection)

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        await self._first.start()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._running = group
            self._first_task = group.create_task(self._first.run())
            if self._replicas is not None:
                group.create_task(self._replicas.run())
            self._match_extras()

    async def retire(self) -> None:
        """Take no more frames, and wait until those in engines are answered."""
        self._wanted = ()
        self._match_extras()
        tasks = [extra.task for extra in self._extras]
        if self._first_task is not None:
            self._first.end(self._first_task)
            tasks.append(self._first_task)
        if self._replicas is not None:
            await self._replicas.retire()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)

    def select(self, selection: Selection) -> None:
        """Use these delegates from now on.

        Engines whose device is still selected go on. An extra engine that is no longer selected
        answers the frames that it has, then ends.
        """
        self._consider_replicas(selection)
        self._wanted = selection.extra
        self._match_extras()
        self._first.reorder(list(selection.ranking))

    def blame_frame(self, ranked: Iterable[RankedDelegate | None], fatal: bool) -> None:
        """A frame caused the loss of engines; see `Failover.blame_frame`."""
        for each in self._supervisors():
            each.blame_frame(ranked, fatal)

    async def close(self) -> None:
        """End the engines that `run` does not end."""
        await self._first.close()
        self._first.forget()

    def _give_up(self, error: NoEngine) -> None:
        """If no engine at all serves, answer all waiting frames with an error.

        The error of a frame that more than one engine was lost with says not to send it again.
        """

        def answer(job: Job) -> NoEngine | EngineFailed:
            return failed_with(job, str(error)) if len(job.losses) > 1 else NoEngine(str(error))

        by_replicas = self._replicas is not None and self._replicas.active
        if not (by_replicas or any(each.is_serving for each in self._supervisors())):
            self._scheduler.fail_waiting(answer)

    def _supervisors(self) -> Iterator[Supervisor]:
        yield self._first
        yield from (extra.supervisor for extra in self._extras)

    def _consider_replicas(self, selection: Selection) -> None:
        """Use replicas only if the CPU is best: one engine is enough to fill an accelerator."""
        if self._replicas is not None:
            best, _ = selection.ranking[0]
            self._replicas.set_of_use(best.is_cpu and not selection.extra)

    def _match_extras(self) -> None:
        """Start the extra engines that are wanted and missing; retire those no longer wanted."""
        if self._running is None:
            return
        unwanted = [extra for extra in self._extras if not extra.supervisor.is_retired]
        for choice in self._wanted:
            kept = next((extra for extra in unwanted if extra.choice == choice), None)
            if kept is not None:
                unwanted.remove(kept)
                continue
            extra = _Extra(choice, self._supervise([choice], self._give_up, self.blame_frame))
            extra.task = self._running.create_task(self._run_extra(extra))
            self._extras.append(extra)
        for extra in unwanted:
            log.info("an extra engine (%s) is no longer needed", extra.choice[0].name)
            if extra.task is not None:
                extra.supervisor.end(extra.task)

    async def _run_extra(self, extra: _Extra) -> None:
        try:
            await extra.supervisor.run()
        finally:
            self._extras.remove(extra)
            await extra.supervisor.close()
            if extra.supervisor.is_retired:
                extra.supervisor.forget()
