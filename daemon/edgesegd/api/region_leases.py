"""The regions of shared memory that clients have leased."""

from __future__ import annotations

import threading
import weakref

from edgesegd.core.client import Client
from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.ipc.region import Region, RegionFrame
from edgesegd.scheduling.fair_limit import FairLimit


class RegionLeases:
    """The leased regions, within `limit` bytes; each has at most half of the limit.

    A region that was released counts until nothing refers to it any more, because waiting frames
    keep its memory. The numbers of regions cannot be guessed, so no client can name another's.
    """

    def __init__(self, limit: FairLimit) -> None:
        self._limit = limit
        self._leased: dict[int, Region] = {}
        # Reentrant, because finalizers may run at any point and in any thread.
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        """Bytes that regions hold now; may be asked by another thread."""
        return self._limit.total

    def allocate(self, size: int, client: Client) -> Region:
        """Lease a new region; raises InvalidFrame for an invalid size, and Overloaded."""
        largest = self._limit.maximum // 2
        if not 0 < size <= largest:
            raise InvalidFrame(f"a region has 1 to {largest:,} bytes, not {size:,}")
        with self._lock:
            self._limit.take(client, size)
        try:
            region = Region(size)
        except BaseException:
            self._count_back(client, size)
            raise
        weakref.finalize(region, self._count_back, client, size).atexit = False
        self._leased[region.number] = region
        return region

    def _count_back(self, client: Client, size: int) -> None:
        with self._lock:
            self._limit.release(client, size)

    def release(self, region: Region) -> None:
        """End a region's lease; waiting frames in it keep its memory until they are answered."""
        del self._leased[region.number]

    def find(self, number: int, offset: int, length: int) -> RegionFrame:
        """The frame that a handle refers to; raises InvalidFrame if the handle is not valid."""
        region = self._leased.get(number)
        if region is None:
            raise InvalidFrame(
                f"there is no region {number} of shared memory; a region is released when the "
                "connection that leased it ends",
                InvalidReason.SHARED_MEMORY,
            )
        if length < 1 or offset + length > region.size:
            raise InvalidFrame(
                f"{length:,} bytes from offset {offset:,} are not within the region's "
                f"{region.size:,} bytes",
                InvalidReason.SHARED_MEMORY,
            )
        return RegionFrame(region, offset, region.view(offset, length))
