"""Regions of clients' memory that an engine reads in place."""

from __future__ import annotations

import contextlib
import mmap
import socket

from edgesegd.ipc.region import receive_region


class MappedRegions:
    """Regions of clients; each is mapped when its first frame arrives.

    The front sends the descriptor of a region over the socket `descriptors` before its first frame.
    """

    def __init__(self, descriptors: socket.socket) -> None:
        descriptors.setblocking(False)
        self._descriptors = descriptors
        self._mapped: dict[int, mmap.mmap] = {}

    def view(self, number: int, offset: int, length: int) -> memoryview:
        """The `length` bytes of a region from `offset` on; raises OSError if it was never sent."""
        while number not in self._mapped:
            received, memory = receive_region(self._descriptors)
            self._mapped[received] = memory
        return memoryview(self._mapped[number])[offset : offset + length]

    def forget(self, number: int) -> None:
        """Unmap a region, if it ever was mapped."""
        memory = self._mapped.pop(number, None)
        if memory is not None:
            with contextlib.suppress(BufferError):  # a view is in use, and unmaps when it is freed
                memory.close()
