"""Memory that is lent: who may name which bytes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.core.errors import InvalidFrame, Overloaded
from edgesegd.edges.regions import Regions


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_bytes_that_a_client_writes_into_its_region_are_found() -> None:
    regions = Regions(1000)
    region = regions.lend(100)
    assert os.pwrite(region.descriptor, b"frame", 10) == 5
    assert bytes(regions.find(region.number, 10, 5).view) == b"frame"
    assert bytes(regions.find(region.number, 0, 100).view).count(0) == 95


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 101), (100, 1), (99, 2), (1 << 64, 1), ((1 << 64) - 1, (1 << 64) - 1), (50, 51)],
)
def test_bytes_outside_a_region_are_not_found(offset: int, length: int) -> None:
    regions = Regions(1000)
    region = regions.lend(100)
    with pytest.raises(InvalidFrame, match="not within the 100 of the region"):
        regions.find(region.number, offset, length)


def test_regions_of_others_cannot_be_guessed_and_returned_ones_not_be_named() -> None:
    regions = Regions(1 << 20)
    lent = [regions.lend(100) for _ in range(20)]
    numbers = {region.number for region in lent}
    assert len(numbers) == 20
    assert min(numbers) > 1 << 32
    regions.take_back(lent[0])
    for number in (lent[0].number, 0, 1, lent[1].number ^ 1):
        with pytest.raises(InvalidFrame, match=f"no region {number} of shared memory"):
            regions.find(number, 0, 1)


def test_all_regions_together_have_a_limit() -> None:
    regions = Regions(1000)
    for silly in (0, -1, 1001):
        with pytest.raises(InvalidFrame, match="1 to 1,000 bytes"):
            regions.lend(silly)
    first = regions.lend(600)
    with pytest.raises(Overloaded, match="600 of 1,000 bytes are lent already"):
        regions.lend(401)
    regions.lend(400)
    regions.take_back(first)
    del first
    assert regions.size == 400
    regions.lend(600)


def test_a_region_counts_for_as_long_as_a_frame_waits_in_it() -> None:
    """A client could hold any number otherwise, with a connection after another."""
    regions = Regions(1000)
    region = regions.lend(1000)
    frame = regions.find(region.number, 0, 5)
    regions.take_back(region)
    del region
    assert regions.size == 1000
    with pytest.raises(Overloaded, match="1,000 of 1,000 bytes are lent already"):
        regions.lend(1)
    del frame
    assert regions.size == 0
    regions.lend(1000)


def test_a_client_cannot_change_the_size_of_its_region() -> None:
    region = Regions(10_000).lend(5000)
    for size in (0, 4999, 5001):
        with pytest.raises(PermissionError):
            os.ftruncate(region.descriptor, size)


def test_a_frame_outlives_its_region_and_no_descriptor_stays() -> None:
    before = descriptors()
    regions = Regions(1000)
    region = regions.lend(100)
    os.pwrite(region.descriptor, b"frame", 0)
    frame = regions.find(region.number, 0, 5)
    regions.take_back(region)
    assert bytes(frame.view) == b"frame"
    del frame, region
    assert descriptors() == before
