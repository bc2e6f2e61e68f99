"""Runs something that is measured in a separate process, which answers requests in lines."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self


class AskedProcess:
    """A Python program with `arguments`, which answers each line of JSON with another.

    It runs within a `with` block.
    """

    def __init__(self, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, message: object) -> None:
        """Send a line."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 # as JSON has it
        """The value in the next line; raises RuntimeError if the process has ended."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("a process that is measured ended; it said why above")
        return json.loads(line)
