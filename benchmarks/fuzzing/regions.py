"""Handles of shared memory, and descriptions of the raw frames in it, as clients may send them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.v1.frames import parse_frame
from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import BYTES_PER_PIXEL, SUBSAMPLED, FrameLimits
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import decode_frame
from edgesegd.ipc.region import Region, RegionFrame
from edgesegd.scheduling.fair_limit import FairLimit
from fuzzing.changes import NUMBERS, change_message
from fuzzing.target import Fault

CLIENT = ("board",)
SIZES = (1, 4096, 64 * 48 * 3, 1 << 16)
BUDGET = 1 << 20
LIMITS = FrameLimits(size=1 << 20, pixels=1 << 14)
MODEL_INPUT = (16, 12)
LEASE_CHANCE = 0.01


class Regions:
    """Wild handles: each is refused, or its frame is within the region and can be decoded."""

    name = "regions"
    at_a_time = 1

    def __init__(self) -> None:
        self.material = b""
        self._limit = FairLimit(BUDGET, "bytes of shared memory")
        self._leases = RegionLeases(self._limit)
        self._regions = [self._leases.allocate(size, CLIENT) for size in SIZES]
        self._ended = self._leases.allocate(1, CLIENT)
        self._leases.release(self._ended)

    def try_case(self, dice: Random) -> str:
        """Read one frame; now and then a region is leased anew."""
        if dice.random() < LEASE_CHANCE:
            place = dice.randrange(len(self._regions))
            size = self._regions[place].size
            self._leases.release(self._regions[place])
            del self._regions[place]
            self._regions.insert(place, self._leases.allocate(size, CLIENT))
        region = dice.choice(self._regions)
        frame = self._frame(region, dice)
        self.material = frame.SerializeToString()
        try:
            spec, data = parse_frame(frame, LIMITS, self._leases)
        except InvalidFrame:
            return "refused"
        if not isinstance(data, RegionFrame):
            return "not in a region"
        handle = frame.shared_memory
        if len(data) != handle.length or handle.offset + handle.length > data.region.size:
            raise Fault(f"{len(data)} bytes at {handle.offset} of {data.region.size}")
        try:
            decode_frame(
                spec,
                data.view,
                model_input=MODEL_INPUT,
                resize=dice.choice(tuple(ResizePolicy)),
                max_pixels=LIMITS.pixels,
                max_seconds=10.0,
            )
        except InvalidFrame:
            return "no picture"
        return "decoded"

    def _frame(self, region: Region, dice: Random) -> pb.Frame:
        """A frame that fits into a region, mostly with something that is wrong."""
        raw = dice.choice(tuple(BYTES_PER_PIXEL))
        width = dice.choice((2, 16, 64))
        rows = region.size // (width * BYTES_PER_PIXEL[raw]) * 2 // 3
        height = max(2, min(rows, LIMITS.pixels // width) & ~1)
        size = width * height * BYTES_PER_PIXEL[raw] * (3 if raw in SUBSAMPLED else 2) // 2
        numbers = (*NUMBERS, region.size, region.size - 1, size, size + 1)
        frame = pb.Frame(
            format=getattr(pb, f"FRAME_FORMAT_{raw.name}"),
            width=width,
            height=height,
            shared_memory=pb.SharedMemoryHandle(region=region.number, length=size),
        )
        handle = frame.shared_memory
        match dice.randrange(6):
            case 0:
                handle.region = dice.choice((0, self._ended.number, dice.getrandbits(64)))
            case 1:
                handle.offset = dice.choice(numbers)
            case 2:
                handle.length = dice.choice(numbers)
            case 3:
                handle.offset = max(0, region.size - size)
            case 4:
                change_message(frame, dice, (b"",))
        return frame

    def faults_at_the_end(self) -> Iterator[str]:
        """All memory is given back when the leases end."""
        while self._regions:
            self._leases.release(self._regions.pop())
        del self._ended
        if self._limit.total:
            yield f"{self._limit.total:,} bytes of regions are still counted"

    def close(self) -> None:
        """The regions end with their last references."""
        self._regions.clear()
