"""Resolves `.local` names, which gRPC cannot."""

from __future__ import annotations

from edgeseg_client.lookup import look_up


async def resolve(host: str, port: str) -> str | None:
    """The gRPC target for a name that gRPC cannot resolve itself; None if it can.

    gRPC asks DNS only. A name of mDNS, such as `board.local`, is resolved by the system, and the
    target is its IP address. Raises `Unavailable` if the system cannot resolve the name, and
    `InvalidRequest` if it is not a valid name.
    """
    if not host.lower().endswith(".local"):
        return None
    numbers = await look_up(host, port)
    # A target has addresses of one family only; IPv4 is preferred.
    return f"ipv4:{numbers.ipv4[0]}:{port}" if numbers.ipv4 else f"ipv6:{numbers.ipv6[0]}:{port}"
