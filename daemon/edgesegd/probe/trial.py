"""One candidate in a child process, which may not fall silent."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

from edgesegd.core.errors import DelegateMissing, RuntimeMissing
from edgesegd.ipc.awake import done_within
from edgesegd.ipc.child import Child, ending
from edgesegd.ipc.messages import error_from
from edgesegd.ipc.trial_messages import TrialOrder, Tried
from edgesegd.probe.step_timeout import StepTimeout

log = logging.getLogger(__name__)

MAX_MESSAGE = 1 << 20
"""Bytes; what the child says is far below."""
LAST_WORDS_SECONDS = 0.5
"""For what the child said right before its end to be read."""
KILL_SECONDS = 2.0
"""For a child that was killed to end; one that a driver holds in the kernel does not."""
HELD = "it cannot be killed, for a driver holds it in the kernel"
INVOKE = b"{}\n"


class TrialFailed(Exception):
    """The candidate cannot be used; the text says why and where it ended.

    `trial` is its own where that was running.
    """

    trial: Trial | None = None


class NothingToTry(TrialFailed):
    """The candidate is not on this machine."""


class Trial:
    """A candidate that is loaded, gave the probe's masks, and invokes when it is told to.

    `tried` is what came of that. Whatever a method waits for, the child may be silent for as long
    as `timeout` says, which sees each of its invokes; then it is killed, and all that it started
    with it; one that cannot even be killed is left behind. `close` must be called.
    """

    tried: Tried

    def __init__(
        self,
        child: Child,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timeout: StepTimeout,
    ) -> None:
        self._child = child
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._stage = "start"
        self._left_behind = False

    @classmethod
    async def start(cls, order: TrialOrder, *, timeout: StepTimeout) -> Trial:  # noqa: ASYNC109 # of each step
        """Try what is ordered.

        Raises TrialFailed, RuntimeMissing, or OSError where there can be no child.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_MESSAGE)
            try:
                child = await Child.start(
                    "edgesegd.engine.trial", (theirs.fileno(), order.reference)
                )
            except BaseException:
                writer.close()
                raise
        trial = cls(child, reader, writer, timeout)
        try:
            writer.write(json.dumps(order.to_message()).encode() + b"\n")
            trial.tried = Tried(**await trial._hear("tried"))  # its own class
        except BaseException:
            await trial.close()
            raise
        return trial

    async def invoke(self) -> float:
        """Invoke once more; the seconds. Raises TrialFailed."""
        self._writer.write(INVOKE)
        try:
            seconds: float = await self._hear("invoke_seconds")
        except TrialFailed as failure:
            failure.trial = self
            raise
        return seconds

    async def finish(self) -> None:
        """Let it unload; raises TrialFailed, for there too a driver may crash."""
        self._writer.write_eof()
        while await self._next_message() is not None:
            pass

    async def close(self) -> None:
        """End it, whatever it does. May be called twice."""
        self._writer.close()
        await self._killed()

    async def _hear(self, key: str) -> Any:  # noqa: ANN401 # as JSON has it
        """What the child says under that key."""
        while (message := await self._next_message()) is not None:
            if key in message:
                return message[key]
        raise TrialFailed(f"exited with status 0 in {self._stage}")

    async def _next_message(self) -> dict[str, Any] | None:
        """What the child says next; None once it has ended well. Raises TrialFailed."""
        reading = asyncio.ensure_future(self._reader.readline())
        heard = asyncio.ensure_future(
            asyncio.wait({reading, self._child.ended}, return_when=asyncio.FIRST_COMPLETED)
        )
        try:
            if not await done_within(self._timeout.seconds, heard):
                await self._fell_silent()
            if not reading.done():
                await asyncio.wait({reading}, timeout=LAST_WORDS_SECONDS)
            line = reading.result() if reading.done() else b""
        except (ConnectionError, ValueError):
            line = b""
        finally:
            reading.cancel()
        if line:
            return self._read(line)
        if not await self._child.ends_in(self._timeout.seconds):
            await self._fell_silent()
        status = self._child.ended.result()
        if status < 0:
            raise TrialFailed(f"crashed: {ending(status)} in {self._stage}")
        if status:
            raise TrialFailed(f"exited with status {status} in {self._stage}")
        return None

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            raise TrialFailed(f"sends no sense in {self._stage}") from None
        self._stage = message.get("stage", self._stage)
        self._timeout.observe(message.get("invoke_seconds", 0.0))
        if "error" in message:
            error = error_from(message)
            if isinstance(error, RuntimeMissing):
                raise error
            raise (NothingToTry if isinstance(error, DelegateMissing) else TrialFailed)(str(error))
        return message

    async def _fell_silent(self) -> None:
        why = f"no answer in {self._timeout.seconds:g} s, in {self._stage}"
        raise TrialFailed(why if await self._killed() else f"{why}; {HELD}")

    async def _killed(self) -> bool:
        """Kill it; whether it ended of that."""
        if self._left_behind:
            return False
        self._child.kill()
        if await self._child.ends_in(KILL_SECONDS):
            return True
        log.error("trial %d: %s", self._child.pid, HELD)
        self._child.forget()
        self._left_behind = True
        return False
