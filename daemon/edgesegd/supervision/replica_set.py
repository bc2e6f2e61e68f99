"""Engines that work side by side, from their start to their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from edgesegd.core.errors import StartupError
from edgesegd.delegates.spec import Choice
from edgesegd.supervision.engine_process import EngineLost, EngineProcess

log = logging.getLogger(__name__)


class ReplicaObserver(Protocol):
    """Who wants to know of one replica."""

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        """It is ready."""

    def engine_lost(self, cause: str) -> None:
        """It is gone, by one of EngineLost's causes."""

    def engine_closed(self) -> None:
        """Nothing more comes of it: it was lost, or is not needed any more."""


Serve = Callable[[EngineProcess, object, asyncio.Event], Awaitable[None]]
"""Supplies an engine with frames until the event is set; notes the object with those that it is
lost with, and raises EngineLost."""


class ReplicaSet:
    """Within `async with` an engine for each of `choices` starts and serves; then they end.

    Those that have frames finish them; those that are not ready yet are given up. `all_ready` is
    whether all can serve, `failed` whether one does not; `on_change` is called when either changes.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        start_engine: Callable[[Choice], Awaitable[EngineProcess]],
        observe: Callable[[], ReplicaObserver],
        serve: Serve,
        on_change: Callable[[], None],
    ) -> None:
        self._choices = choices
        self._start_engine = start_engine
        self._observe = observe
        self._serve = serve
        self._on_change = on_change
        self._ready = 0
        self.failed = False
        self._enough = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._starting: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._choices)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        for choice in self._choices:
            self._starting.add(self._group.create_task(self._run_one(choice)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._enough.set()
        for starting in self._starting:
            starting.cancel()
        await self._group.__aexit__(kind, error, traceback)

    @property
    def all_ready(self) -> bool:
        """Whether every engine can be given frames."""
        return self._ready == len(self._choices)

    def fail(self, why: str) -> None:
        """It is to end."""
        log.warning("engines side by side: %s; one serves", why)
        self.failed = True
        self._on_change()

    async def _run_one(self, choice: Choice) -> None:
        try:
            engine = await self._start_engine(choice)
        except StartupError as error:
            self.fail(f"one does not start: {error}")
            return
        finally:
            if (task := asyncio.current_task()) is not None:
                self._starting.discard(task)
        observer = self._observe()
        observer.engine_ready(engine, degraded=False)
        self._ready += 1
        self._on_change()
        try:
            await self._serve(engine, observer, self._enough)
        except EngineLost as loss:
            observer.engine_lost(loss.cause)
            self.fail(f"one failed ({loss.cause}): {loss}")
        finally:
            self._ready -= 1
            observer.engine_closed()
            await engine.close()
