"""How much of the board other programs use."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
PROCESSES = Path("/proc")
IDLE = (3, 4)
"""Of the times in the first line of /proc/stat, those of idle and iowait; see proc(5)."""
COUNTED = 8
"""The times there up to what other machines of the host stole; then come guests, counted above."""
UTIME = 11
"""The field of /proc/PID/stat after the name's: utime, and after it stime."""


class BoardLoad:
    """What programs that are neither this process nor its children used since this was made.

    On a virtual machine also what others on the same host took: an invoke is slower by that, too.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._others = _seconds_of_others()

    @property
    def cores(self) -> float:
        """Cores that they used on average; 0 where the system does not tell."""
        elapsed = time.monotonic() - self._since
        return max(0.0, _seconds_of_others() - self._others) / max(elapsed, 1e-6)


def _seconds_of_others() -> float:
    """CPU seconds since the board's start of all but this process and its children."""
    try:
        times = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1 : COUNTED + 1]
    except (OSError, ValueError):
        return 0.0
    busy = sum(int(value) for number, value in enumerate(times) if number not in IDLE)
    ours = os.times()
    own = ours.user + ours.system + ours.children_user + ours.children_system
    return busy / os.sysconf("SC_CLK_TCK") - own - sum(map(_seconds_of, _children()))


def _children() -> list[int]:
    """Process ids of the children that live."""
    found = []
    for task in (PROCESSES / "self/task").glob("*/children"):
        try:
            found += list(map(int, task.read_text(encoding="ascii").split()))
        except OSError:  # the thread ended
            continue
    return found


def _seconds_of(pid: int) -> float:
    """CPU seconds of a process; 0 where it ended."""
    try:
        stat = (PROCESSES / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[UTIME : UTIME + 2])) / os.sysconf("SC_CLK_TCK")
