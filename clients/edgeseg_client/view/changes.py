"""Wakes all tasks that wait for a change, without keeping a list of them."""

from __future__ import annotations

import asyncio


class Changes:
    """Changes that any number of tasks wait for.

    Take `next()` before looking at what may have changed, and wait for it afterwards: then no
    change is missed.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """An event that the next `notify` sets."""
        return self._next

    def notify(self) -> None:
        """Wake all tasks that wait."""
        self._next.set()
        self._next = asyncio.Event()
