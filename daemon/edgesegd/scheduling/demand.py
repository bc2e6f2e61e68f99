"""Whether there is work for several engines most of the time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from edgesegd.core.client import Client
from edgesegd.scheduling.lane import Lane

AVERAGE_SECONDS = 0.7
"""Time constant of the moving averages: a sudden change of load counts after about a second."""

RISES_AT, FALLS_AT = 0.8, 0.5
"""Shares of recent time with work for several engines, at which `several` changes. With several
engines each is slower, so frames overlap more; the distance between the two keeps `several` from
changing back and forth."""


MIN_STAY_SECONDS, MAX_STAY_SECONDS = 2.0, 60.0
"""How long `several` stays True at least: doubled if it was True shortly before, up to a minute, so
that a load near the limit does not change it again and again."""


class Timer(Protocol):
    """A call that is scheduled, like asyncio.TimerHandle."""

    def cancel(self) -> None:
        """Cancel the call."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Demand:
    """Measures how many frames could be in engines at a time.

    A camera's stream counts as one frame, because its newest frame supersedes those that wait; in
    all other lanes each frame counts. `several` is whether there was more than one frame most of
    the time recently (about AVERAGE_SECONDS). Exception: if there are only two clients, and one of
    them sends a single frame at a time and the other several, `several` engines are not wanted,
    because each is slower and the first client would get fewer turns. `on_change` is called when
    `several` changes. Seconds are those of `clock`.
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
        self._wants_several = False
        self._mean = self._share = self._several_seconds = 0.0
        self._since = clock()
        self._stay = MIN_STAY_SECONDS
        self._changed = -math.inf
        self._timer: Timer | None = None

    def add(self, lane: Lane) -> None:
        """Count a frame of `lane` that waits or is in an engine."""
        lane.unanswered += 1
        if lane.unanswered == 1 or not lane.grows_stale:
            self._count_frame(lane, 1)

    def remove(self, lane: Lane) -> None:
        """A frame of `lane` is answered or cancelled; do not count it any more."""
        lane.unanswered -= 1
        if lane.unanswered == 0 or not lane.grows_stale:
            self._count_frame(lane, -1)

    @property
    def level(self) -> float:
        """The recent average of how many frames could be in engines at a time."""
        self._forget_past()
        return self._mean

    @property
    def several_seconds(self) -> float:
        """For how long there was work for several engines so far, in seconds."""
        self._forget_past()
        return self._several_seconds

    def _count_frame(self, lane: Lane, change: int) -> None:
        self._forget_past()
        self._count += change
        address = lane.client[:1]
        self._clients[address] += change
        if not self._clients[address]:
            del self._clients[address]
        if self._wants_several is not self._has_work_for_several():
            self._wants_several = not self._wants_several
            self._set_timer()

    def _has_work_for_several(self) -> bool:
        """Whether there is work for several engines now."""
        counts = self._clients.values()
        one_against_another = len(counts) == 2 and min(counts) == 1 and max(counts) > 1
        return self._count > 1 and not one_against_another

    def _forget_past(self) -> None:
        now = self._clock()
        kept = math.exp((self._since - now) / AVERAGE_SECONDS)
        self._share = self._share * kept + self._wants_several * (1 - kept)
        self._mean = self._mean * kept + self._count * (1 - kept)
        self._several_seconds += self._wants_several * (now - self._since)
        self._since = now

    def _set_timer(self) -> None:
        """Set the timer for when `several` will change if the number of frames does not."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wants_several is self.several:
            return
        share, limit = (self._share, FALLS_AT) if self.several else (1 - self._share, 1 - RISES_AT)
        seconds = AVERAGE_SECONDS * math.log(share / limit) if share > limit else 0.0
        if self.several:
            seconds = max(seconds, self._changed + self._stay - self._clock())
        self._timer = self._call_later(seconds, self._change)

    def _change(self) -> None:
        self._timer = None
        self.several = not self.several
        now = self._clock()
        if self.several:
            was_recent = now < self._changed + 2 * self._stay
            self._stay = min(2 * self._stay, MAX_STAY_SECONDS) if was_recent else MIN_STAY_SECONDS
        self._changed = now
        self._forget_past()
        self._set_timer()
        self.on_change()


def default_call_later(seconds: float, callback: Callable[[], None]) -> Timer:
    """Of the event loop that runs."""
    return asyncio.get_running_loop().call_later(seconds, callback)
