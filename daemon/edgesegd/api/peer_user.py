"""Finds the user of this machine that a client runs as."""

from __future__ import annotations

import ipaddress
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from edgesegd.core.client import Client

UNKNOWN = -1
TCP, TCP6 = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
"""All TCP sockets of this network namespace; proc(5) describes the columns."""
LOCAL, STATE, USER = 1, 3, 7
"""Columns: the socket's own address, its state, and the user that made it."""
WITHOUT_CLIENT = ("06", "0A")
"""States of sockets that belong to no client: TIME_WAIT, whose user the kernel no longer reports,
and LISTEN."""
CACHE_SECONDS = 0.5
"""How long an answer holds: a port of a connection that has ended is not used again so soon."""
MAX_CACHED = 256

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def user_of(client: Client) -> int:
    """The user at the other end of a connection from this machine; UNKNOWN if it is not clear.

    It is not clear for a Unix socket, because gRPC does not say who connected, and if sockets of
    several users have the address, in whatever states.
    """
    kind, _, address = unquote(client[-1]).partition(":")
    if kind == "unix":
        return UNKNOWN
    host, _, port = address.rpartition(":")
    try:
        users = set(_users_at(ipaddress.ip_address(host.strip("[]")), int(port)))
    except (OSError, ValueError, IndexError):
        return UNKNOWN
    return users.pop() if len(users) == 1 else UNKNOWN


class UserCache:
    """Remembers for a moment which user each client is, because finding out takes milliseconds."""

    def __init__(self) -> None:
        self._known: dict[Client, tuple[float, int]] = {}

    def user_of(self, client: Client) -> int:
        """Like the function `user_of`."""
        now = time.monotonic()
        since, user = self._known.get(client, (0.0, UNKNOWN))
        if now - since > CACHE_SECONDS:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            user = user_of(client)
            self._known[client] = now, user
        return user


def _users_at(host: Address, port: int) -> Iterator[int]:
    """The users that have connections from an address; several may, to different ports."""
    for table, where in _tables_of(host):
        wanted = f"{_in_hex(where)}:{port:04X}"
        for line in table.read_text("ascii").splitlines()[1:]:
            row = line.split()
            if row[LOCAL] == wanted and row[STATE] not in WITHOUT_CLIENT:
                yield int(row[USER])


def _tables_of(host: Address) -> list[tuple[Path, Address]]:
    """The tables that list an address: an IPv4 address may also be in an IPv6 socket, as gRPC's."""
    if isinstance(host, ipaddress.IPv6Address):
        if host.ipv4_mapped is None:
            return [(TCP6, host)]
        host = host.ipv4_mapped
    return [(TCP, host), (TCP6, ipaddress.IPv6Address(f"::ffff:{host}"))]


def _in_hex(where: Address) -> str:
    """An address as the table writes it: each four bytes as a number in native byte order."""
    words = struct.unpack(f"={len(where.packed) // 4}I", where.packed)
    return "".join(f"{word:08X}" for word in words)
