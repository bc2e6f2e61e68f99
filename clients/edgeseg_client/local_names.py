"""Resolves `.local` names, which gRPC cannot."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from edgeseg_client.errors import InvalidRequest, Unavailable


async def resolve(host: str, port: str) -> str | None:
    """The gRPC target for a name that gRPC cannot resolve itself; None if it can.

    gRPC asks DNS only. A name of mDNS, such as `board.local`, is resolved by the system, and the
    target is its IP address. Raises `Unavailable` if the system cannot resolve the name, and
    `InvalidRequest` if it is not a valid name.
    """
    if not host.lower().endswith(".local"):
        return None
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"no host on this network is called {host}: {error.strerror}") from error
    except UnicodeError as error:
        raise InvalidRequest(f"{host!r} is not a valid name: {error}") from error
    # A target has addresses of one family only; IPv4 is preferred.
    numbers = {family: where for family, _, _, _, where in reversed(found)}
    if socket.AF_INET in numbers:
        return f"ipv4:{numbers[socket.AF_INET][0]}:{port}"
    number, _, _, scope = cast("tuple[str, int, int, int]", numbers[socket.AF_INET6])
    # A link-local address needs its interface. The target is a URI, in which % is written %25.
    interface = f"%25{scope}" if scope else ""
    return f"ipv6:[{number}{interface}]:{port}"
