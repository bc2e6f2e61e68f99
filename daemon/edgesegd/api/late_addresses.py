"""Waits for addresses that a machine gets some time after its boot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from edgesegd.api.binding import bind_one_port
from edgesegd.board.addresses import UNIX, resolve, split_address
from edgesegd.concurrency.abandonable import run_abandonable
from edgesegd.core.errors import AddressMissing, StartupError

RETRY_SECONDS = 1.0
"""The kernel tells of new addresses, but nobody of a name that becomes known."""


async def wait_for_addresses(
    addresses: Sequence[str], seconds: float, on_wait: Callable[[str], None]
) -> None:
    """Wait until this machine has all `addresses` ("HOST:PORT"), but at most `seconds`.

    `on_wait` is called with the reason when it changes. Whether an address is malformed or in use
    is for the one who listens there to say.
    """
    reason = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            # A stop does not wait for a name server that does not answer.
            while missing := await run_abandonable(partial(_why_missing, addresses)):
                if missing != reason:
                    on_wait(missing)
                    reason = missing
                await asyncio.sleep(RETRY_SECONDS)


def _why_missing(addresses: Sequence[str]) -> str:
    """Why the first address that this machine does not have is none; empty if it has all."""
    for address in addresses:
        if not address or address.startswith(UNIX):
            continue
        try:
            with contextlib.ExitStack() as stack:
                bind_one_port(address, resolve(*split_address(address)), stack)
        except AddressMissing as error:
            return str(error)
        except StartupError:
            continue
    return ""
