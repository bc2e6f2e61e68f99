"""Cuts off addresses that open calls and reset them at once, again and again.

gRPC's own threads handle such calls, a hundred thousand per second, and need a core for it. Only a
few of them are seen here, but enough to identify the address. The connection is closed, and for a
while the kernel lets the address open no other one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable

from edgesegd.api.open_sockets import connections_to, listeners
from edgesegd.api.packet_filter import MAX_ADDRESSES, drop_from, drop_nothing
from edgesegd.api.peer import IpAddress, address_of
from edgesegd.core.client import Client
from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter

log = logging.getLogger(__name__)

RESETS_A_SECOND, RESETS_AT_ONCE = 50.0, 100
"""Calls of one address that may be reset before their first message; no client does that often."""
CUT_OFF_SECONDS = 10.0
"""How long an address is cut off. If its connection were only closed, it would connect again."""
AGAIN_SECONDS = 1.0
"""Seconds until the next try to admit an address, if no descriptor was free."""
IS_LINUX = sys.platform == "linux"
CHECK_SECONDS = 0.02
"""At least this long between two searches for a connection: each checks every descriptor."""


class ResetGuard:
    """Counts reset calls; `on_cut_off` is called for each address that is cut off."""

    def __init__(
        self, on_cut_off: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_cut_off = on_cut_off
        self._clock = clock
        self._next_search = 0.0
        self._rate = AddressRateLimiter(RESETS_A_SECOND, burst=RESETS_AT_ONCE, clock=clock)
        self._addresses: set[IpAddress] = set()

    def on_reset(self, client: Client) -> None:
        """Count a call of `client` that was cancelled before its first message."""
        is_flood = self._rate.delay(client) > 0
        if not is_flood or len(client) < 2 or self._clock() < self._next_search:
            return
        self._next_search = self._clock() + CHECK_SECONDS
        address = address_of(client[1])
        if address not in self._addresses and len(self._addresses) < MAX_ADDRESSES:
            self._on_cut_off()
            self._addresses.add(address)
            self._apply()
            log.warning(
                "%s resets its calls as soon as it has opened them: its connection is closed%s",
                address,
                f", and no other one is accepted for {CUT_OFF_SECONDS:g} s" if IS_LINUX else "",
            )
            loop = asyncio.get_running_loop()
            loop.call_later(CUT_OFF_SECONDS, self._admit_again, client, address)
        for connection in connections_to(client[1]):
            with connection, contextlib.suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)  # gRPC has it open too, and notices

    def _admit_again(self, client: Client, address: IpAddress) -> None:
        self._rate.forget(client)
        self._addresses.discard(address)
        if not self._apply():
            # No descriptor is free; the kernel would keep its filter.
            loop = asyncio.get_running_loop()
            loop.call_later(AGAIN_SECONDS, self._admit_again, client, address)

    def _apply(self) -> bool:
        """Have the kernel drop what comes from the addresses to the sockets that listen.

        Returns whether these were found; on other systems than Linux nothing is dropped.
        """
        found = listeners()
        for listener in found:
            with listener, contextlib.suppress(OSError):  # not Linux
                if self._addresses:
                    drop_from(listener, self._addresses)
                else:
                    drop_nothing(listener)
        return bool(found)
