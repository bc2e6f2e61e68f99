"""Which boards a release is for: a share of them, always the same ones."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError

MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""A number of the machine's own, made at its first boot (machine-id(5))."""
_WITHOUT: Final = ("", "uninitialized")


def board_id(given: str, files: tuple[Path, ...] = MACHINE_IDS) -> str:
    """The name by which a board is told from others: the given one, or the machine's id.

    Raises ConfigError if there is none, or if the given one is no text.
    """
    if given:
        if not given.isprintable():
            raise ConfigError(f"the name of a board is printable text, not {given!r} (--board)")
        return given
    for path in files:
        try:
            found = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if found not in _WITHOUT:
            return found
    raise ConfigError(
        f"this machine has no id in {files[0]}, so it is unknown whether the release is for it; "
        "give a name that no other board has with --board"
    )


def position(release: str, board: str) -> float:
    """Where the board stands among all boards in this release, from 0 to less than 100 percent.

    It depends on nothing else, so a board of a small stage is in each larger one too, and another
    release has other boards first.
    """
    number = int.from_bytes(sha256(f"{release}\0{board}".encode()).digest()[:6], "big")
    return number * 100 / (1 << 48)


def is_for(percent: float, at: float) -> bool:
    """Whether a release for that share of boards is for a board at this position."""
    return at < percent
