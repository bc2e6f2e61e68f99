"""Follows the daemons of a network for long, while this machine's addresses may change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edgeseg_client.discovery.address_changes import address_changes
from edgeseg_client.discovery.find import load_browser
from edgeseg_client.discovery.found import Change, FoundDaemon
from edgeseg_client.errors import Unavailable

if TYPE_CHECKING:
    from edgeseg_client.discovery.browser import Browser

_PAUSE_SECONDS: Final = 1.0
"""An interface often gets several addresses at once."""
_RETRY_SECONDS: Final = 10.0

_log: Final = logging.getLogger(__name__)


class NetworkWatch:
    """Has the `daemons` of the network by name while it runs.

    Each time it begins to look, because it was started or this machine's addresses have changed,
    `on_settled` is called after `seconds`, when all that there are were found. `on_change` is
    called after each change.
    """

    def __init__(
        self,
        seconds: float,
        on_change: Callable[[Change], None],
        on_settled: Callable[[], None],
    ) -> None:
        self.daemons: dict[str, FoundDaemon] = {}
        self._seconds = seconds
        self._on_change = on_change
        self._on_settled = on_settled

    async def run(self) -> None:
        """Watch until cancelled; raises as `load_browser` and `Browser` do, but only at the start.

        An interface may go while it begins to look again. It is logged then, and tried again.
        """
        moved = asyncio.Event()
        started = False
        with address_changes(moved.set):
            while True:
                moved.clear()
                try:
                    async with load_browser()(self._noticed) as browser:
                        started = True
                        await self._look(browser, moved)
                except Unavailable as error:
                    if not started:
                        raise
                    _log.warning("%s; it is tried again in %g s", error, _RETRY_SECONDS)
                    await _wait(moved, _RETRY_SECONDS)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _look(self, browser: Browser, moved: asyncio.Event) -> None:
        """Look for daemons until this machine has moved to other addresses."""
        await _wait(moved, self._seconds)
        if not moved.is_set():
            self._forget_all_but({each.name for each in browser.daemons.values()})
            self._on_settled()
            await moved.wait()

    def _noticed(self, change: Change) -> None:
        """Note a change, which may be none compared to what was known before it looked again."""
        name, daemon = change.daemon.name, change.daemon
        before = self.daemons.pop(name, None)
        if change.kind == "gone":
            if before is not None:
                self._on_change(change)
            return
        self.daemons[name] = daemon
        if before != daemon:
            self._on_change(replace(change, kind="changed" if before else "appeared"))

    def _forget_all_but(self, names: set[str]) -> None:
        for name in self.daemons.keys() - names:
            self._on_change(Change("gone", self.daemons.pop(name)))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, so long at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
