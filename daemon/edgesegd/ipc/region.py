"""Memory that a client, the front and the engines share."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import socket
import weakref
from dataclasses import dataclass

NUMBER_BYTES = 8


def why_not_available() -> str:
    """Why regions are not possible on this system; empty if they are.

    Regions need sealed memory, which a client cannot shrink while the daemon reads it. Only Linux
    has it, and a sandbox may refuse it.
    """
    try:
        Region(1)
    except (AttributeError, OSError) as error:
        return f"this system has no sealed memory: {error}"
    return ""


class Region:
    """A region of `size` bytes, in a file without a name; `descriptor` is for its client.

    However its users end, nothing is left behind. Its size is sealed, so reading it cannot fail.
    `number` identifies it and cannot be guessed. The region is closed when nothing refers to it any
    more. Raises OSError.
    """

    def __init__(self, size: int) -> None:
        self.number = secrets.randbits(64) or 1
        self.size = size
        self.descriptor = os.memfd_create("edgeseg-region", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        weakref.finalize(self, os.close, self.descriptor)
        os.ftruncate(self.descriptor, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, seals)
        self._memory = mmap.mmap(self.descriptor, size, prot=mmap.PROT_READ)

    def view(self, offset: int, length: int) -> memoryview:
        """The `length` bytes from `offset` on, which must be within the region."""
        return memoryview(self._memory)[offset : offset + length]


@dataclass(frozen=True, slots=True)
class RegionFrame:
    """A frame whose bytes are in a region, from `offset` on; `view` is these bytes."""

    region: Region
    offset: int
    view: memoryview

    def __len__(self) -> int:
        return len(self.view)


def send_region(engine: socket.socket, region: Region) -> None:
    """Let an engine map `region`; raises OSError."""
    socket.send_fds(engine, [region.number.to_bytes(NUMBER_BYTES)], [region.descriptor])


def receive_region(front: socket.socket) -> tuple[int, mmap.mmap]:
    """The number and the memory of the next region that was sent; raises OSError."""
    number, (descriptor,), _, _ = socket.recv_fds(front, NUMBER_BYTES, 1)
    try:
        return int.from_bytes(number), mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)
