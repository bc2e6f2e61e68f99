"""Reports failures of tasks that nothing awaits."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

log = logging.getLogger(__name__)


def log_failure(task: asyncio.Task[Any]) -> None:
    """Log the error of a task; add this as its done callback, so that it does not fail silently."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task failed by a fault of the daemon", exc_info=error)
