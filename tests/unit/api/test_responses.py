"""Results and errors become messages."""

from __future__ import annotations

import time
from array import array

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.v1.responses import (
    answer_error,
    answer_result,
    segmentation,
    timing_until_now,
)
from edgesegd.core.errors import InvalidFrame, Superseded
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.serving.received_frame import FrameTag
from support.model_specs import model_spec

TAG = FrameTag(frame_id=42, captured_unix_ns=7, received_unix_ns=1_000, received=time.monotonic())
MODEL = model_spec().identity


def test_a_result_has_the_requested_outputs_and_names_its_model_and_delegate() -> None:
    planes = {Output.LABELS: b"labels", Output.LABELS_PNG: b"png", Output.CONFIDENCE_MAP: b"map"}
    result = FrameResult(5, 3, (640, 480), planes, delegate="cpu", model=MODEL)
    timing = pb.Timing(invoke_us=9)
    response = answer_result(TAG, result, timing)
    assert response == pb.SegmentResponse(
        frame_id=42,
        captured_unix_ns=7,
        status=pb.FRAME_STATUS_OK,
        segmentation=pb.Segmentation(
            width=5,
            height=3,
            labels=b"labels",
            labels_png=b"png",
            confidence_map=b"map",
            frame_width=640,
            frame_height=480,
            model="rooms",
            model_version="0123456789ab",
            delegate="cpu",
        ),
        timing=timing,
    )


def test_each_segment_has_its_name_and_only_what_was_asked_for() -> None:
    found = (
        SegmentResult(1, 6, (2, 0, 3, 4), 0.75, array("I", [0, 6, 1 << 31]).tobytes()),
        SegmentResult(9, rle=b""),
        SegmentResult(2),
    )
    full, odd, bare = segmentation(FrameResult(1, 1, (1, 1), {}, found, model=MODEL)).segments
    assert full == pb.Segment(
        class_id=1,
        class_name="sky",
        area=6,
        box=pb.BoundingBox(x=2, y=0, width=3, height=4),
        mean_confidence=0.75,
        rle=pb.Rle(counts=[0, 6, 1 << 31]),
    )
    assert (odd.class_name, odd.HasField("rle"), list(odd.rle.counts)) == ("class 9", True, [])
    assert bare == pb.Segment(class_id=2, class_name="tree")
    assert not bare.HasField("mean_confidence")
    assert not bare.HasField("box")


def test_a_compressed_rle_is_beside_the_counts_or_alone() -> None:
    found = (
        SegmentResult(1, rle=array("I", [4, 2]).tobytes(), rle_compressed=b"42"),
        SegmentResult(2, rle_compressed=b"42"),
    )
    both, alone = segmentation(FrameResult(1, 1, (1, 1), {}, found, model=MODEL)).segments
    assert both.rle == pb.Rle(counts=[4, 2], compressed="42")
    assert alone.rle == pb.Rle(compressed="42")


def test_polygons_follow_each_other_as_they_were_found() -> None:
    points = array("f", [0, 0, 3, 0, 3, 3.5, 1, 1, 1, 2, 2, 2])
    outlines = Outlines(points.tobytes(), array("I", [3, 3]).tobytes(), bytes([0, 1]))
    found = (SegmentResult(1, outlines=outlines), SegmentResult(2, outlines=Outlines()))
    full, empty = segmentation(FrameResult(1, 1, (1, 1), {}, found, model=MODEL)).segments
    assert list(full.polygons) == [
        pb.Polygon(points=[0, 0, 3, 0, 3, 3.5]),
        pb.Polygon(points=[1, 1, 1, 2, 2, 2], hole=True),
    ]
    assert not empty.polygons


def test_a_confidence_of_zero_is_a_confidence() -> None:
    found = (SegmentResult(1, mean_confidence=0.0),)
    [segment] = segmentation(FrameResult(1, 1, (1, 1), {}, found, model=MODEL)).segments
    assert segment.HasField("mean_confidence")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidFrame("the frame is empty"), pb.FRAME_STATUS_INVALID),
        (Superseded("a newer one came"), pb.FRAME_STATUS_SUPERSEDED),
    ],
)
def test_the_response_to_a_failed_frame_has_status_and_reason(
    error: InvalidFrame | Superseded, status: pb.FrameStatus.ValueType
) -> None:
    response = answer_error(TAG, error, pb.Timing())
    assert (response.frame_id, response.captured_unix_ns) == (42, 7)
    assert (response.status, response.message) == (status, str(error))
    assert not response.HasField("segmentation")


def test_every_stage_has_its_time_in_microseconds() -> None:
    seconds = {stage: number / 1e3 for number, stage in enumerate(Stage, 1)}
    timing = timing_until_now(TAG, seconds)
    for number, stage in enumerate(Stage, 1):
        assert getattr(timing, f"{stage.value}_us") == number * 1000
    assert timing.received_unix_ns == 1_000
    assert timing.sent_unix_ns > 1_000


def test_a_frame_that_never_came_to_an_engine_has_no_times() -> None:
    timing = timing_until_now(TAG, {})
    assert not any(getattr(timing, f"{stage.value}_us") for stage in Stage)
