"""Where single images wait: each client's in a lane of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from edgesegd.core.client import Client
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.scheduling.scheduler import Scheduler


class ImageLanes:
    """A lane for each client that has calls open; `limit` images may wait in it."""

    def __init__(self, scheduler: Scheduler, limit: int) -> None:
        self._scheduler = scheduler
        self._limit = limit
        self._lanes: dict[Client, Lane] = {}
        self._calls: Counter[Client] = Counter()

    @contextmanager
    def of(self, client: Client) -> Iterator[Lane]:
        """The client's lane, for one call."""
        if client not in self._lanes:
            self._lanes[client] = Lane(self._limit, Overflow.REJECT)
            self._scheduler.open(self._lanes[client], client)
        self._calls[client] += 1
        try:
            yield self._lanes[client]
        finally:
            self._calls[client] -= 1
            if not self._calls[client]:
                del self._calls[client]
                self._scheduler.close(self._lanes.pop(client))
