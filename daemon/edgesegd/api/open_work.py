"""How many calls for frames are open, so that a drain can wait for their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class OpenWork:
    """Counts the calls for frames of one protocol."""

    def __init__(self) -> None:
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call for frames: counted while it is open."""
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no call for frames is open."""
        await self._idle.wait()
