"""Lanes for single images: one for each client, model and weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from edgesegd.core.client import Client
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.serving.served_model import ServedModel


class ImageLanes:
    """A lane for each that has calls open; `limit` images may wait in it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lanes: dict[tuple[ServedModel, Client, float], Lane] = {}
        self._calls: Counter[tuple[ServedModel, Client, float]] = Counter()

    @contextmanager
    def of(self, model: ServedModel, client: Client, weight: float) -> Iterator[Lane]:
        """The lane of that weight for a client's images for `model`, for one call."""
        key = model, client, weight
        if key not in self._lanes:
            self._lanes[key] = Lane(self._limit, Overflow.REJECT, weight=weight)
            model.scheduler.open(self._lanes[key], client)
        self._calls[key] += 1
        try:
            yield self._lanes[key]
        finally:
            self._calls[key] -= 1
            if not self._calls[key]:
                del self._calls[key]
                model.scheduler.close(self._lanes.pop(key))
