"""One candidate in a child process, which may not fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from typing import Any

from edgesegd.awake import done_within
from edgesegd.child import Child, ending
from edgesegd.core.errors import DelegateMissing, RuntimeMissing
from edgesegd.core.messages import error_from
from edgesegd.core.trial import Measured, TrialOrder
from edgesegd.probe.step_timeout import StepTimeout

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 1 << 20
"""Bytes; what the child says is far below."""
LAST_WORDS_SECONDS = 0.5
"""For what the child said right before its end to be read."""
KILL_SECONDS = 2.0
"""For a child that was killed to end; one that a driver holds in the kernel does not."""


class TrialFailed(Exception):
    """The candidate cannot be used; the text says why and where it ended."""


class NothingToTry(TrialFailed):
    """The candidate is not on this machine."""


async def try_delegate(order: TrialOrder, *, timeout: StepTimeout) -> Measured:  # noqa: ASYNC109 # of each step
    """What the child measured; `timeout` sees each of its invokes.

    Raises TrialFailed, RuntimeMissing, or OSError where there can be no child. A child that is
    silent for too long is killed, and all that it started with it; one that cannot even be killed
    is left behind.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_MESSAGE)
        with contextlib.closing(writer):
            child = await Child.start("edgesegd.engine.trial", (theirs.fileno(), order.reference))
            theirs.close()
            return await _hear_out(child, order, reader, writer, timeout)


async def _hear_out(
    child: Child,
    order: TrialOrder,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    timeout: StepTimeout,  # noqa: ASYNC109 # of each step
) -> Measured:
    hearing = _Hearing(timeout)
    listening = asyncio.create_task(hearing.listen(reader))
    why = ""
    try:
        writer.write(json.dumps(order.to_message()).encode() + b"\n")
        if await hearing.until_end_of(child):
            await asyncio.wait({listening}, timeout=LAST_WORDS_SECONDS)
        else:
            why = f"no answer in {timeout.seconds:g} s, in {hearing.stage}"
    finally:
        child.kill()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        ended = await child.ends_in(KILL_SECONDS)
        if not ended:
            log.error("trial %d cannot be killed: a driver holds it in the kernel", child.pid)
            child.forget()
    if why:
        held = "" if ended else "; it cannot be killed, for a driver holds it in the kernel"
        raise TrialFailed(why + held)
    return hearing.verdict(child.ended.result())


class _Hearing:
    """What the child says, on a socket of its own, for libraries print on its output."""

    def __init__(self, timeout: StepTimeout) -> None:
        self.stage = "start"
        self._timeout = timeout
        self._word = asyncio.Event()
        self._last: dict[str, Any] = {}

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Hear all messages until the child ends."""
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                self._last = json.loads(line)
                self.stage = self._last.get("stage", self.stage)
                self._timeout.observe(self._last.get("invoke_seconds", 0.0))
                self._word.set()

    async def until_end_of(self, child: Child) -> bool:
        """Whether it ended, before it was silent for too long."""
        child.ended.add_done_callback(lambda _: self._word.set())
        while not child.ended.done():
            word = asyncio.create_task(self._next_word())
            if not await done_within(self._timeout.seconds, word):
                return False
        return True

    async def _next_word(self) -> None:
        await self._word.wait()
        self._word.clear()

    def verdict(self, status: int) -> Measured:
        """What was measured, unless something went wrong on the way or at the end."""
        if status < 0:
            raise TrialFailed(f"crashed: {ending(status)} in {self.stage}")
        if "error" in self._last:
            error = error_from(self._last)
            if isinstance(error, RuntimeMissing):
                raise error
            raise (NothingToTry if isinstance(error, DelegateMissing) else TrialFailed)(str(error))
        if status or "measured" not in self._last:
            raise TrialFailed(f"exited with status {status} in {self.stage}")
        return Measured(**self._last["measured"])
