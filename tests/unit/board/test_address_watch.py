"""The kernel tells of addresses that come and go."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess

import pytest

from edgesegd.board.address_watch import AddressWatch

ADDRESS = "127.231.0.9/32"


@pytest.mark.system
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="needs root, and `apt-get install iproute2`: an address is added to loopback",
)
async def test_an_address_that_comes_or_goes_is_noticed() -> None:
    changed = asyncio.Event()
    watch = AddressWatch(changed.set)
    watch.start()
    for action in ("add", "del"):
        changed.clear()
        subprocess.run(["ip", "address", action, ADDRESS, "dev", "lo"], check=True)
        async with asyncio.timeout(10):
            await changed.wait()
    watch.close()
    watch.close()
