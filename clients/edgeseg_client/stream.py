"""One stream of frames, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.answer_order import AnswerOrder
from edgeseg_client.backoff import Backoff
from edgeseg_client.decode import read_result, read_timing
from edgeseg_client.errors import Overloaded, Unavailable, WrongAddress
from edgeseg_client.frame_encoder import Pending
from edgeseg_client.handshake import Call
from edgeseg_client.in_flight import InFlight, Window
from edgeseg_client.shared_memory import Ring
from edgeseg_client.status import Status, call_errors, status_of
from edgeseg_client.wrapped_exit import CarriedExit


@dataclass(frozen=True, slots=True)
class Connection:
    """A call whose options were accepted, the daemon's limit (0: none), and memory that it lent."""

    call: Call
    max_frame_bytes: int
    ring: Ring | None = None


class FrameStream:
    """Sends and receives at the same time; answers every frame exactly once.

    `connect` opens a call and raises `Unavailable` where there is no daemon, `Overloaded` where it
    has too many streams, `WrongAddress` where there can be none; nothing is taken from `frames`
    before the first is open. `limit` is how many frames may be taken without their answers having
    been taken from here. Answers come as they are made, or `as_sent`, in the order of the frames.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Awaitable[Connection]],
        frames: AsyncGenerator[Pending, None],
        in_flight: InFlight,
        limit: int,
        as_sent: bool,
        backoff: Backoff,
    ) -> None:
        self._connect = connect
        self._frames = frames
        self._in_flight = in_flight
        self._backoff = backoff
        self._slots = asyncio.Semaphore(limit)
        self._window = Window(limit)
        self._changed = asyncio.Event()
        self._source_ended = False
        self._answers: asyncio.Queue[FrameAnswer | None] = asyncio.Queue()
        self._order = AnswerOrder(self._answers.put_nowait, as_sent=as_sent)

    async def answers(self) -> AsyncGenerator[FrameAnswer, None]:
        """The answers as they come, then the error that ended the stream early, if any.

        An error or an exit of the source is raised after the frames before it are answered. Closing
        the generator cancels the call.
        """
        talk = asyncio.create_task(self._talk())
        talk.add_done_callback(lambda _: self._end_answers())
        try:
            while (answer := await self._answers.get()) is not None:
                self._slots.release()
                yield answer
            await talk
        except CarriedExit as carried:
            exit_ = carried.raised
        else:
            return
        finally:
            await _end(talk)
            for pending in self._in_flight.forget():
                pending.settle()
        raise exit_

    def _end_answers(self) -> None:
        self._order.end()
        self._answers.put_nowait(None)

    @property
    def _finished(self) -> bool:
        return self._source_ended and not self._in_flight

    async def _talk(self) -> None:
        """Talks over one connection after another until every frame is answered."""
        taking: asyncio.Task[None] | None = None
        try:
            while not self._finished:
                try:
                    connection = await self._connect()
                    self._backoff.connected(asyncio.get_running_loop().time())
                    taking = taking or asyncio.create_task(self._take())
                    await self._converse(connection)
                except (Unavailable, Overloaded) as error:
                    # Where there was a daemon before, there may be one again.
                    if isinstance(error, WrongAddress) and taking is None:
                        raise
                    if not self._finished:
                        await self._recover(error)
            if taking is not None:
                await taking
        finally:
            if taking is None:
                await self._frames.aclose()
            else:
                _raise_exit(taking)
                await _end(taking)

    async def _take(self) -> None:
        """Takes frames from the source while there are slots."""
        try:
            async with contextlib.aclosing(self._frames):
                await self._slots.acquire()
                async for pending in self._frames:
                    self._add(pending)
                    await self._slots.acquire()
        finally:
            self._source_ended = True
            self._changed.set()

    def _add(self, pending: Pending) -> None:
        if pending.fault:
            self._answer(pending, Status.INVALID, pending.fault)
            return
        superseded = self._in_flight.add(pending)
        if superseded is not None:
            self._answer(
                superseded, Status.SUPERSEDED, "a newer frame came before this one could be sent"
            )
        self._changed.set()

    async def _converse(self, connection: Connection) -> None:
        """Sends and receives until every frame is answered, or raises what ended the call."""
        tasks = [
            asyncio.create_task(self._send(connection)),
            asyncio.create_task(self._receive(connection.call)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            connection.call.cancel()
            await _end(*tasks)

    async def _send(self, connection: Connection) -> None:
        # Writing to a call that has ended is an InvalidStateError; the receiver knows how it ended.
        with call_errors(), contextlib.suppress(asyncio.InvalidStateError):
            while (pending := await self._next_unsent()) is not None:
                frame = pending.request.frame
                if 0 < connection.max_frame_bytes < pending.size:
                    self._in_flight.answered(pending.key)
                    self._answer(
                        pending,
                        Status.INVALID,
                        f"the frame has {pending.size} bytes;"
                        f" the daemon accepts {connection.max_frame_bytes}",
                    )
                    continue
                pending.send_without(connection.ring)
                frame.age_us = pending.age.microseconds()
                await connection.call.write(pending.request)
            await connection.call.done_writing()

    async def _next_unsent(self) -> Pending | None:
        """The next frame to send, waiting for one; None once there will be no more."""
        while True:
            if self._in_flight.sent < self._window.size:
                pending = self._in_flight.next_unsent()
                if pending is not None or self._source_ended:
                    return pending
            self._changed.clear()
            await self._changed.wait()

    async def _receive(self, call: Call) -> None:
        with call_errors():
            while isinstance(response := await call.read(), pb.SegmentResponse):
                self._backoff.reset()
                pending = self._in_flight.answered(response.frame_id)
                self._window.answered()
                self._changed.set()
                if pending is not None:
                    self._deliver(pending, response)
        if not self._finished:
            raise Unavailable("the daemon ended the stream before it had answered every frame")

    def _deliver(self, pending: Pending, response: pb.SegmentResponse) -> None:
        pending.settle()
        status = status_of(response.status)
        segmented = read_result(response, pending.frame_id) if status is Status.OK else None
        self._order.answered(
            pending.key,
            FrameAnswer(
                frame_id=pending.frame_id,
                status=status,
                message=response.message,
                latency=time.perf_counter() - pending.given,
                timing=read_timing(response.timing),
                segmented=segmented,
            ),
        )

    def _answer(self, pending: Pending, status: Status, message: str) -> None:
        """Answers a frame without the daemon."""
        pending.settle()
        latency = time.perf_counter() - pending.given
        answer = FrameAnswer(pending.frame_id, status, message, latency)
        self._order.answered(pending.key, answer)

    async def _recover(self, error: Unavailable | Overloaded) -> None:
        """Settles what was sent, and waits until it makes sense to connect again."""
        self._window.lost(self._in_flight.sent)
        for lost in self._in_flight.connection_lost():
            self._answer(lost, Status.UNAVAILABLE, str(error))
        wanted = error.retry_after if isinstance(error, Overloaded) else None
        now = asyncio.get_running_loop().time()
        delay = self._backoff.delay(now, at_least=wanted or 0.0)
        if delay is None:
            raise type(error)(f"gave up after {self._backoff.budget:g} s: {error}") from error
        await asyncio.sleep(delay)


def _raise_exit(taking: asyncio.Task[None]) -> None:
    """Raises the source's exit, before any error that a lost daemon has brought about."""
    if taking.done() and not taking.cancelled():
        error = taking.exception()
        if isinstance(error, CarriedExit):
            raise error


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancels and waits; what they raise was raised elsewhere or is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
