"""What clients use of the quota of their identity, such as a token."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from typing import Final

from edgesegd.access.quota import NO_LIMITS, Quota
from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.core.errors import Forbidden, Overloaded
from edgesegd.core.priority import Priority
from edgesegd.scheduling.fair_limit import RETRY_AFTER
from edgesegd.scheduling.rate_bucket import RateBucket

MIN_BURST: Final = 2
"""Frames that may come at once, also at a low rate: so one that comes a little early is served."""


class QuotaUse:
    """What the clients of `who` use of a quota, over all their connections.

    The errors that its methods raise name `who`. Before each one, `on_limit` is called with the
    name of the limit that was met, a label of metrics. `clock` returns seconds.
    """

    def __init__(
        self,
        who: str,
        *,
        on_limit: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._who = who
        self._on_limit = on_limit
        self._clock = clock
        self._quota = NO_LIMITS
        self._frames: RateBucket | None = None
        self._bytes: RateBucket | None = None
        self._streams = 0
        self._may_have_room = asyncio.Event()

    def change(self, quota: Quota) -> None:
        """Apply `quota` from now on, to what is open too; no stream ends by it."""
        before, self._quota = self._quota, quota
        if (frames := quota.max_frames_per_second) != before.max_frames_per_second:
            self._frames = self._bucket(frames, MIN_BURST) if frames else None
        if (size := quota.max_bytes_per_second) != before.max_bytes_per_second:
            self._bytes = self._bucket(size) if size else None
        if quota != before:
            self._may_have_room.set()

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[None]:
        """A stream that is open within the block.

        If there are too many, first waits briefly for the end of one, then raises Overloaded.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_AFTER):
                while not self._has_room():
                    self._may_have_room.clear()
                    await self._may_have_room.wait()
        if not self._has_room():
            self._on_limit("quota_streams")
            most = self._quota.max_streams
            streams = "1 stream" if most == 1 else f"{most:,} streams"
            raise Overloaded(
                f"{self._who} may have {streams} at a time, and has {self._streams:,}", RETRY_AFTER
            )
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
            self._may_have_room.set()

    def require_room(self, size: int) -> None:
        """Raise Overloaded if a frame of `size` bytes comes too early, for the later limit."""
        frames = 0.0 if self._frames is None else self._frames.seconds_until(1)
        octets = 0.0 if self._bytes is None else self._bytes.seconds_until(size)
        if frames and frames >= octets:
            rate = f"{self._quota.max_frames_per_second:,g} frames"
            raise self._too_early("quota_frames", rate, frames)
        if octets:
            rate = f"{self._quota.max_bytes_per_second:,} bytes of frames"
            raise self._too_early("quota_bytes", rate, octets)

    def count_frame(self, size: int) -> None:
        """Count a frame of `size` bytes, which is served."""
        if self._frames is not None:
            self._frames.take(1)
        if self._bytes is not None:
            self._bytes.take(size)

    def require_model(self, name: str) -> None:
        """Raise Forbidden if the model of that name may not be used."""
        models = self._quota.models
        if models is not None and name not in models:
            self._on_limit("quota_models")
            raise Forbidden(
                f"{self._who} is not for the model {name!r} (it is for {', '.join(models)})"
            )

    @property
    def max_priority(self) -> Priority:
        """The highest priority that a stream may have."""
        return self._quota.max_priority or Priority.HIGH

    def require_priority(self, asked: Priority) -> None:
        """Raise Forbidden for a priority that is too high."""
        if asked > self.max_priority:
            self._on_limit("quota_priority")
            raise Forbidden(
                f"{self._who} is not for the priority {asked.name.lower()}; "
                f"{self.max_priority.name.lower()} is the highest that it may have"
            )

    def _has_room(self) -> bool:
        most = self._quota.max_streams
        return most is None or self._streams < most

    def _bucket(self, per_second: float, min_burst: float = 0) -> RateBucket:
        return RateBucket(per_second, burst=max(per_second, min_burst), clock=self._clock)

    def _too_early(self, limit: str, rate: str, seconds: float) -> Overloaded:
        self._on_limit(limit)
        shown = math.ceil(seconds * 100) / 100
        return Overloaded(
            f"{self._who} may send {rate} per second; try again in {shown:,.2f} s", seconds
        )


class QuotaUses:
    """The use of the quota of each holder; `on_limit` is called as by `QuotaUse`."""

    def __init__(self, on_limit: Callable[[str], None]) -> None:
        self._on_limit = on_limit
        self._uses: dict[QuotaHolder, QuotaUse] = {}

    def use_of(self, holder: QuotaHolder, quota: Quota | None) -> QuotaUse:
        """That of a holder, whose quota is that one now; None if it has none."""
        use = self._uses.get(holder)
        if use is None:
            use = self._uses[holder] = QuotaUse(str(holder), on_limit=self._on_limit)
        use.change(quota or NO_LIMITS)
        return use

    def update(
        self, quota_of: Callable[[QuotaHolder], Quota | None], in_use: Set[QuotaHolder]
    ) -> None:
        """Apply the quotas that holders have now.

        The use of those that have none any more, and no call that is open, is forgotten.
        """
        for holder in tuple(self._uses):
            quota = quota_of(holder)
            if quota is None and holder not in in_use:
                del self._uses[holder]
            else:
                self._uses[holder].change(quota or NO_LIMITS)
