"""Names that only the system's resolver knows."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from edgeseg_client.errors import InvalidRequest, Unavailable


async def resolve(host: str, port: str) -> str | None:
    """The target for gRPC of a name that it cannot resolve; None where it can.

    gRPC asks DNS alone, so a name of mDNS, such as `board.local`, becomes the numbers that the
    system has for it. Raises `Unavailable` where the system does not know the name either, and
    `InvalidRequest` for what can be no name.
    """
    if not host.lower().endswith(".local"):
        return None
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"nothing on this network is called {host}: {error.strerror}") from error
    except UnicodeError as error:
        raise InvalidRequest(f"{host!r} can be no name: {error}") from error
    # gRPC takes addresses of one family.
    numbers = {family: where for family, _, _, _, where in reversed(found)}
    if socket.AF_INET in numbers:
        return f"ipv4:{numbers[socket.AF_INET][0]}:{port}"
    number, _, _, scope = cast("tuple[str, int, int, int]", numbers[socket.AF_INET6])
    # The interface of a link-local address, which is nothing without it; a target is a URI.
    interface = f"%25{scope}" if scope else ""
    return f"ipv6:[{number}{interface}]:{port}"
