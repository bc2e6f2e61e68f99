"""The data plane: takes frames and returns their results, for any protocol."""

from __future__ import annotations

from functools import partial

from edgesegd.core.call import NOT_OBSERVED, AnsweredFrame, CallObserver
from edgesegd.core.client import Client
from edgesegd.core.errors import EdgesegError, InternalFault
from edgesegd.core.frame import FrameLimits
from edgesegd.core.options import ONE_BYTE_A_PIXEL, Output, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Stage
from edgesegd.models.spec import ModelSpec
from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter
from edgesegd.scheduling.answer import Answer
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.serving.observer import FrameObserver
from edgesegd.serving.received_frame import FrameTag, ReceivedFrame
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

COPIES = 2
"""Copies of a result that its client has not read: its own bytes, and those in gRPC."""
MESSAGE_BYTES = 1024
"""Bytes of a response apart from masks."""
ERRORS_A_SECOND, ERRORS_AT_ONCE = 200.0, 100
"""Wrong requests of one address that cost it no time: each takes as much of the front as a frame,
and costs its sender nothing."""


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


def _unread_size(outcome: FrameResult | EdgesegError | None) -> int:
    """Bytes that a result takes until its client has read it; 0 if there is no result."""
    return COPIES * (outcome.size + MESSAGE_BYTES) if isinstance(outcome, FrameResult) else 0


class DataPlane:
    """Takes frames for all `models`, and returns their results.

    `frames` limits the bytes of frames that wait for an engine, `results` the bytes of results that
    clients have not read. Each model's observer is notified of the outcome of its frames;
    `without_model` is notified of frames for a model that is not served.
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
        self._blocked: dict[tuple[ServedModel, Client], int] = {}
        self._without_model = without_model
        self._errors = AddressRateLimiter(ERRORS_A_SECOND, burst=ERRORS_AT_ONCE)

    def drain(self) -> None:
        """Refuse new frames; frames that wait are still served."""
        self.draining = True
        for model in self._models:
            model.scheduler.drain()

    def fail_waiting(self) -> None:
        """Answer the frames that wait with an error, because no engine will take them."""
        for model in self._models:
            model.scheduler.drain()
            model.scheduler.fail_waiting(lambda _job: InternalFault())

    def submit(self, model: ServedModel, lane: Lane, frame: ReceivedFrame) -> Job:
        """Queue a frame for an engine; raises an EdgesegError if it is refused."""
        job = Job(
            frame=frame.spec,
            data=frame.data,
            options=frame.options,
            answer=Answer(),
            deadline=frame.deadline,
            received=frame.tag.received,
            in_stream=frame.in_stream,
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
        """Reserve room for the result of a frame that an engine is about to take; whether there is.

        The result is expected to be as large as the lane's last one; before the first, as large as
        any can be. If there is no room, the client is blocked until there is. A client whose
        address holds no results always gets room: the others' results are not its fault.
        """
        if job.expected:  # it was reserved for an engine that was lost
            return True
        expected = lane.result_size or COPIES * largest_result(job.options, model.spec, self.limits)
        if self._has_room(lane.client, expected):
            job.expected = expected
            self._results.force(lane.client, expected)
            return True
        blocked = model, lane.client
        if blocked not in self._blocked:
            model.observer.limit_met("results")
            model.scheduler.block(lane.client)
        self._blocked[blocked] = expected
        return False

    def _has_room(self, client: Client, size: int) -> bool:
        return size <= self._results.room(client) or not self._results.held_by(client[:1])

    def _answered(self, lane: Lane, job: Job, size: int) -> None:
        if unread := _unread_size(job.answer.outcome):
            lane.result_size = job.unread_bytes = unread
        self._frames.release(lane.client, size)
        self.release_results(lane.client, job.expected)

    async def room_for_frame(self, client: Client, size: int) -> None:
        """Wait until there is room for a frame of `size` bytes, or until waiting cannot help."""
        await self._frames.wait_for_room(client, size)

    def error_delay(self, client: Client) -> float:
        """Seconds to wait before the next request is read from a client that made an error."""
        return self._errors.delay(client)

    def count_unread(self, client: Client, size: int) -> None:
        """Count `size` bytes of a result that the client has not read."""
        self._results.force(client, size)

    def release_results(self, client: Client, size: int) -> None:
        """Stop counting `size` bytes of results: the client read them, or never will."""
        self._results.release(client, size)
        for (model, waiting), needed in tuple(self._blocked.items()):
            has_room = self._has_room(waiting, needed)
            # Unblocking one client may have unblocked others from this very table.
            if has_room and self._blocked.pop((model, waiting), None) is not None:
                model.scheduler.unblock(waiting)

    def count_abandoned(
        self, model: ServedModel | None, count: int, call: CallObserver = NOT_OBSERVED
    ) -> None:
        """Count frames whose client left before the answer; `call` is notified of it too."""
        if model is not None:
            model.counts.abandoned(count)
        self._observer(model).frames_abandoned(count)
        call.frames_abandoned(count)

    def count(
        self,
        model: ServedModel | None,
        tag: FrameTag,
        outcome: FrameResult | EdgesegError,
        queued: float,
        call: CallObserver = NOT_OBSERVED,
    ) -> dict[Stage, float]:
        """Count a frame that is answered now; returns the seconds of its stages.

        `model` is None if the frame named a model that is not served. `call` is notified of it too.
        """
        seconds = {Stage.QUEUED: queued}
        if isinstance(outcome, FrameResult):
            seconds |= outcome.seconds
        total = tag.seconds_since()
        if model is not None:
            model.counts.answered(model.spec.version, outcome, seconds, total)
        self._observer(model).frame_answered(outcome, seconds, total, tag.age_after(total))
        call.frame_answered(
            AnsweredFrame(tag.frame_id, tag.received_unix_ns, outcome, seconds, total)
        )
        return seconds

    def _observer(self, model: ServedModel | None) -> FrameObserver:
        return self._without_model if model is None else model.observer
