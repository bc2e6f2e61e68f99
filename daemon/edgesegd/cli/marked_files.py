"""Files of the system that we write, marked so that a later change by others is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgesegd.files.replacing import replacing

MARK = "# Written by `edgesegd install-service`; below, SHA-256 "
"""Begins the first line; after it comes the hash of all that follows that line. Only the line #! of
a script comes before, and is hashed too."""
SCRIPT = "#!"


def with_mark(text: str) -> str:
    """The content of a file with its mark; every line that begins with # must be a comment."""
    before, after = _divided(text)
    return f"{before}{MARK}{_hash(text)}\n{after}"


def is_ours(path: Path) -> bool:
    """Whether a file is as we wrote it, in this version or in another; raises OSError."""
    before, after = _divided(path.read_text(encoding="utf-8", errors="replace"))
    mark, _, rest = after.partition("\n")
    return mark == MARK + _hash(before + rest)


def write(path: Path, text: str) -> str:
    """Write a text with its mark; returns what was done. A file of others is kept as PATH.bak.

    A script can be run. Raises OSError.
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
    path.chmod(0o755 if text.startswith(SCRIPT) else 0o644)
    return done


def _divided(text: str) -> tuple[str, str]:
    """The first line of a script, or nothing; and the rest."""
    end = text.find("\n") + 1 if text.startswith(SCRIPT) else 0
    return text[:end], text[end:]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
