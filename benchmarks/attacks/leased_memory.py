"""A client on the same board that leases all the shared memory there is."""

from __future__ import annotations

import time

from attacks.target import Seen, Target, short
from edgeseg_client import Client, EdgesegClientError
from edgeseg_client.shared_memory import Region, lease_region

SUFFIX = ".memory"
"""The suffix of the socket on which memory is leased; see SharedMemoryHandle in the contract."""
SIZES = (32 << 20, 1 << 20, 4096)
MAX_REGIONS = 1000
EVERY_SECONDS = 1.0


def leased_memory(target: Target, until: float, seen: Seen) -> None:
    """Lease all memory and hold it; ask each second what another client gets now."""
    held: list[Region] = []
    while time.monotonic() < until:
        for size in SIZES:
            _lease_all(target, size, held, until, seen)
        _come_anew(target, until, seen)
        time.sleep(max(0.0, min(EVERY_SECONDS, until - time.monotonic())))
    for region in held:
        region.close()


def _lease_all(target: Target, size: int, held: list[Region], until: float, seen: Seen) -> None:
    while len(held) < MAX_REGIONS and time.monotonic() < until:
        try:
            held.append(lease_region(target.socket + SUFFIX, size))
            seen[f"regions of {size:,} bytes"] += 1
        except EdgesegClientError as error:
            seen[short(f"refused {size:,} bytes: {error}")] += 1
            return


def _come_anew(target: Target, until: float, seen: Seen) -> None:
    """Ask for memory as a new client."""
    left = max(0.1, until - time.monotonic())
    address = f"unix://{target.socket}"
    try:
        with Client(address, shared_memory=True, timeout=left, retry_for=0.0) as client:
            client.frame_buffer(64, 64).discard()
        seen["a new client has memory"] += 1
    except EdgesegClientError as error:
        seen[short(f"a new client: {error}")] += 1
