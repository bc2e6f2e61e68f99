"""No process of ours outlives the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import sys

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""
PEER = struct.Struct("3i")
"""`struct ucred` of unix(7): process, user and group id."""


def die_with_parent(link: socket.socket) -> None:
    """Have the kernel end this process when its parent ends, even while a driver hangs.

    `link` is this process's end of a socket pair that the parent made, which tells who that is:
    where it ended before this was called, the kernel would never say so, and this process ends.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent, _, _ = PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
