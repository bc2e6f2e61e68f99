"""Measures how much of the board other programs use."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
PROCESSES = Path("/proc")
IDLE = (3, 4)
"""Positions of idle and iowait among the times in the first line of /proc/stat; see proc(5)."""
COUNTED = 8
"""How many of these times are counted: up to steal. Guest times follow, which user includes."""
UTIME = 11
"""Position of utime in /proc/PID/stat, counted from the field after the name; stime follows it."""


class BoardLoad:
    """The CPU use of other programs than this process and its children since this was created.

    On a virtual machine this includes the CPU time that other machines of the host took, because
    that also slows invokes down.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._others = _seconds_of_others()

    @property
    def cores(self) -> float:
        """How many cores they used on average; 0 if the system does not report it."""
        elapsed = time.monotonic() - self._since
        return max(0.0, _seconds_of_others() - self._others) / max(elapsed, 1e-6)


def _seconds_of_others() -> float:
    """CPU seconds of all processes but this one and its children since the board's start."""
    try:
        times = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1 : COUNTED + 1]
    except (OSError, ValueError):
        return 0.0
    busy = sum(int(value) for number, value in enumerate(times) if number not in IDLE)
    ours = os.times()
    own = ours.user + ours.system + ours.children_user + ours.children_system
    return busy / os.sysconf("SC_CLK_TCK") - own - sum(map(_seconds_of, _children()))


def _children() -> list[int]:
    """Process ids of the running children."""
    found = []
    for task in (PROCESSES / "self/task").glob("*/children"):
        try:
            found += list(map(int, task.read_text(encoding="ascii").split()))
        except OSError:  # the thread ended
            continue
    return found


def _seconds_of(pid: int) -> float:
    """CPU seconds of a process; 0 if it has ended."""
    try:
        stat = (PROCESSES / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[UTIME : UTIME + 2])) / os.sysconf("SC_CLK_TCK")
