"""Real balancers before the daemons of a test, with the configurations that are in deploy/."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
ENVOY_FILE: Final = DEPLOY / "envoy/envoy.yaml"
HAPROXY_FILE: Final = DEPLOY / "haproxy/haproxy.cfg"
TOOLS: Final = DEPLOY.parent / ".venv-balancers/bin"
"""What the Makefile installs for these tests."""
STOP_SECONDS: Final = 30.0


def find_program(name: str, advice: str) -> str:
    """The path of a program; skips the test where it is missing."""
    # Debian has some where only root's PATH leads.
    found = shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}:/usr/sbin")
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
    text, port = ENVOY_FILE.read_text(), _free_port()
    text = _replace(text, "0.0.0.0, port_value: 8460", [f"127.0.0.1, port_value: {port}"])
    hosts = [one.replace(":", ", port_value: ") for one in daemons]
    text = _replace(text, r"board-\d\.lan, port_value: 8460", hosts)
    (folder / "envoy.yaml").write_text(text)
    command = (find_envoy(), "-c", folder / "envoy.yaml", "--use-dynamic-base-id", "-l", "warning")
    return RunningBalancer(command, folder / "envoy.log", f"127.0.0.1:{port}")


def haproxy(
    folder: Path, daemons: Sequence[str], name_server: str | None = None
) -> RunningBalancer:
    """HAProxy before daemons, as many as its configuration has boards.

    With a name server, the names of the boards stay, and it is asked where they are.
    """
    text, port = HAPROXY_FILE.read_text(), _free_port()
    text = _replace(text, "bind :8460", [f"bind 127.0.0.1:{port}"])
    if name_server is None:
        text = _replace(text, r"board-\d\.lan:8460", 2 * list(daemons))
    else:
        ports = [daemon.rpartition(":")[2] for daemon in daemons]
        text = _replace(text, r"(?<=\.lan:)8460", 2 * ports)
        text = _replace(text, "parse-resolv-conf", [f"nameserver test {name_server}"])
    (folder / "haproxy.cfg").write_text(text)
    command = (find_haproxy(), "-db", "-f", folder / "haproxy.cfg")
    return RunningBalancer(command, folder / "haproxy.log", f"127.0.0.1:{port}")


def _replace(text: str, pattern: str, replacements: Sequence[str]) -> str:
    """Each place in `text` that the pattern matches, replaced by the next one."""
    assert len(re.findall(pattern, text)) == len(replacements)
    each = iter(replacements)
    return re.sub(pattern, lambda _: next(each), text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
