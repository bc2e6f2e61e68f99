"""Exits that the caller's code raises on its way through asyncio.

A task that raises SystemExit or KeyboardInterrupt ends the event loop under all the others, one
that raises CancelledError looks cancelled, and a future with GeneratorExit closes those who await
it. So what is no ordinary error travels in one.
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
    """Carries `original`, which is no `Exception`, to where the caller iterates."""

    def __init__(self, original: BaseException) -> None:
        super().__init__(f"the caller's code raised {original!r}")
        self.original = original


@contextmanager
def wrap_exits() -> Iterator[None]:
    """Raises `WrappedExit` for what is no `Exception`, but lets a task's own cancellation be."""
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
    """What the function returns, called in a thread; raises its exits as `WrappedExit`."""

    def call() -> _Returned:
        with wrap_exits():
            return function(*arguments, **options)

    return await asyncio.to_thread(call)


async def run_in_daemon_thread(
    function: Callable[_Arguments, _Returned],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
) -> _Returned:
    """The same in a thread that nobody waits for at Python's end: reading a file may take for ever.

    Starting it takes longer than handing over to one that is there.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Returned] = loop.create_future()

    def set_outcome(returned: list[_Returned], error: Exception | None) -> None:
        if outcome.done():  # nobody waits any more
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
    """Whether a CancelledError here is the running task's own, and not one that code raised."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without an event loop
        return False
    return task is not None and task.cancelling() > 0
