"""The answer to one frame of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg_client.result import Result, Timing
from edgeseg_client.status import Status, frame_error


@dataclass(frozen=True)
class FrameAnswer:
    """The answer to a frame: a result, or why there is none.

    `frame_id` is the id that the caller gave the frame. `message` says why there is no result; it
    is empty if `ok`. `latency` is the time from when the stream got the frame to when the answer
    arrived, in seconds. `timing` is None if the daemon did not get the frame.
    """

    frame_id: int
    status: Status
    message: str
    latency: float
    timing: Timing | None = None
    segmented: Result | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.status is Status.OK

    @property
    def failed(self) -> bool:
        """Whether something went wrong.

        A frame that was superseded or expired has no result, but did not fail.
        """
        return self.status not in {Status.OK, Status.SUPERSEDED, Status.EXPIRED}

    @property
    def result(self) -> Result:
        """The result; if there is none, raises the `FrameError` for the status."""
        if self.segmented is None:
            raise frame_error(self.status, self.message)
        return self.segmented
