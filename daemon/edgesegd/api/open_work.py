"""The calls for frames that are open, so that a drain can wait for their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from edgesegd.api.call_quota import CallQuota
from edgesegd.core.client import Client
from edgesegd.core.errors import Draining
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.served_model import ServedModel

STOPPING = "the daemon is stopping"


class OpenStream(Protocol):
    """A stream of requests, of any protocol."""

    def asks(self, model: ServedModel) -> bool:
        """Whether a request of the stream was for that model."""

    def drain(self, why: str) -> None:
        """Read no more; what was read is still answered. The client is told why."""


class OpenWork:
    """The calls for frames of all protocols; at most as many streams as `limit` allows.

    A stream drains after `stream_seconds`; 0 for no limit.
    """

    def __init__(
        self, data_plane: DataPlane, limit: FairLimit, *, stream_seconds: float = 0.0
    ) -> None:
        self._data_plane = data_plane
        self._limit = limit
        self._stream_seconds = stream_seconds
        self._streams: set[OpenStream] = set()
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def streams(self, model: ServedModel) -> int:
        """How many open streams use a model; may be asked by another thread."""
        return sum(stream.asks(model) for stream in tuple(self._streams))

    def drain(self) -> None:
        """Take no more frames; answer those that were taken, then end the streams."""
        self._data_plane.drain()
        for stream in self._streams:
            stream.drain(STOPPING)

    async def idle(self) -> None:
        """Wait until no call for frames is open."""
        await self._idle.wait()

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call for frames: counted while it is open."""
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._idle.set()

    @asynccontextmanager
    async def stream(
        self, client: Client, stream: OpenStream, quota: CallQuota
    ) -> AsyncIterator[None]:
        """A call that is a stream, within its client's quota.

        Raises Draining, or Overloaded if there are too many.
        """
        with self.call():
            if self._data_plane.draining:
                raise Draining(f"{STOPPING}; connect again")
            async with quota.stream():
                await self._limit.wait_briefly_and_take(client, 1)
                self._streams.add(stream)
                try:
                    with self._ending_in_time(stream):
                        yield
                finally:
                    self._streams.discard(stream)
                    self._limit.release(client, 1)

    @contextmanager
    def _ending_in_time(self, stream: OpenStream) -> Iterator[None]:
        """Drain the stream if the block takes longer than streams may."""
        if not self._stream_seconds:
            yield
            return
        why = f"the stream has lasted for the {self._stream_seconds:g} s that one may"
        end = asyncio.get_running_loop().call_later(self._stream_seconds, stream.drain, why)
        try:
            yield
        finally:
            end.cancel()
