"""Handles signals that arrive before the command is ready for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


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


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """Send SIGTERM to this process, whose handler may be the daemon's own by now."""
    os.kill(os.getpid(), signal.SIGTERM)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
