"""Time-outs that count only while this process runs."""

from __future__ import annotations

import asyncio
from typing import Any

LATE_SECONDS = 0.5
"""A time-out that fires so much too late tells that the process was stopped meanwhile."""
GRACE_SECONDS = 0.25
"""To read what came while it was stopped for a shorter time, up to the very end of its wait."""


async def done_within(seconds: float, waited: asyncio.Future[Any]) -> bool:
    """Whether `waited` is done before `seconds` have passed, and a moment; else it is cancelled.

    Where this process was stopped meanwhile (SIGSTOP), what came in that time is not read yet when
    the time-out fires. So there is a moment to read it, and after a long stop the time begins anew.
    """
    loop = asyncio.get_running_loop()
    try:
        while True:
            end = loop.time() + seconds
            await asyncio.wait({waited}, timeout=seconds)
            late = loop.time() - end > LATE_SECONDS
            if not (waited.done() or late):
                await asyncio.wait({waited}, timeout=GRACE_SECONDS)
            if waited.done() or not late:
                return waited.done()
    finally:
        waited.cancel()
