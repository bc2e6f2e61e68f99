"""Lets the kernel drop what comes in at a socket, by a program of the classic BPF (Linux only).

Such a program sees each packet before the socket does, and returns how much of it is kept. It needs
no privilege. Sources: filter.txt of the kernel's documentation, linux/filter.h; RFC 791 and 8200
for the positions of the addresses.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Final

from edgesegd.api.peer import IpAddress

SO_ATTACH_FILTER: Final = 26
SO_DETACH_FILTER: Final = 27
LOAD_WORD, LOAD_BYTE, MASK, EQUAL, RETURN = 0x20, 0x30, 0x54, 0x15, 0x06
NETWORK_HEADER: Final = 0xFFF00000
"""SKF_NET_OFF: loads from here on are from the IP header."""
SOURCE: Final = {4: 12, 6: 8}
"""Where the source address is in the header, by the version of IP."""
KEEP, DROP = 0xFFFFFFFF, 0
MAX_ADDRESSES: Final = 32
"""Each takes up to 12 instructions, and each packet is compared with all."""

Instruction = tuple[int, int, int, int]
"""`struct sock_filter`: code, how many to skip if true and if false, operand."""


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def drop_from(listener: socket.socket, addresses: Iterable[IpAddress]) -> None:
    """Drop what comes from these addresses, at most MAX_ADDRESSES; raises OSError."""
    program: list[Instruction] = []
    for address in addresses:
        words = struct.unpack(f"!{len(address.packed) // 4}I", address.packed)
        # Each test that fails skips the rest of this address, its return included.
        rest = 3 + 2 * len(words)
        tests: list[Instruction] = [
            (LOAD_BYTE, 0, 0, NETWORK_HEADER),
            (MASK, 0, 0, 0xF0),
            (EQUAL, 0, rest - 2, address.version << 4),
        ]
        for number, word in enumerate(words):
            place = NETWORK_HEADER + SOURCE[address.version] + 4 * number
            tests += [(LOAD_WORD, 0, 0, place), (EQUAL, 0, rest - 4 - 2 * number, word)]
        program += [*tests, (RETURN, 0, 0, DROP)]
    _attach(listener, [*program, (RETURN, 0, 0, KEEP)])


def drop_nothing(listener: socket.socket) -> None:
    """Detach what is attached; raises OSError."""
    listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def _attach(target: socket.socket, program: list[Instruction]) -> None:
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    described = _Program(len(program), code)
    target.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(described))
