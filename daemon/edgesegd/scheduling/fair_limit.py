"""A limit that clients share so that no client can use all of it."""

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
    """A client that waits for room for `amount`, and takes it if `takes`.

    `done` gets its result when there is room.
    """

    client: Client
    amount: int
    takes: bool
    done: asyncio.Future[None]


class FairLimit:
    """Limits how much of something clients hold at a time: at most `maximum` in all.

    A client may hold at most as much as is left for others: the dynamic thresholds of Choudhury and
    Hahne (1998). So one address can hold half of all, one connection of it a third, and some is
    always left for another client. `what` is the noun in error messages; `on_refused` is called
    before each error.
    """

    def __init__(
        self, maximum: int, what: str, *, on_refused: Callable[[], None] = lambda: None
    ) -> None:
        self.maximum = maximum
        self._what = what
        self._on_refused = on_refused
        self._amounts: Counter[Client] = Counter()
        self._total = 0
        self._waiting: dict[_Waiter, None] = {}

    @property
    def total(self) -> int:
        """How much is held now; may be asked by another thread."""
        return self._total

    @property
    def is_waited_for(self) -> bool:
        """Whether any client waits for room."""
        return bool(self._waiting)

    def held_by(self, client: Client) -> int:
        """How much a client holds; for a general name, such as an address, all clients under it."""
        return self._amounts[client]

    def room(self, client: Client) -> int:
        """How much a client may still take; below 0 if `force` took more."""
        room = self.maximum - self._total
        for depth in range(1, len(client) + 1):
            room -= self._amounts[client[:depth]]
        return room

    def take(self, client: Client, amount: int) -> None:
        """Take `amount` for a client; raises Overloaded if there is not enough room."""
        if amount > self.room(client):
            self._on_refused()
            raise Overloaded(
                f"all clients together can have {self.maximum:,} {self._what}: {self._total:,} are "
                f"in use, {self._amounts[client]:,} of them by this client, which cannot have "
                f"{amount:,} more now; try again later",
                RETRY_AFTER,
            )
        self.force(client, amount)

    async def wait_briefly_and_take(self, client: Client, amount: int) -> None:
        """Like `take`, but first wait up to RETRY_AFTER seconds for room."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_AFTER):
                await self.wait_and_take(client, amount)
                return
        self.take(client, amount)

    def force(self, client: Client, amount: int) -> None:
        """Take `amount` even if there is no room, because it is in use already."""
        self._total += amount
        for depth in range(1, len(client) + 1):
            self._amounts[client[:depth]] += amount

    def release(self, client: Client, amount: int) -> None:
        """Release `amount`, then wake the waiting clients that have room now."""
        self._total -= amount
        for depth in range(1, len(client) + 1):
            name = client[:depth]
            self._amounts[name] -= amount
            if not self._amounts[name]:
                del self._amounts[name]
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
        """Wait until there is room for `amount`, then take it."""
        if amount <= self.room(client):
            self.force(client, amount)
        else:
            await self._wait(client, amount, takes=True)

    async def wait_for_room(self, client: Client, amount: int) -> None:
        """Wait until there is room for `amount`, or until the client holds nothing.

        In the second case waiting longer would not help: the client itself cannot free any more.
        """
        if amount > self.room(client) and self._amounts[client]:
            await self._wait(client, amount, takes=False)

    def _must_wait(self, waiter: _Waiter) -> bool:
        no_room = waiter.amount > self.room(waiter.client)
        return no_room and (waiter.takes or self._amounts[waiter.client] > 0)

    async def _wait(self, client: Client, amount: int, *, takes: bool) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(client, amount, takes, done)
        self._waiting[waiter] = None
        try:
            await done
        except asyncio.CancelledError:
            self._waiting.pop(waiter, None)
            if takes and not done.cancelled():  # the amount was taken at the same moment
                self.release(client, amount)
            raise
