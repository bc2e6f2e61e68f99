"""An event loop in a background thread, for callers without one."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar

from edgeseg_client.errors import ClientClosed
from edgeseg_client.fork_guard import FORK_GUARD
from edgeseg_client.wrapped_exit import is_cancelled

_Returned = TypeVar("_Returned")


class LoopThread:
    """An event loop that runs coroutines for callers in other threads.

    Nothing that a coroutine raises ends it, SystemExit and KeyboardInterrupt included: all is
    raised where the coroutine's caller waits.
    """

    def __init__(self) -> None:
        FORK_GUARD.mark_used()
        self._loop = _Loop()
        self._calls: set[Call[Any]] = set()
        self.ended = False
        """Whether nothing is run any more."""
        self._thread = threading.Thread(target=self._serve, name="edgeseg-client", daemon=True)
        self._thread.start()
        # Python freezes daemon threads at its end; what then still waited for the loop would hang.
        atexit.register(self.stop)

    def run(self, coroutine: Coroutine[Any, Any, _Returned], calls: set[Call[Any]]) -> _Returned:
        """Waits for what the coroutine returns or raises; the call is in `calls` meanwhile.

        Raises `ClientClosed` where the loop has ended or ends meanwhile, or `cancel` ends the call.
        Where the caller is interrupted, the coroutine is cancelled and has ended before
        `KeyboardInterrupt` goes on.
        """
        call = Call(coroutine, self._loop)
        # First added, then asked whether the loop ended; `_serve` ends it and then looks here.
        self._calls.add(call)
        calls.add(call)
        try:
            self._call_soon(call.start)
            if self.ended:
                call.discard()
            return call.outcome.result()
        except BaseException as error:
            if not call.outcome.done():
                self._call_soon(call.cancel)
                with contextlib.suppress(CancelledError):
                    call.outcome.exception()
            elif call.outcome.cancelled():
                raise ClientClosed("the client is closed, or was closed during the call") from error
            raise
        finally:
            self._calls.discard(call)
            calls.discard(call)

    def cancel(self, calls: set[Call[Any]]) -> None:
        """Cancels the calls, without waiting for their ends."""
        for call in tuple(calls):
            self._call_soon(call.cancel)

    def run_cleanup(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Like `run`, but does not wait on the loop's own thread.

        There the garbage collector may end what a caller left. It may also do so after the loop was
        stopped, which ended everything, or in a process forked from this.
        """
        if FORK_GUARD.forked or self.ended:
            coroutine.close()
        elif threading.current_thread() is self._thread:
            self._call_soon(lambda: self._loop.create_task(coroutine))
        else:
            with contextlib.suppress(ClientClosed):
                self.run(coroutine, set())

    def stop(self) -> None:
        """Cancels what runs, ends the thread and closes the loop; at Python's end at the latest."""
        atexit.unregister(self.stop)
        if not FORK_GUARD.forked:
            self._call_soon(self._loop.stop)
            self._thread.join()

    def _call_soon(self, callback: Callable[[], object]) -> None:
        """Has the loop call it, unless the loop has ended: a stop would cut the clean-up short."""

        def call() -> None:
            if not self.ended:
                callback()

        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(call)

    def _serve(self) -> None:
        # Each step is done whatever the one before it raised; the last one here comes first.
        with contextlib.ExitStack() as end:
            end.callback(self._release_callers)
            end.callback(self._loop.close)
            end.callback(self._complete, self._loop.shutdown_default_executor)
            end.callback(self._complete, self._loop.shutdown_asyncgens)
            end.callback(self._cancel_all)
            self._loop.run_forever()

    def _cancel_all(self) -> None:
        self.ended = True
        while tasks := asyncio.all_tasks(self._loop):
            # A task that answers its cancellation with an exit ends the wait for the others.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_until_complete(_cancel(tasks))

    def _complete(self, shutdown: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # At its end Python 3.12 starts no thread any more, which one of them needs; by then Python
        # itself has waited for what it is to wait for.
        with contextlib.suppress(RuntimeError):
            self._loop.run_until_complete(shutdown())

    def _release_callers(self) -> None:
        """Ends the wait of every caller that is left."""
        for call in tuple(self._calls):
            call.discard()
            call.outcome.cancel()


class _Loop(asyncio.SelectorEventLoop):
    """In a forked process it counts as closed, for its descriptors are the parent's loop's too."""

    def is_closed(self) -> bool:
        return FORK_GUARD.forked or super().is_closed()


class Call(Generic[_Returned]):
    """A coroutine for the loop, and what comes of it; cancelled where the loop lets it go.

    `start` and `cancel` are called on the loop.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, _Returned], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.outcome: Future[_Returned] = Future()
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Runs the coroutine."""
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Cancels the coroutine; the outcome comes once it has ended."""
        if self._task is None:  # it was never to be started
            self.discard()
        else:
            self._task.cancel()

    def discard(self) -> None:
        """Lets a coroutine go that has not been started."""
        if self._task is None and self.outcome.cancel():
            self._coroutine.close()

    async def _run(self) -> None:
        """Has the outcome of the coroutine, an exit too; only a cancelled task raises."""
        try:
            returned = await self._coroutine
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            self.outcome.set_exception(error)
        except BaseException as error:  # noqa: BLE001  # it is raised where the caller waits
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(returned)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._coroutine.close()  # the task may have been cancelled before its first step
            self.outcome.cancel()


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
