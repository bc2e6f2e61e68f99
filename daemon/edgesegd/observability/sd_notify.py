"""Notifies systemd of the daemon's state (sd_notify), and feeds its watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

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
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        # Opened now: later, others may have taken all descriptors, and the watchdog would starve.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        self._watchdog_seconds = _watchdog_seconds(environ)

    def close(self) -> None:
        """Close the socket; nothing can be sent after that."""
        if self._socket is not None:
            self._socket.close()

    def notify(self, state: str) -> None:
        """Send a state to the service manager; errors are ignored."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(state.encode(), self._address)

    async def report(self, describe: Callable[[], str]) -> None:
        """Until cancelled, send what `describe` returns as the status, and feed the watchdog.

        This runs in the event loop that serves all calls: if that hangs, the watchdog gets no more
        food, and systemd starts the daemon again. So it does if `describe` fails, whose error is
        logged and raised. Returns at once without a service manager.
        """
        if self._socket is None:
            return
        food = "WATCHDOG=1\n" if self._watchdog_seconds else ""
        seconds = min(STATUS_SECONDS, self._watchdog_seconds / FEEDS_PER_TIMEOUT or STATUS_SECONDS)
        while True:
            try:
                status = describe()
            except Exception:
                log.critical(
                    "the watchdog is fed no more, for the status is unknown", exc_info=True
                )
                raise
            self.notify(f"{food}STATUS={status}")
            await asyncio.sleep(seconds)


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How long systemd waits for the watchdog to be fed; 0 if it does not wait."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0.0
