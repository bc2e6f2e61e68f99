"""Places in shared memory that inputs and outputs name by their parameters."""

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
    """`size` bytes from `offset` on of the region of that name."""

    region: str
    segment: Segment
    offset: int
    size: int


class Finder(Protocol):
    """Knows the regions that are registered."""

    def find(self, client: Client, name: str) -> Segment:
        """The region of that name; raises a ClientError."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places that a client can name."""

    finder: Finder
    client: Client

    def find(self, parameters: Parameters) -> Place | None:
        """The place that is named, None where none is.

        Raises InvalidOptions, InvalidFrame, or what says that there is no such region.
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
                f"{size:,} bytes from {offset:,} are not within the {segment.size:,} of the region "
                f"{region!r}"
            )
        return Place(region, segment, offset, size)
