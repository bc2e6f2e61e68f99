"""One call, tried again while there is no daemon at the address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgeseg_client.backoff import Backoff
from edgeseg_client.errors import Unavailable
from edgeseg_client.status import call_errors

_Response = TypeVar("_Response")


async def call(
    attempt: Callable[[float | None], Awaitable[_Response]], within: float | None, backoff: Backoff
) -> _Response:
    """What `attempt` returns, which is given the seconds that are left for it.

    `within` bounds all attempts together, in seconds; `backoff` the time during which a daemon that
    is not there is tried again. Raises the errors of this package.
    """
    clock = asyncio.get_running_loop().time
    deadline = None if within is None else clock() + within
    while True:
        left = None if deadline is None else max(0.0, deadline - clock())
        try:
            with call_errors():
                return await attempt(left)
        except Unavailable:
            delay = backoff.delay(clock())
            if delay is None or (deadline is not None and clock() + delay >= deadline):
                raise
        await asyncio.sleep(delay)
