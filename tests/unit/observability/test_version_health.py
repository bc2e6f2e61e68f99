"""The health of versions that are being tried, as clients of grpc.health.v1 see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgesegd.observability.health import Health, ModelHealth


class Asked:
    """A server with the health of a model, and a client of it."""

    def __init__(self, health: Health, channel: grpc.aio.Channel) -> None:
        self.health = health
        self._stub = health_pb2_grpc.HealthStub(channel)

    async def of(self, version: str) -> str:
        request = health_pb2.HealthCheckRequest(service=f"model/rooms/{version}")
        try:
            answer = await self._stub.Check(request)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def serves(self, version: str) -> None:
        await self.health.set_model("rooms", ModelHealth(version, serves=True, degraded=False))


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    health = Health((), "rooms")
    server = grpc.aio.server()
    health.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Asked(health, channel)
    await server.stop(None)


async def test_a_version_does_not_serve_until_it_has_proven_itself(asked: Asked) -> None:
    await asked.serves("1")
    assert await asked.of("2") == "NOT_FOUND"
    await asked.health.try_version("rooms", "2")
    assert (await asked.of("1"), await asked.of("2")) == ("SERVING", "NOT_SERVING")
    await asked.serves("2")
    assert (await asked.of("1"), await asked.of("2")) == ("SERVICE_UNKNOWN", "SERVING")


async def test_a_version_that_failed_does_not_serve_until_another_is_tried(asked: Asked) -> None:
    await asked.serves("1")
    await asked.health.try_version("rooms", "2")
    await asked.serves("1")
    assert (await asked.of("1"), await asked.of("2")) == ("SERVING", "NOT_SERVING")
    await asked.health.try_version("rooms", "2")
    assert await asked.of("2") == "NOT_SERVING"
    await asked.health.try_version("rooms", "3")
    assert (await asked.of("2"), await asked.of("3")) == ("SERVICE_UNKNOWN", "NOT_SERVING")
    await asked.health.remove_model("rooms")
    assert (await asked.of("1"), await asked.of("3")) == ("SERVICE_UNKNOWN", "SERVICE_UNKNOWN")
