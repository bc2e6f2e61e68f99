"""Where frames come in and answers go out, whatever the RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.errors import EdgesegError
from edgesegd.core.frame import FrameLimits
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.result import FrameResult, Stage
from edgesegd.edges.metrics import Metrics
from edgesegd.edges.regions import Regions
from edgesegd.edges.requests import (
    FrameOptions,
    FrameTag,
    deadline_of,
    parse_frame,
    parse_options,
)
from edgesegd.scheduler.job import Job
from edgesegd.scheduler.lane import Lane
from edgesegd.scheduler.scheduler import Scheduler


class Desk:
    """Turns messages into jobs of one model, and counts what becomes of them.

    `memory_used` is called whenever a frame is done with.
    """

    def __init__(
        self,
        *,
        model: ModelSpec,
        limits: FrameLimits,
        scheduler: Scheduler,
        regions: Regions,
        metrics: Metrics,
        delegate: Callable[[], str],
        memory_used: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.limits = limits
        self.scheduler = scheduler
        self.metrics = metrics
        self._regions = regions
        self._delegate = delegate
        self._memory_used = memory_used

    def options(self, options: pb.SegmentationOptions) -> FrameOptions:
        """What a client wants; raises a ClientError."""
        return parse_options(options, self.model, self.limits)

    def submit(
        self,
        lane: Lane,
        tag: FrameTag,
        frame: pb.Frame,
        options: FrameOptions,
        call_deadline: float | None,
    ) -> Job:
        """Queue a frame; raises a ClientError or a NotAnswered where that cannot be."""
        spec, data = parse_frame(frame, self.limits, self._regions)
        job = Job(
            frame=spec,
            data=data,
            options=options.result,
            answer=asyncio.get_running_loop().create_future(),
            deadline=deadline_of(frame, tag.received, options, call_deadline),
            received=tag.received,
        )
        self.scheduler.submit(lane, job)
        return job

    def count_abandoned(self, count: int) -> None:
        """Account for frames whose client left before the answer."""
        self.metrics.frames_abandoned(count, self._delegate())
        self._memory_used()

    def count(
        self, tag: FrameTag, outcome: FrameResult | EdgesegError, queued: float
    ) -> dict[Stage, float]:
        """Account for a frame that is answered now; the seconds of its stages."""
        seconds, delegate = {Stage.QUEUED: queued}, self._delegate()
        if isinstance(outcome, FrameResult):
            seconds, delegate = seconds | outcome.seconds, outcome.delegate
        self.metrics.frame_answered(outcome, seconds, tag.seconds_since(), delegate)
        self._memory_used()
        return seconds
