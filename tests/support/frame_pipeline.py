"""The pipeline of an engine in this process, without a front."""

from __future__ import annotations

import socket
from contextlib import closing

from edgesegd.core.result import FrameResult
from edgesegd.engine.engine import Engine
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.engine.pipeline import FramePipeline
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import FrameJob


def pipeline_of(engine: Engine) -> FramePipeline:
    """A pipeline for frames whose bytes are handed to `decode_frame`: its memory is closed."""
    arena = Arena.create(slots=1, slot_size=1)
    with closing(arena), socket.socket() as descriptors:
        return FramePipeline(engine, arena, MappedRegions(descriptors))


def run_frame(engine: Engine, job: FrameJob, data: bytes | bytearray) -> FrameResult:
    """Run the stages of a frame, from its bytes to its result."""
    pipeline = pipeline_of(engine)
    prepared = pipeline.decode_frame(job, memoryview(data))
    return pipeline.make_mask(job, pipeline.invoke(job, prepared))
