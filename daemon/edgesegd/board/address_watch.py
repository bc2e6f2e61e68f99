"""Notices when an address of this machine comes or goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from edgesegd.board.system import IS_LINUX

log = logging.getLogger(__name__)

RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
"""Groups of messages of rtnetlink(7): an address was added or removed."""
MAX_BYTES = 1 << 16


class AddressWatch:
    """Calls `on_change` after each change, from `start` to `close`; only Linux tells."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Watch from now on; it is logged if the system does not allow it."""
        if not IS_LINUX:
            return
        try:
            self._socket = _open()
        except OSError as error:
            log.warning("changes of this machine's addresses are not noticed: %s", error.strerror)
            return
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Watch no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        """Drop the messages: which address it was does not matter, and some may be lost."""
        with contextlib.suppress(OSError):
            while self._socket is not None and self._socket.recv(MAX_BYTES):
                pass
        self._on_change()


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        opened.setblocking(False)
        opened.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
    except OSError:
        opened.close()
        raise
    return opened
