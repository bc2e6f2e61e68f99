"""All engines of one model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice
from edgesegd.supervision.replicas import Replicas
from edgesegd.supervision.supervisor import Supervisor


class Fleet:
    """One engine that climbs the ladder of delegates, and one for each device beside it.

    All take frames from one scheduler, whoever is free. `supervise` makes the supervisor of some
    choices, best first, and is told whether frames wait for that one alone. Where the CPU is the
    best, `replicas` may take the frames in place of the first engine.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        supervise: Callable[[list[Choice], bool], Supervisor],
        replicas: Replicas | None = None,
    ) -> None:
        self._supervise = supervise
        self._replicas = replicas
        self._first = supervise(list(selection.ladder), True)
        self._beside: list[tuple[Choice, Supervisor]] = []
        self._running: asyncio.TaskGroup | None = None
        self._wanted = selection.beside
        self._consider_replicas(selection)

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        await self._first.start()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._running = group
            group.create_task(self._first.run())
            if self._replicas is not None:
                group.create_task(self._replicas.run())
            self._add_wanted()

    def select(self, selection: Selection) -> None:
        """Use these delegates from now on; a device that serves already goes on."""
        self._consider_replicas(selection)
        self._first.reorder(list(selection.ladder))
        self._wanted = selection.beside
        self._add_wanted()

    def clear(self, notes: Iterable[object], certain: bool) -> None:
        """Engines were lost by a frame's fault, as `Succession.clear` has it."""
        self._first.clear(notes, certain)

    async def close(self) -> None:
        """End the engines that `run` does not."""
        for supervisor in (self._first, *(supervisor for _, supervisor in self._beside)):
            await supervisor.close()

    def _consider_replicas(self, selection: Selection) -> None:
        """An accelerator is filled by one engine."""
        if self._replicas is not None:
            best, _ = selection.ladder[0]
            self._replicas.set_of_use(best.is_cpu and not selection.beside)

    def _add_wanted(self) -> None:
        known = [choice for choice, _ in self._beside]
        for choice in self._wanted:
            if self._running is not None and choice not in known:
                supervisor = self._supervise([choice], False)
                self._beside.append((choice, supervisor))
                self._running.create_task(supervisor.run())
