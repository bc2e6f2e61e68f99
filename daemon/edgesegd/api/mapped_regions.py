"""Which memory is lent to which client."""

from __future__ import annotations

import threading
import weakref

from edgesegd.core.client import Client
from edgesegd.core.errors import InvalidFrame
from edgesegd.ipc.region import LentFrame, Region
from edgesegd.scheduling.fair_limit import FairLimit


class Regions:
    """The regions that are lent, within `limit` bytes; one has at most half of them.

    One that was taken back counts until nobody refers to it any more: frames that wait keep its
    memory. Their numbers cannot be guessed, so no client can name another's.
    """

    def __init__(self, limit: FairLimit) -> None:
        self._limit = limit
        self._lent: dict[int, Region] = {}
        # Reentrant, for garbage is collected in the middle of anything, and in any thread.
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        """Bytes that regions hold now; may be asked by another thread."""
        return self._limit.total

    def lend(self, size: int, client: Client) -> Region:
        """A new region; raises InvalidFrame for a size that makes no sense, else Overloaded."""
        largest = self._limit.most // 2
        if not 0 < size <= largest:
            raise InvalidFrame(f"a region has 1 to {largest:,} bytes here, not {size:,}")
        with self._lock:
            self._limit.take(client, size)
        try:
            region = Region(size)
        except BaseException:
            self._count_back(client, size)
            raise
        weakref.finalize(region, self._count_back, client, size).atexit = False
        self._lent[region.number] = region
        return region

    def _count_back(self, client: Client, size: int) -> None:
        with self._lock:
            self._limit.give_back(client, size)

    def take_back(self, region: Region) -> None:
        """Forget a region; frames in it that wait keep it until they are answered."""
        del self._lent[region.number]

    def find(self, number: int, offset: int, length: int) -> LentFrame:
        """The frame that a handle means; raises InvalidFrame where it means none."""
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
        return LentFrame(region, offset, region.view(offset, length))
