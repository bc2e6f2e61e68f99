"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives the path of a file to write, which replaces the one at `path` when that has succeeded.

    If it fails, no file is left of it.
    """
    part = path.with_name(f".edgeseg-{os.getpid()}.part")  # `path` may be as long as a name can be
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())  # else an empty file may have the name after a power cut
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
