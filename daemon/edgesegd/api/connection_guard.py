"""Closes connections without an admitted call, when they take the places of others.

gRPC closes one that says nothing after ten seconds, and an idle one later, but limits connections
only in all: one address could take all of them, before it has shown a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable

from edgesegd.api.address_blocker import MEANWHILE, AddressBlocker
from edgesegd.api.open_sockets import close_connections, connection_names
from edgesegd.api.peer import SocketName, socket_name
from edgesegd.core.client import Client
from edgesegd.ipc.open_files import open_descriptors

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""A connection that had no admitted call until the second check that it meets is silent."""
MAX_CALLERS = 1024
"""How many names of connections with calls are kept between two checks."""


class ConnectionGuard:
    """Cuts off addresses with more silent connections than `maximum` leaves free for others.

    `on_cut_off` is called for each of them.
    """

    def __init__(
        self, maximum: int, blocker: AddressBlocker, on_cut_off: Callable[[], None]
    ) -> None:
        self._maximum = maximum
        self._blocker = blocker
        self._on_cut_off = on_cut_off
        self._callers: set[str] = set()
        self._silent: set[SocketName] = set()

    def on_admitted(self, client: Client) -> None:
        """A call of `client` was admitted: its connection is not silent."""
        if len(client) == 2:
            self._callers.add(client[1])
            if len(self._callers) > max(MAX_CALLERS, 2 * self._maximum):
                with contextlib.suppress(OSError):
                    self._forget_ended(connection_names())

    async def run(self) -> None:
        """Watch the connections forever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with contextlib.suppress(OSError):
                self.check()

    def check(self) -> None:
        """Close what is silent since the last check, of each address that has too much of it.

        Raises OSError if the connections cannot be listed; what is known of them stays.
        """
        names = connection_names() if self._may_be_crowded() else set()
        free = self._maximum - len(names)
        if free > len(names):  # no address can have too many
            self._silent = set()
            return
        silent = names - self._forget_ended(names)
        both, self._silent = silent & self._silent, silent
        for address, count in Counter(address for address, _ in both).items():
            if count <= free:
                continue
            if self._blocker.block(address):
                self._on_cut_off()
                log.warning(
                    "%s has %d connections without an admitted call: they are closed%s",
                    address,
                    count,
                    MEANWHILE,
                )
            close_connections({name for name in both if name[0] == address})

    def _may_be_crowded(self) -> bool:
        """Whether half of the connections may be there; to look at each of them takes longer."""
        return 2 * len(open_descriptors()) >= self._maximum

    def _forget_ended(self, names: set[SocketName]) -> set[SocketName]:
        """The connections that have made calls; the others are forgotten."""
        callers = {peer: socket_name(peer) for peer in self._callers}
        self._callers = {peer for peer, name in callers.items() if name in names}
        return {callers[peer] for peer in self._callers}
