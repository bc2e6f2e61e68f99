"""Converts results and errors to messages of `edgeseg.v1`."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.v1.classes import class_infos
from edgesegd.api.v1.status import frame_status
from edgesegd.core.errors import EdgesegError
from edgesegd.core.model import ClassSpec, ModelIdentity
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.serving.received_frame import FrameTag


def answer_result(
    tag: FrameTag, result: FrameResult, timing: pb.Timing, classes: Iterable[ClassSpec] = ()
) -> pb.SegmentResponse:
    """The response to a segmented frame; `classes` are sent as the model's."""
    return pb.SegmentResponse(
        frame_id=tag.frame_id,
        captured_unix_ns=tag.captured_unix_ns,
        status=pb.FRAME_STATUS_OK,
        segmentation=segmentation(result, classes),
        timing=timing,
        reused_from_frame_id=None if result.reused is None else result.reused.frame_id,
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


def segmentation(result: FrameResult, classes: Iterable[ClassSpec] = ()) -> pb.Segmentation:
    """A result as a message; `classes` are sent as the model's."""
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
        classes=class_infos(classes),
    )


def _segment(found: SegmentResult, model: ModelIdentity) -> pb.Segment:
    x, y, width, height = found.box
    return pb.Segment(
        class_id=found.class_id,
        class_name=model.class_name(found.class_id),
        area=found.area,
        box=pb.BoundingBox(x=x, y=y, width=width, height=height) if width else None,
        mean_confidence=found.mean_confidence,
        rle=_rle(found),
        polygons=() if found.outlines is None else _polygons(found.outlines),
    )


def _rle(found: SegmentResult) -> pb.Rle | None:
    if found.rle is None and found.rle_compressed is None:
        return None
    compressed = (found.rle_compressed or b"").decode("ascii")
    return pb.Rle(counts=array("I", found.rle or b""), compressed=compressed)


def _polygons(outlines: Outlines) -> Iterator[pb.Polygon]:
    points, end = memoryview(outlines.points).cast("f"), 0
    for length, hole in zip(array("I", outlines.lengths), outlines.holes, strict=True):
        start, end = end, end + 2 * length
        yield pb.Polygon(points=points[start:end].tolist(), hole=bool(hole))


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
