"""Notifies systemd of the daemon's state (sd_notify), and feeds its watchdog."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

STATUS_SECONDS = 5.0
"""How often the status is told."""
FEEDS_PER_TIMEOUT = 4
"""How often the watchdog is fed within its time, so that one late feed ends nothing."""


class Notifier:
    """Sends states such as "READY=1"; does nothing if systemd did not set NOTIFY_SOCKET.

    Sources: sd_notify(3): one datagram to $NOTIFY_SOCKET, "@" first for an abstract name;
    sd_watchdog_enabled(3): the watchdog is on if WATCHDOG_USEC is set, and WATCHDOG_PID is not
    that of another process.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog_seconds = _watchdog_seconds(environ)

    def notify(self, state: str) -> None:
        """Send a state to the service manager; errors are ignored."""
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(state.encode(), address)
            except OSError:
                return

    async def report(self, describe: Callable[[], str]) -> None:
        """Until cancelled, send what `describe` returns as the status, and feed the watchdog.

        This runs in the event loop that serves all calls: if that hangs, the watchdog gets no more
        food, and systemd starts the daemon again. Returns at once without a service manager.
        """
        if not self._address:
            return
        food = "WATCHDOG=1\n" if self._watchdog_seconds else ""
        seconds = min(STATUS_SECONDS, self._watchdog_seconds / FEEDS_PER_TIMEOUT or STATUS_SECONDS)
        while True:
            self.notify(f"{food}STATUS={describe()}")
            await asyncio.sleep(seconds)


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How long systemd waits for the watchdog to be fed; 0 if it does not wait."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0.0
