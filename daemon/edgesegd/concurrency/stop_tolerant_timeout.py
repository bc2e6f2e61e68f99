"""Timeouts that count only while this process runs."""

from __future__ import annotations

import asyncio
from typing import Any

LATE_SECONDS = 0.5
"""A timeout that fires this much too late means that the process was stopped meanwhile."""
GRACE_SECONDS = 0.25
"""Time to read what arrived while the process was stopped for less than that."""


async def done_within(seconds: float, waited: asyncio.Future[Any]) -> bool:
    """Wait for `waited`, at most `seconds` and a moment of grace; whether it is done.

    If this process was stopped meanwhile (SIGSTOP), data that arrived in that time is not read yet
    when the timeout fires. So there is a moment of grace to read it, and after a long stop the time
    begins again. If `waited` is not done at the end, it is cancelled.
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
