"""Converts the daemon's responses to the classes of this package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.info import ClassInfo, read_class
from edgeseg_client.polygon import PointArray, Polygon
from edgeseg_client.result import Result
from edgeseg_client.segment import Box, Segment
from edgeseg_client.timing import Timing


class ResultReader:
    """Reads the results of one call, which asked for `outputs`.

    `wanted` are the ids of the classes that it asked for; empty for all. `covers_frame` is whether
    its masks are of the whole frame. Of a stream only the first
    result of each version of a model has the model's classes, so the reader keeps them.
    """

    def __init__(
        self,
        outputs: Iterable[str] = (),
        wanted: Iterable[int] = (),
        *,
        covers_frame: bool = True,
    ) -> None:
        self.wanted = tuple(wanted)
        self._covers_frame = covers_frame
        self._outputs = tuple(outputs) or ("labels",)
        self._classes: tuple[ClassInfo, ...] = ()

    def read(
        self,
        message: pb.SegmentResponse | pb.SegmentImageResponse,
        frame_id: int | None = None,
        reused_from_frame_id: int | None = None,
    ) -> Result:
        """The result in a response.

        `frame_id`, unless None, replaces the id in the message. `reused_from_frame_id` is the
        caller's id of the frame that the result was computed for, if it was another one.
        """
        found = message.segmentation
        if found.classes:
            self._classes = tuple(map(read_class, found.classes))
        return Result(
            frame_id=message.frame_id if frame_id is None else frame_id,
            captured_unix_ns=message.captured_unix_ns,
            width=found.width,
            height=found.height,
            frame_size=(found.frame_width, found.frame_height),
            found=tuple(_read_segment(segment, self._outputs) for segment in found.segments),
            labels_png=found.labels_png,
            model=found.model,
            model_version=found.model_version,
            delegate=found.delegate,
            timing=read_timing(message.timing),
            raw_labels=found.labels,
            raw_confidence_map=found.confidence_map,
            outputs=self._outputs,
            wanted=self.wanted,
            class_table=self._classes,
            covers_frame=self._covers_frame,
            reused_from_frame_id=reused_from_frame_id,
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


def _read_segment(message: pb.Segment, outputs: Sequence[str]) -> Segment:
    box = message.box if message.HasField("box") else None
    polygons = (Polygon(_read_points(one), one.hole) for one in message.polygons)
    return Segment(
        message.class_id,
        message.class_name,
        area=message.area if box else None,
        box=Box(box.x, box.y, box.width, box.height) if box else None,
        mean_confidence=message.mean_confidence if message.HasField("mean_confidence") else None,
        rle=message.rle.counts,
        rle_compressed=message.rle.compressed,
        polygons=tuple(polygons) if "polygons" in outputs else None,
    )


def _read_points(message: pb.Polygon) -> PointArray:
    points = np.array(message.points, np.float32).reshape(-1, 2)
    points.flags.writeable = False
    return points
