"""Reads the first message of each call, which may be large before the client is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import Expired, Overloaded
from edgesegd.scheduling.fair_limit import RETRY_AFTER, FairLimit

Requests = AsyncIterator[Any]

MAX_READS, MAX_SLOW_READS = 6, 32
"""How many first messages are read at a time, and how many more that arrive slowly."""
QUICK_SECONDS = 0.1
"""A message that takes longer counts as slow; on a LAN messages arrive sooner."""

TOO_SLOW = (
    "no message arrived for a while, and other calls wait to send theirs; send the options, or the "
    "image, at once"
)


class FirstMessages:
    """Reads first messages, few at a time: how much of an unfinished one gRPC holds is not known.

    Each may take `seconds`. One that takes more than QUICK_SECONDS while others wait counts as
    slow, so that another can begin; if there are too many slow ones, it is refused.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reads = FairLimit(MAX_READS, "messages that are read")
        self._slow = FairLimit(MAX_SLOW_READS, "messages that come slowly")

    async def read(
        self, call: OpenCall, requests: Requests, seconds: float | None = None
    ) -> tuple[Requests, Any]:
        """The messages of a call, and the first of them, which may take `seconds` if given.

        Raises Expired or Overloaded, and StopAsyncIteration if there is no message.
        """
        seconds = max(self._seconds, seconds or 0.0)
        try:
            async with asyncio.timeout(seconds):
                await self._reads.wait_and_take(call.client, 1)
                with self._counted(call):
                    call.is_read = True
                    messages = aiter(requests)
                    return messages, await anext(messages)
        except TimeoutError:
            raise Expired(f"no message arrived in {seconds:g} s") from None

    @contextmanager
    def _counted(self, call: OpenCall) -> Iterator[None]:
        """Count a read in `_reads`, and after a while, if others wait, in `_slow`."""
        loop, counted_by = asyncio.get_running_loop(), self._reads
        timer: asyncio.TimerHandle

        def is_slow() -> None:
            nonlocal counted_by, timer
            if not self._reads.is_waited_for:
                timer = loop.call_later(QUICK_SECONDS, is_slow)
            elif self._slow.room(call.client) < 1:
                call.evict(Overloaded(TOO_SLOW, RETRY_AFTER))
            else:
                self._slow.force(call.client, 1)
                counted_by = self._slow
                self._reads.release(call.client, 1)

        timer = loop.call_later(QUICK_SECONDS, is_slow)
        try:
            yield
        finally:
            timer.cancel()
            counted_by.release(call.client, 1)
