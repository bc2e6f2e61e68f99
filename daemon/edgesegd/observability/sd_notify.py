"""Notifies systemd of the daemon's state (sd_notify)."""

from __future__ import annotations

import socket
from collections.abc import Mapping


class Notifier:
    """Sends states such as "READY=1"; does nothing if systemd did not set NOTIFY_SOCKET.

    Source: sd_notify(3): one datagram to $NOTIFY_SOCKET, "@" first for an abstract name.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")

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
