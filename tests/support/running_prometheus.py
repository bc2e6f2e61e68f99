"""A real Prometheus, and what it answers."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

SECONDS = 60.0
PAUSE = 0.1


def installed(name: str) -> str:
    """The path of Debian's `prometheus` or `promtool`; skips the test if it is missing."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is missing; on Debian: apt install prometheus")
    return program


@dataclass(frozen=True)
class Access:
    """How to read from a Prometheus with TLS and a password; its options of the command line."""

    web_config: Path
    authority: Path
    user: str
    password: str


class RunningPrometheus:
    """Prometheus with the file `config`; it is ready after construction, and ends with the context.

    `output` is the file with what it logs. `more` are further options of the command line.
    """

    def __init__(self, config: Path, *more: str, access: Access | None = None) -> None:
        program = installed("prometheus")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"{'https' if access else 'http'}://{self.address}"
        self._access = access
        self.output = config.with_suffix(".log")
        flags = [f"--config.file={config}", f"--web.listen-address={self.address}"]
        if access is not None:
            flags.append(f"--web.config.file={access.web_config}")
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [program, *flags, *more],
                cwd=config.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            self.wait_until(self._ready)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert status == 0, self.output.read_text(encoding="utf-8")

    def series(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now, each with `metric` and `value`."""
        found = self.get("query", query=expression)["result"]
        assert isinstance(found, list), f"{expression} gives no vector but {found}"
        return found

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression, as soon as there are any."""
        self.wait_until(lambda: bool(self.series(expression)), f"no series: {expression}")
        return self.series(expression)

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 # any JSON
        """The data of an answer of the API; an error of the expression is an AssertionError."""
        query = urllib.parse.urlencode(parameters)
        try:
            with self._open(f"/api/v1/{path}?{query}") as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def wait_until(self, condition: Callable[[], bool], text: str = "not ready") -> None:
        """Ask again and again: Prometheus gives no event."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self._process.poll() is None, self.output.read_text(encoding="utf-8")
            if time.monotonic() > deadline:
                log = self.output.read_text(encoding="utf-8")
                raise AssertionError(f"{text} after {SECONDS} s\n{log}")
            time.sleep(PAUSE)

    def _ready(self) -> bool:
        try:
            with self._open("/-/ready") as answer:
                return int(answer.status) == 200
        except OSError:  # not listening yet, or not ready
            return False

    def _open(self, path: str) -> Any:  # noqa: ANN401 # as urllib says
        request = urllib.request.Request(self.url + path)
        context = None
        if self._access is not None:
            both = f"{self._access.user}:{self._access.password}".encode()
            request.add_header("Authorization", f"Basic {base64.b64encode(both).decode()}")
            context = ssl.create_default_context(cafile=self._access.authority)
        return urllib.request.urlopen(request, timeout=SECONDS, context=context)
