"""Calls that are cancelled as soon as they are begun."""

from __future__ import annotations

import time

from attacks.http2 import CANCEL, RST_STREAM, Http2, frame
from attacks.messages import SEGMENT, SEGMENT_IMAGE
from attacks.target import Seen, Target
from attacks.threads import in_threads

CONNECTIONS = 4
AT_A_TIME = 50
LAST_STREAM = 1 << 30
BURSTS = 4
"""On each connection, by those who connect again."""


def resets(target: Target, until: float, seen: Seen) -> None:
    """As fast as possible, half of them streams."""
    in_threads(CONNECTIONS, lambda: _reset(target, until, seen, LAST_STREAM), until, seen)


def reconnecting_resets(target: Target, until: float, seen: Seen) -> None:
    """The same, on a new connection after a few."""
    few = 2 * AT_A_TIME * BURSTS
    in_threads(CONNECTIONS, lambda: _reset(target, until, seen, few), until, seen)


def _reset(target: Target, until: float, seen: Seen, last: int) -> None:
    stream = 0
    with Http2(target.grpc, until) as connection:
        while time.monotonic() < until and stream < last:
            burst = b""
            for number in range(AT_A_TIME):
                stream, opening = connection.headers((SEGMENT, SEGMENT_IMAGE)[number % 2])
                burst += opening + frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4))
            connection.write(burst)
            seen["streams opened and reset"] += AT_A_TIME
            connection.receive(0.0)
