"""Reads the ranges of shared memory that the parameters of inputs and outputs name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgesegd.api.oip.parameters import Parameters, string, whole_number
from edgesegd.core.client import Client
from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.ipc.segment import SharedMemorySegment

REGION, SIZE, OFFSET = "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"
RANGE_PARAMETERS = (REGION, SIZE, OFFSET)


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """The `size` bytes of a region that begin at `offset`."""

    region: str
    segment: SharedMemorySegment
    offset: int
    size: int


class RegionFinder(Protocol):
    """Finds registered regions."""

    def find(self, client: Client, name: str) -> SharedMemorySegment:
        """The region of that name; raises a ClientError."""


@dataclass(frozen=True, slots=True)
class MemoryRanges:
    """Finds the ranges that the parameters of one client's requests name."""

    finder: RegionFinder
    client: Client

    def find(self, parameters: Parameters) -> MemoryRange | None:
        """The range that the parameters name; None if they name none.

        Raises InvalidOptions, InvalidFrame, or the finder's error for an unknown region.
        """
        region = string(parameters, REGION)
        size, offset = whole_number(parameters, SIZE), whole_number(parameters, OFFSET)
        if not region:
            if SIZE in parameters or OFFSET in parameters:
                raise InvalidFrame(
                    f"{SIZE} and {OFFSET} need a {REGION}", InvalidReason.SHARED_MEMORY
                )
            return None
        segment = self.finder.find(self.client, region)
        if size < 1 or offset + size > segment.size:
            raise InvalidFrame(
                f"{size:,} bytes from offset {offset:,} are not within the {segment.size:,} bytes "
                f"of the region {region!r}",
                InvalidReason.SHARED_MEMORY,
            )
        return MemoryRange(region, segment, offset, size)
