"""Rest for a client whose frames take far more of an engine's time than is usual.

Turns alone do not keep others from waiting: a client with one frame at a time has none waiting at
the very moment when its last one is answered, and then whoever has one is served, for as long as
that takes. So who took much more than usual is not served for a while, though an engine is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from edgesegd.scheduling.turns import Member

FACTOR = 3.0
"""Rest for each second over the usual: so the others have three quarters of the time."""
MIN_SECONDS = 0.05
"""Over the usual time; any frame may take a little longer now and then."""
ACTIVE_SECONDS = 1.0
"""Others are active that had a frame so long before the long one began, or since."""


class Rests:
    """Who rests at present; `on_end` is called when one may be served again.

    A member of a group rests where others of the same group are active: an address beside other
    addresses, a connection beside others of its address. Who is alone may take all the time.
    """

    def __init__(self, clock: Callable[[], float], on_end: Callable[[Member], None]) -> None:
        self._clock = clock
        self._on_end = on_end
        self._until: dict[Member, float] = {}

    def impose(self, lane: Member, seconds: float, usual: float) -> None:
        """An engine needed `seconds` for a frame of `lane`, far more than the `usual` ones."""
        excess, now = seconds - usual, self._clock()
        if excess < MIN_SECONDS:
            return
        for group, member in lane.path:
            if group.others_active(member, now - seconds - ACTIVE_SECONDS):
                self._until[member] = max(self._until.get(member, now), now) + FACTOR * excess
                if not member.resting:
                    member.resting = True
                    group.leave(member)
                    self._wake_at_end(member)

    def _wake_at_end(self, member: Member) -> None:
        left = self._until[member] - self._clock()
        asyncio.get_running_loop().call_later(left, partial(self._wake, member))

    def _wake(self, member: Member) -> None:
        if self._clock() < self._until[member]:  # it was prolonged
            self._wake_at_end(member)
            return
        del self._until[member]
        member.resting = False
        if member.group is not None:
            member.group.enter(member)
        self._on_end(member)
