"""One engine process and the way to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections import deque
from dataclasses import replace

from edgesegd.core.arena import Arena
from edgesegd.core.errors import EngineDistrusted, EngineFailed, EngineStartFailed
from edgesegd.core.messages import (
    LONGEST_LINE,
    EngineReady,
    EngineSetup,
    FrameJob,
    Message,
    from_line,
    read_result,
    to_line,
)
from edgesegd.core.result import FrameResult
from edgesegd.scheduler.job import Job

log = logging.getLogger(__name__)

LAST_WORDS = 20
"""Lines of the engine's output that are kept to explain its end."""
CHATTER = ("INFO:", "I0000")
"""How lines begin that runtimes say whenever they start."""
CLOSE_SECONDS = 2.0
"""How long an engine may take to leave once its socket is closed."""


async def _run_engine(socket_fd: int, arena_fd: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edgesegd.engine",
        str(socket_fd),
        str(arena_fd),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=(socket_fd, arena_fd),
        limit=LONGEST_LINE,
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


class EngineLost(Exception):
    """The engine ended, hung or failed.

    `cause` is "crash", "hang", or what the engine said: "invoke", "nan", "constant", "drift".
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class EngineLink:
    """A running engine with its model loaded.

    Its socket, its shared memory and its process live and die together. `ready` is what it said
    of itself, `pid` its process id. `lost` ends when the engine is gone.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        arena: Arena,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.ready = EngineReady("", "", 0, 0, 0, 0.0)
        self.pid = process.pid
        self._process = process
        self._arena = arena
        self._reader = reader
        self._writer = writer
        self._free = list(range(arena.slots))
        self._pending: deque[asyncio.Future[Message]] = deque()
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._listening = asyncio.create_task(self._listen_to_output())
        self.lost: asyncio.Task[None] = asyncio.create_task(self._read_answers())

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
                ours, theirs = socket.socketpair()
                on_failure.enter_context(ours)
                with theirs:
                    process = await _run_engine(theirs.fileno(), arena.fd)
                on_failure.callback(_kill, process)
                reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_LINE)
            except OSError as error:
                raise EngineStartFailed(f"no engine process: {error}") from error
            on_failure.pop_all()
        return cls(process, arena, reader, writer)

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

        An engine that does not answer in `answer_seconds` is killed: a hung driver cannot be
        interrupted otherwise.
        """
        number = self._free.pop()
        slot = self._arena.slot(number)
        slot[: len(job.data)] = job.data
        request = FrameJob(number, len(job.data), job.deadline, job.frame, job.options)
        try:
            async with asyncio.timeout(answer_seconds):
                answer = await self._ask(request.to_message())
            return replace(read_result(answer, slot), delegate=self.ready.delegate)
        except TimeoutError:
            self.kill()
            raise EngineLost("hang", f"no answer in {answer_seconds:.1f} s") from None
        except (EngineFailed, EngineDistrusted) as failed:
            raise EngineLost(failed.cause, str(failed)) from None
        finally:
            slot.release()
            self._free.append(number)

    def kill(self) -> None:
        """End the engine at once, whatever it does; `close` must follow."""
        _kill(self._process)

    async def close(self) -> None:
        """Let the engine finish what it does and leave; kill it if it stays. Once only.

        One that is stuck in a driver of the kernel cannot even be killed. It is left behind.
        """
        self._writer.close()
        if not await self._ends():
            self.kill()
            if not await self._ends():
                log.error("engine %d cannot be killed: a driver holds it in the kernel", self.pid)
                self.lost.cancel()
                self._listening.cancel()
        await asyncio.gather(self.lost, self._listening, return_exceptions=True)
        self._arena.close()

    async def _ends(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._process.wait()
        return self._process.returncode is not None

    async def _ask(self, message: Message) -> Message:
        if self.lost.done():
            raise self._loss()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending.append(answer)
        self._writer.write(to_line(message))
        return await answer

    async def _read_answers(self) -> None:
        """Settle what was asked, in order; at the engine's end tell all who still wait."""
        try:
            while line := await self._reader.readline():
                message = from_line(line)
                answer = self._pending.popleft()
                if not answer.done():
                    answer.set_result(message)
        except (ConnectionError, ValueError, IndexError):  # half a line, or what was not asked
            self.kill()
        await self._process.wait()
        await self._listening
        for answer in self._pending:
            if not answer.done():
                answer.set_exception(self._loss())

    async def _listen_to_output(self) -> None:
        output = self._process.stdout
        while output is not None and (line := await output.readline()):
            text = line.decode(errors="replace").rstrip()
            if not text.startswith(CHATTER):
                self._last_words.append(text)
            # What keeps an engine from starting is told by the error that comes of it.
            quiet = text.startswith(CHATTER) or not self.ready.runtime
            log.log(logging.DEBUG if quiet else logging.WARNING, "engine %d: %s", self.pid, text)

    def _loss(self) -> EngineLost:
        if self._process.returncode == -signal.SIGALRM:
            return EngineLost("hang", "an invoke took many times as long as usual")
        return EngineLost("crash", self._how_it_ended())

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            try:
                ending = f"killed by {signal.Signals(-code).name}"
            except ValueError:
                ending = f"killed by signal {-code}"
        else:
            ending = f"exited with status {code}"
        return f"{ending}: {self._last_words[-1]}" if self._last_words else ending
