"""A client that sends only valid requests, in a process of its own."""

from __future__ import annotations

import bisect
import contextlib
import itertools
import multiprocessing
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection

from attacks.target import Target, short
from edgeseg_client import Client, EdgesegClientError

SPAWN = multiprocessing.get_context("spawn")
PAUSE = 0.2
OK = "ok"


def stream_for_ever(news: Connection, address: str, jpeg: bytes, shared_memory: bool) -> None:
    """Send a frame when the last one is answered; report the time and status of each answer."""
    while True:
        try:
            with Client(address, shared_memory=shared_memory) as client:
                endless = itertools.repeat(jpeg)
                for answer in client.stream(endless, policy="every", in_flight=1, size="model"):
                    news.send((time.monotonic(), answer.status))
        except EdgesegClientError as error:
            news.send((time.monotonic(), short(f"{type(error).__name__}: {error}")))
            time.sleep(PAUSE)


class GoodClient:
    """Such a client; a context manager that ends it. `answers` are the times of its results."""

    def __init__(self, target: Target, jpeg: bytes, *, address: str, local: bool) -> None:
        news, ours = SPAWN.Pipe()
        where = f"unix://{target.socket}" if local else address
        self._process = SPAWN.Process(
            target=stream_for_ever, args=(ours, where, jpeg, local), daemon=True
        )
        self._news = news
        self._first = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.answers: list[float] = []
        self.failures = Counter[str]()
        self._process.start()
        ours.close()
        self._reader.start()

    def __enter__(self) -> GoodClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()
        self._reader.join()
        self._news.close()

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                when, status = self._news.recv()
                if status == OK:
                    self.answers.append(when)
                    self._first.set()
                else:
                    self.failures[status] += 1

    def wait_for_first(self, seconds: float) -> None:
        """Wait for the first result; raises TimeoutError if no frame is answered."""
        if not self._first.wait(seconds):
            raise TimeoutError(f"the good client had no answer: {dict(self.failures)}")

    def rate(self, start: float, end: float) -> float:
        """Answers a second."""
        times = self.answers
        return (bisect.bisect_left(times, end) - bisect.bisect_left(times, start)) / (end - start)

    def longest_wait(self, start: float, end: float) -> float:
        """The longest time between two answers that overlaps this one, up to its end."""
        times = [when for when in self.answers if when <= end]
        first = max(0, bisect.bisect_left(times, start) - 1)
        edges = [*(times[first:] or [start]), end]
        return max(later - earlier for earlier, later in itertools.pairwise(edges))
