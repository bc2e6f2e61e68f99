"""Large messages whose end never arrives."""

from __future__ import annotations

import time

from attacks.http2 import Http2, message
from attacks.messages import SEGMENT, SEGMENT_IMAGE, max_message, stream_options
from attacks.target import Seen, Target, short
from attacks.threads import in_threads

CALLS = 12
MISSING = 64 << 10
"""Bytes at the end."""


def half_unary(target: Target, until: float, seen: Seen) -> None:
    """Single images, each over its own connection."""
    in_threads(CALLS, lambda: _send_half(target, SEGMENT_IMAGE, b"", until, seen), until, seen)


def half_stream(target: Target, until: float, seen: Seen) -> None:
    """Streams with valid options."""
    first = message(stream_options())
    in_threads(CALLS, lambda: _send_half(target, SEGMENT, first, until, seen), until, seen)


def _send_half(target: Target, path: str, first: bytes, until: float, seen: Seen) -> None:
    with Http2(target.grpc, until) as connection:
        stream = connection.open(path)
        size = max_message(target)
        data = first + message(bytes(size - MISSING), size=size)
        sent = connection.send(stream, data)
        seen["sent all but the end" if sent == len(data) else "could not send all"] += 1
        while stream not in connection.ended and time.monotonic() < until:
            connection.receive(0.2)
        seen[short(connection.ended.get(stream, "open until the end"))] += 1
