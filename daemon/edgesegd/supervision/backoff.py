"""How long to wait before trying again."""

from __future__ import annotations


class Backoff:
    """Delays that double from `first` to `maximum` seconds; the very first delay is 0."""

    def __init__(self, *, first: float, maximum: float) -> None:
        self._first = first
        self._maximum = maximum
        self._next = 0.0

    def next(self) -> float:
        """The delay before the next try, in seconds."""
        delay = self._next
        self._next = min(max(self._first, 2 * delay), self._maximum)
        return delay

    def reset(self) -> None:
        """A try succeeded: the next delay is 0 again."""
        self._next = 0.0
