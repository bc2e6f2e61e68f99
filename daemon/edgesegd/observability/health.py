"""The standard health service: for the daemon, for its service and for each model."""

from __future__ import annotations

from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio


class Health:
    """Says SERVING while an engine is ready and the daemon is not stopping.

    Names: "" for the daemon, the full name of its `service`, and "model/NAME". The name
    "model/NAME/delegate" is SERVING only while the best delegate runs the model: it tells of
    degraded service.
    """

    def __init__(self, service: str, model: str) -> None:
        self._servicer: Any = health_aio.HealthServicer()
        self._names = ("", service, f"model/{model}")
        self._delegate_name = f"model/{model}/delegate"
        self._draining = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve `grpc.health.v1` on `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_serving(self, serving: bool, *, degraded: bool) -> None:
        """Tell all who check or watch."""
        for name in self._names:
            await self._set(name, serving)
        await self._set(self._delegate_name, serving and not degraded)

    async def drain(self) -> None:
        """NOT_SERVING from now on, whatever the engine does."""
        self._draining = True
        await self.set_serving(False, degraded=True)

    async def _set(self, name: str, well: bool) -> None:
        status = health_pb2.HealthCheckResponse
        value = status.SERVING if well and not self._draining else status.NOT_SERVING
        await self._servicer.set(name, value)
