"""Which process Linux ends first if the board runs out of memory."""

from __future__ import annotations

import contextlib
from pathlib import Path

SCORE = Path("/proc/self/oom_score_adj")
ENGINES = 500
"""From -1000 to 1000, see proc(5): counts as if it used half of the board's memory more."""


def be_the_victim() -> None:
    """Let Linux end this process before the front; the front starts another and keeps streams."""
    with contextlib.suppress(OSError):  # not Linux, or a sandbox
        SCORE.write_text(str(ENGINES), encoding="ascii")
