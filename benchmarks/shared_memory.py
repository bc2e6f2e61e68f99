"""Raw 1080p frames from the same board: through shared memory, and inside the message.

One frame in flight over a Unix socket, both ways in turn. What is compared is the time outside the
interpreter's invoke: the round trip, from the camera's buffer on, less the invoke that the response
tells of. With shared memory the camera's buffer is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc.aio
import numpy as np
from inputs import load_inputs, load_picture
from wire import async_stub

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.shared_memory import borrow
from edgesegd.launch import LaunchedDaemon

WIDTH, HEIGHT = 1920, 1080

if TYPE_CHECKING:
    Call = grpc.aio.StreamStreamCall[pb.SegmentRequest, pb.SegmentResponse]


async def measure(rounds: int, frames: int) -> tuple[str, dict[str, list[float]]]:
    """Median seconds outside invoke by way, one for each round."""
    inputs = load_inputs()
    pixels = np.ascontiguousarray(load_picture((WIDTH, HEIGHT)))
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/grpc.sock"
        flags = (f"--model={inputs.model.path}", f"--listen=unix://{socket}", "--delegate=cpu")
        with LaunchedDaemon(*flags):
            ring = borrow(f"{socket}.memory", 4 * pixels.nbytes)
            slot = ring.take(pixels.nbytes)
            if slot is None:
                raise SystemExit("no memory was lent")
            raw = pb.Frame(format=pb.FRAME_FORMAT_RGB, width=WIDTH, height=HEIGHT)

            def in_message() -> pb.SegmentRequest:
                request = pb.SegmentRequest(frame=raw)
                request.frame.data = pixels.tobytes()
                return request

            slot.view[: pixels.nbytes] = pixels.data.cast("B")  # where a camera would write it

            def in_memory() -> pb.SegmentRequest:
                request = pb.SegmentRequest(frame=raw)
                request.frame.shared_memory.CopyFrom(slot.handle(pixels.nbytes))
                return request

            ways: dict[str, Callable[[], pb.SegmentRequest]] = {
                "shared memory": in_memory,
                "message": in_message,
            }
            found: dict[str, list[float]] = {way: [] for way in ways}
            options = [("grpc.max_send_message_length", -1)]
            async with grpc.aio.insecure_channel(f"unix://{socket}", options=options) as channel:
                call = async_stub(channel).Segment()
                for number in range(rounds + 1):
                    for way, make in ways.items():
                        spent = [await outside(call, make) for _ in range(frames)]
                        if number:  # the first round warms up
                            found[way].append(statistics.median(spent))
                call.cancel()
            ring.close()
    return inputs.names, found


async def outside(call: Call, make: Callable[[], pb.SegmentRequest]) -> float:
    """Seconds of one frame there and back, from the pixels on, without its invoke."""
    started = time.perf_counter()
    await call.write(make())
    answer = await call.read()
    spent = time.perf_counter() - started
    if not isinstance(answer, pb.SegmentResponse) or answer.status != pb.FRAME_STATUS_OK:
        raise SystemExit(f"a frame failed: {answer}")
    return spent - answer.timing.invoke_us / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds counted (default: 10)")
    parser.add_argument("--frames", type=int, default=15, help="frames a round (default: 15)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    names, found = asyncio.run(measure(args.rounds, args.frames))
    ratios = sorted(
        one / other for one, other in zip(found["shared memory"], found["message"], strict=True)
    )
    if args.json:
        print(json.dumps({"shared memory / message": [round(ratio, 3) for ratio in ratios]}))
        return
    print(f"{names}; raw RGB {WIDTH}x{HEIGHT}; {args.rounds} rounds of {args.frames}")
    for way, medians in found.items():
        print(f"{way:>13}: {statistics.median(medians) * 1e3:6.2f} ms outside invoke")
    print(
        f"ratio shared memory / message: {statistics.median(ratios):.2f} "
        f"(rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
