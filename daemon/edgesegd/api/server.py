"""Makes the gRPC server from its services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import grpc.aio
from grpc_reflection.v1alpha import reflection


class Service(Protocol):
    """A gRPC service of any protocol."""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve it on `server`."""


def make_server(
    services: Mapping[str, Service],
    *,
    admission: grpc.aio.ServerInterceptor,
    options: Sequence[tuple[str, int]],
) -> grpc.aio.Server:
    """A server of `services`, which are given by their full names, and of reflection.

    It does not listen yet. Every call goes through `admission`.
    """
    server = grpc.aio.server(interceptors=[admission], options=options)
    for service in services.values():
        service.add_to(server)
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)
    return server
