"""Logs which sandbox engines are in, as they report it, and does not repeat it."""

from __future__ import annotations

import logging

from edgesegd.ipc.messages import EngineReady

log = logging.getLogger(__name__)


class SandboxLog:
    """One line for each sandbox that an engine of this daemon was in, one for each missing part."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    def started(self, ready: EngineReady) -> None:
        """Log the sandbox of an engine that has started, unless another one had the same."""
        if ready.sandbox not in self._written:
            log.info("the sandbox of engines: %s", ready.sandbox)
        for missing in ready.not_sandboxed:
            if missing not in self._written:
                log.warning("a part of the sandbox of engines is missing: %s", missing)
        self._written |= {ready.sandbox, *ready.not_sandboxed}
