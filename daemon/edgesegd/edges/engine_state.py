"""How the engine fares, told to health and metrics."""

from __future__ import annotations

import asyncio

from edgesegd.core.messages import EngineReady
from edgesegd.edges.health import Health
from edgesegd.edges.metrics import Metrics
from edgesegd.link.link import EngineLink


class EngineState:
    """Remembers the engine that is ready; the observer of a `Supervisor`.

    `ready` and `pid` are None while there is none; `delegate` stays that of the last one.
    """

    def __init__(self, metrics: Metrics, health: Health) -> None:
        self.ready: EngineReady | None = None
        self.pid: int | None = None
        self.delegate = ""
        self._metrics = metrics
        self._health = health
        self._telling: set[asyncio.Task[None]] = set()

    def engine_ready(self, link: EngineLink, *, degraded: bool) -> None:
        """An engine is ready; `degraded` where a better delegate is not well."""
        self.ready, self.pid = link.ready, link.pid
        self.delegate = link.ready.delegate
        self._metrics.engine_ready(link.ready.delegate, link.ready.runtime, link.ready.threads)
        self._metrics.degraded(degraded)
        self._tell_health(serving=True, degraded=degraded)

    def engine_lost(self, cause: str) -> None:
        """The engine is gone."""
        self.ready, self.pid = None, None
        self._metrics.engine_lost(cause)
        self._tell_health(serving=False, degraded=True)

    def _tell_health(self, *, serving: bool, degraded: bool) -> None:
        task = asyncio.create_task(self._health.set_serving(serving, degraded=degraded))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
