"""A call that is tried again while the daemon is unavailable or overloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgeseg_client.backoff import Backoff
from edgeseg_client.deadline import Deadline
from edgeseg_client.errors import Overloaded, Unavailable, WrongAddress
from edgeseg_client.status import call_errors

_Response = TypeVar("_Response")


async def call(
    attempt: Callable[[Deadline], Awaitable[_Response]], within: float | None, backoff: Backoff
) -> _Response:
    """Calls `attempt` until it succeeds, and returns its result.

    All attempts together take at most `within` seconds, None for no limit: each gets the deadline.
    After `Unavailable` and `Overloaded` the call is tried again while `backoff` allows it, and not
    before the time that an overloaded daemon asked for. Other errors are raised at once; `Expired`
    is one. All errors are those of this package.
    """
    clock = asyncio.get_running_loop().time
    deadline = Deadline(within)
    while True:
        deadline.left()
        try:
            with call_errors():
                return await attempt(deadline)
        except WrongAddress:
            raise
        except (Unavailable, Overloaded) as error:
            wanted = error.retry_after if isinstance(error, Overloaded) else None
            delay = backoff.delay(clock(), at_least=wanted or 0.0)
            if delay is None or not deadline.allows(delay):
                raise
        await asyncio.sleep(delay)
