"""One stream of requests: each is answered once, in their order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.answer_order import AnswerOrder
from edgesegd.api.oip.requests import RequestReader, Wanted
from edgesegd.api.oip.responses import infer_response, stream_error, stream_result
from edgesegd.board.threads import count_cores
from edgesegd.core.client import Client
from edgesegd.core.errors import Draining, EdgesegError, InternalFault
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.serving.data_plane import DataPlane, held_size
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel

log = logging.getLogger(__name__)

WINDOW = min(max(4, 2 * count_cores()), 32)
"""Requests of a stream that may be unanswered, two for each engine that there can be; then nothing
is read until one is answered."""
UNREAD_RESULTS = 2
"""Results that may lie ready for a client that does not read; then none of its frames is taken."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is kept of a request, without its bytes.

    When it came, what it calls itself and its model, and which that is: None where none of that
    name is served.
    """

    tag: FrameTag
    request_id: str
    model_name: str
    model_version: str
    model: ServedModel | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request, the seconds that it was queued, and the bytes that are held of it.

    `wanted` is None where it could not be read.
    """

    asked: Asked
    wanted: Wanted | None
    outcome: FrameResult | EdgesegError
    queued: float = 0.0
    held: int = 0


class InferSession:
    """Serves one `ModelStreamInfer` call of `client`.

    What is wrong with a request is its answer, and the stream stays open; where it `ends_on_error`
    it is raised instead. Memory is bounded by WINDOW and UNREAD_RESULTS whatever the client does,
    and by the limits of the data plane for all calls together.
    """

    def __init__(
        self,
        reader: RequestReader,
        data_plane: DataPlane,
        client: Client,
        call_deadline: float | None,
        *,
        ends_on_error: bool,
    ) -> None:
        self._requests = reader
        self._data_plane = data_plane
        self._client = client
        self._call_deadline = call_deadline
        self._ends_on_error = ends_on_error
        self._lanes: dict[ServedModel, Lane] = {}
        self._waiting: Counter[ServedModel | None] = Counter()
        self._frame_size = 0
        self._window = asyncio.Semaphore(WINDOW)
        self._outbox: asyncio.Queue[Answered | None] = asyncio.Queue()
        self._order = AnswerOrder[Answered](self._send, as_sent=True)
        self._unanswered = self._unread = 0
        self._held: list[int] = []
        self._draining = self._ended = False
        self._reader: asyncio.Task[None] | None = None

    async def responses(
        self, requests: AsyncIterator[pb.ModelInferRequest]
    ) -> AsyncGenerator[bytes, None]:
        """The messages of the responses, one for each request.

        Raises what ended the reading (a ClientError, Draining) when all requests are answered.
        """
        self._reader = asyncio.create_task(self._read(requests))
        self._reader.add_done_callback(lambda _: self._outbox.put_nowait(None))
        try:
            while self._unanswered or not self._reader.done():
                answered = await self._outbox.get()
                if answered is None:
                    continue
                held, message = answered.held, [self._respond(answered)]
                self._unanswered -= 1
                del answered  # while a client does not read, there is its message only
                yield message.pop()
                self._delivered(held)
            with contextlib.suppress(asyncio.CancelledError):
                self._reader.result()
            if self._draining:
                raise Draining("the daemon is stopping; connect again")
        finally:
            self._end()

    def asks(self, model: ServedModel) -> bool:
        """Whether a request of the stream was for that model."""
        return model in self._lanes

    def drain(self) -> None:
        """Read no more; what was read is still answered."""
        if self._reader is not None and not self._reader.done():
            self._draining = True
            self._reader.cancel()

    def _end(self) -> None:
        """The client reads no more. What is held is released here, because a task refers to it."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        self._ended = True
        self._order.close()
        self._outbox = asyncio.Queue()
        for model, lane in self._lanes.items():
            model.scheduler.close(lane)
        self._data_plane.let_go_of_results(self._client, sum(self._held))
        self._held.clear()
        for asked, count in self._waiting.items():
            self._data_plane.count_abandoned(asked, count)

    async def _read(self, requests: AsyncIterator[pb.ModelInferRequest]) -> None:
        while True:
            # A sender that is not read is held back by HTTP/2.
            await self._data_plane.room_for_frame(self._client, self._frame_size)
            await self._window.acquire()
            request = await anext(requests, None)
            if request is None:
                return
            self._take(request)
            del request  # its bytes wait in the lane, and nowhere else

    def _take(self, request: pb.ModelInferRequest) -> None:
        answer, tag = self._expect_answer(), FrameTag.now(0, 0)
        names = request.id, request.model_name, request.model_version
        asked = Asked(tag, *names, None)
        try:
            model = self._requests.find_model(request)
            asked = Asked(tag, *names, model)
            job, wanted = self._submit(model, tag, request)
        except EdgesegError as error:
            answer(Answered(asked, None, error.without_history()))
        except Exception:
            log.exception("a request failed by a fault of the daemon")
            answer(Answered(asked, None, InternalFault()))
        else:
            job.answer.on_done(partial(self._answered, asked, wanted, job, answer))
        self._waiting[asked.model] += 1

    def _submit(
        self, model: ServedModel, tag: FrameTag, request: pb.ModelInferRequest
    ) -> tuple[Job, Wanted]:
        frame, wanted = self._requests.read(request, model, tag, self._client, self._call_deadline)
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = Lane(WINDOW, Overflow.REJECT)
            model.scheduler.open(lane, self._client)
            if self._unread >= UNREAD_RESULTS:
                model.scheduler.pause(lane)
        job = self._data_plane.submit(model, lane, frame)
        self._frame_size = lane.frame_size
        return job, wanted

    def _expect_answer(self) -> Callable[[Answered], None]:
        self._unanswered += 1
        return self._order.expect()

    def _answered(
        self, asked: Asked, wanted: Wanted, job: Job, answer: Callable[[Answered], None]
    ) -> None:
        outcome = job.answer.outcome
        if self._ended or outcome is None:
            return
        if held := held_size(outcome):
            self._held.append(held)
            self._data_plane.hold_result(self._client, held)
        answer(Answered(asked, wanted, outcome, job.queued_seconds, held))

    def _send(self, answered: Answered) -> None:
        """It is the turn of an answer."""
        self._outbox.put_nowait(answered)
        self._unread += answered.held > 0
        if self._unread >= UNREAD_RESULTS:
            for model, lane in self._lanes.items():
                model.scheduler.pause(lane)

    def _respond(self, answered: Answered) -> bytes:
        """The message of a response; raises the error where the stream is to end with it."""
        outcome, response = answered.outcome, None
        if isinstance(outcome, FrameResult) and answered.wanted is not None:
            try:
                response = stream_result(infer_response(answered.wanted, outcome))
            except EdgesegError as error:
                outcome = error.without_history()
        asked = answered.asked
        self._data_plane.count(asked.model, asked.tag, outcome, answered.queued)
        self._waiting[asked.model] -= 1
        if response is not None:
            return response.SerializeToString()
        if not isinstance(outcome, EdgesegError):
            raise TypeError("a request that could not be read has a result")
        if self._ends_on_error:
            self._unanswered -= 1
            raise outcome
        names = asked.model_name, asked.model_version, asked.request_id
        return stream_error(outcome, *names).SerializeToString()

    def _delivered(self, held: int) -> None:
        """A response was read, of whose result so many bytes were held."""
        self._window.release()
        if not held:
            return
        self._held.remove(held)
        self._unread -= 1
        self._data_plane.let_go_of_results(self._client, held)
        if self._unread < UNREAD_RESULTS:
            for model, lane in self._lanes.items():
                if lane.paused:
                    model.scheduler.resume(lane)
