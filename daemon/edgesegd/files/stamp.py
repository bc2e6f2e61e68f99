"""Tells whether a file has changed."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int, int]
"""What changes with a file: its number, its size, its time, and that of its owner and mode."""


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None if there is none. Raises OSError if that cannot be seen."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
