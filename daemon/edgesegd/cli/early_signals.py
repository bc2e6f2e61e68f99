"""Signals that come before the command is ready for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


def catch_early_signals(*, serving: bool) -> None:
    """End as the command does that is not killed; what it installs itself takes the place of this.

    A daemon that was stopped before it served has done all that it took: status 0. Another command
    cleans up and ends with 128 + n. A signal that is ignored, as under nohup, stays so.
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
    """Whatever SIGTERM does by now: at last the daemon drains."""
    os.kill(os.getpid(), signal.SIGTERM)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
