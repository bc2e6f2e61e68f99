"""The loop thread that all blocking clients of the process share.

gRPC's asyncio API wakes all event loops of a process through one socket. It logs errors for a loop
that was closed during a call. So all clients share one loop, which runs until Python exits.
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
    """Runs one client's coroutines on the shared loop thread, from its first call to `close`."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None
        self._calls: set[Call[Any]] = set()
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, _Returned]) -> _Returned:
        """Runs the coroutine and waits for its result; see `LoopThread.run`.

        Raises `ClientClosed` after `close`, and `ForkedProcess` in a forked process if the parent
        had used gRPC.
        """
        try:
            thread = self._start()
        except BaseException:
            coroutine.close()
            raise
        return thread.run(coroutine, self._calls)

    def run_cleanup(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine that ends earlier ones, on any thread; see `LoopThread.run_cleanup`."""
        if self._thread is None:
            coroutine.close()
        else:
            self._thread.run_cleanup(coroutine)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs the coroutine of `last`, if any was run before, and cancels those that still run.

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


# Reentrant, because a signal handler may close a client while this thread holds the lock.
_LOCK: Final = threading.RLock()
if hasattr(os, "register_at_fork"):  # a fork waits until the lock is free
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )

_threads: Final[list[LoopThread]] = []


def _running_thread() -> LoopThread:
    """The thread of the process; starts it if there is none. The caller holds the lock."""
    if not _threads or _threads[-1].ended:
        _threads[:] = [LoopThread()]
    return _threads[-1]
