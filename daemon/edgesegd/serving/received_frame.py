"""A frame as it was received, for any protocol."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edgesegd.core.frame import FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.core.reuse import StreamFrame
from edgesegd.ipc.segment import FrameBytes

MAX_AGE = 600.0
"""Seconds; what is older is a recording, or its client's clock is wrong."""


@dataclass(frozen=True, slots=True)
class FrameTag:
    """The part of a frame's message that its response needs; not the bytes.

    `received_unix_ns` and `received` are the same moment on two clocks. Durations are measured from
    `received`, a time of `time.monotonic`, because the other clock may be set meanwhile. `age` is
    how many seconds old the frame was when it was sent, as its client says; 0 if it does not say.
    """

    frame_id: int
    captured_unix_ns: int
    received_unix_ns: int
    received: float
    age: float = 0.0

    @classmethod
    def now(cls, frame_id: int, captured_unix_ns: int, age: float = 0.0) -> FrameTag:
        """The tag of a frame that is received now."""
        return cls(frame_id, captured_unix_ns, time.time_ns(), time.monotonic(), age)

    def seconds_since(self) -> float:
        """How long ago the frame was received."""
        return time.monotonic() - self.received

    def age_after(self, seconds: float) -> float | None:
        """The age that many seconds after the reception; None if it is not known.

        It lacks the time on the network, so no clock is compared with another.
        """
        return self.age + seconds if 0 < self.age <= MAX_AGE else None


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame that was read and checked: its format, its bytes, and the options of its result.

    It must not be invoked after `deadline`, a time of `time.monotonic`; None for no deadline. With
    `in_stream`, the result of an earlier frame of its stream may be reused.
    """

    tag: FrameTag
    spec: FrameSpec
    data: FrameBytes
    options: ResultOptions
    deadline: float | None
    in_stream: StreamFrame | None = None
