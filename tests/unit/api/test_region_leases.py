"""Leased memory: which clients may refer to which bytes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.api.region_leases import RegionLeases
from edgesegd.core.errors import InvalidFrame, Overloaded
from edgesegd.scheduling.fair_limit import FairLimit

ONE = ("process 1",)


def make(limit: int) -> RegionLeases:
    return RegionLeases(FairLimit(limit, "bytes of shared memory"))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_bytes_that_a_client_writes_into_its_region_are_found() -> None:
    regions = make(1000)
    region = regions.allocate(100, ONE)
    assert os.pwrite(region.descriptor, b"frame", 10) == 5
    assert bytes(regions.find(region.number, 10, 5).view) == b"frame"
    assert bytes(regions.find(region.number, 0, 100).view).count(0) == 95


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 101), (100, 1), (99, 2), (1 << 64, 1), ((1 << 64) - 1, (1 << 64) - 1), (50, 51)],
)
def test_bytes_outside_a_region_are_not_found(offset: int, length: int) -> None:
    regions = make(1000)
    region = regions.allocate(100, ONE)
    with pytest.raises(InvalidFrame, match="not within the region's 100 bytes"):
        regions.find(region.number, offset, length)


def test_regions_of_others_cannot_be_guessed_and_returned_ones_not_be_named() -> None:
    regions = make(1 << 20)
    leased = [regions.allocate(100, ONE) for _ in range(20)]
    numbers = {region.number for region in leased}
    assert len(numbers) == 20
    assert min(numbers) > 1 << 32
    regions.release(leased[0])
    for number in (leased[0].number, 0, 1, leased[1].number ^ 1):
        with pytest.raises(InvalidFrame, match=f"no region {number} of shared memory"):
            regions.find(number, 0, 1)


def test_all_regions_together_have_a_limit() -> None:
    regions = make(1000)
    for silly in (0, -1, 501):
        with pytest.raises(InvalidFrame, match="1 to 500 bytes"):
            regions.allocate(silly, ONE)
    first = regions.allocate(400, ONE)
    with pytest.raises(Overloaded, match=r"can have 1,000 bytes of shared memory: 400 are in use"):
        regions.allocate(201, ONE)
    regions.allocate(200, ONE)
    regions.release(first)
    del first
    assert regions.size == 200
    regions.allocate(400, ONE)


def test_one_client_cannot_lease_what_is_left_for_others() -> None:
    regions = make(1000)
    held = [regions.allocate(100, ONE) for _ in range(5)]
    with pytest.raises(Overloaded, match="500 are in use, 500 of them by this client"):
        regions.allocate(100, ONE)
    others = [regions.allocate(100, (f"process {number}",)) for number in range(2, 6)]
    assert regions.size == 900
    del held, others


def test_a_region_that_cannot_be_made_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str, _flags: int) -> int:
        raise OSError("no descriptor is left")

    monkeypatch.setattr(os, "memfd_create", refuse)
    regions = make(1000)
    with pytest.raises(OSError, match="no descriptor"):
        regions.allocate(100, ONE)
    assert regions.size == 0


def test_a_region_counts_for_as_long_as_a_frame_waits_in_it() -> None:
    """A client could hold any number otherwise, with a connection after another."""
    regions = make(1000)
    region = regions.allocate(500, ONE)
    frame = regions.find(region.number, 0, 5)
    regions.release(region)
    del region
    assert regions.size == 500
    with pytest.raises(Overloaded, match="500 are in use"):
        regions.allocate(1, ONE)
    del frame
    assert regions.size == 0
    regions.allocate(500, ONE)


def test_a_client_cannot_change_the_size_of_its_region() -> None:
    region = make(10_000).allocate(5000, ONE)
    for size in (0, 4999, 5001):
        with pytest.raises(PermissionError):
            os.ftruncate(region.descriptor, size)


def test_a_frame_outlives_its_region_and_no_descriptor_stays() -> None:
    before = descriptors()
    regions = make(1000)
    region = regions.allocate(100, ONE)
    os.pwrite(region.descriptor, b"frame", 0)
    frame = regions.find(region.number, 0, 5)
    regions.release(region)
    assert bytes(frame.view) == b"frame"
    del frame, region
    assert descriptors() == before
