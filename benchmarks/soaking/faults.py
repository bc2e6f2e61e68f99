"""Faults that a soak mixes into its load, each of which the daemon is to survive unchanged."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from load import Load

from edgesegd.bench.launch import LaunchedDaemon

STOPPED_SECONDS = 2.0
KILLED_CLIENTS = 4
STRANGERS = 20


class Faults:
    """Faults of one daemon, which listens at `address` too."""

    def __init__(self, daemon: LaunchedDaemon, address: str, jpeg: Path) -> None:
        self._daemon = daemon
        self._address = address
        self._jpeg = jpeg
        self._random = random.Random(1)  # noqa: S311 # repeatable
        self.all: tuple[Callable[[], None], ...] = (
            self.engine_killed,
            self.clients_killed,
            self.engine_hangs,
            self.strangers,
            self.daemon_stopped,
            self.model_loaded_again,
        )

    def engine_killed(self) -> None:
        """The engine is killed."""
        _send(signal.SIGKILL, self._daemon.engine_pid)

    def engine_hangs(self) -> None:
        """The engine is stopped, and does not go on."""
        _send(signal.SIGSTOP, self._daemon.engine_pid)

    def daemon_stopped(self) -> None:
        """Front and engine are stopped, and go on after two seconds."""
        processes = (self._daemon.process.pid, self._daemon.engine_pid)
        _send(signal.SIGSTOP, *processes)
        time.sleep(STOPPED_SECONDS)
        _send(signal.SIGCONT, *processes)

    def clients_killed(self) -> None:
        """Clients are killed in the middle of their streams."""
        for address in (self._daemon.address, self._address):
            with Load("every", address, self._jpeg, count=KILLED_CLIENTS // 2) as load:
                load.latencies(1.0)

    def strangers(self) -> None:
        """Programs that speak no HTTP/2 connect, and some say nothing."""
        host, _, port = self._daemon.address.rpartition(":")
        with contextlib.ExitStack() as stack:
            for number in range(STRANGERS):
                with contextlib.suppress(OSError):
                    connection = stack.enter_context(socket.create_connection((host, int(port)), 5))
                    connection.sendall(self._random.randbytes(100 * (number % 4)))
            time.sleep(1.0)

    def model_loaded_again(self) -> None:
        """An operator has the models read again."""
        self._daemon.process.send_signal(signal.SIGHUP)


def _send(number: signal.Signals, *processes: int | None) -> None:
    """Send a signal to those that are there."""
    for process in processes:
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
