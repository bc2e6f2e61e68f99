"""Which process Linux ends first if the board runs out of memory."""

from __future__ import annotations

import contextlib
from pathlib import Path

CHILDREN = 500
"""From -1000 to 1000, see proc(5): counts as if it used half of the board's memory more."""


def make_the_victim(pid: int) -> None:
    """Let Linux end this process before its parent, which can start another one."""
    with contextlib.suppress(OSError):  # not Linux, a sandbox, or it has ended
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(CHILDREN), encoding="ascii")
