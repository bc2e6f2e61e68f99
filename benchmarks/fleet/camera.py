"""A simulated camera, and what became of its frames."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fleet.board import SimulatedBoard
from fleet.service_times import ServiceTimes
from fleet.shared_cores import Process, Step


@dataclass(slots=True)
class Seen:
    """Of one camera: frames that were due, the latency of each result, and ages, in seconds.

    A frame's latency counts from when it was due to when its result was there. The age is that of
    the newest result in the moment before the next one is there: the most that it gets.
    """

    frames: int = 0
    latencies: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)


class Link:
    """The network of a board: frames pass one after another, at `bytes_a_second`.

    Infinitely fast by default.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, bytes_a_second: float = math.inf) -> None:
        self._loop = loop
        self._rate = bytes_a_second
        self._free = 0.0

    def send(
        self,
        size: int,
        delay: float,
        on_sent: Callable[[], None],
        on_arrival: Callable[[], None],
    ) -> None:
        """Send so many bytes, which arrive `delay` seconds after the last of them was sent.

        Calls `on_sent` when the link is free for the next frame.
        """
        self._free = max(self._free, self._loop.time()) + size / self._rate
        self._loop.call_at(self._free, on_sent)
        self._loop.call_at(self._free + delay, on_arrival)


class SimulatedCamera:
    """Sends `fps` frames a second to a board, the first `phase` of an interval after the start.

    While one of its frames is in the link, the newest one waits and supersedes older ones, as in
    the client. Each way of a frame and its answer takes `draw_delay()` seconds. `process` is the
    client on the same machine, None for one elsewhere, which costs nothing here. What is due and
    answered from `warm` seconds on is recorded in `seen`.
    """

    def __init__(
        self,
        name: str,
        board: SimulatedBoard,
        link: Link,
        times: ServiceTimes,
        *,
        fps: float,
        phase: float,
        warm: float,
        draw_delay: Callable[[], float],
        process: Process | None = None,
    ) -> None:
        self.seen = Seen()
        self._loop = asyncio.get_running_loop()
        self._board, self._link, self._times = board, link, times
        self._lane = board.open(name)
        self._interval, self._warm = 1 / fps, warm
        self._draw_delay = draw_delay
        self._due = phase / fps
        self._process = process
        self._unsent: float | None = None
        self._is_sending = False
        self._newest: float | None = None
        self._loop.call_at(self._due, self._take_frame)

    def _take_frame(self) -> None:
        due, self._due = self._due, self._due + self._interval
        self._loop.call_at(self._due, self._take_frame)
        self.seen.frames += due >= self._warm
        self._work(self._times.client_frame, partial(self._offer, due))

    def _offer(self, due: float) -> None:
        self._unsent = due
        if not self._is_sending:
            self._send()

    def _send(self) -> None:
        due, self._unsent = self._unsent, None
        self._is_sending = due is not None
        if due is not None:
            delay = self._draw_delay()
            arrive = partial(self._arrive, due, delay)
            self._link.send(self._times.frame_bytes, delay, self._send, arrive)

    def _arrive(self, due: float, delay: float) -> None:
        self._board.receive(self._lane, partial(self._on_answer, due, delay))

    def _on_answer(self, due: float, delay: float, has_result: bool) -> None:
        if has_result:
            work = partial(self._work, self._times.client_result, partial(self._record, due))
            self._loop.call_later(delay, work)

    def _work(self, seconds: float, then: Callable[[], None]) -> None:
        if self._process is None:
            then()
        else:
            self._process.do(then, Step(seconds))

    def _record(self, due: float) -> None:
        now, before = self._loop.time(), self._newest
        self._newest = due if before is None else max(due, before)
        if now >= self._warm:
            self.seen.latencies.append(now - due)
            if before is not None:
                self.seen.ages.append(now - before)
