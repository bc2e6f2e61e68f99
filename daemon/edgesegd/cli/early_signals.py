"""Handles signals that arrive before the command is ready for them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], None]

CHILDREN: list[int] = []
"""Process groups that are killed when the daemon leaves before it serves."""
_put_off: list[int] | None = None
"""Signals to leave that arrived within `leaving_later`; None outside of it."""


def catch_early_signals(*, serving: bool) -> None:
    """Install handlers for signals until the command installs its own.

    A daemon that is stopped before it serves ends with status 0, because it has no frames to
    answer. Another command cleans up and ends with 128 + n. A signal that is ignored, as under
    nohup, stays ignored.
    """
    handlers: dict[signal.Signals, Handler] = {signal.SIGINT: _leave} if serving else {}
    handlers[signal.SIGHUP] = _terminate if serving else _unwind
    handlers[signal.SIGTERM] = _leave if serving else _unwind
    for number, handler in handlers.items():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


@contextlib.contextmanager
def leaving_later() -> Iterator[None]:
    """Let a stop signal wait until the end: within, children start that are not in CHILDREN yet."""
    global _put_off  # noqa: PLW0603 # so are the process's signal handlers
    arrived = _put_off = []
    try:
        yield
    finally:
        _put_off = None
        if arrived:
            _leave_now()


def _leave(number: int, _frame: FrameType | None) -> None:
    if _put_off is None:
        _leave_now()
    else:
        _put_off.append(number)


def _leave_now() -> NoReturn:
    for child in CHILDREN:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    os._exit(0)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """Send SIGTERM to this process, whose handler may be the daemon's own by now."""
    os.kill(os.getpid(), signal.SIGTERM)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
