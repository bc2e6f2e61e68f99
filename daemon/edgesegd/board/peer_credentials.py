"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import socket
import struct

CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of unix(7): process, user and group id."""


def credentials_of(connection: socket.socket) -> tuple[int, int] | None:
    """Process and user at the other end of a Unix socket; None if the system does not report it."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    except (AttributeError, OSError):  # not Linux, or the client has left
        return None
    process, user, _ = CREDENTIALS.unpack(raw)
    return process, user
