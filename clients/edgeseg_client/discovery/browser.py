"""Watches the announcements of daemons; imports zeroconf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self

from zeroconf import Error, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from edgeseg_client.discovery.found import Change, FoundDaemon, read_daemon
from edgeseg_client.discovery.nearest import nearest_first, own_interfaces
from edgeseg_client.errors import Unavailable

SERVICE_TYPE: Final = "_edgeseg._tcp.local."
_RESOLVE_MS: Final = 3000
"""How long to ask for the address and the description of a daemon whose name is known."""

_log: Final = logging.getLogger(__name__)


class Browser:
    """Has the `daemons` of this network by name while it is open.

    `on_change` is called after each change. Entering it raises `Unavailable` if this machine has no
    network for it. `interfaces` are the addresses of the interfaces to listen on; by default all.
    """

    def __init__(
        self, on_change: Callable[[Change], None], interfaces: Sequence[str] | None = None
    ) -> None:
        self.daemons: dict[str, FoundDaemon] = {}
        self._on_change = on_change
        self._interfaces = interfaces
        self._resolving: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        logging.getLogger("zeroconf").setLevel(logging.ERROR)
        try:
            interfaces = list(self._interfaces or ()) or _all_interfaces()
            self._zeroconf = AsyncZeroconf(interfaces=interfaces)
        except (OSError, RuntimeError, Error) as error:
            raise Unavailable(f"daemons cannot be looked for in this network: {error}") from error
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._noticed]
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._browser.async_cancel()
        resolving = list(self._resolving.values())
        for task in resolving:
            task.cancel()
        await asyncio.gather(*resolving, return_exceptions=True)
        await self._zeroconf.async_close()

    def _noticed(
        self,
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if (task := self._resolving.pop(name, None)) is not None:
            task.cancel()
        if state_change is not ServiceStateChange.Removed:
            self._resolving[name] = asyncio.create_task(self._resolve(name))
            self._resolving[name].add_done_callback(partial(self._resolved, name))
        elif (gone := self.daemons.pop(name, None)) is not None:
            self._on_change(Change("gone", gone))

    def _resolved(self, name: str, task: asyncio.Task[None]) -> None:
        if self._resolving.get(name) is task:
            del self._resolving[name]
        if not task.cancelled():
            task.result()  # a fault of this program is logged by the event loop

    async def _resolve(self, name: str) -> None:
        """Find where a daemon is, and what it says of itself."""
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        found = None
        if await info.async_request(self._zeroconf.zeroconf, _RESOLVE_MS):
            found = read_daemon(
                name.removesuffix(f".{SERVICE_TYPE}"),
                nearest_first(info.parsed_addresses(), own_interfaces()),
                info.port or 0,
                info.properties,
            )
        if found is None:
            _log.warning("%r is announced, but without an address", name)
            return
        before, self.daemons[name] = self.daemons.get(name), found
        if before != found:
            self._on_change(Change("changed" if before else "appeared", found))


def _all_interfaces() -> list[str]:
    """All addresses of IPv4; those of IPv6 if this machine has no other network."""
    own = own_interfaces()
    ipv4 = [str(each.ip) for each in own if each.version == 4]
    others = [str(each.ip) for each in own if not each.is_loopback]
    return ipv4 if any(":" not in each for each in others) else others or ipv4
