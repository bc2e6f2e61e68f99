"""All engines of one model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edgesegd.core.delegates.selection import Selection
from edgesegd.core.delegates.spec import Choice
from edgesegd.link.supervisor import Supervisor


class Fleet:
    """One engine that climbs the ladder of delegates, and one for each device beside it.

    All take frames from one scheduler, whoever is free. `supervise` makes the supervisor of some
    choices, best first, and is told whether frames wait for that one alone.
    """

    def __init__(
        self, selection: Selection, *, supervise: Callable[[list[Choice], bool], Supervisor]
    ) -> None:
        self._supervise = supervise
        self._first = supervise(list(selection.ladder), True)
        self._beside: list[tuple[Choice, Supervisor]] = []
        self._running: asyncio.TaskGroup | None = None
        self._wanted = selection.beside

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        await self._first.start()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._running = group
            group.create_task(self._first.run())
            self._add_wanted()

    def select(self, selection: Selection) -> None:
        """Use these delegates from now on; a device that serves already goes on."""
        self._first.reorder(list(selection.ladder))
        self._wanted = selection.beside
        self._add_wanted()

    async def close(self) -> None:
        """End the engines that `run` does not."""
        for supervisor in (self._first, *(supervisor for _, supervisor in self._beside)):
            await supervisor.close()

    def _add_wanted(self) -> None:
        known = [choice for choice, _ in self._beside]
        for choice in self._wanted:
            if self._running is not None and choice not in known:
                supervisor = self._supervise([choice], False)
                self._beside.append((choice, supervisor))
                self._running.create_task(supervisor.run())
