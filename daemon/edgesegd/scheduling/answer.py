"""What becomes of a frame."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from functools import partial

from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult

log = logging.getLogger(__name__)


class Answer:
    """A result or an error, given once; or `cancelled`, where nobody waits for it any more.

    As an asyncio.Future, but whoever is called then is called at once, in order: between an engine
    and the client's stream lies no turn of the event loop. It is `done` when it is settled or
    cancelled; `outcome` is None before, and where it was cancelled.
    """

    __slots__ = ("_callbacks", "cancelled", "done", "outcome")

    def __init__(self) -> None:
        self.outcome: FrameResult | EdgesegError | None = None
        self.done = self.cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    def settle(self, outcome: FrameResult | EdgesegError) -> None:
        """Give it; too late is no fault, for the client may have left."""
        if not self.done:
            if isinstance(outcome, EdgesegError):
                outcome = outcome.without_history()  # which keeps the frame
            self.outcome = outcome
            self._call_back()

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        if not self.done:
            self.cancelled = True
            self._call_back()

    def on_done(self, callback: Callable[[], None]) -> None:
        """Call `callback` once this is done."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[None, None, FrameResult]:
        """The result; raises the error. Who is cancelled while he waits cancels it."""
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
                log.exception("what follows an answer failed by a fault of the daemon")


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():  # as it is where who waits was cancelled
        waiting.set_result(None)
