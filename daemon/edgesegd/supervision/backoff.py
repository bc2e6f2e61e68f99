"""How long to wait before trying again."""

from __future__ import annotations


class Backoff:
    """Delays that double from `first` to `longest` seconds; at first there is none."""

    def __init__(self, *, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = 0.0

    def next(self) -> float:
        """The delay before this try, seconds."""
        delay = self._next
        self._next = min(max(self._first, 2 * delay), self._longest)
        return delay

    def reset(self) -> None:
        """It worked: the next failure is a first one."""
        self._next = 0.0
