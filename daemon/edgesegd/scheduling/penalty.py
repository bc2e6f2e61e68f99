"""A penalty for clients whose frames need far more engine time than usual.

Turns alone do not protect the other clients. A client with one frame at a time has no frame waiting
at the moment when its last one is answered, so the engine takes another client's frame, however
long that needs. Therefore a client whose frame took much longer than usual is not served for a
while, even if an engine is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from edgesegd.scheduling.turns import Member

FACTOR = 3.0
"""Seconds of penalty for each second over the usual time, so that the other clients get three
quarters of the time."""
MIN_SECONDS = 0.05
"""A frame may take this much longer than usual without a penalty."""
ACTIVE_SECONDS = 1.0
"""Others count as active if they had a frame within this time before the long one began, or since.
"""


class Penalties:
    """The members that are not served for a while; `on_end` is called with each at its end.

    A member of a group is penalized only if other members of the group are active: an address among
    other addresses, a connection among the connections of its address. A member that is alone may
    use all the time.
    """

    def __init__(self, clock: Callable[[], float], on_end: Callable[[Member], None]) -> None:
        self._clock = clock
        self._on_end = on_end
        self._until: dict[Member, float] = {}

    def impose(self, lane: Member, seconds: float, usual: float) -> None:
        """Penalize `lane` if a frame of it needed `seconds`, much more than `usual`."""
        excess, now = seconds - usual, self._clock()
        if excess < MIN_SECONDS:
            return
        for group, member in lane.path:
            if group.others_active(member, now - seconds - ACTIVE_SECONDS):
                self._until[member] = max(self._until.get(member, now), now) + FACTOR * excess
                if not member.penalized:
                    member.penalized = True
                    group.leave(member)
                    self._wake_at_end(member)

    def _wake_at_end(self, member: Member) -> None:
        left = self._until[member] - self._clock()
        asyncio.get_running_loop().call_later(left, partial(self._wake, member))

    def _wake(self, member: Member) -> None:
        if self._clock() < self._until[member]:  # the penalty was prolonged
            self._wake_at_end(member)
            return
        del self._until[member]
        member.penalized = False
        if member.group is not None:
            member.group.enter(member)
        self._on_end(member)
