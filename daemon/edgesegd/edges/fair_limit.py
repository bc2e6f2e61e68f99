"""What clients share, so that none can have it all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable

from edgesegd.core.errors import Overloaded
from edgesegd.edges.peer import Client

RETRY_AFTER = 1.0
MAX_WOKEN = 8
"""Waiters that look again when something is given back; those that still have no room go last."""


class FairLimit:
    """At most `most` of something at a time, in all and for each client.

    A client may take as much as is left while that is no more than it leaves to others: the dynamic
    thresholds of Choudhury and Hahne (1998). So one address can have half of all, one connection of
    it a third, and there is always some for another. `what` it is stands in errors; `on_refused` is
    called for each.
    """

    def __init__(
        self, most: int, what: str, *, on_refused: Callable[[], None] = lambda: None
    ) -> None:
        self.most = most
        self._what = what
        self._on_refused = on_refused
        self._held: Counter[Client] = Counter()
        self._total = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def total(self) -> int:
        """How much is held now; may be asked by another thread."""
        return self._total

    def room(self, client: Client) -> int:
        """How much a client may still take; below 0 where it was forced to take more."""
        held = sum(self._held[client[:depth]] for depth in range(1, len(client) + 1))
        return self.most - self._total - held

    def take(self, client: Client, amount: int) -> None:
        """Hold `amount`; raises Overloaded where that is more than there is room for."""
        if amount > self.room(client):
            self._on_refused()
            raise Overloaded(
                f"the limit of {self.most:,} {self._what} is reached: {self._total:,} are held, "
                f"{self._held[client]:,} of them by this client; try later",
                RETRY_AFTER,
            )
        self.force(client, amount)

    async def take_soon(self, client: Client, amount: int) -> None:
        """As `take`, but wait for a while for room."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_AFTER):
                await self.wait_and_take(client, amount)
                return
        self.take(client, amount)

    def force(self, client: Client, amount: int) -> None:
        """Hold what cannot be refused any more."""
        self._total += amount
        for depth in range(1, len(client) + 1):
            self._held[client[:depth]] += amount

    def give_back(self, client: Client, amount: int) -> None:
        """Hold so much less."""
        self._total -= amount
        for depth in range(1, len(client) + 1):
            name = client[:depth]
            self._held[name] -= amount
            if not self._held[name]:
                del self._held[name]
        for _ in range(min(MAX_WOKEN, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def wait_and_take(self, client: Client, amount: int) -> None:
        """Hold `amount` as soon as there is room for it."""
        while amount > self.room(client):
            await self._something_given_back()
        self.force(client, amount)

    async def wait_for_room(self, client: Client, amount: int) -> None:
        """Until `amount` could be taken, or nothing is held by the client: then none will come."""
        while amount > self.room(client) and self._held[client]:
            await self._something_given_back()

    async def _something_given_back(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter
