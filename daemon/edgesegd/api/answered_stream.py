"""One stream of any protocol: reads its requests, and answers each of them once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from edgesegd.api.answer_order import AnswerOrder
from edgesegd.board.threads import count_cores
from edgesegd.core.call import NOT_OBSERVED, CallObserver
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    AccessRefused,
    ClientError,
    Draining,
    EdgesegError,
    InternalFault,
    Overloaded,
)
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.served_model import ServedModel

log = logging.getLogger(__name__)

IN_ORDER_WINDOW = min(max(4, 2 * count_cores()), 32)
"""Requests that may be unanswered if answers are sent in order: two for each possible engine."""
UNREAD_RESULTS = 2
"""When this many results wait for a client to read them, none of its frames is taken."""

DELAYED_ERRORS = (ClientError, AccessRefused, Overloaded)
"""Errors that cost their sender nothing, and as much of the front's time as a frame."""

Request = TypeVar("Request")
Asked = TypeVar("Asked")
Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class AnsweredRequest(Generic[Asked]):
    """The answer to a request; `asked` is what its response needs of the request.

    `model` is None if the request names a model that is not served. `queued` is how many seconds
    the frame waited, `unread_bytes` how many are counted until the client has read the result.
    """

    asked: Asked
    model: ServedModel | None
    outcome: FrameResult | EdgesegError
    queued: float = 0.0
    unread_bytes: int = 0


class AnsweredStream(ABC, Generic[Request, Asked, Message]):
    """Serves one call of `client`; subclasses define how a protocol reads and responds.

    `_read` sets the window, which is how many requests may be unanswered, before it takes the first
    one. The window and UNREAD_RESULTS bound the memory of the stream, whatever the client does; the
    limits of the data plane bound the memory of all streams together. `observer` is notified of
    each frame.
    """

    def __init__(
        self, data_plane: DataPlane, client: Client, observer: CallObserver = NOT_OBSERVED
    ) -> None:
        self._data_plane = data_plane
        self._client = client
        self._observer = observer
        self._lanes: dict[ServedModel, Lane] = {}
        self._window = asyncio.Semaphore(0)
        self._outbox: asyncio.Queue[AnsweredRequest[Asked] | None] = asyncio.Queue()
        # No reference back to the stream until `_set_window`, which may never be called.
        self._order = AnswerOrder[AnsweredRequest[Asked]](lambda _: None, as_sent=True)
        self._waiting: Counter[ServedModel | None] = Counter()
        self._unanswered = self._unread = 0
        self._all_answered = asyncio.Event()
        self._error_delay = 0.0
        self._unread_sizes: list[int] = []
        self._draining = ""
        """Why no more requests are read; empty while they are."""
        self._ended = False
        self._reader: asyncio.Task[None] | None = None

    @abstractmethod
    async def _read(self, requests: AsyncIterator[Request]) -> None:
        """Take one request after another until the stream ends; raises an error that ends it."""

    @abstractmethod
    def _respond(self, answered: AnsweredRequest[Asked]) -> Message:
        """Count an answer and return its response; an error that is raised ends the stream."""

    async def responses(self, requests: AsyncIterator[Request]) -> AsyncGenerator[Message, None]:
        """The responses to all requests.

        When all requests are answered, raises the error that ended the reading, if any: a
        ClientError, an AccessRefused or Draining.
        """
        self._reader = asyncio.create_task(self._read(requests))
        self._reader.add_done_callback(lambda _: self._outbox.put_nowait(None))
        try:
            while self._unanswered or not self._reader.done():
                answered = await self._outbox.get()
                if answered is None:
                    continue
                self._unanswered -= 1
                self._waiting[answered.model] -= 1
                if not self._unanswered:
                    self._all_answered.set()
                unread_bytes, response = answered.unread_bytes, [self._respond(answered)]
                del answered  # while the client does not read, only the message is kept
                yield response.pop()
                self._delivered(unread_bytes)
            with contextlib.suppress(asyncio.CancelledError):
                self._reader.result()
            if self._draining:
                raise Draining(f"{self._draining}; connect again")
        finally:
            self._end()

    def asks(self, model: ServedModel) -> bool:
        """Whether a request of the stream was for that model."""
        return model in self._lanes

    def drain(self, why: str) -> None:
        """Read no more requests; those that were read are still answered, the end with `why`."""
        if self._reader is not None and not self._reader.done():
            self._draining = why
            self._reader.cancel()

    def _set_window(self, window: int, *, in_order: bool) -> None:
        """Set how many requests may be unanswered, and whether answers are sent in order."""
        self._window = asyncio.Semaphore(window)
        self._order = AnswerOrder(self._send, as_sent=in_order)

    def _open_lane(self, model: ServedModel, lane: Lane) -> None:
        """Let the stream's frames for a model wait in `lane`."""
        self._lanes[model] = lane
        model.scheduler.open(lane, self._client)
        if self._unread >= UNREAD_RESULTS:
            model.scheduler.pause(lane)

    async def _wait_after_error(self) -> None:
        """Wait before the next request is read, if this client has made many errors."""
        if self._error_delay:
            await asyncio.sleep(self._error_delay)
            self._error_delay = 0.0

    async def _one_model_at_a_time(self, model: ServedModel) -> None:
        """Wait until all requests for other models are answered.

        Answers are sent in order. So results of one model could wait for a frame of another, which
        itself waits for room that these results take.
        """
        while any(count for other, count in self._waiting.items() if other is not model):
            self._all_answered.clear()
            await self._all_answered.wait()

    def _answer(self, asked: Asked, model: ServedModel | None, submit: Callable[[], Job]) -> None:
        """Answer a request with the outcome of the job that `submit` returns, or with its error."""
        answer = self._expect_answer(model)
        try:
            job = submit()
        except EdgesegError as error:
            self._note_error(error)
            answer(AnsweredRequest(asked, model, error.without_history()))
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            answer(AnsweredRequest(asked, model, InternalFault()))
        else:
            job.answer.on_done(partial(self._on_done, asked, model, job, answer))

    def _refuse(self, asked: Asked, model: ServedModel | None, error: EdgesegError) -> None:
        """Answer a request with an error."""
        self._note_error(error)
        self._expect_answer(model)(AnsweredRequest(asked, model, error.without_history()))

    def _note_error(self, error: EdgesegError) -> None:
        if isinstance(error, DELAYED_ERRORS):
            self._error_delay = self._data_plane.error_delay(self._client)

    def _expect_answer(self, model: ServedModel | None) -> Callable[[AnsweredRequest[Asked]], None]:
        self._unanswered += 1
        self._waiting[model] += 1
        return self._order.expect()

    def _on_done(
        self,
        asked: Asked,
        model: ServedModel | None,
        job: Job,
        answer: Callable[[AnsweredRequest[Asked]], None],
    ) -> None:
        outcome = job.answer.outcome
        if self._ended or outcome is None:
            return
        if job.unread_bytes:
            self._unread_sizes.append(job.unread_bytes)
            self._data_plane.count_unread(self._client, job.unread_bytes)
        answer(AnsweredRequest(asked, model, outcome, job.queued_seconds, job.unread_bytes))

    def _send(self, answered: AnsweredRequest[Asked]) -> None:
        """Queue an answer whose turn it is; pause the stream's lanes if too many are unread."""
        self._outbox.put_nowait(answered)
        self._unread += answered.unread_bytes > 0
        if self._unread >= UNREAD_RESULTS:
            for model, lane in self._lanes.items():
                model.scheduler.pause(lane)

    def _delivered(self, unread_bytes: int) -> None:
        """The client read a response, for whose result `unread_bytes` were counted."""
        self._window.release()
        if not unread_bytes:
            return
        self._unread_sizes.remove(unread_bytes)
        self._unread -= 1
        self._data_plane.release_results(self._client, unread_bytes)
        if self._unread < UNREAD_RESULTS:
            for model, lane in self._lanes.items():
                if lane.paused:
                    model.scheduler.resume(lane)

    def _end(self) -> None:
        """Release all that the stream holds, because the client reads no more.

        A cancelled task keeps references, so without this the results would stay in memory until
        garbage is collected.
        """
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        self._ended = True
        self._order.close()
        self._outbox = asyncio.Queue()
        for served, lane in self._lanes.items():
            served.scheduler.close(lane)
        self._data_plane.release_results(self._client, sum(self._unread_sizes))
        self._unread_sizes.clear()
        for model, count in self._waiting.items():
            self._data_plane.count_abandoned(model, count, self._observer)
