"""One stream of inference requests: each is answered once, in the order of the requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.answered_stream import IN_ORDER_WINDOW, AnsweredRequest, AnsweredStream
from edgesegd.api.call_quota import CallQuota
from edgesegd.api.oip.requests import RequestReader, ResponseSpec
from edgesegd.api.oip.responses import infer_response, stream_error, stream_result
from edgesegd.core.call import NOT_OBSERVED, CallObserver
from edgesegd.core.client import Client
from edgesegd.core.errors import EdgesegError
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel


@dataclass(slots=True)
class RequestHead:
    """A request without its tensors, as far as its response needs it.

    `tag` has the time of its arrival. `wanted` is None if the request could not be read.
    """

    tag: FrameTag
    request_id: str
    model_name: str
    model_version: str
    wanted: ResponseSpec | None = None


class InferSession(AnsweredStream[pb.ModelInferRequest, RequestHead, bytes]):
    """Serves one `ModelStreamInfer` call of `client`, within its `quota`.

    If a request fails, its answer is the error, and the stream stays open. With `ends_on_error` the
    error is raised instead, which ends the stream.
    """

    def __init__(
        self,
        reader: RequestReader,
        data_plane: DataPlane,
        client: Client,
        call_deadline: float | None,
        *,
        quota: CallQuota,
        ends_on_error: bool,
        observer: CallObserver = NOT_OBSERVED,
    ) -> None:
        super().__init__(data_plane, client, observer)
        self._quota = quota
        self._requests = reader
        self._call_deadline = call_deadline
        self._ends_on_error = ends_on_error
        self._frame_size = 0

    async def _read(self, requests: AsyncIterator[pb.ModelInferRequest]) -> None:
        self._set_window(IN_ORDER_WINDOW, in_order=True)
        self._observer.accepted("")
        while True:
            # While nothing is read, HTTP/2 flow control slows the sender down.
            await self._data_plane.room_for_frame(self._client, self._frame_size)
            await self._window.acquire()
            await self._wait_after_error()
            request = await anext(requests, None)
            if request is None:
                return
            await self._take(request)
            del request  # only the lane should keep its bytes

    async def _take(self, request: pb.ModelInferRequest) -> None:
        names = request.id, request.model_name, request.model_version
        asked = RequestHead(FrameTag.now(0, 0), *names)
        try:
            model = self._requests.find_model(request)
        except EdgesegError as error:
            self._refuse(asked, None, error)
        else:
            await self._one_model_at_a_time(model)
            self._answer(asked, model, partial(self._submit, model, asked, request))

    def _submit(self, model: ServedModel, asked: RequestHead, request: pb.ModelInferRequest) -> Job:
        self._quota.require_model(model.name)
        frame, asked.wanted = self._requests.read(
            request, model, asked.tag, self._client, self._call_deadline
        )
        self._quota.take_frame(len(frame.data))
        if model not in self._lanes:
            weight = self._quota.priority().weight
            self._open_lane(model, Lane(IN_ORDER_WINDOW, Overflow.REJECT, weight=weight))
        lane = self._lanes[model]
        job = self._data_plane.submit(model, lane, frame)
        self._frame_size = lane.frame_size
        return job

    def _respond(self, answered: AnsweredRequest[RequestHead]) -> bytes:
        asked, outcome, response = answered.asked, answered.outcome, None
        if isinstance(outcome, FrameResult) and asked.wanted is not None:
            try:
                response = stream_result(infer_response(asked.wanted, outcome))
            except EdgesegError as error:
                outcome = error.without_history()
        self._data_plane.count(answered.model, asked.tag, outcome, answered.queued, self._observer)
        if response is not None:
            return response.SerializeToString()
        if not isinstance(outcome, EdgesegError):
            raise TypeError("a request that could not be read has a result")
        if self._ends_on_error:
            raise outcome
        names = asked.model_name, asked.model_version, asked.request_id
        return stream_error(outcome, *names).SerializeToString()
