"""The standard health service: for the daemon, for its service and for each model."""

from __future__ import annotations

from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from edgesegd.edges.names import SERVICE_NAME


class Health:
    """Says SERVING while an engine is ready and the daemon is not stopping.

    Names: "" for the daemon, the full name of the service, and "model/NAME".
    """

    def __init__(self, model: str) -> None:
        self._servicer: Any = health_aio.HealthServicer()
        self._names = ("", SERVICE_NAME, f"model/{model}")
        self._draining = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve `grpc.health.v1` on `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_serving(self, serving: bool) -> None:
        """Tell all who check or watch."""
        status = health_pb2.HealthCheckResponse
        value = status.SERVING if serving and not self._draining else status.NOT_SERVING
        for name in self._names:
            await self._servicer.set(name, value)

    async def drain(self) -> None:
        """NOT_SERVING from now on, whatever the engine does."""
        self._draining = True
        await self.set_serving(False)
