"""Engines that are over, while what follows them serves."""

from __future__ import annotations

import asyncio

from edgesegd.ipc.tasks import log_failure
from edgesegd.supervision.engine_process import EngineProcess


class Reaper:
    """Closes engines in tasks of its own: one that hangs in a driver takes seconds to end."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def close_soon(self, engine: EngineProcess) -> None:
        """Close it, and wait for its end elsewhere."""
        task = asyncio.create_task(engine.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        task.add_done_callback(log_failure)

    async def finish(self) -> None:
        """Until all have ended, or are left behind."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
