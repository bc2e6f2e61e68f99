"""The shipped client: `python shipped_client.py ADDRESS JPEG segment|stream [IN_FLIGHT]`.

A stream has IN_FLIGHT frames on their way at a time, by default one. For each line of its input, a
number of frames, it prints a JSON object: the seconds of so many.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from edgeseg_client import Client, Frame


def segment(client: Client, jpeg: bytes, count: int, in_flight: int) -> Iterator[float]:
    """Seconds of each `Client.segment`, one at a time."""
    del in_flight
    for _ in range(count):
        started = time.perf_counter()
        _ = client.segment(jpeg).labels
        yield time.perf_counter() - started


def stream(client: Client, jpeg: bytes, count: int, in_flight: int) -> Iterator[float]:
    """Seconds from answer to answer of a `Client.stream`."""
    started = time.perf_counter()
    frames = repeat(Frame(jpeg), count)
    for answer in client.stream(frames, policy="every", in_flight=in_flight):
        _ = answer.result.labels
        yield time.perf_counter() - started
        started = time.perf_counter()


WAYS = {"segment": segment, "stream": stream}


def main() -> None:
    """Answer what is asked."""
    address, jpeg, way, in_flight = [*sys.argv[1:], "1"][:4]
    picture = Path(jpeg).read_bytes()
    with Client(address) as client:
        for line in sys.stdin:
            seconds = list(WAYS[way](client, picture, int(line), int(in_flight)))
            print(json.dumps({way: seconds}), flush=True)


if __name__ == "__main__":
    main()
