"""One candidate in a child process, with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from typing import Any

from edgesegd.core.errors import DelegateMissing
from edgesegd.core.trial import Measured, TrialOrder


class TrialFailed(Exception):
    """The candidate cannot be used; the text says why and where it ended."""


class NothingToTry(TrialFailed):
    """The candidate is not on this machine."""


async def try_delegate(order: TrialOrder, *, seconds: float) -> Measured:
    """What the child measured; raises TrialFailed. A child that is not done in time is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edgesegd.engine.trial",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    listener = _Listener()
    try:
        async with asyncio.timeout(seconds):
            await listener.follow(process, order)
    except TimeoutError:
        raise TrialFailed(f"no answer in {seconds:g} s, in {listener.stage}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return listener.verdict(process.returncode)


class _Listener:
    """Hears what the child says."""

    def __init__(self) -> None:
        self.stage = "start"
        self._last: dict[str, Any] = {}

    async def follow(self, process: asyncio.subprocess.Process, order: TrialOrder) -> None:
        """Give the order, listen until the child ends."""
        if process.stdin is None or process.stdout is None:
            return
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(order.to_message()).encode() + b"\n")
            await process.stdin.drain()
        while line := await process.stdout.readline():
            with contextlib.suppress(ValueError):  # libraries print too
                self._hear(json.loads(line))
        await process.wait()

    def _hear(self, message: object) -> None:
        if isinstance(message, dict):
            self._last = message
            self.stage = str(message.get("stage", self.stage))

    def verdict(self, code: int | None) -> Measured:
        """What was measured, unless something went wrong on the way or at the end."""
        if code is not None and code < 0:
            raise TrialFailed(f"crashed: {signal.Signals(-code).name} in {self.stage}")
        if "error" in self._last:
            missing = self._last["error"] == DelegateMissing.__name__
            raise (NothingToTry if missing else TrialFailed)(self._last["message"])
        if code or "measured" not in self._last:
            raise TrialFailed(f"exited with status {code} in {self.stage}")
        return Measured(**self._last["measured"])
