"""Thousands of calls that do nothing, and are opened again when they are refused."""

from __future__ import annotations

import time

from attacks.http2 import Http2, message
from attacks.messages import SEGMENT, WATCH, stream_options
from attacks.target import Seen, Target, short
from attacks.threads import in_threads

CALLS = 5000
CONNECTIONS = 4
AT_A_TIME = 50


def idle_streams(target: Target, until: float, seen: Seen) -> None:
    """Streams that send nothing after their options."""
    first = message(stream_options())
    in_threads(CONNECTIONS, lambda: _hold(target, SEGMENT, first, until, seen), until, seen)


def watchers(target: Target, until: float, seen: Seen) -> None:
    """Calls that watch the daemon's health."""
    in_threads(CONNECTIONS, lambda: _hold(target, WATCH, message(b""), until, seen), until, seen)


def _hold(target: Target, path: str, first: bytes, until: float, seen: Seen) -> None:
    held: set[int] = set()
    most = 0
    with Http2(target.grpc, until) as connection:
        while time.monotonic() < until:
            for _ in range(min(AT_A_TIME, CALLS // CONNECTIONS - len(held))):
                stream = connection.open(path)
                held.add(stream)
                connection.send(stream, first)
            connection.receive(0.0 if len(held) < CALLS // CONNECTIONS else 0.1)
            for stream, how in connection.ended.items():
                held.discard(stream)
                seen[short(how)] += 1
            connection.ended.clear()
            if len(held) > most:
                seen["open at a time"] += len(held) - most
                most = len(held)
