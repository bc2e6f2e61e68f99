"""Converts results and errors to messages of `edgeseg.v1`."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.v1.status import frame_status
from edgesegd.core.errors import EdgesegError
from edgesegd.core.model import ModelIdentity
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, SegmentResult, Stage
from edgesegd.serving.received_frame import FrameTag


def answer_result(tag: FrameTag, result: FrameResult, timing: pb.Timing) -> pb.SegmentResponse:
    """The response to a segmented frame."""
    return pb.SegmentResponse(
        frame_id=tag.frame_id,
        captured_unix_ns=tag.captured_unix_ns,
        status=pb.FRAME_STATUS_OK,
        segmentation=segmentation(result),
        timing=timing,
    )


def answer_error(tag: FrameTag, error: EdgesegError, timing: pb.Timing) -> pb.SegmentResponse:
    """The response to a frame without a result."""
    return pb.SegmentResponse(
        frame_id=tag.frame_id,
        captured_unix_ns=tag.captured_unix_ns,
        status=frame_status(error),
        message=str(error),
        timing=timing,
    )


def segmentation(result: FrameResult) -> pb.Segmentation:
    """A result as a message."""
    planes, model = result.planes, result.model
    return pb.Segmentation(
        width=result.width,
        height=result.height,
        labels=planes.get(Output.LABELS, b""),
        labels_png=planes.get(Output.LABELS_PNG, b""),
        confidence_map=planes.get(Output.CONFIDENCE_MAP, b""),
        segments=[_segment(found, model) for found in result.segments],
        frame_width=result.frame_size[0],
        frame_height=result.frame_size[1],
        model=model.name,
        model_version=model.version,
        delegate=result.delegate,
    )


def _segment(found: SegmentResult, model: ModelIdentity) -> pb.Segment:
    x, y, width, height = found.box
    return pb.Segment(
        class_id=found.class_id,
        class_name=model.class_name(found.class_id),
        area=found.area,
        box=pb.BoundingBox(x=x, y=y, width=width, height=height) if width else None,
        mean_confidence=found.mean_confidence,
        rle=None if found.rle is None else pb.Rle(counts=array("I", found.rle)),
    )


STAGES_OF_TIMING = {
    Stage.QUEUED: "queued_us",
    Stage.DECODE: "decode_us",
    Stage.PREPROCESS: "preprocess_us",
    Stage.INVOKE: "invoke_us",
    Stage.LABELS: "labels_us",
    Stage.ENCODE: "encode_us",
}


def timing_until_now(tag: FrameTag, seconds: Mapping[Stage, float]) -> pb.Timing:
    """The timing of a frame whose response is sent now."""
    timing = pb.Timing(
        received_unix_ns=tag.received_unix_ns,
        sent_unix_ns=tag.received_unix_ns + round(tag.seconds_since() * 1e9),
    )
    for stage, spent in seconds.items():
        setattr(timing, STAGES_OF_TIMING[stage], round(spent * 1e6))
    return timing
