"""One stream: frames come in, each is answered once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.answer_order import AnswerOrder
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.requests import FrameOptions, tag_frame
from edgesegd.api.v1.responses import answer_error, answer_result, timing_until_now
from edgesegd.board.threads import count_cores
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    Draining,
    EdgesegError,
    InternalFault,
    InvalidFrame,
    InvalidOptions,
    Unimplemented,
)
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane, Overflow
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.served_model import ServedModel

log = logging.getLogger(__name__)

WINDOW = {
    pb.QUEUE_POLICY_LATEST: 16,
    pb.QUEUE_POLICY_EVERY: min(max(4, 2 * count_cores()), 32),
}
"""Frames of a stream that may be unanswered; then nothing is read until one is answered. With EVERY
two for each engine that there can be."""
WEIGHTS = {
    pb.STREAM_PRIORITY_LOW: 0.25,
    pb.STREAM_PRIORITY_NORMAL: 1.0,
    pb.STREAM_PRIORITY_HIGH: 4.0,
}
"""Turns of a stream for each of a NORMAL one."""
UNREAD_RESULTS = 2
"""Results that may lie ready for a client that does not read; then none of its frames is taken."""

Outcome = FrameResult | EdgesegError


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a frame, the seconds that it was queued, and the bytes that are held of it."""

    tag: FrameTag
    outcome: Outcome
    queued: float = 0.0
    held: int = 0


class StreamSession:
    """Serves one `Segment` call of `client`.

    It awaits `on_accepted` when the options are known to be good. `model` is what they name, None
    until they have come.

    With LATEST one frame waits and a newer one supersedes it; with EVERY all wait, and the answers
    go out in the order of the frames. Memory is bounded by WINDOW and UNREAD_RESULTS whatever the
    client does, and by the limits of the data plane for all streams together.
    """

    def __init__(
        self,
        reader: RequestReader,
        data_plane: DataPlane,
        client: Client,
        call_deadline: float | None,
        on_accepted: Callable[[], Awaitable[None]],
    ) -> None:
        self._requests = reader
        self._data_plane = data_plane
        self._client = client
        self._on_accepted = on_accepted
        self._call_deadline = call_deadline
        self.model: ServedModel | None = None
        self._options: FrameOptions | None = None
        self._unimplemented = ""
        self._lane = Lane(1, Overflow.SUPERSEDE)
        self._window = asyncio.Semaphore(WINDOW[pb.QUEUE_POLICY_LATEST])
        self._outbox: asyncio.Queue[Answered | None] = asyncio.Queue()
        self._order = AnswerOrder[Answered](lambda _: None, as_sent=False)
        self._unanswered = 0
        self._held: list[int] = []
        self._unread = 0
        self._draining = False
        self._ended = False
        self._reader: asyncio.Task[None] | None = None

    async def responses(
        self, requests: AsyncIterator[pb.SegmentRequest]
    ) -> AsyncGenerator[pb.SegmentResponse, None]:
        """Every frame's response as it is decided.

        Raises what ended the reading (a ClientError, Draining), when all frames are answered.
        """
        self._reader = asyncio.create_task(self._read(requests))
        self._reader.add_done_callback(lambda _: self._outbox.put_nowait(None))
        try:
            while self._unanswered or not self._reader.done():
                answered = await self._outbox.get()
                if answered is None:
                    continue
                held, response = answered.held, [self._respond(answered)]
                self._unanswered -= 1
                del answered  # while a client does not read, there is its message only
                yield response.pop()
                self._delivered(held)
            with contextlib.suppress(asyncio.CancelledError):
                self._reader.result()
            if self._draining:
                raise Draining("the daemon is stopping; connect again")
        finally:
            self._end()

    def _end(self) -> None:
        """Nobody reads any more.

        What the session holds is let go of here: a task that was cancelled refers to what it did,
        so that the results would stay until garbage is collected.
        """
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        self._ended = True
        self._order.close()
        self._outbox = asyncio.Queue()
        if self.model is not None:
            self.model.scheduler.close(self._lane)
        self._data_plane.let_go_of_results(self._client, sum(self._held))
        self._held.clear()
        self._data_plane.count_abandoned(self.model, self._unanswered)

    def drain(self) -> None:
        """Read no more; what was read is still answered."""
        if self._reader is not None and not self._reader.done():
            self._draining = True
            self._reader.cancel()

    async def _read(self, requests: AsyncIterator[pb.SegmentRequest]) -> None:
        first = await anext(requests, None)
        if first is None:
            raise InvalidOptions("the stream ended before its first frame")
        has_options = first.WhichOneof("message") == "options"
        self._begin(first.options if has_options else pb.StreamOptions())
        try:
            await self._on_accepted()
        except asyncio.CancelledError:
            if not has_options:
                self._give_up(first)
            raise
        if not has_options:
            await self._take(first)
        del first
        while True:
            # A sender that is not read is held back by HTTP/2.
            await self._data_plane.room_for_frame(self._client, self._lane.frame_size)
            request = await anext(requests, None)
            if request is None:
                return
            await self._take(request)
            del request  # its bytes wait in the lane, and nowhere else

    def _begin(self, options: pb.StreamOptions) -> None:
        policy = options.policy or pb.QUEUE_POLICY_LATEST
        if policy not in WINDOW:
            raise InvalidOptions(f"unknown queue policy {options.policy}")
        priority = options.priority or pb.STREAM_PRIORITY_NORMAL
        if priority not in WEIGHTS:
            raise InvalidOptions(f"unknown stream priority {options.priority}")
        self.model = self._requests.find_model(options.segmentation)
        try:
            self._options = self._requests.read_options(options.segmentation)
        except Unimplemented as error:  # told by frame: the stream itself is fine
            self._unimplemented = str(error)
        self._window = asyncio.Semaphore(WINDOW[policy])
        if policy == pb.QUEUE_POLICY_EVERY:
            self._lane = Lane(WINDOW[policy], Overflow.REJECT)
        self._order = AnswerOrder(self._send, as_sent=policy == pb.QUEUE_POLICY_EVERY)
        self._lane.weight = WEIGHTS[priority]
        self.model.scheduler.open(self._lane, self._client)

    async def _take(self, request: pb.SegmentRequest) -> None:
        if request.WhichOneof("message") == "options":
            raise InvalidOptions("options may only be the first message of a stream")
        try:
            await self._window.acquire()
        except asyncio.CancelledError:
            self._give_up(request)
            raise
        tag, answer = tag_frame(request.frame), self._expect_answer()
        try:
            job = self._submit(tag, request)
        except EdgesegError as error:
            answer(Answered(tag, error.without_history()))
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            answer(Answered(tag, InternalFault()))
        else:
            job.answer.on_done(partial(self._answered, tag, job, answer))

    def _give_up(self, request: pb.SegmentRequest) -> None:
        """Account for a frame that was read, and is not to be segmented any more."""
        if self._draining:
            error = Draining("the daemon is stopping; send the frame to another, or later")
            self._expect_answer()(Answered(tag_frame(request.frame), error))
        else:
            self._data_plane.count_abandoned(self.model, 1)

    def _submit(self, tag: FrameTag, request: pb.SegmentRequest) -> Job:
        if self.model is None or self._options is None:
            raise Unimplemented(self._unimplemented)
        if request.WhichOneof("message") is None:
            raise InvalidFrame("the message holds neither options nor a frame")
        frame = self._requests.receive(tag, request.frame, self._options, self._call_deadline)
        return self._data_plane.submit(self.model, self._lane, frame)

    def _expect_answer(self) -> Callable[[Answered], None]:
        """A frame was read; what is returned is to be called with its answer."""
        self._unanswered += 1
        return self._order.expect()

    def _answered(self, tag: FrameTag, job: Job, answer: Callable[[Answered], None]) -> None:
        outcome = job.answer.outcome
        if self._ended or outcome is None:
            return
        if held := job.held:
            self._held.append(held)
            self._data_plane.hold_result(self._client, held)
        answer(Answered(tag, outcome, job.queued_seconds, held))

    def _send(self, answered: Answered) -> None:
        """It is the turn of an answer."""
        self._outbox.put_nowait(answered)
        self._unread += answered.held > 0
        if self.model is not None and self._unread >= UNREAD_RESULTS:
            self.model.scheduler.pause(self._lane)

    def _respond(self, answered: Answered) -> pb.SegmentResponse:
        tag, outcome = answered.tag, answered.outcome
        seconds = self._data_plane.count(self.model, tag, outcome, answered.queued)
        timing = timing_until_now(tag, seconds)
        if isinstance(outcome, FrameResult):
            return answer_result(tag, outcome, timing)
        return answer_error(tag, outcome, timing)

    def _delivered(self, held: int) -> None:
        """A response was read, of whose result so many bytes were held."""
        self._window.release()
        if held:
            self._held.remove(held)
            self._unread -= 1
            self._data_plane.let_go_of_results(self._client, held)
            if self.model is not None and self._lane.paused and self._unread < UNREAD_RESULTS:
                self.model.scheduler.resume(self._lane)
