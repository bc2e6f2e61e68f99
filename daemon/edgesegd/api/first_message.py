"""The first message of a call, which may be as large as any, from whoever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import Expired
from edgesegd.scheduling.fair_limit import FairLimit

Requests = AsyncIterator[Any]

MAX_READS, MAX_SLOW_READS = 6, 32
"""So many first messages are read at a time, beside as many that are slow."""
QUICK_SECONDS = 0.1
"""On a LAN a message comes within that, and the next one may be read."""

TOO_SLOW = (
    "no message came for a while, and others wait to send theirs; send the options, or the image, "
    "at once"
)


class FirstMessages:
    """Reads them, few at a time: gRPC holds what came of each, and nobody can tell how much.

    One may take `seconds`. Another one can begin when one has taken a tenth; but where others
    wait, and there are too many such slow ones, it is given up.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reads = FairLimit(MAX_READS, "messages that are read")
        self._slow = FairLimit(MAX_SLOW_READS, "messages that come slowly")

    async def read(
        self, call: OpenCall, requests: Requests, seconds: float | None = None
    ) -> tuple[Requests, Any]:
        """The messages of a call, and the first of them; `seconds` where it may take longer.

        Raises Expired or Overloaded, and StopAsyncIteration where there is none.
        """
        seconds = max(self._seconds, seconds or 0.0)
        try:
            async with asyncio.timeout(seconds):
                await self._reads.wait_and_take(call.client, 1)
                with self._counted(call):
                    messages = aiter(requests)
                    return messages, await anext(messages)
        except TimeoutError:
            raise Expired(f"no message came in {seconds:g} s") from None

    @contextmanager
    def _counted(self, call: OpenCall) -> Iterator[None]:
        """What `_reads` counts for now, and `_slow` after a while."""
        loop, counted_by = asyncio.get_running_loop(), self._reads
        timer: asyncio.TimerHandle

        def is_slow() -> None:
            nonlocal counted_by, timer
            if not self._reads.is_waited_for:
                timer = loop.call_later(QUICK_SECONDS, is_slow)
            elif self._slow.room(call.client) < 1:
                call.evict(TOO_SLOW)
            else:
                self._slow.force(call.client, 1)
                counted_by = self._slow
                self._reads.give_back(call.client, 1)

        timer = loop.call_later(QUICK_SECONDS, is_slow)
        try:
            yield
        finally:
            timer.cancel()
            counted_by.give_back(call.client, 1)
