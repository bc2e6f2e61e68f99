"""The channels of one client, from its first call until the client is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import grpc

from edgeseg_client.channel import open_channels
from edgeseg_client.discovery.find import SCHEME, find_address
from edgeseg_client.errors import Unavailable
from edgeseg_client.fork_guard import FORK_GUARD

_LOOK_AGAIN_SECONDS: Final = 1.0
_LAST_CALLS_SECONDS: Final = 60.0
"""How long calls to a former address may still take."""

_Channels: TypeAlias = tuple[grpc.aio.Channel, ...]


class ClientChannels:
    """Opens `count` channels to `addresses` with the first call, with TLS if given `credentials`.

    The name in a single `discover:NAME` is found then, and again when the connection is lost: a
    board may have another address after a restart. The channels to the former one are closed when
    their calls have ended. `require_open` raises `ClientClosed` once the client is closed.
    """

    def __init__(
        self,
        addresses: tuple[str, ...],
        credentials: grpc.ChannelCredentials | None,
        require_open: Callable[[], None],
        *,
        count: int = 1,
    ) -> None:
        self._addresses = addresses
        self._credentials = credentials
        self._require_open = require_open
        self._count = count
        self._opening: asyncio.Task[_Channels] | None = None
        self._channels: _Channels = ()
        self._former: dict[asyncio.Task[None], grpc.aio.Channel] = {}
        self._found, self._looked = addresses, 0.0
        self._problem = ""

    async def get(self, within: float | None) -> _Channels:
        """The channels; they are looked for once for all calls that wait for them.

        Raises `Unavailable` after `within` seconds, None for no limit, and what `require_open`,
        `open_channels` and `find_address` raise.
        """
        self._require_open()
        if self._are_current():
            return self._channels
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_note_outcome)
        opening = self._opening
        await asyncio.wait([opening], timeout=within)
        if within is not None and not opening.done():
            where = ",".join(self._addresses)
            raise Unavailable(self._problem or f"{where} was not found within {within:.3g} s")
        if opening.cancelled():  # by `close`
            self._require_open()
        return opening.result()

    async def close(self) -> None:
        """Ends all calls, and the search for a name."""
        former = tuple(self._former.values())
        await _cancel(filter(None, (self._opening, *self._former)))
        for channel in (*self._channels, *former):
            await channel.close()

    def _are_current(self) -> bool:
        """Whether there are channels, and they lead to where the daemon is, as far as is known."""
        if not self._channels:
            return False
        return (
            not self._addresses[0].startswith(SCHEME)
            or self._channels[0].get_state() is grpc.ChannelConnectivity.READY
            or asyncio.get_running_loop().time() - self._looked < _LOOK_AGAIN_SECONDS
        )

    async def _open(self) -> _Channels:
        try:
            found = await self._find()
            if not self._channels or found != self._found:
                self._replace(await open_channels(found, self._credentials, self._count))
                self._found = found
        except Unavailable as error:
            self._problem = str(error)
            raise
        self._problem = ""
        return self._channels

    def _replace(self, channels: _Channels) -> None:
        """Use these from now on; the former ones are closed after their last calls."""
        for channel in channels:
            FORK_GUARD.keep_in_parent(channel)
        for channel in self._channels:
            closing = asyncio.create_task(channel.close(_LAST_CALLS_SECONDS))
            self._former[closing] = channel
            closing.add_done_callback(self._former.pop)
        self._channels = channels

    async def _find(self) -> tuple[str, ...]:
        """The addresses to connect to now."""
        address = self._addresses[0]
        if not address.startswith(SCHEME):
            return self._addresses
        encrypted = self._credentials is not None
        found = await find_address(address.removeprefix(SCHEME), encrypted=encrypted)
        self._looked = asyncio.get_running_loop().time()
        return (found,)


def _note_outcome(opening: asyncio.Task[_Channels]) -> None:
    """Else asyncio logs an error that no call waited for."""
    if not opening.cancelled():
        opening.exception()


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cancelled = tuple(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
