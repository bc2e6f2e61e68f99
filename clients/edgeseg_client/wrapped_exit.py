"""Wraps exits that the caller's code raises, so that they can pass through asyncio.

An exit is what is raised and is not an `Exception`. In a task SystemExit and KeyboardInterrupt stop
the event loop, under all other tasks too. A task that raises CancelledError looks cancelled. A
future that holds GeneratorExit closes the coroutines that await it. So an exit is wrapped in an
ordinary error and unwrapped where the caller iterates or waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


class WrappedExit(Exception):
    """Holds `original`, an exit of the caller's code."""

    def __init__(self, original: BaseException) -> None:
        super().__init__(f"the caller's code raised {original!r}")
        self.original = original


@contextmanager
def wrap_exits() -> Iterator[None]:
    """Raises exits as `WrappedExit`, but the cancellation of the running task unchanged."""
    try:
        yield
    except Exception:
        raise
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise WrappedExit(error) from error
    except BaseException as error:
        raise WrappedExit(error) from error


async def run_in_thread(
    function: Callable[_Arguments, _Returned],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
) -> _Returned:
    """Calls the function in a thread and returns its result; raises its exits as `WrappedExit`."""

    def call() -> _Returned:
        with wrap_exits():
            return function(*arguments, **options)

    return await asyncio.to_thread(call)


async def run_in_daemon_thread(
    function: Callable[_Arguments, _Returned],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
) -> _Returned:
    """The same in a new daemon thread, for functions that may block for ever, such as file reads.

    Python does not wait for daemon threads when it exits. Starting a thread takes longer than
    `run_in_thread`, which uses those of a pool.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Returned] = loop.create_future()

    def set_outcome(returned: list[_Returned], error: Exception | None) -> None:
        if outcome.done():  # the caller was cancelled
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(returned[0])

    def call() -> None:
        returned: list[_Returned] = []
        failed: Exception | None = None
        try:
            with wrap_exits():
                returned.append(function(*arguments, **options))
        except Exception as error:  # noqa: BLE001  # it is raised where the outcome is awaited
            failed = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(set_outcome, returned, failed)

    threading.Thread(target=call, name="edgeseg-file", daemon=True).start()
    return await outcome


def is_cancelled() -> bool:
    """Whether a CancelledError here cancels the running task; else other code has raised it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without an event loop
        return False
    return task is not None and task.cancelling() > 0
