"""One stream of frames, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.answer_order import AnswerOrder
from edgeseg_client.answer_timeout import CHECK_SECONDS, AnswerTimeout
from edgeseg_client.backoff import Backoff
from edgeseg_client.decode import ResultReader, read_timing
from edgeseg_client.errors import Overloaded, Unavailable, WrongAddress
from edgeseg_client.frame_encoder import PendingFrame
from edgeseg_client.handshake import StreamCall
from edgeseg_client.handshake_timeout import HandshakeTimeout
from edgeseg_client.in_flight import InFlight, SendWindow
from edgeseg_client.sent_ids import SentIds
from edgeseg_client.shared_memory import Region
from edgeseg_client.status import Status, call_errors, status_of
from edgeseg_client.wrapped_exit import WrappedExit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """A call whose options were accepted.

    `max_frame_bytes` is the largest frame, 0 for no limit; `region` the leased region; `wanted`
    are the ids of the classes that the call asked for. `require_classes` raises `Unavailable` for a
    result of a model in which these ids are not the classes that the caller named, if any.
    """

    call: StreamCall
    max_frame_bytes: int
    region: Region | None = None
    wanted: tuple[int, ...] = ()
    require_classes: Callable[[pb.Segmentation], None] | None = None


class FrameStream:
    """Sends frames and receives answers at the same time; answers every frame exactly once.

    `connect` opens a call, in steps that may take as long as `handshake_timeout` says. It raises
    `Unavailable` if no daemon answers, `Overloaded` if the daemon has too many streams, and
    `WrongAddress` if the address is not a daemon's. `require_open` raises
    `ClientClosed` if the client was closed, and then there is no other connection. The first frame
    is taken from `frames` once a call is open. At most `limit` frames are taken whose answers the
    caller has not taken. Answers are given as they arrive or, with `in_order`, in the order of the
    frames. `reader` reads the results.
    """

    def __init__(
        self,
        *,
        connect: Callable[[float | None], Awaitable[Connection]],
        handshake_timeout: HandshakeTimeout,
        require_open: Callable[[], None],
        frames: AsyncGenerator[PendingFrame, None],
        in_flight: InFlight,
        limit: int,
        in_order: bool,
        reader: ResultReader,
        backoff: Backoff,
    ) -> None:
        self._connect = connect
        self._handshake_timeout = handshake_timeout
        self._require_open = require_open
        self._frames = frames
        self._in_flight = in_flight
        self._reader = reader
        self._backoff = backoff
        self._permits = asyncio.Semaphore(limit)
        self._window = SendWindow(limit)
        self._sent_ids = SentIds(limit)
        self._changed = asyncio.Event()
        self._source_ended = self._lost = False
        self._answer_timeout = AnswerTimeout()
        self._writing = 0
        """How many frames are being written, which takes long over a slow network."""
        self._answers: asyncio.Queue[FrameAnswer | None] = asyncio.Queue()
        self._order = AnswerOrder(self._answers.put_nowait, in_order=in_order)

    async def answers(self) -> AsyncGenerator[FrameAnswer, None]:
        """Yields the answers, then raises the error that ended the stream early, if any.

        If the source raises an error or an exit, the frames before it are answered first. Closing
        the generator cancels the call.
        """
        running = asyncio.create_task(self._run())
        running.add_done_callback(self._end_answers)
        try:
            while (answer := await self._answers.get()) is not None:
                self._permits.release()
                yield answer
            await running
        except WrappedExit as wrapped:
            exit_ = wrapped.original
        else:
            return
        finally:
            await _cancel_and_wait(running)
            for pending in self._in_flight.clear():
                pending.release_slot()
        raise exit_

    def _end_answers(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled():
            running.exception()  # else asyncio logs it if the caller does not iterate any more
        self._order.end()
        self._answers.put_nowait(None)

    @property
    def _finished(self) -> bool:
        return self._source_ended and not self._in_flight

    async def _run(self) -> None:
        """Uses one connection after another until every frame is answered."""
        reading: asyncio.Task[None] | None = None
        try:
            while not self._finished:
                try:
                    connection = await self._open()
                    self._backoff.connected(asyncio.get_running_loop().time())
                    if self._lost:
                        log.warning("the daemon is back")
                        self._lost = False
                    reading = reading or asyncio.create_task(self._read_source())
                    await self._exchange(connection)
                except (Unavailable, Overloaded) as error:
                    # If there was a daemon at this address before, it may come back.
                    if isinstance(error, WrongAddress) and reading is None:
                        raise
                    if not self._finished:
                        await self._recover(error)
            if reading is not None:
                await reading
        finally:
            if reading is None:
                await self._frames.aclose()
            else:
                _raise_exit(reading)
                await _cancel_and_wait(reading)

    async def _open(self) -> Connection:
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            connection = await self._connect(self._handshake_timeout.seconds)
        except (Unavailable, Overloaded):
            self._handshake_timeout.on_failed(clock() - begun)
            raise
        self._handshake_timeout.on_connected()
        return connection

    async def _read_source(self) -> None:
        """Takes frames from the source, as many as `limit` allows."""
        try:
            async with contextlib.aclosing(self._frames):
                await self._permits.acquire()
                async for pending in self._frames:
                    self._add(pending)
                    await self._permits.acquire()
        finally:
            self._source_ended = True
            self._changed.set()

    def _add(self, pending: PendingFrame) -> None:
        if pending.error:
            self._answer_locally(pending, Status.INVALID, pending.error)
            return
        superseded = self._in_flight.add(pending)
        if superseded is not None:
            self._answer_locally(
                superseded, Status.SUPERSEDED, "a newer frame came before this one could be sent"
            )
        self._changed.set()

    async def _exchange(self, connection: Connection) -> None:
        """Sends and receives over one connection until every frame is answered or the call ends.

        If the call ends earlier, raises its error.
        """
        self._reader.wanted = connection.wanted
        self._writing = 0
        receiving = asyncio.create_task(self._receive(connection))
        tasks = [
            asyncio.create_task(self._send(connection)),
            receiving,
            asyncio.create_task(self._watch(receiving)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            connection.call.cancel()
            await _cancel_and_wait(*tasks)

    async def _send(self, connection: Connection) -> None:
        # If the call has ended, a write raises InvalidStateError; `_receive` raises its status.
        with call_errors(), contextlib.suppress(asyncio.InvalidStateError):
            while (pending := await self._next_unsent()) is not None:
                frame = pending.request.frame
                if 0 < connection.max_frame_bytes < pending.size:
                    self._in_flight.pop_answered(pending.key)
                    self._answer_locally(
                        pending,
                        Status.INVALID,
                        f"the frame has {pending.size} bytes;"
                        f" the daemon accepts {connection.max_frame_bytes}",
                    )
                    continue
                pending.copy_unless_in(connection.region)
                frame.age_us = pending.age.microseconds()
                self._sent_ids.sent(pending.key, pending.frame_id)
                self._writing = 1
                await connection.call.write(pending.request)
                self._writing = 0
            await connection.call.done_writing()

    async def _next_unsent(self) -> PendingFrame | None:
        """Waits for the next frame that may be sent; None once the source has ended."""
        while True:
            if self._in_flight.sent < self._window.size:
                pending = self._in_flight.next_unsent()
                if pending is not None or self._source_ended:
                    return pending
            self._changed.clear()
            await self._changed.wait()

    async def _receive(self, connection: Connection) -> None:
        call, require_classes = connection.call, connection.require_classes
        with call_errors():
            while isinstance(response := await call.read(), pb.SegmentResponse):
                # The first result of a model has its classes.
                if require_classes is not None and response.segmentation.classes:
                    require_classes(response.segmentation)
                self._backoff.reset()
                self._answer_timeout.on_answer(asyncio.get_running_loop().time())
                pending = self._in_flight.pop_answered(response.frame_id)
                self._window.on_answer()
                self._changed.set()
                if pending is not None:
                    self._answer_with(pending, response)
        if not self._finished:
            raise Unavailable("the daemon ended the stream before it had answered every frame")

    async def _watch(self, receiving: asyncio.Task[None]) -> None:
        """Raises `Unavailable` if frames have waited too long for any answer.

        A connection that is lost shows itself by gRPC's pings; but a proxy answers these, and other
        calls it may send over a connection of its own that works.
        """
        clock = asyncio.get_running_loop().time
        while not receiving.done():
            expired = self._answer_timeout.expired(
                clock(), sent=self._in_flight.sent > self._writing, writing=bool(self._writing)
            )
            if expired is not None:
                self._answer_timeout.on_given_up()
                raise Unavailable(f"no answer came for {expired:g} s")
            await asyncio.wait([receiving], timeout=CHECK_SECONDS)

    def _answer_with(self, pending: PendingFrame, response: pb.SegmentResponse) -> None:
        pending.release_slot()
        status = status_of(response.status)
        segmented = None
        if status is Status.OK:
            reused = None
            if response.HasField("reused_from_frame_id"):
                reused = self._sent_ids.id_of(response.reused_from_frame_id)
            segmented = self._reader.read(response, pending.frame_id, reused)
        self._order.answered(
            pending.key,
            FrameAnswer(
                frame_id=pending.frame_id,
                status=status,
                message=response.message,
                latency=time.perf_counter() - pending.received_at,
                timing=read_timing(response.timing),
                segmented=segmented,
            ),
        )

    def _answer_locally(self, pending: PendingFrame, status: Status, message: str) -> None:
        """Answers a frame that the daemon has not answered."""
        pending.release_slot()
        latency = time.perf_counter() - pending.received_at
        answer = FrameAnswer(pending.frame_id, status, message, latency)
        self._order.answered(pending.key, answer)

    async def _recover(self, error: Unavailable | Overloaded) -> None:
        """Answers the frames that are lost, and waits before the next connection.

        Raises `error` again if the time for retries is over.
        """
        self._require_open()
        self._window.on_connection_lost(self._in_flight.sent)
        for lost in self._in_flight.connection_lost():
            self._answer_locally(lost, Status.UNAVAILABLE, str(error))
        if not self._lost and self._backoff.budget:
            log.warning("%s; trying again", error)
            self._lost = True
        wanted = error.retry_after if isinstance(error, Overloaded) else None
        now = asyncio.get_running_loop().time()
        delay = self._backoff.delay(now, at_least=wanted or 0.0)
        if delay is None:
            raise type(error)(f"gave up after {self._backoff.budget:g} s: {error}") from error
        await asyncio.sleep(delay)


def _raise_exit(reading: asyncio.Task[None]) -> None:
    """Raises the source's exit, if it raised one, in place of a connection's error."""
    if reading.done() and not reading.cancelled():
        error = reading.exception()
        if isinstance(error, WrappedExit):
            raise error


async def _cancel_and_wait(*tasks: asyncio.Task[None]) -> None:
    """Cancels the tasks and waits until they have ended; ignores what they raise."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
