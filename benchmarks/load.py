"""Clients as users write them, each in a process of its own.

`python load.py KIND ADDRESS JPEG [MODEL]`

It sends until its input ends. Each line of its input is a number of seconds. It answers with a JSON
object: the results of the frames that were answered in that many seconds from then on.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from edgeseg_client import Client, Frame
from edgesegd.bench.asked_process import AskedProcess

CAMERA_FPS = 15.0


class Record:
    """The latencies of the frames that were answered, in seconds, with the time of each answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: list[tuple[float, float]] = []

    def add(self, latency: float) -> None:
        """A frame has its result now, so long after it was given to the client."""
        with self._lock:
            self._answered.append((time.perf_counter(), latency))

    def over(self, seconds: float) -> dict[str, list[float]]:
        """The latencies of the next seconds."""
        since = time.perf_counter()
        time.sleep(seconds)
        with self._lock:
            latencies = [latency for when, latency in self._answered if when >= since]
            self._answered.clear()
        return {"latencies": latencies}


def send_one_by_one(client: Client, jpeg: bytes, record: Record, model: str) -> None:
    """`Client.segment`, one in flight."""
    while True:
        started = time.perf_counter()
        client.segment(jpeg, model=model, size="model")
        record.add(time.perf_counter() - started)


def send_every(client: Client, jpeg: bytes, record: Record, model: str) -> None:
    """A stream under EVERY, as fast as it can."""
    for answer in client.stream(endless(jpeg), policy="every", model=model, size="model"):
        if answer.result is not None:
            record.add(answer.latency)


def send_latest(client: Client, jpeg: bytes, record: Record, model: str) -> None:
    """A camera under LATEST."""
    for answer in client.stream(paced(jpeg), policy="latest", model=model, size="model"):
        if answer.ok:
            record.add(answer.latency)


def send_eight_cameras(client: Client, jpeg: bytes, record: Record, model: str) -> None:
    """Eight cameras with different phases."""
    camera = (client, jpeg, record, model)
    for _ in range(8):
        threading.Thread(target=send_latest, args=camera, daemon=True).start()
        time.sleep(1 / CAMERA_FPS / 8)
    threading.Event().wait()


def endless(jpeg: bytes) -> Iterator[Frame]:
    """The same frame again and again."""
    while True:
        yield Frame(jpeg)


def paced(jpeg: bytes) -> Iterator[Frame]:
    """The same frame, that many times per second."""
    due = time.perf_counter()
    while True:
        time.sleep(max(0.0, due - time.perf_counter()))
        yield Frame(jpeg)
        due += 1 / CAMERA_FPS


KINDS: dict[str, Callable[[Client, bytes, Record, str], None]] = {
    "segment": send_one_by_one,
    "every": send_every,
    "camera": send_latest,
    "cameras": send_eight_cameras,
}


class Load:
    """`count` clients of one kind, which send to `model` from now on; "" for the default one.

    They end at the end of the `with` block.
    """

    def __init__(
        self, kind: str, address: str, jpeg: Path, *, count: int = 1, model: str = ""
    ) -> None:
        self._stack = ExitStack()
        self._clients = [
            self._stack.enter_context(AskedProcess(__file__, kind, address, jpeg, model))
            for _ in range(count)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def latencies(self, seconds: float) -> list[float]:
        """The latencies of all frames answered in the next `seconds`, in seconds."""
        self.ask(seconds)
        return self.answer()

    def ask(self, seconds: float) -> None:
        """Let them measure the next seconds; call `answer` afterwards."""
        for client in self._clients:
            client.ask(seconds)

    def answer(self) -> list[float]:
        """The latencies of that time, when it has passed."""
        return [latency for client in self._clients for latency in client.answer()["latencies"]]


def median(latencies: list[float]) -> float:
    """The median in seconds; infinite if there are no values."""
    return statistics.median(latencies) if latencies else float("inf")


def main() -> None:
    """Send, and answer requests for results."""
    kind, address, jpeg, model = [*sys.argv[1:], ""][:4]
    record = Record()
    with Client(address, retry_for=60.0) as client:
        send = threading.Thread(
            target=KINDS[kind],
            args=(client, Path(jpeg).read_bytes(), record, model),
            daemon=True,
        )
        send.start()
        for line in sys.stdin:
            print(json.dumps(record.over(float(line))), flush=True)


if __name__ == "__main__":
    main()
