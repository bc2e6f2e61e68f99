"""Which user of this machine a client is."""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from edgesegd.core.client import Client

UNKNOWN = -1
TCP, TCP6 = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
"""All TCP sockets of this network namespace; proc(5) describes the columns."""
LOCAL, STATE, USER = 1, 3, 7
"""Columns: the socket's own address, its state, and the user that made it."""
ESTABLISHED = "01"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def user_of(client: Client) -> int:
    """The user at the other end of a connection from this machine; UNKNOWN where that is not clear.

    A Unix socket is taken for one of the daemon's own user: its permissions say who may connect,
    and gRPC does not say who did.
    """
    kind, _, address = unquote(client[-1]).partition(":")
    if kind == "unix":
        return os.geteuid()
    host, _, port = address.rpartition(":")
    try:
        users = set(_users_at(ipaddress.ip_address(host.strip("[]")), int(port)))
    except (OSError, ValueError, IndexError):
        return UNKNOWN
    return users.pop() if len(users) == 1 else UNKNOWN


def _users_at(host: Address, port: int) -> Iterator[int]:
    """The users that have connections from an address: several may, to different ports."""
    for table, where in _places_of(host):
        wanted = f"{_in_hex(where)}:{port:04X}"
        for line in table.read_text("ascii").splitlines()[1:]:
            row = line.split()
            if row[LOCAL] == wanted and row[STATE] == ESTABLISHED:
                yield int(row[USER])


def _places_of(host: Address) -> list[tuple[Path, Address]]:
    """Where an address is: one of IPv4 also belongs to sockets of IPv6, as gRPC's are."""
    if isinstance(host, ipaddress.IPv6Address):
        if host.ipv4_mapped is None:
            return [(TCP6, host)]
        host = host.ipv4_mapped
    return [(TCP, host), (TCP6, ipaddress.IPv6Address(f"::ffff:{host}"))]


def _in_hex(where: Address) -> str:
    """As the table has it: each four bytes as one number in the machine's own order."""
    words = struct.unpack(f"={len(where.packed) // 4}I", where.packed)
    return "".join(f"{word:08X}" for word in words)
