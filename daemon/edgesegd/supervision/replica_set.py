"""A set of engines for one model on the CPU, from their start to their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from edgesegd.core.errors import StartupError
from edgesegd.core.log_fields import log_fields
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.delegates.spec import Choice
from edgesegd.supervision.engine_observer import EngineObserver
from edgesegd.supervision.engine_process import EngineLost, EngineProcess

log = logging.getLogger(__name__)


Serve = Callable[[EngineProcess], Awaitable[None]]
"""Gives an engine frames while it serves; raises EngineLost if it is lost."""


class ReplicaSet:
    """Within `async with`, one engine for each of `choices` starts and serves.

    At the end of the block engines answer the frames that they have, then end; starts that are not
    finished are cancelled. `failed` is whether a replica did not start or was lost, or `fail` was
    called. `on_change` is called when `failed` changes, and when one more engine is ready. Log
    records are about `model`.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        start_engine: Callable[[Choice], Awaitable[EngineProcess]],
        observe: Callable[[], EngineObserver],
        serve: Serve,
        on_change: Callable[[], None],
        model: ModelIdentity = NO_MODEL,
    ) -> None:
        self._model = model
        self._choices = choices
        self._start_engine = start_engine
        self._observe = observe
        self._serve = serve
        self._on_change = on_change
        self.failed = False
        self._engines: list[EngineProcess] = []
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
        for engine in self._engines:
            engine.life.drain()
        for starting in self._starting:
            starting.cancel()
        await self._group.__aexit__(kind, error, traceback)

    @property
    def all_ready(self) -> bool:
        """Whether every engine can be given frames."""
        return sum(each.life.is_serving for each in self._engines) == len(self._choices)

    def fail(self, why: str, *, delegate: str = "", cause: str = "") -> None:
        """Mark the set as failed, so that its user ends it.

        `delegate` and `cause` are those of the replica that was lost, if one was.
        """
        fields = log_fields(model=self._model.name, delegate=delegate, cause=cause)
        log.warning("replicas end (%s); the first engine serves alone", why, extra=fields)
        self.failed = True
        self._on_change()

    async def _run_one(self, choice: Choice) -> None:
        try:
            engine = await self._start_engine(choice)
        except StartupError as error:
            self.fail(f"one does not start: {error}", delegate=choice[0].name, cause="start")
            return
        finally:
            if (task := asyncio.current_task()) is not None:
                self._starting.discard(task)
        observer = self._observe()
        observer.engine_ready(engine, degraded=False)
        self._engines.append(engine)
        engine.life.serve()
        self._on_change()
        try:
            await self._serve(engine)
        except EngineLost as loss:
            observer.engine_lost(loss.cause)
            self.fail(
                f"one failed ({loss.cause}): {loss}", delegate=choice[0].name, cause=loss.cause
            )
        finally:
            self._engines.remove(engine)
            observer.engine_closed()
            await engine.close()
