"""The front, as an engine sees it: orders come from it, and answers go to it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.ipc.checks import write_checks
from edgesegd.ipc.messages import (
    ForgetRegion,
    ForgetStream,
    FrameJob,
    Message,
    from_line,
    order_from,
    to_line,
)
from edgesegd.ipc.results import CPU

FRONT_GONE = (BrokenPipeError, ConnectionResetError)
"""Errors of reading orders or writing answers when the front has hung up; this process ends then.
"""


class FrontConnection:
    """The messages between the front and this engine, each a line on one `connection`."""

    def __init__(self, connection: socket.socket) -> None:
        self._orders = connection.makefile("rb")
        self._answers = connection.makefile("wb")

    def read_order(self) -> Message | None:
        """The next order; None if the front has hung up."""
        line = self._orders.readline()
        return from_line(line) if line else None

    def jobs(
        self, forget: Callable[[ForgetRegion | ForgetStream], None]
    ) -> Iterator[tuple[FrameJob, None]]:
        """The frames that the front orders, until it hangs up.

        Orders to `forget` something are handed over when they come.
        """
        for line in self._orders:
            order = order_from(from_line(line))
            if isinstance(order, FrameJob):
                yield order, None
            else:
                forget(order)

    def answer(self, message: Message) -> None:
        """Send the front one message."""
        self._answers.write(to_line(message))
        self._answers.flush()

    def answer_frame(self, message: Message, checks: Sequence[DelegateCheck]) -> None:
        """Answer a frame, with the processor time that this process has used, and with `checks`."""
        message[CPU] = time.process_time()
        write_checks(checks, message)
        self.answer(message)
