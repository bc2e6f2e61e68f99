"""A client on the same board that borrows all the shared memory there is."""

from __future__ import annotations

import time

from attacks.target import Seen, Target, short
from edgeseg_client import Client, EdgesegClientError
from edgeseg_client.shared_memory import Region, lease_region

SUFFIX = ".memory"
"""Of the socket where memory is lent; see SharedMemoryHandle in the contract."""
SIZES = (32 << 20, 1 << 20, 4096)
MAX_REGIONS = 1000
EVERY_SECONDS = 1.0


def lent_memory(target: Target, until: float, seen: Seen) -> None:
    """Borrow and hold; look each second what a client is told that comes now."""
    held: list[Region] = []
    while time.monotonic() < until:
        for size in SIZES:
            _borrow_all(target, size, held, until, seen)
        _come_anew(target, until, seen)
        time.sleep(max(0.0, min(EVERY_SECONDS, until - time.monotonic())))
    for region in held:
        region.close()


def _borrow_all(target: Target, size: int, held: list[Region], until: float, seen: Seen) -> None:
    while len(held) < MAX_REGIONS and time.monotonic() < until:
        try:
            held.append(lease_region(target.socket + SUFFIX, size))
            seen[f"regions of {size:,} bytes"] += 1
        except EdgesegClientError as error:
            seen[short(f"refused {size:,} bytes: {error}")] += 1
            return


def _come_anew(target: Target, until: float, seen: Seen) -> None:
    """A client that comes now and asks for memory."""
    left = max(0.1, until - time.monotonic())
    address = f"unix://{target.socket}"
    try:
        with Client(address, shared_memory=True, timeout=left, retry_for=0.0) as client:
            client.frame_buffer(64, 64).discard()
        seen["a new client has memory"] += 1
    except EdgesegClientError as error:
        seen[short(f"a new client: {error}")] += 1
