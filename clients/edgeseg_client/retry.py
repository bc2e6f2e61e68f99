"""One call, tried again while there is no daemon or no engine, or too much work for it."""

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
    """What `attempt` returns, which is given the seconds that are left for it.

    `within` bounds all attempts together, in seconds; `backoff` the time during which a daemon that
    is not there or overloaded is tried again, the latter not before it said. Raises the errors of
    this package.
    """
    clock = asyncio.get_running_loop().time
    deadline = None if within is None else clock() + within
    while True:
        left = None if deadline is None else deadline - clock()
        if left is not None and left <= 0:  # gRPC may let a call through that has no time
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
