"""Reads single values from files of sysfs."""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str:
    """The content without the newline; "" if there is no such file or the driver fails."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def read_number(path: Path, base: int = 10) -> int | None:
    """The number in a file; None if it holds none, or cannot be read."""
    try:
        return int(read_text(path), base)
    except ValueError:
        return None
