"""Files of the system that we write, marked so that a later change by others is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgesegd.files.replacing import replacing

MARK = "# Written by `edgesegd install-service`; below, SHA-256 "
"""Begins the first line; after it comes the hash of all that follows that line."""


def with_mark(text: str) -> str:
    """The content of a file with its mark; every line that begins with # must be a comment."""
    return f"{MARK}{_hash(text)}\n{text}"


def is_ours(path: Path) -> bool:
    """Whether a file is as we wrote it, in this version or in another; raises OSError."""
    first, _, rest = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    return first == MARK + _hash(rest)


def write(path: Path, text: str) -> str:
    """Write a text with its mark; returns what was done. A file of others is kept as PATH.bak.

    Raises OSError.
    """
    done = "wrote"
    if path.exists():
        done = "updated"
        if not is_ours(path):
            kept = path.with_name(path.name + ".bak")
            path.replace(kept)
            done = f"kept the old file as {kept.name}, and wrote"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(with_mark(text).encode())
    path.chmod(0o644)
    return done


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
