"""Tries addresses with plain sockets, because gRPC does not say why it cannot listen."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesegd.core.errors import AddressMissing, CannotListen

if TYPE_CHECKING:
    from edgesegd.board.addresses import Endpoint

TRIES = 10
"""Tries to find a port that is free on every address of a name."""
PRIVILEGED = 1024
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def bind_one_port(
    address: str, endpoints: Sequence[Endpoint], stack: contextlib.ExitStack
) -> list[Endpoint]:
    """Bind the endpoints with sockets that `stack` closes; port 0 is replaced by a free port.

    On Linux gRPC can bind the same port while these sockets are open, as they do not listen; so no
    other process gets the port in between. Families that this machine does not have are left out.
    Raises CannotListen; AddressMissing if this machine does not have an address.
    """
    tries = TRIES if endpoints[0].sockaddr[1] == 0 and len(endpoints) > 1 else 1
    for left in reversed(range(tries)):
        try:
            return _bind_all(endpoints, stack)
        except _Refused as refused:
            stack.close()
            if not (left and refused.in_use):
                kind = AddressMissing if refused.missing else CannotListen
                raise kind(f"cannot listen on {address}: {refused}") from None
    raise AssertionError("the last try returns or raises")


class _Refused(Exception):
    """One of the addresses cannot be bound.

    If the port is `in_use`, another may be free; if the address is `missing`, it may come later.
    """

    def __init__(self, message: str, *, in_use: bool = False, missing: bool = False) -> None:
        super().__init__(f"{message}; choose another with --listen")
        self.in_use = in_use
        self.missing = missing


def _bind_all(endpoints: Sequence[Endpoint], stack: contextlib.ExitStack) -> list[Endpoint]:
    bound: list[Endpoint] = []
    for endpoint in endpoints:
        host, port, *rest = endpoint.sockaddr
        wanted = (host, port or (bound[0].sockaddr[1] if bound else 0), *rest)
        try:
            plain = stack.enter_context(socket.socket(endpoint.family, socket.SOCK_STREAM))
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
            plain.bind(wanted)
        except OSError as error:
            if len(endpoints) > 1 and not _has_family(endpoint.family):
                continue
            raise _refusal(host, wanted[1], error) from None
        bound.append(endpoint._replace(sockaddr=(host, plain.getsockname()[1], *rest)))
    if not bound:
        raise _Refused("this machine has no addresses of that kind")
    return bound


def _refusal(host: str, port: int, error: OSError) -> _Refused:
    match error.errno:
        case errno.EADDRINUSE:
            return _Refused(f"port {port} of {host} is in use", in_use=True)
        case errno.EADDRNOTAVAIL:
            return _Refused(f"{host} is not an address of this machine", missing=True)
        case errno.EACCES | errno.EPERM if port < PRIVILEGED:
            return _Refused(f"this user may not use ports below {PRIVILEGED}")
        case _:
            return _Refused(f"{host}: {error.strerror}")


def _has_family(family: socket.AddressFamily) -> bool:
    """Whether this machine has any addresses of the family."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as plain:
            plain.bind((LOOPBACK[family], 0))
    except OSError:
        return False
    return True
