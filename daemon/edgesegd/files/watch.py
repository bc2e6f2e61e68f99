"""Tells when files must be read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""What changes with a file: its number, its size, its time, and that of its owner and mode."""
RETRY_SECONDS = 1.0
"""After what time files that could not be read are tried again."""


class FileWatch:
    """Watches files that are read together.

    After `is_due` the user reads them and calls `read`, or `failed` if that is not possible.
    `clock` is in seconds. It is not for several threads at once.
    """

    def __init__(
        self, paths: Sequence[Path], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._seen: list[Stamp | None] = [None] * len(paths)
        self._read: list[Stamp | None] = self._seen
        self._failed: list[Stamp | None] | None = None
        self._retry_at = 0.0

    def is_due(self) -> bool:
        """Whether they have changed since they were read, or could not be read a while ago.

        Raises OSError if that cannot be seen.
        """
        self._seen = [None] * len(self._paths)
        self._seen = [stamp_of(path) for path in self._paths]
        if self._failed is None:
            return self._seen != self._read
        return self._seen != self._failed or self._clock() >= self._retry_at

    @property
    def are_there(self) -> bool:
        """Whether all of them were there when they were last looked at."""
        return None not in self._seen

    def read(self) -> None:
        """They were read as they were seen, or what is there was taken note of."""
        self._read, self._failed = self._seen, None

    def failed(self) -> bool:
        """They could not be read; returns whether this is the first time as they are now."""
        is_new = self._failed != self._seen
        self._failed, self._retry_at = self._seen, self._clock() + RETRY_SECONDS
        return is_new


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None if there is none. Raises OSError if that cannot be seen."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
