"""Where frames come in and results go out, whatever the protocol."""

from __future__ import annotations

from functools import partial

from edgesegd.core.client import Client
from edgesegd.core.errors import EdgesegError
from edgesegd.core.frame import FrameLimits
from edgesegd.core.options import ONE_BYTE_A_PIXEL, Output, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Stage
from edgesegd.models.spec import ModelSpec
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.serving.error_pace import ErrorPace
from edgesegd.serving.observer import FrameObserver
from edgesegd.serving.received_frame import FrameTag, ReceivedFrame
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

COPIES = 2
"""Of a result that is not read: its bytes, and those in gRPC."""
MESSAGE_BYTES = 1024
"""Of what is in a response beside masks."""


def largest_result(options: ResultOptions, model: ModelSpec, limits: FrameLimits) -> int:
    """Bytes of the largest result that a frame with these options can have."""
    planes = max(1, len(options.outputs & ONE_BYTE_A_PIXEL))
    tensor = model.output.size if Output.OUTPUT_TENSOR in options.outputs else 0
    match options.size:
        case SizeMode.MODEL:
            width, height = model.output_size
        case SizeMode.CUSTOM:
            width, height = options.width, options.height
        case SizeMode.FRAME:
            return limits.size
    return min(planes * width * height + tensor, limits.size)


def held_size(outcome: FrameResult | EdgesegError | None) -> int:
    """Bytes that a result takes until its client has read it; 0 where there is none."""
    return COPIES * (outcome.size + MESSAGE_BYTES) if isinstance(outcome, FrameResult) else 0


class DataPlane:
    """Takes the frames of all `models`, and gives their results.

    `frames` and `results` limit the bytes of those that wait: frames for an engine, results for
    their clients. Each model's observer is told what becomes of its frames, and `without_model`
    what becomes of those that name no model that is served.
    """

    def __init__(
        self,
        *,
        models: ModelRegistry,
        limits: FrameLimits,
        frames: FairLimit,
        results: FairLimit,
        without_model: FrameObserver,
    ) -> None:
        self.limits = limits
        self.draining = False
        self._models = models
        self._frames = frames
        self._results = results
        self._held: dict[tuple[ServedModel, Client], int] = {}
        self._without_model = without_model
        self._error_pace = ErrorPace()

    def drain(self) -> None:
        """Take no more frames; those that wait are still served."""
        self.draining = True
        for model in self._models:
            model.scheduler.drain()

    def submit(self, model: ServedModel, lane: Lane, frame: ReceivedFrame) -> Job:
        """Let a frame wait for an engine; raises an EdgesegError where that cannot be."""
        job = Job(
            frame=frame.spec,
            data=frame.data,
            options=frame.options,
            answer=Answer(),
            deadline=frame.deadline,
            received=frame.tag.received,
            may_start=partial(self._expect_result, model, lane),
        )
        client, size = lane.client, len(frame.data) if isinstance(frame.data, bytes) else 0
        lane.frame_size = size
        self._frames.take(client, size)
        job.answer.on_done(partial(self._answered, lane, job, size))
        try:
            model.scheduler.submit(lane, job)
        except BaseException:
            job.answer.cancel()
            raise
        return job

    def _expect_result(self, model: ServedModel, lane: Lane, job: Job) -> bool:
        """Whether there is room for the result of a frame, which an engine is to have.

        It will be as large as the last one of the lane; of the first the largest possible one is
        expected. Where there is no room its client is held until there is. But whose address holds
        none is given it: what others hold is not its fault.
        """
        if job.expected:  # by an engine that was lost
            return True
        expected = lane.result_size or COPIES * largest_result(job.options, model.spec, self.limits)
        if self._has_room(lane.client, expected):
            job.expected = expected
            self._results.force(lane.client, expected)
            return True
        held = model, lane.client
        if held not in self._held:
            model.observer.limit_met("results")
            model.scheduler.hold(lane.client)
        self._held[held] = expected
        return False

    def _has_room(self, client: Client, size: int) -> bool:
        return size <= self._results.room(client) or not self._results.held_by(client[:1])

    def _answered(self, lane: Lane, job: Job, size: int) -> None:
        if held := held_size(job.answer.outcome):
            lane.result_size = job.held = held
        self._frames.give_back(lane.client, size)
        self.let_go_of_results(lane.client, job.expected)

    async def room_for_frame(self, client: Client, size: int) -> None:
        """Until a frame of so many bytes could be taken; not where none will ever be."""
        await self._frames.wait_for_room(client, size)

    def error_delay(self, client: Client) -> float:
        """Seconds to wait before the next request is read from a client that made an error."""
        return self._error_pace.delay(client)

    def hold_result(self, client: Client, size: int) -> None:
        """Count a result that the client has not read."""
        self._results.force(client, size)

    def let_go_of_results(self, client: Client, size: int) -> None:
        """They were read, or will never be."""
        self._results.give_back(client, size)
        for held, needed in tuple(self._held.items()):
            # One may have been released by what came of the release of another.
            if self._has_room(held[1], needed) and self._held.pop(held, None) is not None:
                model, held_client = held
                model.scheduler.release(held_client)

    def count_abandoned(self, model: ServedModel | None, count: int) -> None:
        """Account for frames whose client left before the answer."""
        if model is not None:
            model.counts.abandoned(count)
        self._observer(model).frames_abandoned(count)

    def count(
        self,
        model: ServedModel | None,
        tag: FrameTag,
        outcome: FrameResult | EdgesegError,
        queued: float,
    ) -> dict[Stage, float]:
        """Account for a frame that is answered now; the seconds of its stages.

        `model` is None for one that named no model that is served.
        """
        seconds = {Stage.QUEUED: queued}
        if isinstance(outcome, FrameResult):
            seconds |= outcome.seconds
        total = tag.seconds_since()
        if model is not None:
            model.counts.answered(model.spec.version, outcome, seconds, total)
        self._observer(model).frame_answered(outcome, seconds, total)
        return seconds

    def _observer(self, model: ServedModel | None) -> FrameObserver:
        return self._without_model if model is None else model.observer
