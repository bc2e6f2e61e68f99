"""What signals ask of the daemon."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
from collections.abc import Coroutine


class Signals:
    """Signals as events: `stop` is set when the daemon should drain, `reload` for its models.

    SIGTERM, SIGINT and, with a terminal, SIGHUP set `stop`; without a terminal SIGHUP sets
    `reload`. SIGUSR1 prints the stacks of all threads, and so does SIGABRT, with which systemd's
    watchdog ends the daemon.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()

    def catch(self) -> None:
        """Handle signals from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        if not _has_terminal():
            loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(signal.SIGHUP, self._on_stop, signal.SIGHUP)
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    async def stop_or(self, task: asyncio.Task[None]) -> None:
        """Wait until `stop` is set or `task` has ended, whichever comes first."""
        stopping = asyncio.create_task(self.stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def unless_stopped(self, work: Coroutine[object, object, None]) -> bool:
        """Do `work`, or cancel it when `stop` is set; whether it was done. Raises its errors."""
        working = asyncio.create_task(work)
        await self.stop_or(working)
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return False
        working.result()
        return True

    def _on_stop(self, number: int) -> None:
        """Drain at the first signal; at the second, end the process and its engines at once."""
        if self.stop.is_set():
            os._exit(128 + number)
        self.stop.set()


def _has_terminal() -> bool:
    """Whether this process has a terminal, which sends SIGHUP when it is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
