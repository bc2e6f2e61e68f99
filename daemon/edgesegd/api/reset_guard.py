"""Cuts off addresses that open calls and reset them at once, again and again.

gRPC's own threads handle such calls, a hundred thousand per second, and need a core for it. Only a
few of them are seen here, but enough to identify the address. The connection is closed, and for a
while the kernel lets the address open no other one.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial

from edgesegd.api.address_blocker import MEANWHILE, AddressBlocker
from edgesegd.api.open_sockets import close_connections
from edgesegd.api.peer import address_of, socket_name
from edgesegd.core.client import Client
from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter

log = logging.getLogger(__name__)

RESETS_A_SECOND, RESETS_AT_ONCE = 50.0, 100
"""Calls of one address that may be reset before their first message; no client does that often."""
CHECK_SECONDS = 0.02
"""At least this long between two searches for a connection: each checks every descriptor."""


class ResetGuard:
    """Counts reset calls; `on_cut_off` is called for each address that is cut off."""

    def __init__(
        self,
        blocker: AddressBlocker,
        on_cut_off: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blocker = blocker
        self._on_cut_off = on_cut_off
        self._clock = clock
        self._next_search = 0.0
        self._rate = AddressRateLimiter(RESETS_A_SECOND, burst=RESETS_AT_ONCE, clock=clock)

    def on_reset(self, client: Client) -> None:
        """Count a call of `client` that was cancelled before its first message."""
        is_flood = self._rate.delay(client) > 0
        if not is_flood or len(client) < 2 or self._clock() < self._next_search:
            return
        self._next_search = self._clock() + CHECK_SECONDS
        address = address_of(client[1])
        if self._blocker.block(address, partial(self._rate.forget, client)):
            self._on_cut_off()
            log.warning(
                "%s resets its calls as soon as it has opened them: its connection is closed%s",
                address,
                MEANWHILE,
            )
        with contextlib.suppress(OSError):  # it is tried again with the next reset call
            close_connections({socket_name(client[1])})
