"""What the system resolves a name to; it knows names that gRPC does not, such as `board.local`."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

from edgeseg_client.errors import InvalidRequest, Unavailable


@dataclass(frozen=True, slots=True)
class HostNumbers:
    """The IP addresses of a host, as a target of gRPC has them: IPv6 in brackets."""

    ipv4: list[str] = field(default_factory=list)
    ipv6: list[str] = field(default_factory=list)


async def look_up(host: str, port: str) -> HostNumbers:
    """The IP addresses of a host, at least one.

    Raises `Unavailable` if the system cannot resolve the name, and `InvalidRequest` if it is not a
    valid name.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"no host on this network is called {host}: {error.strerror}") from error
    except UnicodeError as error:
        raise InvalidRequest(f"{host!r} is not a valid name: {error}") from error
    numbers = HostNumbers()
    for family, _, _, _, where in found:
        if family == socket.AF_INET:
            numbers.ipv4.append(str(where[0]))
        elif len(where) == 4:
            # A link-local address needs its interface. The target is a URI, in which % is %25.
            numbers.ipv6.append(f"[{where[0]}{f'%25{where[3]}' if where[3] else ''}]")
    return numbers
