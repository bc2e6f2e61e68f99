"""How many files and connections this process may have."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

ENOUGH = 65_536
"""More than a board has clients; some systems have no hard limit at all."""


def raise_descriptor_limit() -> None:
    """Use what the system allows: the soft limit is often 256 or 1024, for programs with select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit beside it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


ENGINE_DESCRIPTORS = 16
"""What the start of an engine's process needs, and a few more."""


class DescriptorReserve:
    """Descriptors that are kept, so that an engine can be started where connections have the rest.

    `count` of them, while it is not used.
    """

    def __init__(self, count: int = ENGINE_DESCRIPTORS) -> None:
        self._count = count
        self._kept: list[int] = []
        self._keep()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Let what happens within have them."""
        self.close()
        try:
            yield
        finally:
            self._keep()

    def close(self) -> None:
        """Keep none."""
        while self._kept:
            os.close(self._kept.pop())

    def _keep(self) -> None:
        with contextlib.suppress(OSError):  # fewer then, until the next time
            while len(self._kept) < self._count:
                self._kept.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
