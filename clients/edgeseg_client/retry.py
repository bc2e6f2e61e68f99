"""A call that is tried again while the daemon is unavailable or overloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgeseg_client.backoff import Backoff
from edgeseg_client.errors import Expired, Overloaded, Unavailable, WrongAddress
from edgeseg_client.status import call_errors

_Response = TypeVar("_Response")


async def call(
    attempt: Callable[[float | None], Awaitable[_Response]], within: float | None, backoff: Backoff
) -> _Response:
    """Calls `attempt` until it succeeds, and returns its result.

    `attempt` gets the seconds that are left, None for no limit. All attempts together take at most
    `within` seconds. After `Unavailable` and `Overloaded` the call is tried again while `backoff`
    allows it, and not before the time that an overloaded daemon asked for. Other errors are raised
    at once. All errors are those of this package.
    """
    clock = asyncio.get_running_loop().time
    deadline = None if within is None else clock() + within
    while True:
        left = None if deadline is None else deadline - clock()
        if left is not None and left <= 0:  # gRPC might send a call whose deadline has passed
            raise Expired("there was no time left for the call")
        try:
            with call_errors():
                return await attempt(left)
        except WrongAddress:
            raise
        except (Unavailable, Overloaded) as error:
            wanted = error.retry_after if isinstance(error, Overloaded) else None
            delay = backoff.delay(clock(), at_least=wanted or 0.0)
            if delay is None or (deadline is not None and clock() + delay >= deadline):
                raise
        await asyncio.sleep(delay)
