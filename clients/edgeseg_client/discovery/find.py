"""Finds one daemon, for a client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from edgeseg_client.discovery.found import NO_TLS, Change, FoundDaemon
from edgeseg_client.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from edgeseg_client.discovery.browser import Browser

SCHEME: Final = "discover:"
"""What an address begins with that is a name to be found."""
FIND_SECONDS: Final = 3.0
"""How long to look for a name; without one, for all daemons that there may be."""


def load_browser() -> type[Browser]:
    """The class; raises `InvalidRequest` if what it needs is not installed."""
    try:
        from edgeseg_client.discovery.browser import Browser  # noqa: PLC0415 # in an extra
    except ModuleNotFoundError as error:
        if error.name != "zeroconf":
            raise
        raise InvalidRequest(
            "finding daemons needs zeroconf: pip install 'edgeseg[discovery]', or on Debian apt"
            " install python3-zeroconf"
        ) from error
    return Browser


async def find_address(name: str, *, encrypted: bool) -> str:
    """The address HOST:PORT of the daemon with that name, in any case; "" for the only one.

    Raises `Unavailable` if there is none, and `InvalidRequest` if there are several without a name,
    or if the connection would be `encrypted` and the daemon has no TLS, or the other way round.
    """
    daemon = await _find(name)
    if daemon.tls != NO_TLS and not encrypted:
        raise InvalidRequest(
            f"{daemon.name} at {daemon.address} uses TLS; give the certificates by which it is"
            " known (credentials= or --ca)"
        )
    if daemon.tls == NO_TLS and encrypted:
        raise InvalidRequest(
            f"{daemon.name} at {daemon.address} does not use TLS; leave the certificates out"
            " (credentials= or --ca)"
        )
    return daemon.address


async def _find(name: str) -> FoundDaemon:
    came = asyncio.Event()

    def notice(change: Change) -> None:
        if change.daemon.name.lower() == name.lower():
            came.set()

    async with load_browser()(notice) as browser:
        try:
            async with asyncio.timeout(FIND_SECONDS):
                await came.wait()
        except TimeoutError:
            pass
        found = list(browser.daemons.values())
    if not name and len(found) > 1:
        names = ", ".join(sorted(SCHEME + each.name for each in found))
        raise InvalidRequest(f"there are several daemons; choose one: {names}")
    for daemon in found:
        if not name or daemon.name.lower() == name.lower():
            return daemon
    within = f"was found within {FIND_SECONDS:g} s"
    if not name:
        raise Unavailable(f"no daemon {within}; `edgesegd serve --announce` announces one")
    others = ", ".join(sorted(f"{each.name} ({each.address})" for each in found))
    raise Unavailable(f"no daemon called {name} {within}; there is {others or 'no other'}")
