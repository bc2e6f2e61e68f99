"""The targets in a file, for Prometheus' file_sd."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".json", ".yml", ".yaml")
"""The names that Prometheus reads; JSON is YAML too."""


def publish_file(path: Path, targets: bytes) -> None:
    """Replace the content of a file at once, if it is another; raises `OSError`.

    Prometheus reads the old content or the new one.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == targets:
            return
    # Its name has another ending, so that a pattern of Prometheus' does not match it.
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(targets)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)  # Prometheus is another user
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
