"""Tasks that nobody awaits."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

log = logging.getLogger(__name__)


def log_failure(task: asyncio.Task[Any]) -> None:
    """To be called when such a task is done: it must not fail in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task failed by a fault of the daemon", exc_info=error)
