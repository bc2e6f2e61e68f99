"""The loop thread that all blocking clients of the process share.

gRPC's asyncio side wakes all loops of a process through one socket, and logs errors for those that
were closed with a call on its way; so there is one for all clients, until Python's end.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from edgeseg_client.errors import ClientClosed
from edgeseg_client.fork_guard import FORK_GUARD
from edgeseg_client.loop_thread import Call, LoopThread

_Returned = TypeVar("_Returned")


class SharedLoop:
    """One client's hold on the loop thread of the process, from its first call to its end."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None
        self._calls: set[Call[Any]] = set()
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, _Returned]) -> _Returned:
        """Waits for what the coroutine returns or raises; see `LoopThread.run`.

        Raises `ClientClosed` after `close`, and `ForkedProcess` where a fork ended what there was.
        """
        try:
            thread = self._start()
        except BaseException:
            coroutine.close()
            raise
        return thread.run(coroutine, self._calls)

    def run_cleanup(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs the end of what was run here, from any thread; see `LoopThread.run_cleanup`."""
        if self._thread is None:
            coroutine.close()
        else:
            self._thread.run_cleanup(coroutine)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs what is `last`, unless nothing was run before, and cancels what still runs.

        May be called twice.
        """
        with _LOCK:
            closed, self._closed = self._closed, True
        if closed or self._thread is None or FORK_GUARD.forked:
            return
        with contextlib.suppress(ClientClosed):
            self._thread.run(last(), set())
        self._thread.cancel(self._calls)

    def _start(self) -> LoopThread:
        FORK_GUARD.check()
        with _LOCK:
            if self._closed:
                raise ClientClosed("the client is closed")
            self._thread = self._thread or _running_thread()
            return self._thread


# Reentrant, for a signal's handler may close a client wherever the signal comes.
_LOCK: Final = threading.RLock()
if hasattr(os, "register_at_fork"):  # a fork waits until nobody has it
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )

_threads: Final[list[LoopThread]] = []


def _running_thread() -> LoopThread:
    """The thread of the process, started for the first client; the caller has the lock."""
    if not _threads or _threads[-1].ended:
        _threads[:] = [LoopThread()]
    return _threads[-1]
