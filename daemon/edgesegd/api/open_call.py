"""An open call: its client, its progress, and how to end it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.access.tokens import Token
from edgesegd.api.call_quota import NO_QUOTA
from edgesegd.core.client import Client
from edgesegd.core.errors import EdgesegError

_open_call: ContextVar[OpenCall] = ContextVar("open_call")


def enter_call(call: OpenCall) -> None:
    """Let `why_evicted` speak of this call in its task, and in those that it starts."""
    _open_call.set(call)


def why_evicted() -> str:
    """Why the call that this task serves was evicted; empty if it was not."""
    call = _open_call.get(None)
    return "" if call is None else call.why_evicted


class OpenCall:
    """A call of `client`, served by the task that creates this object.

    `certificate` is the name in the client's certificate, empty if it has shown none. `progress` is
    when its last message was received or sent. `is_read` is whether its first message is read, or
    was: before, it waits for its turn. `token` is the one that it was opened with, if the daemon
    asked for one, and `lacks_token` whether it would need one, had the daemon asked. `quota` counts
    what it uses, together with the other calls of its `holders`.
    """

    def __init__(self, client: Client, certificate: str = "") -> None:
        self.client = client
        self.certificate = certificate
        self.progress = time.monotonic()
        self.is_read = False
        self.token: Token | None = None
        self.lacks_token = False
        self.holders: tuple[QuotaHolder, ...] = ()
        self.quota = NO_QUOTA
        self._why: EdgesegError | None = None
        self._task = asyncio.current_task()

    @property
    def why_evicted(self) -> str:
        """Why the call was evicted; empty if it was not."""
        return "" if self._why is None else str(self._why)

    def evict(self, why: EdgesegError) -> None:
        """End the call, so that gRPC frees what it holds of it; the client gets `why`."""
        self._why = why
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def raising_if_evicted(self) -> Iterator[None]:
        """Raise the reason if the call is evicted within the block."""
        try:
            yield
        except asyncio.CancelledError:
            if self._why is None or self._task is None:
                raise
            self._task.uncancel()
            raise self._why from None
