"""Measures the resident memory of processes, and raw frames in shared memory."""

from __future__ import annotations

import json
import mmap
import os
import socket
import statistics
import time
from pathlib import Path

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import LARGE, Inputs
from edgesegd.bench.streams import NO_LIMIT, OneInFlight

MAX_ANSWER = 4096


def resident(pid: int | None) -> int:
    """Resident memory of a process in bytes; shared pages count in each process that uses them."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * mmap.PAGESIZE


def lease_region(path: str, size: int) -> tuple[socket.socket, int, mmap.mmap]:
    """The lease, the region's number and its memory; see SharedMemoryHandle in the contract."""
    lease = socket.socket(socket.AF_UNIX)
    lease.connect(path)
    lease.sendall(json.dumps({"bytes": size}).encode() + b"\n")
    line, (descriptor,), _, _ = socket.recv_fds(lease, MAX_ANSWER, 1)
    memory = mmap.mmap(descriptor, size)
    os.close(descriptor)
    return lease, json.loads(line)["region"], memory


async def measure_shared(
    path: str, inputs: Inputs, *, rounds: int, frames: int
) -> dict[str, list[float]]:
    """Median seconds outside invoke, by method and round, of raw frames over the socket `path`.

    "shared" frames are in leased memory, where a camera would have written them; "message" frames
    are in their messages. A first round warms up and is not counted.
    """
    raw = pb.Frame(format=pb.FRAME_FORMAT_RGB, width=LARGE[0], height=LARGE[1])
    pixels = inputs.raw_frame()
    size = pixels.nbytes
    lease, region, memory = lease_region(f"{path}.memory", size)
    memory.write(pixels.tobytes())
    found: dict[str, list[float]] = {"shared": [], "message": []}
    async with grpc.aio.insecure_channel(f"unix://{path}", options=NO_LIMIT) as channel:
        one = OneInFlight(channel)
        for number in range(rounds + 1):
            for method, medians in found.items():
                spent = []
                for _ in range(frames):
                    started = time.perf_counter()
                    frame = pb.Frame()
                    frame.CopyFrom(raw)
                    if method == "shared":
                        frame.shared_memory.region, frame.shared_memory.length = region, size
                    else:
                        frame.data = pixels.tobytes()
                    answer = await one(frame)
                    outside = time.perf_counter() - started - answer.timing.invoke_us / 1e6
                    spent.append(outside)
                if number:
                    medians.append(statistics.median(spent))
    lease.close()
    return found
