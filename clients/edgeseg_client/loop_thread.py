"""An event loop in a background thread, for callers without asyncio."""

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

    What a coroutine raises is raised in the thread of its caller. Nothing of it stops the loop, not
    even SystemExit and KeyboardInterrupt.
    """

    def __init__(self) -> None:
        FORK_GUARD.mark_used()
        self._loop = _Loop()
        self._calls: set[Call[Any]] = set()
        self.ended = False
        """Whether the loop has stopped running coroutines."""
        self._thread = threading.Thread(target=self._serve, name="edgeseg-client", daemon=True)
        self._thread.start()
        # At its exit Python freezes daemon threads; a caller that still waits would then hang.
        atexit.register(self.stop)

    def run(self, coroutine: Coroutine[Any, Any, _Returned], calls: set[Call[Any]]) -> _Returned:
        """Runs the coroutine and waits for its result; meanwhile the call is in `calls`.

        Raises what the coroutine raises, and `ClientClosed` if the loop has ended, ends meanwhile,
        or the call is cancelled with `cancel`. If the caller is interrupted, the coroutine is
        cancelled, and `KeyboardInterrupt` is raised once it has ended.
        """
        call = Call(coroutine, self._loop)
        # Add the call first, then check `ended`: `_serve` sets `ended` first, then reads the calls.
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
        """Cancels the calls, and does not wait until they have ended."""
        for call in tuple(calls):
            self._call_soon(call.cancel)

    def run_cleanup(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs the coroutine like `run`, but does not wait if called on the loop's own thread.

        The garbage collector may close a generator that its caller abandoned, and calls this then.
        That may happen on the loop's own thread, where waiting would deadlock; after the loop was
        stopped; or in a forked process. In the last two cases the coroutine is closed unrun.
        """
        if FORK_GUARD.forked or self.ended:
            coroutine.close()
        elif threading.current_thread() is self._thread:
            self._call_soon(lambda: self._loop.create_task(coroutine))
        else:
            with contextlib.suppress(ClientClosed):
                self.run(coroutine, set())

    def stop(self) -> None:
        """Cancels all coroutines, ends the thread and closes the loop; runs at exit, too."""
        atexit.unregister(self.stop)
        if not FORK_GUARD.forked:
            self._call_soon(self._loop.stop)
            self._thread.join()

    def _call_soon(self, callback: Callable[[], object]) -> None:
        """Schedules the callback, unless the loop has ended: `stop` would abort its clean-up."""

        def call() -> None:
            if not self.ended:
                callback()

        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call)

    def _serve(self) -> None:
        # All steps run, whatever the others raise; they run in the reverse order of these lines.
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
            # A task may raise an exit when it is cancelled, which ends the wait for the others.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_until_complete(_cancel(tasks))

    def _complete(self, shutdown: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # The shutdown of the executor starts a thread, which Python 3.12 refuses at its exit. By
        # then Python has already joined the executor's threads itself.
        with contextlib.suppress(RuntimeError):
            self._loop.run_until_complete(shutdown())

    def _release_callers(self) -> None:
        """Cancels all outcomes that callers still wait for."""
        for call in tuple(self._calls):
            call.discard()
            call.outcome.cancel()


class _Loop(asyncio.SelectorEventLoop):
    """A loop that counts as closed in a forked process, where it shares its descriptors."""

    def is_closed(self) -> bool:
        return FORK_GUARD.forked or super().is_closed()


class Call(Generic[_Returned]):
    """A coroutine that runs on the loop, and its outcome.

    The outcome is cancelled if the coroutine is discarded or cancelled. Call `start` and `cancel`
    on the loop's thread.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, _Returned], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.outcome: Future[_Returned] = Future()
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the coroutine."""
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Cancels the coroutine; the outcome is set once it has ended."""
        if self._task is None:  # it has not been started
            self.discard()
        else:
            self._task.cancel()

    def discard(self) -> None:
        """Closes the coroutine if it has not been started."""
        if self._task is None and self.outcome.cancel():
            self._coroutine.close()

    async def _run(self) -> None:
        """Sets the outcome to the coroutine's result or to what it raised, exits included.

        Raises only if the task is cancelled.
        """
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
