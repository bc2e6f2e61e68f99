"""Converts the daemon's responses to the classes of this package."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.result import Box, Polygon, Result, Segment, Timing


def read_result(
    message: pb.SegmentResponse | pb.SegmentImageResponse, frame_id: int | None = None
) -> Result:
    """The result in a response; `frame_id`, unless None, replaces the id in the message."""
    found = message.segmentation
    return Result(
        frame_id=message.frame_id if frame_id is None else frame_id,
        captured_unix_ns=message.captured_unix_ns,
        width=found.width,
        height=found.height,
        frame_size=(found.frame_width, found.frame_height),
        segments=tuple(_read_segment(segment) for segment in found.segments),
        labels_png=found.labels_png,
        model=found.model,
        model_version=found.model_version,
        delegate=found.delegate,
        timing=read_timing(message.timing),
        raw_labels=found.labels,
        raw_confidence_map=found.confidence_map,
    )


def read_timing(message: pb.Timing) -> Timing:
    """The durations of the stages, in seconds."""
    return Timing(
        queued=message.queued_us / 1e6,
        decode=message.decode_us / 1e6,
        preprocess=message.preprocess_us / 1e6,
        invoke=message.invoke_us / 1e6,
        labels=message.labels_us / 1e6,
        encode=message.encode_us / 1e6,
        received_unix_ns=message.received_unix_ns,
        sent_unix_ns=message.sent_unix_ns,
    )


def _read_segment(message: pb.Segment) -> Segment:
    box = message.box if message.HasField("box") else None
    return Segment(
        class_id=message.class_id,
        class_name=message.class_name,
        area=message.area if box else None,
        box=Box(box.x, box.y, box.width, box.height) if box else None,
        mean_confidence=(message.mean_confidence if message.HasField("mean_confidence") else None),
        rle=tuple(message.rle.counts),
        polygons=tuple(
            Polygon(tuple(zip(one.points[::2], one.points[1::2], strict=True)), one.hole)
            for one in message.polygons
        ),
    )
