"""Ends a command on SIGTERM as Ctrl-C does, so that its files are finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """While it is open, SIGTERM does what SIGINT does; raises KeyboardInterrupt if that is ignored.

    Only the main thread can handle signals; in another nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # asyncio's own while it runs
    if not callable(handler):  # a shell's background command ignores SIGINT
        raise KeyboardInterrupt
    handler(number, frame)
