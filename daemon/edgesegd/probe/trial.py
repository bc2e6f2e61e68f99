"""The trial of one candidate in a child process, with a timeout for each step."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

from edgesegd.concurrency.stop_tolerant_timeout import done_within
from edgesegd.core.errors import DelegateMissing, RuntimeMissing
from edgesegd.ipc.child import ONE_THREAD, Child, ending
from edgesegd.ipc.messages import error_from
from edgesegd.ipc.trial_messages import TrialOrder, TrialResult
from edgesegd.probe.trial_timeout import TrialTimeout

log = logging.getLogger(__name__)

MAX_MESSAGE = 1 << 20
"""Bytes of a message; the child's messages are far smaller."""
LAST_OUTPUT_SECONDS = 0.5
"""How long after the child's end its last lines may still arrive."""
KILL_SECONDS = 2.0
"""How long a killed child may take to end; one that is stuck in a kernel driver does not end."""
STUCK = "it cannot be killed, because it is stuck in a kernel driver"
INVOKE = b"{}\n"


class TrialFailed(Exception):
    """The candidate cannot be used; the text says why, and in which stage it failed.

    `trial` is the trial that failed, if it was already running.
    """

    trial: Trial | None = None


class NothingToTry(TrialFailed):
    """The candidate does not exist on this machine."""


class Trial:
    """A candidate that is loaded and has made the probe's masks; it invokes once per `invoke`.

    `result` is what it reported. If the child sends nothing for as long as `timeout` says, it is
    killed with all that it started; if it cannot be killed, it is left behind. `timeout` grows with
    the child's invokes. `close` must be called.
    """

    result: TrialResult

    def __init__(
        self,
        child: Child,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timeout: TrialTimeout,
    ) -> None:
        self._child = child
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._stage = "start"
        self._left_behind = False

    @classmethod
    async def start(cls, order: TrialOrder, *, timeout: TrialTimeout) -> Trial:  # noqa: ASYNC109 # of each step
        """Start a child and let it carry out the order.

        Raises TrialFailed, RuntimeMissing, or OSError if the child cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_MESSAGE)
            try:
                child = await Child.start(
                    "edgesegd.engine.trial",
                    (theirs.fileno(), order.reference),
                    environ=ONE_THREAD,
                )
            except BaseException:
                writer.close()
                raise
        trial = cls(child, reader, writer, timeout)
        try:
            writer.write(json.dumps(order.to_message()).encode() + b"\n")
            trial.result = TrialResult(**await trial._receive("result"))  # its own class
        except BaseException:
            await trial.close()
            raise
        return trial

    async def invoke(self) -> float:
        """Invoke once more; returns the seconds. Raises TrialFailed."""
        self._writer.write(INVOKE)
        try:
            seconds: float = await self._receive("invoke_seconds")
        except TrialFailed as failure:
            failure.trial = self
            raise
        return seconds

    async def finish(self) -> None:
        """Let the child unload the delegate, where a driver may crash too; raises TrialFailed."""
        self._writer.write_eof()
        while await self._next_message() is not None:
            pass

    async def close(self) -> None:
        """End the child. May be called twice."""
        self._writer.close()
        await self._killed()

    async def _receive(self, key: str) -> Any:  # noqa: ANN401 # as JSON has it
        """The value of `key` in the next message that has it."""
        while (message := await self._next_message()) is not None:
            if key in message:
                return message[key]
        raise TrialFailed(f"exited with status 0 in {self._stage}")

    async def _next_message(self) -> dict[str, Any] | None:
        """The child's next message; None when it has ended with status 0. Raises TrialFailed."""
        reading = asyncio.ensure_future(self._reader.readline())
        line_or_end = asyncio.ensure_future(
            asyncio.wait({reading, self._child.ended}, return_when=asyncio.FIRST_COMPLETED)
        )
        try:
            if not await done_within(self._timeout.seconds, line_or_end):
                await self._raise_no_answer()
            if not reading.done():
                await asyncio.wait({reading}, timeout=LAST_OUTPUT_SECONDS)
            line = reading.result() if reading.done() else b""
        except (ConnectionError, ValueError):
            line = b""
        finally:
            reading.cancel()
        if line:
            return self._read(line)
        if not await self._child.ends_in(self._timeout.seconds):
            await self._raise_no_answer()
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
            raise TrialFailed(f"sent an invalid line in {self._stage}") from None
        self._stage = message.get("stage", self._stage)
        self._timeout.observe(message.get("invoke_seconds", 0.0))
        if "error" in message:
            error = error_from(message)
            if isinstance(error, RuntimeMissing):
                raise error
            failure = NothingToTry if isinstance(error, DelegateMissing) else TrialFailed
            raise failure(str(error)) from error
        return message

    async def _raise_no_answer(self) -> None:
        why = f"no answer in {self._timeout.seconds:g} s, in {self._stage}"
        raise TrialFailed(why if await self._killed() else f"{why}; {STUCK}")

    async def _killed(self) -> bool:
        """Kill the child; whether it has ended."""
        if self._left_behind:
            return False
        self._child.kill()
        if await self._child.ends_in(KILL_SECONDS):
            return True
        log.error("trial %d: %s", self._child.pid, STUCK)
        self._child.forget()
        self._left_behind = True
        return False
