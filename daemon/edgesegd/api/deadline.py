"""When a call's client stops waiting, and the earlier of two deadlines."""

from __future__ import annotations

import time
from typing import Any

import grpc.aio


def deadline_of(context: grpc.aio.ServicerContext[Any, Any]) -> float | None:
    """The call's deadline on the clock of `time.monotonic`; None if it has none."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


def earlier(deadline: float, other: float | None) -> float:
    """The earlier of two deadlines; the second may be None, which means never."""
    return deadline if other is None else min(deadline, other)
