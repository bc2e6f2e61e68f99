"""One frame that waits for an engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesegd.core.errors import EdgesegError
from edgesegd.core.frame import FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.result import FrameResult
from edgesegd.core.reuse import StreamFrame
from edgesegd.ipc.segment import FrameBytes
from edgesegd.scheduling.answer import Answer

if TYPE_CHECKING:
    from edgesegd.scheduling.lane import Lane


@dataclass(slots=True, eq=False)
class Job:
    """A checked frame, its bytes and the answer it will get.

    `received`, `deadline` and `taken` are times of `time.monotonic`: when the frame arrived, after
    when it must not be invoked, when an engine took it. `losses` has the RankedDelegate of each
    engine that was lost with the frame in it, None for a replica; `spent` is how many seconds these
    engines worked on it.
    `lane` is where it waited, `charged` the seconds of engine time that were counted when it was
    taken. `may_start` says whether there is room for its result, so that an engine may take it, and
    sets `expected` to the bytes that are reserved; if there is no room, the client is blocked.
    `unread_bytes` of the result count until the client has read it. With `in_stream`, the result of
    an earlier frame of the stream may be reused. `answer` is settled exactly once; if nobody is
    interested any more, it is cancelled instead.
    """

    frame: FrameSpec
    data: FrameBytes
    options: ResultOptions
    answer: Answer
    deadline: float | None = None
    in_stream: StreamFrame | None = None
    received: float = field(default_factory=time.monotonic)
    taken: float | None = None
    lane: Lane | None = None
    spent: float = 0.0
    expected: int = 0
    unread_bytes: int = 0
    charged: float = 0.0
    may_start: Callable[[Job], bool] = lambda _: True
    losses: list[object] = field(default_factory=list)

    def settle(self, outcome: FrameResult | EdgesegError) -> None:
        """Set the answer, and drop the frame's bytes."""
        self.data = b""
        self.answer.settle(outcome)

    @property
    def queued_seconds(self) -> float:
        """How long the frame waited for an engine, in seconds; 0 if no engine took it."""
        return 0.0 if self.taken is None else self.taken - self.received

    def expired(self) -> bool:
        """Whether the frame must not be invoked any more."""
        return self.deadline is not None and time.monotonic() > self.deadline
