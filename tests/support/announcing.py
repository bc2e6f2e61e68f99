"""A daemon's announcement on loopback, where other machines cannot see it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from edgeseg_client.discovery.browser import Browser
from edgeseg_client.discovery.found import Change, FoundDaemon
from edgesegd.discovery.announcer import Announcer
from edgesegd.discovery.reachable import Listening

LOOPBACK = ("127.0.0.1",)
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ListeningOnLoopback(Listening):
    """Announces what a daemon does not: loopback."""

    def addresses(self, own: Sequence[str]) -> tuple[str, ...]:
        """Those that are given, as they are."""
        return tuple(own)


def unique_name() -> str:
    """A name that no other test of this machine announces at the same time."""
    return f"test {secrets.token_hex(6)}"


def announcer(
    name: str, pairs: Mapping[str, str], port: int = 8460, own: Sequence[str] = LOOPBACK
) -> Announcer:
    """An announcer that announces what is in `pairs` at the time, at what is in `own`."""
    where = ListeningOnLoopback(port, ("0.0.0.0",))  # noqa: S104 # not listened on
    return Announcer(name, where, describe=lambda _: pairs, own=lambda: list(own))


class Watching:
    """Sees the announcements on loopback while it is open; those of other tests are left out."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._browser = await self._stack.enter_async_context(
            Browser(self._changes.put_nowait, LOOPBACK)
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def next(self) -> Change:
        """The next change of a daemon whose name begins with the prefix."""
        async with asyncio.timeout(SECONDS):
            while True:
                change = await self._changes.get()
                if change.daemon.name.startswith(self._prefix):
                    return change

    @property
    def daemons(self) -> list[FoundDaemon]:
        """Those that are there now."""
        found = self._browser.daemons.values()
        return [each for each in found if each.name.startswith(self._prefix)]
