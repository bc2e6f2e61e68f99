"""The channels of a client, which are opened with its first call."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import grpc

from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceStub
from edgeseg_client.address import are_several
from edgeseg_client.client_channels import ClientChannels
from edgeseg_client.deadline import Deadline
from edgeseg_client.errors import ClientClosed
from edgeseg_client.fork_guard import FORK_GUARD

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub

_READY: Final = grpc.ChannelConnectivity.READY
_CONNECT_SECONDS: Final = 1.0
_SPREAD_SECONDS: Final = 0.5
"""After the first daemon of several: the others are connected then, and asked for their health."""


class DaemonChannels:
    """Opens one channel to `addresses`, with TLS if there are `credentials`.

    If they lead to several daemons there are two, which share their connections. Each gives the
    daemons their turns. If every second call on one channel were for the info, as when streams are
    opened, then of two daemons one would be asked for it and the other would get all streams.
    """

    def __init__(
        self, addresses: tuple[str, ...], credentials: grpc.ChannelCredentials | None
    ) -> None:
        self._closed = False
        self._is_spread = not are_several(addresses)
        self._spreading = asyncio.Lock()
        self._channels = ClientChannels(
            addresses, credentials, self.require_open, count=1 if self._is_spread else 2
        )

    async def segmenting(self, deadline: Deadline) -> SegmentationServiceAsyncStub:
        """For calls that segment; raises what `ClientChannels.get` raises."""
        FORK_GUARD.mark_used()
        channel = (await self._channels.get(deadline.left()))[0]
        if not self._is_spread:
            left = deadline.left()
            with contextlib.suppress(TimeoutError):
                # The other half is for the call.
                async with asyncio.timeout(None if left is None else left / 2):
                    await self._wait_for_others(channel)
        return _stub(channel)

    async def asking(self, deadline: Deadline) -> SegmentationServiceAsyncStub:
        """For calls that ask for the info; raises like `segmenting`."""
        FORK_GUARD.mark_used()
        return _stub((await self._channels.get(deadline.left()))[-1])

    async def _wait_for_others(self, channel: grpc.aio.Channel) -> None:
        """Waits once for more than the fastest daemon; else it gets all streams that are opened."""
        async with self._spreading:
            if self._is_spread or not await _is_connected(channel):
                return
            try:
                await asyncio.sleep(_SPREAD_SECONDS)
            finally:  # a call whose time is over has waited too
                self._is_spread = True

    def require_open(self) -> None:
        """Raises `ClientClosed` if they were closed."""
        if self._closed:
            raise ClientClosed("the client is closed")

    def refuse_calls(self) -> None:
        """From now on `require_open` raises, and no channel is opened."""
        self._closed = True

    async def close(self) -> None:
        """Closes the channels with their calls."""
        self.refuse_calls()
        await self._channels.close()


async def _is_connected(channel: grpc.aio.Channel) -> bool:
    """Whether a daemon can be called soon."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONNECT_SECONDS):
            while (state := channel.get_state(try_to_connect=True)) is not _READY:
                await channel.wait_for_state_change(state)
            return True
    return False


def _stub(channel: grpc.aio.Channel) -> SegmentationServiceAsyncStub:
    return SegmentationServiceStub(channel)  # type: ignore[return-value]  # one class for both
