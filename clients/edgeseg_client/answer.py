"""What became of one frame of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg_client.result import Result, Timing
from edgeseg_client.status import Status, frame_error


@dataclass(frozen=True)
class FrameAnswer:
    """The one answer to a frame.

    `frame_id` is the frame's own. `message` says why there is no result; empty when `ok`. `latency`
    is the seconds from when the stream got the frame to the arrival of the answer. `timing` is None
    where the daemon never had the frame.
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
        """Whether something went wrong: neither a result nor dropped for a newer one or age."""
        return self.status not in {Status.OK, Status.SUPERSEDED, Status.EXPIRED}

    @property
    def result(self) -> Result:
        """The result; raises the `FrameError` of the frame's status where there is none."""
        if self.segmented is None:
            raise frame_error(self.status, self.message)
        return self.segmented
