"""Notices when an address of this machine comes or goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Final

log = logging.getLogger(__name__)

_GROUPS: Final = 0x10 | 0x100
"""RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of rtnetlink(7)."""
_MAX_BYTES: Final = 1 << 16


@contextlib.contextmanager
def address_changes(on_change: Callable[[], None]) -> Iterator[None]:
    """Calls `on_change` after each change within the block; only Linux tells.

    Where the kernel does not tell this program, as on Android, a warning says so.
    """
    if sys.platform != "linux":
        yield
        return
    try:
        messages = _open()
    except OSError as error:
        log.warning("changes of this machine's addresses are not noticed: %s", error.strerror)
        yield
        return

    def read() -> None:
        # Which address it was does not matter; messages may be lost if many come at once.
        with contextlib.suppress(OSError):
            while messages.recv(_MAX_BYTES):
                pass
        on_change()

    loop = asyncio.get_running_loop()
    with messages:
        loop.add_reader(messages, read)
        try:
            yield
        finally:
            loop.remove_reader(messages)


def _open() -> socket.socket:
    messages = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        messages.setblocking(False)
        messages.bind((0, _GROUPS))
    except OSError:
        messages.close()
        raise
    return messages
