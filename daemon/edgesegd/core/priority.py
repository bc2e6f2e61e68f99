"""How often the turn of a stream comes among those that wait."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """A stream's priority; one that is not asked for is NORMAL, as is that of single images."""

    LOW = 1
    NORMAL = 2
    HIGH = 3

    @property
    def weight(self) -> float:
        """How many turns a stream gets for each turn of a NORMAL one."""
        return _WEIGHTS[self]


_WEIGHTS = {Priority.LOW: 0.25, Priority.NORMAL: 1.0, Priority.HIGH: 4.0}
