"""The addresses of this machine's network interfaces."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final

from edgesegd.board.system import IS_LINUX

ELSEWHERE: Final = (
    (socket.AF_INET, ("192.0.2.1", 9)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)
"""Addresses of documentation (RFC 5737, RFC 3849): nothing is sent to them."""

MESSAGE: Final = struct.Struct("=IHHII")
"""`struct nlmsghdr` of netlink(7): length, type, flags, sequence number, port."""
ADDRESS: Final = struct.Struct("=BBBBI")
"""`struct ifaddrmsg` of rtnetlink(7): family, length of the prefix, flags, scope, interface."""
ATTRIBUTE: Final = struct.Struct("=HH")
"""`struct rtattr` of rtnetlink(7): length and type. Each begins at a multiple of four."""
RTM_NEWADDR, RTM_GETADDR = 20, 22
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
IFA_ADDRESS, IFA_LOCAL = 1, 2
"""The address; the second is this machine's if the interface has another machine at its end."""
IFA_F_TEMPORARY: Final = 0x01
RT_SCOPE_UNIVERSE, RT_SCOPE_SITE = 0, 200
MAX_BYTES: Final = 1 << 16


def interface_addresses() -> list[str]:
    """The addresses by which other machines may reach this one, each once.

    Those that change every day (RFC 8981) and those of one link only are left out. Where the system
    does not list them, as elsewhere than on Linux, only those from which this machine would reach
    others.
    """
    found: list[str] = []
    if IS_LINUX:
        with contextlib.suppress(OSError):  # Android lists them for no program
            found = list(_listed())
    return list(dict.fromkeys(found or _routed()))


def _listed() -> Iterator[str]:
    """The addresses that the kernel lists; raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        body = ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        flags = NLM_F_REQUEST | NLM_F_DUMP
        kernel.send(MESSAGE.pack(MESSAGE.size + len(body), RTM_GETADDR, flags, 1, 0) + body)
        while True:
            received, place = kernel.recv(MAX_BYTES), 0
            while place < len(received):
                length, kind, *_ = MESSAGE.unpack_from(received, place)
                if kind != RTM_NEWADDR:  # the end, or an error
                    return
                yield from _lasting(received[place + MESSAGE.size : place + length])
                place += _aligned(length)


def _lasting(message: bytes) -> Iterator[str]:
    """The address in a message of the kernel, if others can reach it, and tomorrow too."""
    family, _, flags, scope, _ = ADDRESS.unpack_from(message)
    if not RT_SCOPE_UNIVERSE <= scope <= RT_SCOPE_SITE:
        return
    if family == socket.AF_INET6 and flags & IFA_F_TEMPORARY:
        return
    values, place = {}, ADDRESS.size
    while place < len(message):
        length, kind = ATTRIBUTE.unpack_from(message, place)
        values[kind] = message[place + ATTRIBUTE.size : place + length]
        place += _aligned(length)
    own = values.get(IFA_LOCAL, values.get(IFA_ADDRESS))
    if own is not None:
        yield socket.inet_ntop(family, own)


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _routed() -> Iterator[str]:
    for family, where in ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(where)
            yield probe.getsockname()[0].partition("%")[0]
