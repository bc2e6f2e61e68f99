"""Makes the gRPC server from its services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import grpc.aio
from grpc_reflection.v1alpha import reflection

from edgesegd.api.core_server import core_servers_call


class Service(Protocol):
    """A gRPC service of any protocol."""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve it on `server`."""


def make_server(
    services: Mapping[str, Service],
    *,
    admission: grpc.aio.ServerInterceptor,
    options: Sequence[tuple[str, int]],
    on_end: Callable[[], None],
) -> grpc.aio.Server:
    """A server of `services`, which are given by their full names, and of reflection.

    It does not listen yet. Every call of their methods goes through `admission`. `on_end` is called
    if the server ends by a fault of its own.
    """
    with core_servers_call(on_end):
        server = grpc.aio.server(interceptors=[admission], options=options)
    for service in services.values():
        service.add_to(server)
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)
    return server
