"""What clients share, so that none can have it all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edgesegd.core.client import Client
from edgesegd.core.errors import Overloaded

RETRY_AFTER = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """Who waits for room for `amount`, and `takes` it; `done` is settled when there is."""

    client: Client
    amount: int
    takes: bool
    done: asyncio.Future[None]


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
        self._waiting: dict[_Waiter, None] = {}

    @property
    def total(self) -> int:
        """How much is held now; may be asked by another thread."""
        return self._total

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for room."""
        return bool(self._waiting)

    def held_by(self, client: Client) -> int:
        """How much a client holds, or all with the names that these are the first of."""
        return self._held[client]

    def room(self, client: Client) -> int:
        """How much a client may still take; below 0 where it was forced to take more."""
        room = self.most - self._total
        for depth in range(1, len(client) + 1):
            room -= self._held[client[:depth]]
        return room

    def take(self, client: Client, amount: int) -> None:
        """Hold `amount`; raises Overloaded where that is more than there is room for."""
        if amount > self.room(client):
            self._on_refused()
            raise Overloaded(
                f"there can be {self.most:,} {self._what}, shared out among clients: "
                f"{self._total:,} are held, {self._held[client]:,} of them by this one, which can "
                f"have no {amount:,} more now; try later",
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
        """Hold so much less; whoever waits and has room now is told."""
        self._total -= amount
        for depth in range(1, len(client) + 1):
            name = client[:depth]
            self._held[name] -= amount
            if not self._held[name]:
                del self._held[name]
        without_room: set[Client] = set()
        for waiter in tuple(self._waiting):
            if waiter.done.done():  # it gave up just now
                del self._waiting[waiter]
                continue
            if waiter.client in without_room:
                continue
            if self._must_wait(waiter):
                without_room.add(waiter.client)
                continue
            del self._waiting[waiter]
            if waiter.takes:
                self.force(waiter.client, waiter.amount)
            waiter.done.set_result(None)

    async def wait_and_take(self, client: Client, amount: int) -> None:
        """Hold `amount` as soon as there is room for it."""
        if amount <= self.room(client):
            self.force(client, amount)
        else:
            await self._wait(client, amount, takes=True)

    async def wait_for_room(self, client: Client, amount: int) -> None:
        """Until `amount` could be taken, or nothing is held by the client: then none will come."""
        if amount > self.room(client) and self._held[client]:
            await self._wait(client, amount, takes=False)

    def _must_wait(self, waiter: _Waiter) -> bool:
        no_room = waiter.amount > self.room(waiter.client)
        return no_room and (waiter.takes or self._held[waiter.client] > 0)

    async def _wait(self, client: Client, amount: int, *, takes: bool) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(client, amount, takes, done)
        self._waiting[waiter] = None
        try:
            await done
        except asyncio.CancelledError:
            self._waiting.pop(waiter, None)
            if takes and not done.cancelled():  # it was given it at the same moment
                self.give_back(client, amount)
            raise
