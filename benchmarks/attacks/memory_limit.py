"""A limit of the memory of a daemon and its engines together: a control group of Linux."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class MemoryLimit:
    """A control group of `size` bytes without swap, of version 2 or 1.

    Raises PermissionError if this user may not create one, or another OSError with the reason.
    """

    def __init__(self, size: int) -> None:
        two = (ROOT / "cgroup.controllers").exists()
        parent, limit, swap = (
            (ROOT, "memory.max", ("memory.swap.max", 0))
            if two
            else (ROOT / "memory", "memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", size))
        )
        self._folder = parent / f"edgeseg-attack-{os.getpid()}"
        self._own = parent / _own_group("" if two else "memory").lstrip("/")
        self._kills = "memory.events" if two else "memory.oom_control"
        self._folder.mkdir()
        try:
            (self._folder / limit).write_text(str(size), encoding="ascii")
            with contextlib.suppress(OSError):  # a kernel without swap accounting
                (self._folder / swap[0]).write_text(str(swap[1]), encoding="ascii")
        except OSError:
            self._folder.rmdir()
            raise

    @contextlib.contextmanager
    def for_children(self) -> Iterator[None]:
        """Processes started within the block are in the group from their first instruction on.

        This process is in it, too, until the end of the block.
        """
        self._move_to(self._folder)
        try:
            yield
        finally:
            self._move_to(self._own)

    @property
    def kills(self) -> int:
        """How many processes the kernel ended because there was no memory."""
        text = (self._folder / self._kills).read_text(encoding="ascii")
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def close(self) -> None:
        """Remove the group; its processes have ended."""
        self._folder.rmdir()

    @staticmethod
    def _move_to(folder: Path) -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def _own_group(controller: str) -> str:
    """The path of this process's group below the controller's mount."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    raise FileNotFoundError(f"this process is in no group of {controller or 'version 2'}")
