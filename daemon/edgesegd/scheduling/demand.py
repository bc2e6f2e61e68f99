"""Whether more than one frame is there for engines, most of the time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from edgesegd.core.client import Client
from edgesegd.scheduling.lane import Lane

MEMORY_SECONDS = 0.7
"""How fast the past is forgotten: a load that changes at once is believed after about a second."""

RISES_AT, FALLS_AT = 0.8, 0.5
"""Shares of the recent time with work for several engines. Where engines work side by side each is
slower, so that frames overlap more: the distance keeps the answer from changing to and fro."""


class Timer(Protocol):
    """Something that is to happen later."""

    def cancel(self) -> None:
        """It is not to happen any more."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Demand:
    """Follows how many frames could be in engines at a time.

    A camera's stream counts as one however many frames it sends, for its newest one supersedes
    those that wait; of all others each frame counts. `several` is whether there was work for
    several engines most of the time lately: more than one frame. But a client with one at a time
    beside a single other client would have fewer turns of engines that are slower by themselves,
    so for these two there is not. `on_change` is called when the answer changes. Seconds are those
    of `clock`, and lately is about MEMORY_SECONDS.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
    ) -> None:
        self._clock = clock
        self._call_later = call_later or default_call_later
        self.on_change: Callable[[], None] = lambda: None
        self.several = False
        self._count = 0
        self._clients = Counter[Client]()
        self._wide = False
        self._mean = self._share = 0.0
        self._since = clock()
        self._timer: Timer | None = None

    def add(self, lane: Lane) -> None:
        """A frame of `lane` is there."""
        lane.unanswered += 1
        if lane.unanswered == 1 or not lane.grows_stale:
            self._count_frame(lane, 1)

    def remove(self, lane: Lane) -> None:
        """A frame of `lane` is done with."""
        lane.unanswered -= 1
        if lane.unanswered == 0 or not lane.grows_stale:
            self._count_frame(lane, -1)

    @property
    def level(self) -> float:
        """How many there were lately, on average."""
        self._forget_past()
        return self._mean

    def _count_frame(self, lane: Lane, change: int) -> None:
        self._forget_past()
        self._count += change
        address = lane.client[:1]
        self._clients[address] += change
        if not self._clients[address]:
            del self._clients[address]
        if self._wide is not self._is_wide():
            self._wide = not self._wide
            self._look_again_in_time()

    def _is_wide(self) -> bool:
        """Whether there is work for several engines now."""
        beside_one = len(self._clients) == 2 and min(self._clients.values()) == 1
        return self._count > 1 and not beside_one

    def _forget_past(self) -> None:
        now = self._clock()
        kept = math.exp((self._since - now) / MEMORY_SECONDS)
        self._share = self._share * kept + self._wide * (1 - kept)
        self._mean = self._mean * kept + self._count * (1 - kept)
        self._since = now

    def _look_again_in_time(self) -> None:
        """When `several` changes, should the number of frames stay as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wide is self.several:
            return
        far, near = (self._share, FALLS_AT) if self.several else (1 - self._share, 1 - RISES_AT)
        seconds = MEMORY_SECONDS * math.log(far / near) if far > near else 0.0
        self._timer = self._call_later(seconds, self._change)

    def _change(self) -> None:
        self._timer = None
        self.several = not self.several
        self._forget_past()
        self._look_again_in_time()
        self.on_change()


def default_call_later(seconds: float, callback: Callable[[], None]) -> Timer:
    """Of the event loop that runs."""
    return asyncio.get_running_loop().call_later(seconds, callback)
