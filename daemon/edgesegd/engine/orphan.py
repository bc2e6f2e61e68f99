"""No process of ours outlives the one that started it."""

from __future__ import annotations

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, even while a driver hangs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
