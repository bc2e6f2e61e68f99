"""A frame as it came in, whatever the protocol."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edgesegd.core.frame import FrameSpec
from edgesegd.core.options import ResultOptions
from edgesegd.ipc.segment import FrameBytes


@dataclass(frozen=True, slots=True)
class FrameTag:
    """What is kept of a frame's message for its response, without the bytes.

    `received_unix_ns` and `received` are the same moment, the latter of `time.monotonic`: durations
    are measured from it, for the other clock may be set meanwhile.
    """

    frame_id: int
    captured_unix_ns: int
    received_unix_ns: int
    received: float

    @classmethod
    def now(cls, frame_id: int, captured_unix_ns: int) -> FrameTag:
        """Of a frame that is received now."""
        return cls(frame_id, captured_unix_ns, time.time_ns(), time.monotonic())

    def seconds_since(self) -> float:
        """How long ago the frame was received."""
        return time.monotonic() - self.received


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame that was read and checked: what it is, its bytes, and what is wanted of it.

    After `deadline`, a time of `time.monotonic`, it must not be invoked; None for never.
    """

    tag: FrameTag
    spec: FrameSpec
    data: FrameBytes
    options: ResultOptions
    deadline: float | None
