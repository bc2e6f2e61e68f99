"""The standard health service: for the daemon, for its services and for each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

HEALTH_SERVICE_NAME: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

Status = health_pb2.HealthCheckResponse


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """Whether a model `serves`, in which version, and whether it is `degraded`.

    It also `serves` while it sleeps: it has no engine then, but the next frame starts one. It is
    `degraded` while a lesser delegate than the best one, or than the one that it is compiled for,
    runs it.
    """

    version: str
    serves: bool
    degraded: bool


class Health:
    """Serves the health of the daemon, of its `services` and of its models.

    "" (the daemon) and the full names of `services` are SERVING while the default model serves and
    the daemon is not stopping. Each model has three names: "model/NAME"; "model/NAME/VERSION" for
    the version that serves; and "model/NAME/delegate", which is SERVING only while the best
    delegate runs the model, so NOT_SERVING shows degraded service. A version that is being tried,
    or failed when it was tried last, is NOT_SERVING. A model or version that is no longer served is
    SERVICE_UNKNOWN.
    """

    def __init__(self, services: Sequence[str], default: str) -> None:
        self._servicer: Any = health_aio.HealthServicer()
        self._services = ("", *services)
        self._default = default
        self._models: dict[str, ModelHealth] = {}
        self._tried: dict[str, str] = {}
        self._draining = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve `grpc.health.v1` on `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_model(self, name: str, health: ModelHealth) -> None:
        """Publish the health of a model."""
        before, self._models[name] = self._models.get(name), health
        if self._tried.get(name) == health.version:
            del self._tried[name]
        if before is not None and before.version != health.version:
            await self._servicer.set(f"model/{name}/{before.version}", Status.SERVICE_UNKNOWN)
        await self._publish(name)

    async def try_version(self, name: str, version: str) -> None:
        """Publish that another version of a model does not serve yet."""
        before, self._tried[name] = self._tried.get(name, version), version
        if before != version:
            await self._servicer.set(f"model/{name}/{before}", Status.SERVICE_UNKNOWN)
        if self._tried.get(name) == version:  # it does not serve meanwhile
            await self._set(f"model/{name}/{version}", serves=False)

    async def remove_model(self, name: str) -> None:
        """Publish that a model is no longer served."""
        health = self._models.pop(name, None)
        if (tried := self._tried.pop(name, None)) is not None:
            await self._servicer.set(f"model/{name}/{tried}", Status.SERVICE_UNKNOWN)
        if health is not None:
            for suffix in ("", f"/{health.version}", "/delegate"):
                await self._servicer.set(f"model/{name}{suffix}", Status.SERVICE_UNKNOWN)
            await self._publish_services()

    def why_not_ready(self) -> str:
        """Why the default model cannot be sent frames; empty if it can. Any thread may ask."""
        if self._draining:
            return "the daemon is stopping"
        health = self._models.get(self._default)
        if health is None or not health.serves:
            return f"no engine of the model {self._default} is ready"
        return ""

    async def drain(self) -> None:
        """Publish NOT_SERVING for everything from now on, whatever the engines do."""
        self._draining = True
        await self._publish_services()
        for name in tuple(self._models):
            await self._publish(name)

    async def _publish(self, name: str) -> None:
        """Publish the newest health of a model; it is read anew each time, since it may change."""
        if (health := self._models.get(name)) is not None:
            await self._set(f"model/{name}", health.serves)
        if (health := self._models.get(name)) is not None:
            await self._set(f"model/{name}/{health.version}", health.serves)
        if (health := self._models.get(name)) is not None:
            await self._set(f"model/{name}/delegate", health.serves and not health.degraded)
        await self._publish_services()

    async def _publish_services(self) -> None:
        for name in self._services:
            default = self._models.get(self._default)
            await self._set(name, default is not None and default.serves)

    async def _set(self, name: str, serves: bool) -> None:
        value = Status.SERVING if serves and not self._draining else Status.NOT_SERVING
        await self._servicer.set(name, value)
