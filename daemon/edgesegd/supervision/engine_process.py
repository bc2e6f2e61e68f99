"""One engine process, and how the front communicates with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from edgesegd.board.descriptors import DescriptorReserve
from edgesegd.concurrency.stop_tolerant_timeout import done_within
from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import (
    DelegateFailed,
    EdgesegError,
    EngineStartFailed,
    EngineUnfit,
    StartupError,
)
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.result import FrameResult
from edgesegd.core.reuse import ReuseStream
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.checks import read_checks
from edgesegd.ipc.child import ending
from edgesegd.ipc.messages import (
    MAX_LINE,
    WARM_UP,
    WARM_UPS,
    EngineReady,
    EngineSetup,
    ForgetRegion,
    ForgetStream,
    FrameJob,
    Message,
    WarmedUp,
    from_line,
    to_line,
)
from edgesegd.ipc.open_files import send_files
from edgesegd.ipc.region import Region, RegionFrame, send_region
from edgesegd.ipc.results import read_cpu_seconds, read_result
from edgesegd.ipc.segment import SegmentFrame
from edgesegd.scheduling.job import Job
from edgesegd.supervision.answer_watch import AnswerWatch
from edgesegd.supervision.engine_child import CLOSE_SECONDS, EngineChild
from edgesegd.supervision.engine_state import EngineEvent, EngineLife
from edgesegd.supervision.lines import LineProtocol

log = logging.getLogger(__name__)

Owner = TypeVar("Owner")

LAST_ANSWERS_SECONDS = 0.2
"""How long after an engine's end its last lines may still arrive."""


class EngineLost(Exception):
    """The engine ended, hung or failed.

    `cause` is "crash", "hang", "fault" (an error in the front), or the cause of an EngineUnfit.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


OnAnswer = Callable[[Message | EngineLost], None]
"""Is called with the answer to a message, or with EngineLost if there will be none."""
OnCheck = Callable[[DelegateCheck], None]
"""Is called with each check of the engine's delegate, when the engine reports it."""
OnOutcome = Callable[[FrameResult | Exception], None]
"""Is called with a frame's result, with an EdgesegError that the engine answered, or with
EngineLost; any other error is a fault of the daemon."""


class EngineProcess:
    """A running engine with its model loaded.

    Its process, its sockets and its shared memory are created and closed together. Its results
    carry `model` as the model that made them. `life` is its state. `ready` is the message that it
    sent when it was loaded, `start_seconds` how long its start took, `slots` how many frames it can
    have at a time, `cpu_seconds` the processor time that it had used at its last answer. The task
    `exited` is done when its process has ended or is left behind.
    """

    def __init__(
        self,
        child: EngineChild,
        arena: Arena,
        model: ModelIdentity,
        on_check: OnCheck = lambda _: None,
    ) -> None:
        self._model = model
        self._on_check = on_check
        self.ready = EngineReady("", "", 0, 0, 0, 0.0)
        self.start_seconds = self.cpu_seconds = 0.0
        self.life = EngineLife()
        self.slots = arena.slots
        self._child = child
        self._arena = arena
        self._lines = LineProtocol(
            max_bytes=MAX_LINE, on_line=self._on_line, on_end=self._on_hung_up
        )
        self._hung_up = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._watch = AnswerWatch(self._on_overdue)
        self._shared: dict[int, weakref.finalize[..., Region]] = {}
        self._streams: dict[int, weakref.finalize[..., ReuseStream]] = {}
        self._free = list(range(arena.slots))
        self._pending: deque[OnAnswer] = deque()
        self._failure: EngineLost | None = None
        self.exited: asyncio.Task[None]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.process.pid

    async def why_lost(self) -> EngineLost:
        """Why it is lost, as `fail` says; else waits for the end of its process, which explains it.

        If the process does not end, as in a driver, it is not waited for longer than for its exit.
        """
        if self._failure is None:
            await asyncio.wait([self.exited], timeout=CLOSE_SECONDS)
        return self._loss()

    @classmethod
    async def start(
        cls,
        setup: EngineSetup,
        *,
        start_seconds: float,
        take_child: Callable[[], EngineChild | None] = lambda: None,
        reserve: DescriptorReserve | None = None,
        model: ModelIdentity = NO_MODEL,
        on_check: OnCheck = lambda _: None,
    ) -> EngineProcess:
        """Start an engine; returns it when it is loaded and warm.

        `take_child` returns a process that waits for its setup, if there is one. The `reserve` of
        descriptors may be used to start the process. `on_check` is called with each check of the
        delegate. Loading the model and each warm-up may take `start_seconds`. Raises the
        StartupError that the engine answered; DelegateFailed if it ended and had a delegate;
        EngineStartFailed if it ended without one, or took longer.
        """
        begun = time.monotonic()
        with nullcontext() if reserve is None else reserve.used():
            child = take_child() or await EngineChild.start()
            engine = await cls._connect(child, setup, model, on_check)
        try:
            await engine._load(setup, start_seconds)  # noqa: SLF001 # its own class
        except BaseException:
            engine._child.process.kill()  # noqa: SLF001 # its own class
            await engine.close()
            raise
        engine.start_seconds = time.monotonic() - begun
        return engine

    @classmethod
    async def _connect(
        cls, child: EngineChild, setup: EngineSetup, model: ModelIdentity, on_check: OnCheck
    ) -> EngineProcess:
        """Give a process its memory and its files, and connect to it."""
        try:
            arena = Arena.create(slots=setup.slots, slot_size=setup.slot_size)
        except OSError as error:
            await child.close()
            raise EngineStartFailed(f"no memory for an engine process: {error}") from error
        engine = cls(child, arena, model, on_check)
        # The process may have ended already, which `_follow` notices.
        with contextlib.suppress(OSError):
            send_files(child.descriptors, [arena.fd, *_files_of(setup)])
        try:
            await asyncio.get_running_loop().create_unix_connection(
                lambda: engine._lines, sock=child.connection
            )
        except BaseException:
            child.process.kill()
            await child.close()
            arena.close()
            raise
        engine.exited = asyncio.create_task(engine._follow())  # its own class
        return engine

    async def _load(self, setup: EngineSetup, start_seconds: float) -> None:
        async def ask(purpose: str, message: Message) -> Message:
            answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            self._ask(message, partial(_settle, answer))
            if not await done_within(start_seconds, answer):
                raise EngineStartFailed(f"the engine did not {purpose} in {start_seconds:g} s")
            return answer.result()

        try:
            ready = EngineReady.from_message(await ask("load the model", setup.to_message()))
            for _ in range(WARM_UPS):
                warm = WarmedUp.from_message(await ask("run the model", WARM_UP))
            self.ready = replace(ready, invoke_seconds=warm.seconds)
            if self.life.is_over:
                raise self._loss()
            self._child.is_ready = True
            self.life.apply(EngineEvent.LOADED)
        except EngineLost as lost:
            if setup.delegate.is_cpu:
                raise EngineStartFailed(f"the engine did not start: {lost}") from None
            raise DelegateFailed(f"{setup.delegate.name} ended its engine: {lost}") from None
        except StartupError:
            raise
        except (EdgesegError, LookupError, TypeError) as error:  # an engine of another version
            raise EngineStartFailed(
                f"the engine's answer is not valid ({type(error).__name__}: {error}); was the "
                "package replaced while the daemon runs? Restart the daemon"
            ) from None

    def segment(self, job: Job, *, answer_seconds: float, on_outcome: OnOutcome) -> None:
        """Send one frame to the engine; `on_outcome` is called once, after this has returned.

        There must be a free slot. If the engine does not answer in `answer_seconds`, after it has
        answered the frames before, it is killed: a hung driver cannot be interrupted otherwise.
        Raises EngineLost if the engine is already lost, and InvalidFrame if the client has removed
        the frame from shared memory.
        """
        number = self._free[-1]
        slot, data = self._arena.slot(number), job.data
        if isinstance(data, RegionFrame):
            self._share(data.region)
            where: tuple[int | None, int] = data.region.number, data.offset
        elif isinstance(data, SegmentFrame):
            data.read_into(slot)
            where = None, 0
        else:
            slot[: len(data)] = data
            where = None, 0
        if job.in_stream is not None:
            self._remember(job.in_stream.stream)
        request = FrameJob(
            number, len(data), job.deadline, job.frame, job.options, *where, job.in_stream
        )
        self._ask(request.to_message(), partial(self._on_answer, number, slot, on_outcome))
        self._free.pop()
        self._watch.asked(answer_seconds)

    def _on_answer(
        self, number: int, slot: memoryview, on_outcome: OnOutcome, answer: Message | EngineLost
    ) -> None:
        outcome: FrameResult | Exception
        if isinstance(answer, EngineLost):
            outcome = answer
        else:
            self._watch.answered()
            try:
                self.cpu_seconds = read_cpu_seconds(answer)
                for check in read_checks(answer):
                    self._on_check(check)
                delegate = self.ready.delegate
                outcome = read_result(answer, slot, delegate=delegate, model=self._model)
            except EngineUnfit as unfit:
                outcome = EngineLost(unfit.cause, str(unfit))
            except Exception as error:  # noqa: BLE001 # on_outcome gets it
                outcome = error
        slot.release()
        self._free.append(number)
        on_outcome(outcome)

    def release_memory(self) -> None:
        """Return the memory pages of free slots to the system."""
        for number in self._free:
            self._arena.discard(number)

    def fail(self, loss: EngineLost) -> None:
        """Kill the engine at once, because of `loss`; `close` must be called afterwards."""
        self._failure = self._failure or loss
        self.life.apply(EngineEvent.FAILED)
        self._child.process.kill()

    async def close(self) -> None:
        """Close its socket, wait until it exits, and kill it if it does not. Call this once.

        A process that is stuck in a kernel driver cannot be killed; it is left behind.
        """
        self.life.apply(EngineEvent.CLOSED)
        for region in self._shared.values():
            region.detach()
        for stream in self._streams.values():
            stream.detach()
        self._lines.close()
        await self._child.end()
        await asyncio.gather(self.exited, return_exceptions=True)
        self._arena.close()
        self.life.apply(EngineEvent.EXITED)

    def _share(self, region: Region) -> None:
        """Let the engine read a region until nothing refers to it any more."""
        if region.number in self._shared:
            return
        with contextlib.suppress(OSError):  # the engine has ended, which `_follow` notices
            send_region(self._child.descriptors, region)
        forget = partial(self._forget, self._shared, region.number, ForgetRegion(region.number))
        self._shared[region.number] = _at_its_end(region, forget)

    def _remember(self, stream: ReuseStream) -> None:
        """Let the engine keep frames of a stream until nothing refers to the stream any more."""
        if stream.number not in self._streams:
            forget = partial(
                self._forget, self._streams, stream.number, ForgetStream(stream.number)
            )
            self._streams[stream.number] = _at_its_end(stream, forget)

    def _forget(
        self, known: dict[int, Any], number: int, order: ForgetRegion | ForgetStream
    ) -> None:
        if known.pop(number, None) is not None:
            self._lines.write(to_line(order.to_message()))

    def _ask(self, message: Message, on_answer: OnAnswer) -> None:
        """Send a message that is answered; raises EngineLost."""
        if self.life.is_over:
            raise self._loss()
        self._lines.write(to_line(message))
        self._pending.append(on_answer)

    async def _follow(self) -> None:
        """Wait for the engine's end, then fail all requests that have no answer."""
        try:
            with contextlib.suppress(asyncio.CancelledError):  # it was left behind
                await self._child.process.ended
            self.life.apply(EngineEvent.FAILED)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_ANSWERS_SECONDS):
                    await self._hung_up.wait()
        finally:
            self._lines.abort()
            if self._ending is not None:
                self._ending.cancel()
            self._fail_pending()

    def _fail_pending(self) -> None:
        self._watch.close()
        while self._pending:
            self._pending.popleft()(self._loss())

    def _on_line(self, line: bytes) -> None:
        """Pass a line on as the answer to the oldest request; hang up if it is not valid."""
        try:
            message = from_line(line)
            on_answer = self._pending.popleft()
        except (ValueError, IndexError) as error:
            log.debug("engine %d sent an invalid line: %s", self.pid, error)
            self._lines.abort()
        else:
            on_answer(message)

    def _on_hung_up(self) -> None:
        """The socket is closed: the process should exit now, and is killed if it does not."""
        self.life.apply(EngineEvent.FAILED)
        self._hung_up.set()
        if self._child.process.ended.done():
            return
        self._ending = asyncio.create_task(self._kill_if_it_stays())

    async def _kill_if_it_stays(self) -> None:
        if not await self._child.process.ends_in(CLOSE_SECONDS):
            self._child.process.kill()

    def _on_overdue(self, seconds: float) -> None:
        self.fail(EngineLost("hang", f"no answer in {seconds:.1f} s"))
        self._fail_pending()

    def _loss(self) -> EngineLost:
        if self._failure is not None:
            return self._failure
        ended = self._child.process.ended
        if not ended.done():
            return EngineLost("crash", "it hung up")
        status = None if ended.cancelled() else ended.result()
        if status == -signal.SIGALRM:
            return EngineLost("hang", "an invoke took many times as long as usual")
        how = f"{'killed by' if status and status < 0 else 'exited with'} {ending(status)}"
        line = self._child.last_line
        return EngineLost("crash", f"{how}: {line}" if line else how)


def _files_of(setup: EngineSetup) -> list[int]:
    """The open files that the engine reads."""
    files = (setup.model_file, setup.reference_file)
    return sorted({file for file in files if file is not None})


def _at_its_end(owner: Owner, forget: Callable[[], None]) -> weakref.finalize[..., Owner]:
    """Call `forget` on this event loop once nothing refers to `owner` any more."""
    # The finalizer may run in any thread.
    finalizer = weakref.finalize(owner, asyncio.get_running_loop().call_soon_threadsafe, forget)
    finalizer.atexit = False
    return finalizer


def _settle(answer: asyncio.Future[Message], came: Message | EngineLost) -> None:
    """Set a future's result or error, unless it is done or cancelled."""
    if answer.done():
        return
    if isinstance(came, EngineLost):
        answer.set_exception(came)
    else:
        answer.set_result(came)
