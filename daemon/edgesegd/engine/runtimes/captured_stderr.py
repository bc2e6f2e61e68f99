"""Captures what a library writes to stderr, if it reports it nowhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgesegd.ipc.arena import anonymous_file


class CapturedText:
    """`text` is what was written to stderr; empty until the end."""

    text = ""


@contextmanager
def capture_stderr() -> Iterator[CapturedText]:
    """Capture what this process, with its C libraries, writes to file descriptor 2.

    At the end it is also written to the real stderr. If the process crashes before, it is lost.
    """
    captured = CapturedText()
    sys.stderr.flush()
    real = os.dup(2)
    with os.fdopen(anonymous_file(), "w+b") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield captured
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            file.seek(0)
            content = file.read()
            captured.text = content.decode(errors="replace")
            os.write(2, content)
