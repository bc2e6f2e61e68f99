"""A number of bytes that several requests share."""

from __future__ import annotations


class MemoryBudget:
    """At most `limit` bytes are held at the same time by all who take from it."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, count: int) -> bool:
        """Whether there are `count` bytes, which are then held until they are given back."""
        if count > self._free:
            return False
        self._free -= count
        return True

    def give_back(self, count: int) -> None:
        """Bytes that were taken are not held any more."""
        self._free += count
