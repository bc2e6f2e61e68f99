"""One event loop in a background thread, shared by all blocking clients of the process.

gRPC's asyncio side wakes all loops of a process through one socket, and those that come too late
log errors (grpcio 1.51 does, 1.85 no longer); so there is one for all clients, not one for each.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from edgeseg_client.errors import ClientClosed

_Returned = TypeVar("_Returned")


class LoopThread:
    """An event loop that runs coroutines for callers in other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="edgeseg-client", daemon=True)
        self._thread.start()
        # Python freezes daemon threads at its end; what then still waited for the loop would hang.
        atexit.register(self.stop)

    def run(self, coroutine: Coroutine[Any, Any, _Returned]) -> _Returned:
        """Waits for what the coroutine returns or raises.

        Raises `ClientClosed` where the loop is stopped meanwhile. Where the caller is interrupted,
        the coroutine is cancelled and has ended before `KeyboardInterrupt` goes on.
        """
        running: set[asyncio.Task[Any]] = set()

        async def tracked() -> _Returned:
            if (task := asyncio.current_task()) is not None:
                running.add(task)
            return await coroutine

        if self._loop.is_closed():
            coroutine.close()
            raise ClientClosed("the client is closed")
        future = asyncio.run_coroutine_threadsafe(tracked(), self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise ClientClosed("the client was closed during the call") from error
        except BaseException:
            if not future.done():
                asyncio.run_coroutine_threadsafe(_cancel(running), self._loop).result()
            raise

    def finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Like `run`, but does not wait on the loop's own thread.

        There the garbage collector may end what a caller left. It may also do so after the loop was
        stopped, which ended everything.
        """
        if self._loop.is_closed():
            coroutine.close()
        elif threading.current_thread() is self._thread:
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        else:
            self.run(coroutine)

    def stop(self) -> None:
        """Cancels what runs, ends the thread and closes the loop; at Python's end at the latest."""
        atexit.unregister(self.stop)
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel(asyncio.all_tasks(self._loop)))
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


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
