"""A call that is open, as far as anybody must know of it who is not its method."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edgesegd.core.client import Client
from edgesegd.core.errors import Overloaded
from edgesegd.scheduling.fair_limit import RETRY_AFTER


class OpenCall:
    """A call of `client`, in the task that made this.

    `progress` is when its last message came or went.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.progress = time.monotonic()
        self._why = ""
        self._task = asyncio.current_task()

    def evict(self, why: str) -> None:
        """End it, so that gRPC lets go of what it holds of it; `why` is told."""
        self._why = why
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def told_if_evicted(self) -> Iterator[None]:
        """Raises Overloaded where the call is ended within."""
        try:
            yield
        except asyncio.CancelledError:
            if not self._why or self._task is None:
                raise
            self._task.uncancel()
            raise Overloaded(self._why, RETRY_AFTER) from None
