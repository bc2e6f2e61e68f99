"""Calls and answered frames, as observers of calls are given them."""

from __future__ import annotations

from edgesegd.core.call import AnsweredFrame, CallInfo
from edgesegd.core.errors import EdgesegError
from edgesegd.core.model import ModelIdentity
from edgesegd.core.result import FrameResult, Stage

SERVICE = "edgeseg.v1.SegmentationService"
PEER = "ipv4:10.0.0.7:41234"
RESULT = FrameResult(1, 1, (1, 1), delegate="cpu", model=ModelIdentity("scenes", "3", ()))
SECONDS = {Stage.QUEUED: 0.001, Stage.DECODE: 0.002, Stage.INVOKE: 0.004}


def stream(name: str = "", **metadata: str) -> CallInfo:
    """A stream of that name."""
    return CallInfo(SERVICE, "Segment", PEER, is_stream=True, stream_name=name, metadata=metadata)


def image(**metadata: str) -> CallInfo:
    """A call with a single image."""
    return CallInfo(SERVICE, "SegmentImage", PEER, is_stream=False, metadata=metadata)


def answered(frame_id: int, outcome: FrameResult | EdgesegError = RESULT) -> AnsweredFrame:
    """A frame that took 10 ms."""
    return AnsweredFrame(frame_id, 1_700_000_000_000_000_000, outcome, SECONDS, 0.010)
