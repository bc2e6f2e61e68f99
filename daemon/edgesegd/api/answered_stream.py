"""One stream, whatever the protocol: its requests are read, and each is answered once."""

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
from edgesegd.core.client import Client
from edgesegd.core.errors import ClientError, Draining, EdgesegError, InternalFault
from edgesegd.core.result import FrameResult
from edgesegd.scheduling.job import Job
from edgesegd.scheduling.lane import Lane
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.served_model import ServedModel

log = logging.getLogger(__name__)

IN_ORDER_WINDOW = min(max(4, 2 * count_cores()), 32)
"""Requests that may be unanswered where answers go out in order: two for each engine that there can
be."""
UNREAD_RESULTS = 2
"""Results that may lie ready for a client that does not read; then none of its frames is taken."""

Request = TypeVar("Request")
Asked = TypeVar("Asked")
Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class Answered(Generic[Asked]):
    """The answer to a request, of which `asked` is kept.

    `model` is None where the request names none that is served. `queued` is how many seconds the
    frame waited, `held` the bytes that are counted until the client has read its result.
    """

    asked: Asked
    model: ServedModel | None
    outcome: FrameResult | EdgesegError
    queued: float = 0.0
    held: int = 0


class AnsweredStream(ABC, Generic[Request, Asked, Message]):
    """Serves one call of `client`; a protocol's own stream says how it reads and responds.

    `_read` sets the window before it takes the first request: so many are unanswered at most.
    Memory is bounded by that and by UNREAD_RESULTS whatever the client does, and by the limits of
    the data plane for all streams together.
    """

    def __init__(self, data_plane: DataPlane, client: Client) -> None:
        self._data_plane = data_plane
        self._client = client
        self._lanes: dict[ServedModel, Lane] = {}
        self._window = asyncio.Semaphore(0)
        self._outbox: asyncio.Queue[Answered[Asked] | None] = asyncio.Queue()
        # Until it is read from, nothing refers back to it: it may never be.
        self._order = AnswerOrder[Answered[Asked]](lambda _: None, as_sent=True)
        self._waiting: Counter[ServedModel | None] = Counter()
        self._unanswered = self._unread = 0
        self._all_answered = asyncio.Event()
        self._error_delay = 0.0
        self._held: list[int] = []
        self._draining = self._ended = False
        self._reader: asyncio.Task[None] | None = None

    @abstractmethod
    async def _read(self, requests: AsyncIterator[Request]) -> None:
        """Take one request after another, until there are no more; raises what is wrong."""

    @abstractmethod
    def _respond(self, answered: Answered[Asked]) -> Message:
        """The response, counted; an error that is raised ends the stream."""

    async def responses(self, requests: AsyncIterator[Request]) -> AsyncGenerator[Message, None]:
        """Every request's response when it is its turn.

        Raises what ended the reading (a ClientError, Draining) when all requests are answered.
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
                held, response = answered.held, [self._respond(answered)]
                del answered  # while a client does not read, there is its message only
                yield response.pop()
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

    def _set_window(self, window: int, *, in_order: bool) -> None:
        """How many requests may be unanswered, and whether answers go out in their order."""
        self._window = asyncio.Semaphore(window)
        self._order = AnswerOrder(self._send, as_sent=in_order)

    def _open_lane(self, model: ServedModel, lane: Lane) -> None:
        """Have the stream's frames for a model wait in `lane`."""
        self._lanes[model] = lane
        model.scheduler.open(lane, self._client)
        if self._unread >= UNREAD_RESULTS:
            model.scheduler.pause(lane)

    async def _pace_errors(self) -> None:
        """Wait before the next request is read, where this client's are wrong again and again."""
        if self._error_delay:
            await asyncio.sleep(self._error_delay)
            self._error_delay = 0.0

    async def _one_model_at_a_time(self, model: ServedModel) -> None:
        """Wait until all requests for other models are answered.

        Where answers go out in order, results of one model would wait behind a frame of another one
        that waits for room, which they take.
        """
        while any(count for other, count in self._waiting.items() if other is not model):
            self._all_answered.clear()
            await self._all_answered.wait()

    def _answer(self, asked: Asked, model: ServedModel | None, submit: Callable[[], Job]) -> None:
        """Answer a request with what becomes of the job that `submit` makes of it, or its error."""
        answer = self._expect_answer(model)
        try:
            job = submit()
        except EdgesegError as error:
            self._note_error(error)
            answer(Answered(asked, model, error.without_history()))
        except Exception:
            log.exception("a frame failed by a fault of the daemon")
            answer(Answered(asked, model, InternalFault()))
        else:
            job.answer.on_done(partial(self._on_done, asked, model, job, answer))

    def _refuse(self, asked: Asked, model: ServedModel | None, error: EdgesegError) -> None:
        """Answer a request with an error."""
        self._note_error(error)
        self._expect_answer(model)(Answered(asked, model, error.without_history()))

    def _note_error(self, error: EdgesegError) -> None:
        if isinstance(error, ClientError):
            self._error_delay = self._data_plane.error_delay(self._client)

    def _expect_answer(self, model: ServedModel | None) -> Callable[[Answered[Asked]], None]:
        self._unanswered += 1
        self._waiting[model] += 1
        return self._order.expect()

    def _on_done(
        self,
        asked: Asked,
        model: ServedModel | None,
        job: Job,
        answer: Callable[[Answered[Asked]], None],
    ) -> None:
        outcome = job.answer.outcome
        if self._ended or outcome is None:
            return
        if job.held:
            self._held.append(job.held)
            self._data_plane.hold_result(self._client, job.held)
        answer(Answered(asked, model, outcome, job.queued_seconds, job.held))

    def _send(self, answered: Answered[Asked]) -> None:
        """It is the turn of an answer."""
        self._outbox.put_nowait(answered)
        self._unread += answered.held > 0
        if self._unread >= UNREAD_RESULTS:
            for model, lane in self._lanes.items():
                model.scheduler.pause(lane)

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

    def _end(self) -> None:
        """Nobody reads any more.

        What the stream holds is released here: a task that was cancelled refers to what it did, so
        that the results would stay until garbage is collected.
        """
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
