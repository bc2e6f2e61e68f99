"""Ends a process when the process that started it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

from edgesegd.board.peer_credentials import credentials_of
from edgesegd.board.system import IS_LINUX

PR_SET_PDEATHSIG = 1
"""An option of prctl(2)."""


def die_with_parent(connection: socket.socket) -> None:
    """Let the kernel kill this process when its parent ends, even while a driver hangs.

    `connection` is this process's end of a socket pair that the parent created, from which the
    parent's process id is known. If the parent ended before this call, the kernel would not report
    it, so this process exits here.
    """
    if not IS_LINUX:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    peer = credentials_of(connection)
    if peer is None or os.getppid() != peer[0]:
        sys.exit("the process that started this one has ended")
