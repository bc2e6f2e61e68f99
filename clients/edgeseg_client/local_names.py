"""Names that only the system's resolver knows."""

from __future__ import annotations

import asyncio
import socket

from edgeseg_client.errors import Unavailable


async def resolve(address: str) -> str:
    """`address` as gRPC can resolve it.

    gRPC asks DNS alone, so a name of mDNS, such as that of `board.local:8460`, becomes the numbers
    that the system has for it. Everything else is returned as it is. Raises `Unavailable` where the
    system does not know the name either.
    """
    host, _, port = address.rpartition(":")
    if not host.lower().endswith(".local"):
        return address
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"nothing on this network is called {host}: {error.strerror}") from error
    # gRPC takes addresses of one family; link-local IPv6 ones would need their interface as well.
    numbers = {family: where[0] for family, _, _, _, where in reversed(found)}
    if socket.AF_INET in numbers:
        return f"ipv4:{numbers[socket.AF_INET]}:{port}"
    return f"ipv6:[{numbers[socket.AF_INET6]}]:{port}"
