"""Sends one picture again and again over a bare gRPC stream, and prints what that costs.

    bare_stream.py ADDRESS PICTURE FRAMES

Nothing of `edgeseg_client` is used: this is what a sender in Python costs at least. Prints the
process's CPU time for a frame, in milliseconds, at 30 frames a second.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceStub

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub

FPS = 30
WARM_UP = 60
"""Frames before the first that counts."""


async def cpu_of_a_frame(address: str, picture: bytes, frames: int) -> float:
    """The seconds of CPU time that each frame takes."""
    options = pb.StreamOptions(
        policy=pb.QUEUE_POLICY_LATEST,
        segmentation=pb.SegmentationOptions(outputs=[pb.OUTPUT_STATISTICS]),
    )
    async with grpc.aio.insecure_channel(address) as channel:
        stub = cast("SegmentationServiceAsyncStub", SegmentationServiceStub(channel))
        call = stub.Segment()
        await call.write(pb.SegmentRequest(options=options))

        async def send() -> None:
            for number in range(WARM_UP + frames):
                await asyncio.sleep(1 / FPS)
                frame = pb.Frame(id=number, data=picture)
                await call.write(pb.SegmentRequest(frame=frame))

        sending = asyncio.create_task(send())
        for _ in range(WARM_UP):
            await call.read()
        before = time.process_time()
        for _ in range(frames):
            await call.read()
        spent = time.process_time() - before
        await sending
        call.cancel()
    return spent / frames


if __name__ == "__main__":
    server, path, count = sys.argv[1:]
    seconds = asyncio.run(cpu_of_a_frame(server, Path(path).read_bytes(), int(count)))
    print(f"{seconds * 1000:.2f}")
