"""Health over HTTP: pages for probes, such as those of Kubernetes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

HEALTHZ, READYZ = "/healthz", "/readyz"
TURN_SECONDS = 2.0
"""How long the event loop may take for one turn; it does in milliseconds what it has to do."""


class Page(NamedTuple):
    """Whether all is well, and a line that says so, or what is wrong."""

    is_well: bool
    line: str


class LoopCheck:
    """Asks the event loop in which it was created whether it still turns, from other threads."""

    def __init__(self, seconds: float = TURN_SECONDS) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds

    def __call__(self) -> Page:
        """Wait until the loop has called what this gave to it, or for too long."""
        turned = threading.Event()
        try:
            self._loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # it is closed
            return Page(False, "the daemon has stopped")
        if turned.wait(self._seconds):
            return Page(True, "ok")
        return Page(False, f"the event loop has not turned for {self._seconds:g} s")


def health_pages(
    *, is_alive: Callable[[], Page], why_not_ready: Callable[[], str]
) -> dict[str, Callable[[], Page]]:
    """The pages by their paths: whether the process lives, and whether frames can be served now.

    `why_not_ready` returns what is in the way of frames, empty if nothing is.
    """

    def is_ready() -> Page:
        alive = is_alive()
        if not alive.is_well:
            return alive
        why = why_not_ready()
        return Page(not why, why or "ok")

    return {HEALTHZ: is_alive, READYZ: is_ready}
