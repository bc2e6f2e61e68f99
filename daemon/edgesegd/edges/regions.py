"""Memory that the daemon shares with clients on the same board."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame, Overloaded

RETRY_AFTER = 1.0
AVAILABLE = hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS")
"""Linux only: elsewhere memory cannot be kept from being cut off under the daemon's feet."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region of `size` bytes; `number` names it, `descriptor` is for its client."""

    number: int
    size: int
    descriptor: int
    memory: mmap.mmap


class Regions:
    """The regions that are lent; at most `limit` bytes at a time.

    They are files without a name, so nothing is left of them, however either side ends. Their
    numbers cannot be guessed, so no client can name another's. Their size is sealed: reading them
    cannot fail.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lent: dict[int, Region] = {}

    @property
    def size(self) -> int:
        """Bytes that are lent now; may be asked by another thread."""
        return sum(region.size for region in tuple(self._lent.values()))

    def lend(self, size: int) -> Region:
        """A new region; raises InvalidFrame for a size that makes no sense, else Overloaded."""
        if not 0 < size <= self._limit:
            raise InvalidFrame(f"a region has 1 to {self._limit:,} bytes here, not {size:,}")
        if self.size + size > self._limit:
            raise Overloaded(
                f"{self.size:,} of {self._limit:,} bytes are lent already", RETRY_AFTER
            )
        descriptor = os.memfd_create("edgeseg-region", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, size)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            memory = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
        except BaseException:
            os.close(descriptor)
            raise
        number = secrets.randbits(64) or 1
        self._lent[number] = region = Region(number, size, descriptor, memory)
        return region

    def take_back(self, region: Region) -> None:
        """Forget a region; frames in it that wait keep its memory until they are answered."""
        del self._lent[region.number]
        os.close(region.descriptor)
        with contextlib.suppress(BufferError):  # unmapped when the last frame is gone
            region.memory.close()

    def find(self, number: int, offset: int, length: int) -> memoryview:
        """The bytes that a handle means; raises InvalidFrame where it means none."""
        region = self._lent.get(number)
        if region is None:
            raise InvalidFrame(
                f"there is no region {number} of shared memory; it is gone with the connection "
                "that it was lent to"
            )
        if length < 1 or offset + length > region.size:
            raise InvalidFrame(
                f"{length:,} bytes from {offset:,} are not within the {region.size:,} of the region"
            )
        return memoryview(region.memory)[offset : offset + length]
