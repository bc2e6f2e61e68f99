"""Exits that the caller's code raises on its way through asyncio.

A task that raises SystemExit or KeyboardInterrupt ends the event loop under all the others, one
that raises CancelledError looks cancelled, and a future with GeneratorExit closes those who await
it. So what is no ordinary error travels in one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


class CarriedExit(Exception):
    """Carries `raised`, which is no `Exception`, to where the caller iterates."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__(f"the caller's code raised {raised!r}")
        self.raised = raised


@contextmanager
def carry_exits() -> Iterator[None]:
    """Raises `CarriedExit` for what is no `Exception`, but lets a task's own cancellation be."""
    try:
        yield
    except Exception:
        raise
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise CarriedExit(error) from error
    except BaseException as error:
        raise CarriedExit(error) from error


async def run_in_thread(
    function: Callable[_Arguments, _Returned],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
) -> _Returned:
    """What the function returns, called in a thread; raises its exits as `CarriedExit`."""

    def call() -> _Returned:
        with carry_exits():
            return function(*arguments, **options)

    return await asyncio.to_thread(call)


def is_cancelled() -> bool:
    """Whether a CancelledError here is the running task's own, and not one that code raised."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without an event loop
        return False
    return task is not None and task.cancelling() > 0
