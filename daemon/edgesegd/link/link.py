"""One engine process and the way to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import weakref
from collections import deque
from dataclasses import replace
from functools import partial

from edgesegd.child import Child, ending
from edgesegd.core.arena import Arena
from edgesegd.core.errors import EngineDistrusted, EngineFailed, EngineStartFailed
from edgesegd.core.messages import (
    LONGEST_LINE,
    EngineReady,
    EngineSetup,
    ForgetRegion,
    FrameJob,
    Message,
    from_line,
    read_result,
    to_line,
)
from edgesegd.core.region import LentFrame, Region, send_region
from edgesegd.core.result import FrameResult
from edgesegd.scheduler.job import Job

log = logging.getLogger(__name__)

LAST_WORDS = 20
"""Lines of the engine's output that are kept to explain its end."""
CHATTER = ("INFO:", "I0000")
"""How lines begin that runtimes say whenever they start."""
CLOSE_SECONDS = 2.0
"""How long an engine may take to leave once its socket is closed."""
LAST_ANSWERS_SECONDS = 0.2
"""For what an engine wrote right before its end to be read."""


class EngineLost(Exception):
    """The engine ended, hung or failed.

    `cause` is "crash", "hang", or what the engine said: "invoke", "nan", "constant", "drift".
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class EngineLink:
    """A running engine with its model loaded.

    Its sockets, its shared memory and its process live and die together. `ready` is what it said
    of itself, `pid` its process id. `lost` ends when the engine is gone.
    """

    def __init__(
        self,
        arena: Arena,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        descriptors: socket.socket,
    ) -> None:
        self.ready = EngineReady("", "", 0, 0, 0, 0.0)
        self._arena = arena
        self._reader = reader
        self._writer = writer
        self._descriptors = descriptors
        self._shared: dict[int, weakref.finalize[..., Region]] = {}
        self._free = list(range(arena.slots))
        self._pending: deque[asyncio.Future[Message]] = deque()
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._hung_after: float | None = None
        self._child: Child
        self.lost: asyncio.Task[None]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def slots(self) -> int:
        """How many frames it can be given at a time."""
        return self._arena.slots

    @classmethod
    async def start(cls, setup: EngineSetup, *, start_seconds: float) -> EngineLink:
        """A new engine that is ready to segment.

        Raises a StartupError: what the engine said, or EngineStartFailed where it ended or was
        not ready after `start_seconds`.
        """
        link = await cls._spawn(setup)
        try:
            await link._load(setup, start_seconds)  # noqa: SLF001 # its own class
        except BaseException:
            link.kill()
            await link.close()
            raise
        return link

    @classmethod
    async def _spawn(cls, setup: EngineSetup) -> EngineLink:
        with contextlib.ExitStack() as on_failure:
            try:
                arena = Arena.create(slots=setup.slots, slot_size=setup.slot_size)
                on_failure.callback(arena.close)
                descriptors, receiving = socket.socketpair(type=socket.SOCK_DGRAM)
                on_failure.callback(descriptors.close)
                descriptors.setblocking(False)
                ours, theirs = socket.socketpair()
                with theirs, receiving:
                    reader, writer = await asyncio.open_unix_connection(
                        sock=ours, limit=LONGEST_LINE
                    )
                    on_failure.callback(writer.close)
                    link = cls(arena, reader, writer, descriptors)
                    link._child = await Child.start(  # its own class
                        "edgesegd.engine",
                        (theirs.fileno(), receiving.fileno(), arena.fd),
                        tell=link._on_output,
                    )
            except OSError as error:
                raise EngineStartFailed(f"no engine process: {error}") from error
            on_failure.pop_all()
        link.lost = asyncio.create_task(link._follow())  # its own class
        return link

    async def _load(self, setup: EngineSetup, start_seconds: float) -> None:
        try:
            async with asyncio.timeout(start_seconds):
                self.ready = EngineReady.from_message(await self._ask(setup.to_message()))
        except TimeoutError:
            raise EngineStartFailed(f"the engine was not ready after {start_seconds:g} s") from None
        except EngineLost as lost:
            raise EngineStartFailed(f"the engine did not start: {lost}") from None

    async def segment(self, job: Job, *, answer_seconds: float) -> FrameResult:
        """Segment one frame; raises what the engine found wrong with it, or EngineLost.

        There must be a free slot. An engine that does not answer in `answer_seconds` is killed: a
        hung driver cannot be interrupted otherwise.
        """
        number = self._free.pop()
        slot, data = self._arena.slot(number), job.data
        request = FrameJob(number, len(data), job.deadline, job.frame, job.options)
        if isinstance(data, LentFrame):
            self._share(data.region)
            request = replace(request, region=data.region.number, offset=data.offset)
        else:
            slot[: len(data)] = data
        try:
            async with asyncio.timeout(answer_seconds):
                answer = await self._ask(request.to_message())
            return replace(read_result(answer, slot), delegate=self.ready.delegate)
        except TimeoutError:
            self._hung_after = answer_seconds
            self.kill()
            raise self._loss() from None
        except (EngineFailed, EngineDistrusted) as failed:
            raise EngineLost(failed.cause, str(failed)) from None
        finally:
            slot.release()
            self._free.append(number)

    def kill(self) -> None:
        """End the engine at once, whatever it does; `close` must follow."""
        self._child.kill()

    async def close(self) -> None:
        """Let the engine finish what it does and leave; kill it if it stays. Once only.

        One that is stuck in a driver of the kernel cannot even be killed. It is left behind.
        """
        for finalizer in self._shared.values():
            finalizer.detach()
        self._descriptors.close()
        self._writer.close()
        if not await self._child.ends_in(CLOSE_SECONDS):
            self.kill()
            if not await self._child.ends_in(CLOSE_SECONDS):
                log.error("engine %d cannot be killed: a driver holds it in the kernel", self.pid)
                self._child.forget()
        await asyncio.gather(self.lost, return_exceptions=True)
        self._arena.close()

    def _share(self, region: Region) -> None:
        """Let the engine read a region, until nobody refers to it any more."""
        if region.number in self._shared:
            return
        with contextlib.suppress(OSError):  # the engine is gone, as will be found at once
            send_region(self._descriptors, region)
        loop = asyncio.get_running_loop()
        # It may be found unused in any thread.
        forget = partial(self._forget, region.number)
        finalizer = weakref.finalize(region, loop.call_soon_threadsafe, forget)
        finalizer.atexit = False
        self._shared[region.number] = finalizer

    def _forget(self, number: int) -> None:
        if self._shared.pop(number, None) is not None:
            self._writer.write(to_line(ForgetRegion(number).to_message()))

    async def _ask(self, message: Message) -> Message:
        if self.lost.done():
            raise self._loss()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending.append(answer)
        self._writer.write(to_line(message))
        return await answer

    async def _follow(self) -> None:
        """Settle what was asked, until the engine's end; then tell all who still wait."""
        reading = asyncio.create_task(self._read_answers())
        try:
            with contextlib.suppress(asyncio.CancelledError):  # it was left behind
                await self._child.ended
            await asyncio.wait({reading}, timeout=LAST_ANSWERS_SECONDS)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        for answer in self._pending:
            if not answer.done():
                answer.set_exception(self._loss())

    async def _read_answers(self) -> None:
        """Settle what was asked, in order; what sends no sense, or hangs up, is to end."""
        with contextlib.suppress(ConnectionError, ValueError, IndexError):
            while line := await self._reader.readline():
                message = from_line(line)
                answer = self._pending.popleft()
                if not answer.done():
                    answer.set_result(message)
        if self._pending and not await self._child.ends_in(CLOSE_SECONDS):
            self.kill()

    def _on_output(self, line: str) -> None:
        if not line.startswith(CHATTER):
            self._last_words.append(line)
        # What keeps an engine from starting is told by the error that comes of it.
        quiet = line.startswith(CHATTER) or not self.ready.runtime
        log.log(logging.DEBUG if quiet else logging.WARNING, "engine %d: %s", self.pid, line)

    def _loss(self) -> EngineLost:
        if self._hung_after is not None:
            return EngineLost("hang", f"no answer in {self._hung_after:.1f} s")
        ended = self._child.ended
        status = ended.result() if ended.done() and not ended.cancelled() else None
        if status == -signal.SIGALRM:
            return EngineLost("hang", "an invoke took many times as long as usual")
        how = f"{'killed by' if status and status < 0 else 'exited with'} {ending(status)}"
        return EngineLost("crash", f"{how}: {self._last_words[-1]}" if self._last_words else how)
