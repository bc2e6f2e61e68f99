"""The kernel tells of addresses that come and go: the daemon's way, and the client's."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from edgeseg_client.discovery.address_changes import address_changes
from edgesegd.board.address_watch import AddressWatch

ADDRESS = "127.231.0.9/32"


@contextmanager
def address_watch(on_change: Callable[[], None]) -> Iterator[None]:
    watch = AddressWatch(on_change)
    watch.start()
    yield
    watch.close()
    watch.close()


@pytest.mark.system
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="needs root, and `apt-get install iproute2`: an address is added to loopback",
)
@pytest.mark.parametrize("watching", [address_watch, address_changes])
async def test_an_address_that_comes_or_goes_is_noticed(
    watching: Callable[[Callable[[], None]], AbstractContextManager[None]],
) -> None:
    changed = asyncio.Event()
    with watching(changed.set):
        for action in ("add", "del"):
            changed.clear()
            subprocess.run(["ip", "address", action, ADDRESS, "dev", "lo"], check=True)
            async with asyncio.timeout(10):
                await changed.wait()
