"""The answer to a frame, and who is called with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from functools import partial

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult

log = logging.getLogger(__name__)


class Answer:
    """A result or an error, set once; or `cancelled`, if nobody waits for it any more.

    Like an asyncio.Future, but callbacks are called at once, in order: an engine's result reaches
    the client's stream in the same step of the event loop. `done` is whether it is settled or
    cancelled. `outcome` is None until then, and if it was cancelled.
    """

    __slots__ = ("_callbacks", "cancelled", "done", "outcome")

    def __init__(self) -> None:
        self.outcome: FrameResult | EdgesegError | None = None
        self.done = self.cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    def settle(self, outcome: FrameResult | EdgesegError) -> None:
        """Set the outcome; does nothing if it is already done, as when the client has left."""
        if not self.done:
            if isinstance(outcome, EdgesegError):
                outcome = outcome.without_history()  # its traceback would keep the frame
            self.outcome = outcome
            self._call_back()

    def cancel(self) -> None:
        """Mark it as cancelled: nobody waits for it any more."""
        if not self.done:
            self.cancelled = True
            self._call_back()

    def on_done(self, callback: Callable[[], None]) -> None:
        """Call `callback` when this is done; at once if it is done already."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[None, None, FrameResult]:
        """The result; raises the error. If the waiting task is cancelled, so is the answer."""
        if not self.done:
            waiting = asyncio.get_running_loop().create_future()
            self.on_done(partial(_wake, waiting))
            try:
                yield from waiting
            except asyncio.CancelledError:
                self.cancel()
                raise
        if isinstance(self.outcome, EdgesegError):
            raise self.outcome
        if self.outcome is None:
            raise asyncio.CancelledError
        return self.outcome

    def _call_back(self) -> None:
        self.done = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("a callback of an answer failed by a fault of the daemon")


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():  # it is done if the waiting task was cancelled
        waiting.set_result(None)
