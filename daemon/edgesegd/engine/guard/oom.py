"""Who ends where the board has no memory left."""

from __future__ import annotations

import contextlib
from pathlib import Path

SCORE = Path("/proc/self/oom_score_adj")
ENGINES = 500
"""Of -1000 to 1000, see proc(5): half of the board's memory more than it has."""


def be_the_victim() -> None:
    """Let Linux end this process before the front, which starts another and loses no stream."""
    with contextlib.suppress(OSError):  # not Linux, or a sandbox
        SCORE.write_text(str(ENGINES), encoding="ascii")
