"""What system runs this process."""

from __future__ import annotations

import os
import sys

IS_ANDROID = sys.platform == "android"
"""So from Python 3.13 on; before, Android was "linux" too."""
IS_LINUX = IS_ANDROID or sys.platform == "linux"
"""Whether the kernel is Linux."""
IS_32_BIT = sys.maxsize < 1 << 32
"""Whether this process is, on a kernel of any kind: a Raspberry Pi's is often a 64-bit one."""


def is_glibc() -> bool:
    """Whether this process uses the GNU C library."""
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (ValueError, AttributeError, OSError):
        return False
