"""Iterables of every kind pulled one item at a time, without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import NoReturn, TypeVar

from edgeseg_client.wrapped_exit import CarriedExit, carry_exits, run_in_daemon_thread

_Item = TypeVar("_Item")
_Taken = TypeVar("_Taken")


def pull(
    items: Iterable[_Item] | AsyncIterable[_Item], take: Callable[[_Item], _Taken]
) -> AsyncGenerator[_Taken, None]:
    """`take(item)` of each item, pulled when it is asked for and never earlier.

    `take`, and a blocking iterable itself, run in a thread. What either raises is raised here; what
    is no `Exception`, such as SystemExit, as a `CarriedExit`.
    """
    if isinstance(items, AsyncIterable):
        return _pull_async(items, take)
    return _pull_blocking(items, take)


async def _pull_async(
    items: AsyncIterable[_Item], take: Callable[[_Item], _Taken]
) -> AsyncGenerator[_Taken, None]:
    source: AsyncIterator[_Item] | None = None
    while True:
        with carry_exits():
            source = aiter(items) if source is None else source
            try:
                item = await anext(source)
            except StopAsyncIteration:
                return
        yield await run_in_daemon_thread(take, item)


async def _pull_blocking(
    items: Iterable[_Item], take: Callable[[_Item], _Taken]
) -> AsyncGenerator[_Taken, None]:
    loop = asyncio.get_running_loop()
    wanted: SimpleQueue[asyncio.Future[list[_Taken]] | None] = SimpleQueue()

    def takes() -> Iterator[_Taken]:
        for item in items:
            yield take(item)

    def work() -> None:
        taken = takes()
        while (future := wanted.get()) is not None:
            settle = partial(_settle, future, *_next_of(taken))
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:  # the loop was closed meanwhile
                return

    # A daemon thread: a source that blocks for ever holds up neither the loop nor the exit.
    threading.Thread(target=work, name="edgeseg-source", daemon=True).start()
    try:
        while True:
            future = loop.create_future()
            wanted.put(future)
            taken = await future
            if not taken:
                return
            yield taken[0]
    finally:
        wanted.put(None)


def _next_of(taken: Iterator[_Taken]) -> tuple[list[_Taken], Exception | None]:
    """The next item in a list, or what was raised in its place; neither at the end.

    Does not return in a process that the source forked: the loop and who waits are the parent's.
    """
    pid, items, failed = os.getpid(), list[_Taken](), None
    try:
        with carry_exits():
            items = list(islice(taken, 1))
    except Exception as error:  # noqa: BLE001  # it is raised where the item is awaited
        failed = error
    if os.getpid() != pid:
        _end_process(failed)
    return items, failed


def _end_process(error: Exception | None) -> NoReturn:
    """Ends a process that the source forked, as Python ends one by an error, or by none."""
    raised = error.raised if isinstance(error, CarriedExit) else error
    status = 0 if raised is None else 1
    if isinstance(raised, SystemExit) and isinstance(raised.code, int | None):
        status = raised.code or 0
    elif raised is not None:
        traceback.print_exception(raised)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(status)


def _settle(
    future: asyncio.Future[list[_Taken]], taken: list[_Taken], error: Exception | None
) -> None:
    """Hands over what the thread has; `taken` is empty at the end of the source."""
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(taken)
    else:
        future.set_exception(error)
