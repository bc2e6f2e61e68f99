"""Runs something that is measured in a separate process, which answers requests in lines."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, Self


class AskedProcess:
    """A Python program with `arguments`, which answers each line of JSON with another.

    It runs within a `with` block. What it writes to stderr is shown only if it ends by itself:
    runtimes write lines there that explain nothing.
    """

    def __init__(self, *arguments: object) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # closed at the end of the block
        self._process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
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
        self._errors.close()

    def ask(self, message: object) -> None:
        """Send a line."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 # as JSON has it
        """The value in the next line; raises RuntimeError if the process has ended."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._errors.seek(0)
            why = self._errors.read().decode(errors="replace").strip()
            raise RuntimeError(f"a process that is measured ended:\n{why}")
        return json.loads(line)
