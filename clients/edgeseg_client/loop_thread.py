"""One event loop in a background thread, shared by all blocking clients of the process.

gRPC's asyncio side wakes all loops of a process through one socket, and those that come too late
log errors (grpcio 1.51 does, 1.85 no longer); so there is one for all clients, not one for each.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_Returned = TypeVar("_Returned")


class LoopThread:
    """An event loop that runs coroutines for callers in other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="edgeseg-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Returned]) -> _Returned:
        """Waits for what the coroutine returns or raises.

        Where the caller is interrupted, the coroutine is cancelled and has ended before
        `KeyboardInterrupt` goes on.
        """
        running: list[asyncio.Task[Any] | None] = []

        async def tracked() -> _Returned:
            running.append(asyncio.current_task())
            return await coroutine

        future = asyncio.run_coroutine_threadsafe(tracked(), self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                asyncio.run_coroutine_threadsafe(_cancel(running), self._loop).result()
            raise

    def stop(self) -> None:
        """Ends the thread and closes the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class SharedLoopThread:
    """The loop thread of the process: started for its first holder, stopped after its last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._thread: LoopThread | None = None

    def acquire(self) -> LoopThread:
        """The running thread, kept until the matching `release`."""
        with self._lock:
            self._thread = self._thread or LoopThread()
            self._holders += 1
            return self._thread

    def release(self) -> None:
        """Gives back what `acquire` gave."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._thread is not None:
                self._thread.stop()
                self._thread = None


SHARED: Final = SharedLoopThread()


async def _cancel(running: list[asyncio.Task[Any] | None]) -> None:
    tasks = [task for task in running if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
