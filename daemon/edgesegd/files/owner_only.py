"""Files and sockets that only their owner can use, from their first moment on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def owner_only() -> Iterator[None]:
    """What this process makes within the block, only its user can open."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
