"""Iterates over blocking and asynchronous iterables without blocking the event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
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
from typing import Any, Final, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from edgeseg_client.wrapped_exit import WrappedExit, run_in_daemon_thread, wrap_exits

_Item = TypeVar("_Item")
_Converted = TypeVar("_Converted")

_EXIT_SECONDS: Final = 1.0
"""How long Python's exit waits for sources; a camera of one frame per second is in time."""

_threads: Final[WeakKeyDictionary[threading.Thread, SimpleQueue[Any]]] = WeakKeyDictionary()
"""The threads that iterate over sources, and the queues that end them with None."""


def _end_threads() -> None:
    """Waits until no source is within a frame any more, for a bounded time.

    Python ends daemon threads where they come back from C++ code, such as OpenCV's, which aborts
    the process if it is unwound there.
    """
    give_up = time.monotonic() + _EXIT_SECONDS
    threads = {thread: wanted for thread, wanted in _threads.items() if thread.is_alive()}
    for wanted in threads.values():
        wanted.put(None)
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))


atexit.register(_end_threads)


def pull(
    items: Iterable[_Item] | AsyncIterable[_Item], convert: Callable[[_Item], _Converted]
) -> AsyncGenerator[_Converted, None]:
    """Yields `convert(item)` for each item; takes an item only when the next one is asked for.

    `convert` runs in a thread, and so does the iteration over `items` if it is blocking. What they
    raise is raised here; what is not an `Exception`, such as SystemExit, as a `WrappedExit`.
    """
    if isinstance(items, AsyncIterable):
        return _pull_async(items, convert)
    return _pull_blocking(items, convert)


async def _pull_async(
    items: AsyncIterable[_Item], convert: Callable[[_Item], _Converted]
) -> AsyncGenerator[_Converted, None]:
    source: AsyncIterator[_Item] | None = None
    while True:
        with wrap_exits():
            source = aiter(items) if source is None else source
            try:
                item = await anext(source)
            except StopAsyncIteration:
                return
        yield await run_in_daemon_thread(convert, item)


async def _pull_blocking(
    items: Iterable[_Item], convert: Callable[[_Item], _Converted]
) -> AsyncGenerator[_Converted, None]:
    loop = asyncio.get_running_loop()
    wanted: SimpleQueue[asyncio.Future[list[_Converted]] | None] = SimpleQueue()

    def convert_all() -> Iterator[_Converted]:
        for item in items:
            yield convert(item)

    def work() -> None:
        converted = convert_all()
        while (future := wanted.get()) is not None:
            set_future = partial(_set_future, future, *_next_item(converted))
            try:
                loop.call_soon_threadsafe(set_future)
            except RuntimeError:  # the loop was closed meanwhile
                return

    # A daemon thread: if the source blocks for ever, the event loop and Python's exit do not.
    thread = threading.Thread(target=work, name="edgeseg-source", daemon=True)
    _threads[thread] = wanted
    thread.start()
    try:
        while True:
            future = loop.create_future()
            wanted.put(future)
            converted = await future
            if not converted:
                return
            yield converted[0]
    finally:
        wanted.put(None)


def _next_item(converted: Iterator[_Converted]) -> tuple[list[_Converted], Exception | None]:
    """The next item in a list, or the error that was raised; neither at the end of the source.

    If the source forks the process, this does not return in the child: the event loop and the
    waiting caller belong to the parent.
    """
    pid, items, failed = os.getpid(), list[_Converted](), None
    try:
        with wrap_exits():
            items = list(islice(converted, 1))
    except Exception as error:  # noqa: BLE001  # it is raised where the item is awaited
        failed = error
    if os.getpid() != pid:
        _end_process(failed)
    return items, failed


def _end_process(error: Exception | None) -> NoReturn:
    """Ends a child that the source forked, with the output and status that Python would give it."""
    raised = error.original if isinstance(error, WrappedExit) else error
    status = 0 if raised is None else 1
    if isinstance(raised, SystemExit) and isinstance(raised.code, int | None):
        status = raised.code or 0
    elif raised is not None:
        traceback.print_exception(raised)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(status)


def _set_future(
    future: asyncio.Future[list[_Converted]], converted: list[_Converted], error: Exception | None
) -> None:
    """Sets the future to the item or the error; `converted` is empty at the end of the source."""
    if future.done():  # the stream was closed
        return
    if error is None:
        future.set_result(converted)
    else:
        future.set_exception(error)
