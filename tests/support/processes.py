"""Processes that are not our children: their end is an event, and their id stays theirs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

END_SECONDS = 20.0
"""For a process that was killed, or whose parent was, on a busy machine."""


def is_running(pid: int) -> bool:
    """Whether it has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class WatchedProcess:
    """Watches a process that runs now, by a descriptor of the kernel's (Linux only).

    As a context manager it kills what still runs at the end.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        os.close(self._descriptor)

    async def ended(self) -> None:
        """Wait for its end, a zombie counts; raises TimeoutError after END_SECONDS."""
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._descriptor, end.set)
        try:
            async with asyncio.timeout(END_SECONDS):
                await end.wait()
        finally:
            loop.remove_reader(self._descriptor)
