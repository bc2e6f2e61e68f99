"""Closes old engines while their successors serve."""

from __future__ import annotations

import asyncio

from edgesegd.ipc.tasks import log_failure
from edgesegd.supervision.engine_process import EngineProcess


class Reaper:
    """Closes engines in separate tasks: an engine that hangs in a driver takes seconds to end."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def start_closing(self, engine: EngineProcess) -> None:
        """Start to close an engine, without waiting for its end."""
        task = asyncio.create_task(engine.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        task.add_done_callback(log_failure)

    async def finish(self) -> None:
        """Wait until all engines have ended or are left behind."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
