"""How many descriptors, for files and connections, this process may have."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

ENOUGH = 65_536
"""More than the clients of a board need; some systems have no hard limit at all."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit to what the system allows; it is often 256 or 1024, for select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a further limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


ENGINE_DESCRIPTORS = 16
"""Descriptors that the start of an engine's process needs, and a few more."""


class DescriptorReserve:
    """Reserves `count` descriptors, so that an engine can be started if clients use the rest."""

    def __init__(self, count: int = ENGINE_DESCRIPTORS) -> None:
        self._count = count
        self._kept: list[int] = []
        self._keep()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Free the kept descriptors within the block."""
        self.close()
        try:
            yield
        finally:
            self._keep()

    def close(self) -> None:
        """Free the kept descriptors."""
        while self._kept:
            os.close(self._kept.pop())

    def _keep(self) -> None:
        with contextlib.suppress(OSError):  # if none is free, fewer are kept until the next time
            while len(self._kept) < self._count:
                self._kept.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
