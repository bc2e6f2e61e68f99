"""Time-outs that count only while this process runs."""

from __future__ import annotations

import asyncio
from typing import Any

LATE_SECONDS = 0.5
"""A time-out that fires so much too late tells that the process was stopped meanwhile."""


async def done_within(seconds: float, waited: asyncio.Future[Any]) -> bool:
    """Whether `waited` is done before `seconds` have passed; else it is cancelled.

    Where this process was stopped meanwhile (SIGSTOP, a frozen container, a suspended board), what
    came in that time is not read yet when the time-out fires. So the time begins anew then.
    """
    loop = asyncio.get_running_loop()
    try:
        while True:
            end = loop.time() + seconds
            await asyncio.wait({waited}, timeout=seconds)
            if waited.done():
                return True
            if loop.time() - end < LATE_SECONDS:
                return False
    finally:
        waited.cancel()
