"""Who is notified of what happens to an engine."""

from __future__ import annotations

from typing import Protocol

from edgesegd.supervision.engine_process import EngineProcess


class EngineObserver(Protocol):
    """Is notified when an engine is ready, degraded, lost or closed; a Failover's, or a replica."""

    def engine_ready(self, engine: EngineProcess, *, degraded: bool) -> None:
        """An engine is ready; `degraded` is what DelegateRanking.is_degraded says of it."""

    def engine_degraded(self, degraded: bool) -> None:
        """`degraded` has changed, and no other engine is ready; never for a replica."""

    def engine_lost(self, cause: str) -> None:
        """The engine is lost, for one of EngineLost's causes, or its replacement did not start."""

    def engine_closed(self) -> None:
        """The engine is no longer needed or, if it is a replica, lost; no other replaces it."""
