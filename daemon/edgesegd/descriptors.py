"""How many files and connections this process may have."""

from __future__ import annotations

import contextlib
import resource

ENOUGH = 65_536
"""More than a board has clients; some systems have no hard limit at all."""


def raise_descriptor_limit() -> None:
    """Use what the system allows: the soft limit is often 256 or 1024, for programs with select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit beside it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
