"""Reads the places in shared memory that the parameters of inputs and outputs name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgesegd.api.oip.parameters import Parameters, text, whole_number
from edgesegd.core.client import Client
from edgesegd.core.errors import InvalidFrame
from edgesegd.ipc.segment import Segment

REGION, SIZE, OFFSET = "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"
PLACE = (REGION, SIZE, OFFSET)


@dataclass(frozen=True, slots=True)
class Place:
    """The `size` bytes of a region that begin at `offset`."""

    region: str
    segment: Segment
    offset: int
    size: int


class Finder(Protocol):
    """Finds registered regions."""

    def find(self, client: Client, name: str) -> Segment:
        """The region of that name; raises a ClientError."""


@dataclass(frozen=True, slots=True)
class Places:
    """Finds the places that a client names."""

    finder: Finder
    client: Client

    def find(self, parameters: Parameters) -> Place | None:
        """The place that the parameters name; None if they name none.

        Raises InvalidOptions, InvalidFrame, or the finder's error for an unknown region.
        """
        region = text(parameters, REGION)
        size, offset = whole_number(parameters, SIZE), whole_number(parameters, OFFSET)
        if not region:
            if SIZE in parameters or OFFSET in parameters:
                raise InvalidFrame(f"{SIZE} and {OFFSET} need a {REGION}")
            return None
        segment = self.finder.find(self.client, region)
        if size < 1 or offset + size > segment.size:
            raise InvalidFrame(
                f"{size:,} bytes from offset {offset:,} are not within the {segment.size:,} bytes "
                f"of the region {region!r}"
            )
        return Place(region, segment, offset, size)
