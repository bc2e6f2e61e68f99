"""Measures how long it takes until the next result after an engine is killed in mid-stream."""

from __future__ import annotations

import os
import signal
import time

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.streams import FrameFailed
from edgesegd.bench.wire import async_stub


async def seconds_to_recover(daemon: LaunchedDaemon, jpeg: bytes, frames: int) -> float:
    """Seconds from SIGKILL, half-way through a stream of `frames` frames, to its next result.

    Raises FrameFailed if not every frame is answered.
    """
    requests = [
        pb.SegmentRequest(options=pb.StreamOptions(policy=pb.QUEUE_POLICY_EVERY)),
        *(pb.SegmentRequest(frame=pb.Frame(id=number, data=jpeg)) for number in range(frames)),
    ]
    killed, gap, answered = 0.0, 0.0, 0
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        async for answer in async_stub(channel).Segment(iter(requests)):
            answered += 1
            if killed and not gap and answer.status == pb.FRAME_STATUS_OK:
                gap = time.perf_counter() - killed
            if answer.frame_id == frames // 2 and daemon.engine_pid is not None:
                killed = time.perf_counter()
                os.kill(daemon.engine_pid, signal.SIGKILL)
    if answered != frames or not gap:
        raise FrameFailed(f"{answered} answers to {frames} frames, the engine killed meanwhile")
    return gap
