"""One candidate in a child process, with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

from edgesegd.child import Child, ending
from edgesegd.core.errors import DelegateMissing, RuntimeMissing
from edgesegd.core.messages import error_from
from edgesegd.core.trial import Measured, TrialOrder

LONGEST_MESSAGE = 1 << 20
"""Bytes; what the child says is far below."""
LAST_WORDS_SECONDS = 0.5
"""For what the child said right before its end to be read."""


class TrialFailed(Exception):
    """The candidate cannot be used; the text says why and where it ended."""


class NothingToTry(TrialFailed):
    """The candidate is not on this machine."""


async def try_delegate(order: TrialOrder, *, seconds: float) -> Measured:
    """What the child measured.

    Raises TrialFailed, RuntimeMissing, or OSError where there can be no child.
    A child that is not done in time is killed, and all that it started with it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_MESSAGE)
        with contextlib.closing(writer):
            child = await Child.start("edgesegd.engine.trial", (theirs.fileno(), order.reference))
            theirs.close()
            return await _hear_out(child, order, reader, writer, seconds)


async def _hear_out(
    child: Child,
    order: TrialOrder,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    seconds: float,
) -> Measured:
    hearing = _Hearing()
    listening = asyncio.create_task(hearing.listen(reader))
    try:
        writer.write(json.dumps(order.to_message()).encode() + b"\n")
        if not await child.ends_in(seconds):
            raise TrialFailed(f"no answer in {seconds:g} s, in {hearing.stage}")
        await asyncio.wait({listening}, timeout=LAST_WORDS_SECONDS)
    finally:
        child.kill()
        listening.cancel()
        await asyncio.gather(listening, child.ended, return_exceptions=True)
    return hearing.verdict(child.ended.result())


class _Hearing:
    """What the child says, on a socket of its own, for libraries print on its output."""

    def __init__(self) -> None:
        self.stage = "start"
        self._last: dict[str, Any] = {}

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Hear all messages until the child ends."""
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                self._last = json.loads(line)
                self.stage = self._last.get("stage", self.stage)

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
