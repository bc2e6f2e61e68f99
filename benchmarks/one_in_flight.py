"""The shipped client, one frame in flight: `python one_in_flight.py ADDRESS JPEG segment|stream`.

For each line of its input, a number of frames, it prints a JSON object: the seconds of so many.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from edgeseg_client import Client, Frame


def segment(client: Client, jpeg: bytes, count: int) -> Iterator[float]:
    """Seconds of each `Client.segment`."""
    for _ in range(count):
        started = time.perf_counter()
        _ = client.segment(jpeg).labels
        yield time.perf_counter() - started


def stream(client: Client, jpeg: bytes, count: int) -> Iterator[float]:
    """Seconds from answer to answer of a `Client.stream`."""
    started = time.perf_counter()
    frames = repeat(Frame(jpeg), count)
    for answer in client.stream(frames, policy="every", in_flight=1):
        _ = answer.result.labels
        yield time.perf_counter() - started
        started = time.perf_counter()


WAYS = {"segment": segment, "stream": stream}


def main() -> None:
    """Answer what is asked."""
    address, jpeg, way = sys.argv[1:]
    picture = Path(jpeg).read_bytes()
    with Client(address) as client:
        for line in sys.stdin:
            print(json.dumps({way: list(WAYS[way](client, picture, int(line)))}), flush=True)


if __name__ == "__main__":
    main()
