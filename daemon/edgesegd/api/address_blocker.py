"""Lets the kernel accept no connection from an address for a while (Linux only)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from edgesegd.api.open_sockets import for_listeners
from edgesegd.api.packet_filter import MAX_ADDRESSES, drop_from, drop_nothing
from edgesegd.api.peer import IpAddress
from edgesegd.board.system import IS_LINUX

BLOCK_SECONDS = 10.0
"""For how long. If connections were only closed, their client would connect again at once."""
AGAIN_SECONDS = 1.0
"""Seconds until the next try to admit an address, if the sockets could not be listed."""
MEANWHILE = f", and no other one is accepted for {BLOCK_SECONDS:g} s" if IS_LINUX else ""
"""What a log's line about closed connections says more."""


class AddressBlocker:
    """The addresses that are blocked now, at most MAX_ADDRESSES.

    The filter is of the whole process, so there is one of these.
    """

    def __init__(self) -> None:
        self._addresses: set[IpAddress] = set()

    def block(self, address: IpAddress, on_end: Callable[[], None] = lambda: None) -> bool:
        """Block an address; returns whether it is blocked from now on, and was not before.

        `on_end` is called when it is admitted again. Open connections are not concerned.
        """
        if address in self._addresses or len(self._addresses) >= MAX_ADDRESSES:
            return False
        self._addresses.add(address)
        self._apply()
        asyncio.get_running_loop().call_later(BLOCK_SECONDS, self._admit_again, address, on_end)
        return True

    def _admit_again(self, address: IpAddress, on_end: Callable[[], None]) -> None:
        self._addresses.discard(address)
        if self._apply():
            on_end()
        else:
            # The kernel would keep its filter.
            loop = asyncio.get_running_loop()
            loop.call_later(AGAIN_SECONDS, self._admit_again, address, on_end)

    def _apply(self) -> bool:
        """Have the kernel drop what comes from the addresses to the sockets that listen.

        Returns whether these were found; on other systems than Linux nothing is dropped.
        """
        filter_ = partial(drop_from, addresses=self._addresses) if self._addresses else drop_nothing
        try:
            return for_listeners(filter_)
        except OSError:
            return False
