"""The channel of one client, from its first call until the client is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import grpc

from edgeseg_client.channel import open_channel
from edgeseg_client.discovery.find import SCHEME, find_address
from edgeseg_client.fork_guard import FORK_GUARD

_LOOK_AGAIN_SECONDS: Final = 1.0


class ClientChannel:
    """Opens a channel to `addresses` with the first call, with TLS if there are `credentials`.

    The name in a single `discover:NAME` is found then, and again when the connection is lost: a
    board may have another address after a restart. `require_open` raises `ClientClosed` once the
    client is closed.
    """

    def __init__(
        self,
        addresses: tuple[str, ...],
        credentials: grpc.ChannelCredentials | None,
        require_open: Callable[[], None],
    ) -> None:
        self._addresses = addresses
        self._credentials = credentials
        self._require_open = require_open
        self._lock = asyncio.Lock()
        self._channels: list[grpc.aio.Channel] = []
        self._found, self._looked = addresses, 0.0

    async def get(self) -> grpc.aio.Channel:
        """The channel; raises what `require_open`, `open_channel` and `find_address` raise."""
        async with self._lock:
            self._require_open()
            found = await self._find()
            if not self._channels or found != self._found:
                # The former one is kept until the end: closing it would cancel its last calls.
                self._channels.append(await open_channel(found, self._credentials))
                self._found = found
                FORK_GUARD.keep_in_parent(self._channels[-1])
            return self._channels[-1]

    async def close(self) -> None:
        """Ends all calls."""
        async with self._lock:
            for channel in self._channels:
                await channel.close()

    async def _find(self) -> tuple[str, ...]:
        """The addresses to connect to now."""
        address = self._addresses[0]
        if not address.startswith(SCHEME):
            return self._addresses
        now = asyncio.get_running_loop().time()
        if self._channels and (
            self._channels[-1].get_state() is grpc.ChannelConnectivity.READY
            or now - self._looked < _LOOK_AGAIN_SECONDS
        ):
            return self._found
        found = await find_address(
            address.removeprefix(SCHEME), encrypted=self._credentials is not None
        )
        self._looked = asyncio.get_running_loop().time()
        return (found,)
