"""Lets one process at a time change a folder of models."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edgesegd.core.errors import ReleaseBusy


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` within the block; it is free when the process ends, however.

    Raises ReleaseBusy if another process holds it, and OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReleaseBusy(
                f"another `edgesegd models sync` is at work in {path.parents[1]}; try again later"
            ) from None
        yield
    finally:
        os.close(descriptor)
