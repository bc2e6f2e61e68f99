"""One stream of `edgeseg.v1`: each frame is answered once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.answered_stream import IN_ORDER_WINDOW, AnsweredRequest, AnsweredStream
from edgesegd.api.call_quota import CallQuota
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.requests import FrameOptions, reject_renamed_classes, tag_frame
from edgesegd.api.v1.responses import answer_error, answer_result, timing_until_now
from edgesegd.api.v1.reuse_options import parse_reuse
from edgesegd.core.call import NOT_OBSERVED, CallObserver
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    Draining,
    InternalFault,
    InvalidFrame,
    InvalidOptions,
    InvalidReason,
    UnknownModel,
)
from edgesegd.core.model import ModelIdentity
from edgesegd.core.priority import Priority
from edgesegd.core.result import FrameResult
from edgesegd.core.reuse import ReuseStream, StreamFrame
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel

WINDOW = {pb.QUEUE_POLICY_LATEST: 16, pb.QUEUE_POLICY_EVERY: IN_ORDER_WINDOW}
"""How many frames of a stream may be unanswered; then nothing is read until one is answered."""
PRIORITIES = {
    pb.STREAM_PRIORITY_UNSPECIFIED: None,
    pb.STREAM_PRIORITY_LOW: Priority.LOW,
    pb.STREAM_PRIORITY_NORMAL: Priority.NORMAL,
    pb.STREAM_PRIORITY_HIGH: Priority.HIGH,
}


class StreamSession(AnsweredStream[pb.SegmentRequest, FrameTag, pb.SegmentResponse]):
    """Serves one `Segment` call of `client`, within its `quota`.

    When the options are read and valid it awaits `on_accepted` with the model that they name.
    `model` is that model, None before they are read.

    With LATEST at most one frame waits, and a newer one supersedes it. With EVERY all frames wait,
    and the answers are sent in the order of the frames.
    """

    def __init__(
        self,
        reader: RequestReader,
        data_plane: DataPlane,
        client: Client,
        call_deadline: float | None,
        on_accepted: Callable[[ServedModel], Awaitable[None]],
        *,
        quota: CallQuota,
        observer: CallObserver = NOT_OBSERVED,
    ) -> None:
        super().__init__(data_plane, client, observer)
        self._quota = quota
        self._requests = reader
        self._on_accepted = on_accepted
        self._call_deadline = call_deadline
        self.model: ServedModel | None = None
        self._options: FrameOptions | None = None
        self._reuse: ReuseStream | None = None
        self._described: ModelIdentity | None = None
        self._places = itertools.count()
        self._lane = Lane(1, Overflow.SUPERSEDE)

    async def _read(self, requests: AsyncIterator[pb.SegmentRequest]) -> None:
        first = await anext(requests, None)
        if first is None:
            raise InvalidOptions("the stream ended before its first frame")
        has_options = first.WhichOneof("message") == "options"
        model = self._begin(first.options if has_options else pb.StreamOptions())
        try:
            await self._on_accepted(model)
            self._observer.accepted(model.name)
        except asyncio.CancelledError:
            if not has_options:
                self._give_up(first)
            raise
        if not has_options:
            await self._take(first)
        del first
        while True:
            # While nothing is read, HTTP/2 flow control slows the sender down.
            await self._data_plane.room_for_frame(self._client, self._lane.frame_size)
            await self._wait_after_error()
            request = await anext(requests, None)
            if request is None:
                return
            await self._take(request)
            del request  # only the lane should keep its bytes

    def _begin(self, options: pb.StreamOptions) -> ServedModel:
        policy = options.policy or pb.QUEUE_POLICY_LATEST
        if policy not in WINDOW:
            raise InvalidOptions(f"unknown queue policy {options.policy}")
        if options.priority not in PRIORITIES:
            raise InvalidOptions(f"unknown stream priority {options.priority}")
        self._reuse = parse_reuse(options)
        priority = self._quota.priority(PRIORITIES[options.priority])
        self.model = model = self._requests.find_model(options.segmentation)
        self._quota.require_model(model.name)
        self._options = self._requests.read_options(options.segmentation)
        every = policy == pb.QUEUE_POLICY_EVERY
        self._set_window(WINDOW[policy], in_order=every)
        if every:
            self._lane = Lane(WINDOW[policy], Overflow.REJECT)
        self._lane.weight = priority.weight
        self._open_lane(model, self._lane)
        return model

    async def _take(self, request: pb.SegmentRequest) -> None:
        if request.WhichOneof("message") == "options":
            raise InvalidOptions("options may only be the first message of a stream")
        try:
            await self._window.acquire()
        except asyncio.CancelledError:
            self._give_up(request)
            raise
        tag = tag_frame(request.frame)
        if self.model is not None and self.model.unloaded:
            error = UnknownModel(f"the model {self.model.name!r} was unloaded")
            self._refuse(tag, self.model, error)
            raise error
        self._answer(tag, self.model, partial(self._submit, tag, request))

    def _give_up(self, request: pb.SegmentRequest) -> None:
        """Refuse or count a frame that was read and will not be segmented."""
        if self._draining:
            error = Draining(f"{self._draining}; send the frame again, to another or later")
            self._refuse(tag_frame(request.frame), self.model, error)
        else:
            self._data_plane.count_abandoned(self.model, 1, self._observer)

    def _submit(self, tag: FrameTag, request: pb.SegmentRequest) -> Job:
        place = next(self._places)
        if self.model is None or self._options is None:
            raise InternalFault
        if request.WhichOneof("message") is None:
            raise InvalidFrame("the message holds neither options nor a frame", InvalidReason.EMPTY)
        frame = self._requests.receive(tag, request.frame, self._options, self._call_deadline)
        self._quota.take_frame(len(frame.data))
        if self._reuse is not None:
            frame = replace(frame, in_stream=StreamFrame(self._reuse, tag.frame_id, place))
        return self._data_plane.submit(self.model, self._lane, frame)

    def _end(self) -> None:
        super()._end()
        self._reuse = None  # engines keep its frames until nothing refers to it

    def _respond(self, answered: AnsweredRequest[FrameTag]) -> pb.SegmentResponse:
        tag, outcome = answered.asked, reject_renamed_classes(self._options, answered.outcome)
        seconds = self._data_plane.count(
            answered.model, tag, outcome, answered.queued, self._observer
        )
        timing = timing_until_now(tag, seconds)
        if isinstance(outcome, FrameResult):
            model, described = outcome.model, self._described
            self._described = model
            return answer_result(tag, outcome, timing, () if model is described else model.classes)
        return answer_error(tag, outcome, timing)
