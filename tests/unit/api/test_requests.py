"""Messages become what the daemon works with, or a ClientError that says why not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.v1.frames import FORMATS, YUV_MATRICES, YUV_RANGES, parse_frame
from edgesegd.api.v1.requests import (
    MAX_CLASSES,
    MAX_OUTPUTS,
    OUTPUTS,
    RESIZES,
    SIZES,
    FrameOptions,
    frame_deadline,
    parse_image_request,
    parse_options,
    parse_stream_request,
    tag_frame,
)
from edgesegd.core.errors import InvalidFrame, InvalidOptions, UnknownModel
from edgesegd.core.frame import (
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.options import Output, PolygonOptions, ResizePolicy, ResultOptions, SizeMode
from edgesegd.models.names import MAX_NAME
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec
from edgesegd.scheduling.fair_limit import FairLimit
from support.model_specs import model_spec
from support.pictures import file_of, gradient
from support.served import registry_of, served

LIMITS = FrameLimits(size=10_000, pixels=5_000)
REGIONS = RegionLeases(FairLimit(1 << 20, "bytes"))
SCORED = model_spec()
LABELLED = model_spec(
    output=TensorSpec("labels", (1, 4, 6), "int64"), kind=OutputKind.LABELS, classes=()
)


def parse(spec: ModelSpec = SCORED, /, **options: Any) -> FrameOptions:  # noqa: ANN401 # as the message
    return parse_options(pb.SegmentationOptions(**options), registry_of(served(spec)), LIMITS)


def size(**size: int) -> ResultOptions:
    return parse(size=pb.OutputSize(**size)).result  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        (FORMATS, pb.FrameFormat),
        (YUV_RANGES, pb.YuvRange),
        (YUV_MATRICES, pb.YuvMatrix),
        (OUTPUTS, pb.Output),
        (SIZES, pb.OutputSizeMode),
        (RESIZES, pb.ResizePolicy),
    ],
)
def test_every_value_of_the_contract_means_something(
    table: Mapping[int, object],
    enum: Any,  # noqa: ANN401 # an EnumTypeWrapper
) -> None:
    assert set(table) | {0} == set(enum.values())
    for number, meaning in table.items():
        if number:
            assert enum.Name(number).lower().endswith(f"_{meaning}")


def test_without_options_labels_are_given_at_the_models_size() -> None:
    options = parse()
    assert options.model.name == "rooms"
    assert (options.result, options.max_age) == (ResultOptions(frozenset({Output.LABELS})), None)


def test_all_options_of_a_request_are_parsed() -> None:
    options = parse(
        model="rooms",
        outputs=[pb.OUTPUT_RLE, pb.OUTPUT_CONFIDENCE, pb.OUTPUT_RLE],
        size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_CUSTOM, width=50, height=100),
        resize=pb.RESIZE_POLICY_CROP,
        classes=[2, 0, 2],
        max_age_ms=250,
    )
    assert options.max_age == 0.25
    assert options.result == ResultOptions(
        outputs=frozenset({Output.RLE, Output.CONFIDENCE}),
        size=SizeMode.CUSTOM,
        width=50,
        height=100,
        resize=ResizePolicy.CROP,
        classes=(0, 2),
    )


def test_a_model_that_is_not_served_is_unknown() -> None:
    with pytest.raises(UnknownModel, match="no model 'other' is served; there is 'rooms'"):
        parse(model="other")


def polygons(**options: float) -> PolygonOptions:
    message = pb.PolygonOptions(**options)  # type: ignore[arg-type]
    return parse(outputs=[pb.OUTPUT_POLYGONS], polygons=message).result.polygons


def test_the_options_of_polygons_are_parsed() -> None:
    assert parse(outputs=[pb.OUTPUT_POLYGONS]).result.polygons == PolygonOptions(0.7, 0)
    assert polygons() == PolygonOptions(0.7, 0)
    assert polygons(tolerance=0) == PolygonOptions(0, 0)
    assert polygons(tolerance=2.5, min_area=40) == PolygonOptions(2.5, 40)


@pytest.mark.parametrize("tolerance", [-0.5, float("nan"), float("inf"), 70_000])
def test_a_tolerance_that_is_no_number_of_pixels_is_invalid(tolerance: float) -> None:
    with pytest.raises(InvalidOptions, match=r"a tolerance of .* give one from 0 to 65,535"):
        polygons(tolerance=tolerance)


def test_options_of_polygons_are_invalid_where_none_are_asked_for() -> None:
    with pytest.raises(InvalidOptions, match="the output polygons is not asked for"):
        parse(polygons=pb.PolygonOptions(min_area=3))


@pytest.mark.parametrize("number", [0, 77, -1])
def test_unknown_outputs_are_invalid(number: int) -> None:
    with pytest.raises(InvalidOptions, match=f"unknown output {number}"):
        parse(outputs=[pb.OUTPUT_LABELS, number])


@pytest.mark.parametrize("wanted", [pb.OUTPUT_CONFIDENCE, pb.OUTPUT_CONFIDENCE_MAP])
def test_a_model_of_labels_has_no_confidence(wanted: int) -> None:
    with pytest.raises(InvalidOptions, match="outputs labels without scores"):
        parse(LABELLED, outputs=[pb.OUTPUT_LABELS, wanted])
    assert parse(SCORED, outputs=[wanted])


def test_output_sizes_are_parsed() -> None:
    def of(found: ResultOptions) -> tuple[SizeMode, int, int]:
        return found.size, found.width, found.height

    assert of(size(mode=pb.OUTPUT_SIZE_MODE_MODEL)) == (SizeMode.MODEL, 0, 0)
    assert of(size(mode=pb.OUTPUT_SIZE_MODE_FRAME)) == (SizeMode.FRAME, 0, 0)
    assert of(size(width=7, height=8)) == (SizeMode.CUSTOM, 7, 8)
    assert of(size(width=100, height=50)) == (SizeMode.CUSTOM, 100, 50)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"mode": pb.OUTPUT_SIZE_MODE_MODEL, "width": 7}, "contradict"),
        ({"mode": pb.OUTPUT_SIZE_MODE_FRAME, "height": 7}, "contradict"),
        ({"mode": pb.OUTPUT_SIZE_MODE_CUSTOM}, "no pixels: 0x0"),
        ({"width": 7}, "no pixels: 7x0"),
        ({"mode": 9}, "unknown output size mode 9"),
        ({"width": 5_001, "height": 1}, "more than the 5,000"),
        ({"width": (1 << 32) - 1, "height": (1 << 32) - 1}, "more than the 5,000"),
    ],
)
def test_impossible_output_sizes_are_invalid(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidOptions) as caught:
        size(**asked)
    assert complaint in str(caught.value)


def test_an_unknown_resize_policy_is_invalid() -> None:
    with pytest.raises(InvalidOptions, match="unknown resize policy 9"):
        parse(resize=9)


def test_classes_are_those_of_the_model() -> None:
    assert parse(classes=[2]).result.classes == (2,)
    with pytest.raises(InvalidOptions, match=r"class 3 is unknown: .* 'rooms' has 0 to 2"):
        parse(classes=[0, 3])


def test_a_model_of_labels_may_have_any_class() -> None:
    assert parse(LABELLED, classes=[254]).result.classes == (254,)
    for number in (255, 256, 1 << 31):
        with pytest.raises(InvalidOptions, match=f"class {number} is unknown"):
            parse(LABELLED, classes=[number])


def test_a_model_of_labels_with_some_names_may_have_any_class_too() -> None:
    some_named = model_spec(output=LABELLED.output, kind=OutputKind.LABELS)
    assert parse(some_named, classes=[7]).result.classes == (7,)


def test_a_raw_frame_is_parsed_with_its_size_and_stride() -> None:
    frame = pb.Frame(format=pb.FRAME_FORMAT_BGR, width=5, height=4, stride=16, data=bytes(64))
    assert parse_frame(frame, LIMITS, REGIONS)[0] == FrameSpec(FrameFormat.BGR, 5, 4, 16)


def test_planes_range_and_matrix_of_a_raw_frame_are_parsed() -> None:
    frame = pb.Frame(
        format=pb.FRAME_FORMAT_NV21,
        width=6,
        height=4,
        planes=[pb.Plane(offset=8, stride=10), pb.Plane(offset=100)],
        yuv_range=pb.YUV_RANGE_FULL,
        yuv_matrix=pb.YUV_MATRIX_BT709,
        data=bytes(120),
    )
    assert parse_frame(frame, LIMITS, REGIONS)[0] == FrameSpec(
        *(FrameFormat.NV21, 6, 4, 10, (Plane(8, 10), Plane(100, 6))),
        *(YuvRange.FULL, YuvMatrix.BT709),
    )


@pytest.mark.parametrize(("name", "word"), [("yuv_range", "range"), ("yuv_matrix", "matrix")])
def test_a_range_or_a_matrix_that_is_not_known_is_invalid(name: str, word: str) -> None:
    frame = pb.Frame(format=pb.FRAME_FORMAT_NV12, width=2, height=2, data=bytes(6))
    setattr(frame, name, 7)
    with pytest.raises(InvalidFrame, match=f"unknown {word} of YUV 7"):
        parse_frame(frame, LIMITS, REGIONS)


def test_planes_without_end_are_refused_before_they_are_parsed() -> None:
    """Two bytes each, they would take thirty times as much memory."""
    planes = b"\x52\x00" * 500_000
    for parse_raw, kind in (
        (parse_stream_request, pb.SegmentRequest(frame=pb.Frame(id=1))),
        (parse_image_request, pb.SegmentImageRequest(frame=pb.Frame(id=1))),
    ):
        raw = kind.SerializeToString()[:1] + b"\xc0\x84\x3d" + planes
        type(kind).FromString(raw)  # it is a message
        tracemalloc.start()
        with pytest.raises(InvalidFrame, match="more than 1,024 fields"):
            parse_raw(raw)
        assert tracemalloc.get_traced_memory()[1] < 100_000
        tracemalloc.stop()


def test_a_long_name_is_parsed_and_left_to_the_check_of_options() -> None:
    options = pb.SegmentationOptions(model="m" * 100_000)
    request = pb.SegmentImageRequest(options=options)
    assert parse_image_request(request.SerializeToString()) == request


def test_an_encoded_frame_is_recognised() -> None:
    frame = pb.Frame(data=file_of(gradient(8, 8), "PNG"), width=3, stride=99)
    assert parse_frame(frame, LIMITS, REGIONS)[0] == FrameSpec(FrameFormat.PNG)


def test_frames_without_a_known_format_data_or_region_are_invalid() -> None:
    with pytest.raises(InvalidFrame, match="unknown frame format 99"):
        parse_frame(pb.Frame(format=99, data=b"x"), LIMITS, REGIONS)  # type: ignore[arg-type]
    with pytest.raises(InvalidFrame, match="no data"):
        parse_frame(pb.Frame(), LIMITS, REGIONS)
    with pytest.raises(InvalidFrame, match="0 bytes"):
        parse_frame(pb.Frame(data=b""), LIMITS, REGIONS)
    with pytest.raises(InvalidFrame, match="no region 1 of shared memory"):
        parse_frame(pb.Frame(shared_memory=pb.SharedMemoryHandle(region=1)), LIMITS, REGIONS)


def test_id_and_times_of_a_frame_are_kept() -> None:
    tag = tag_frame(pb.Frame(id=(1 << 64) - 1, captured_unix_ns=-5, data=b"big"))
    later = tag_frame(pb.Frame())
    assert (tag.frame_id, tag.captured_unix_ns) == ((1 << 64) - 1, -5)
    assert 0 < tag.received_unix_ns <= later.received_unix_ns


@pytest.mark.parametrize(
    ("max_age_ms", "age_us", "call", "deadline"),
    [
        (0, 0, None, None),
        (0, 9_999_999, 107.0, 107.0),
        (500, 0, None, 100.5),
        (500, 200_000, None, 100.3),
        (500, 700_000, None, 99.8),
        (500, 0, 107.0, 100.5),
        (500, 0, 100.2, 100.2),
    ],
)
def test_the_deadline_is_the_calls_or_the_age_whichever_is_first(
    max_age_ms: int, age_us: int, call: float | None, deadline: float | None
) -> None:
    options = parse(max_age_ms=max_age_ms)
    found = frame_deadline(pb.Frame(age_us=age_us), 100.0, options, call)
    assert found == (None if deadline is None else pytest.approx(deadline))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"model": "m" * (MAX_NAME + 1)}, "257 characters in the model's name; at most 256"),
        ({"outputs": [pb.OUTPUT_LABELS] * (MAX_OUTPUTS + 1)}, "65 outputs; at most 64"),
        ({"classes": [0] * (MAX_CLASSES + 1)}, "1,025 classes; at most 1,024"),
    ],
    ids=["name", "outputs", "classes"],
)
def test_options_that_are_longer_than_makes_sense_are_refused_in_few_words(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidOptions, match=why) as caught:
        parse(**options)
    assert len(str(caught.value)) < 100


def test_options_of_the_largest_lengths_are_taken() -> None:
    found = parse(outputs=[pb.OUTPUT_LABELS] * MAX_OUTPUTS, classes=[1] * MAX_CLASSES)
    assert found.result == ResultOptions(classes=(1,))


@pytest.mark.parametrize(
    ("age_us", "age"),
    [(0, None), (1, 0.250001), (2_000_000, 2.25), (600_000_000, 600.25), (600_000_001, None)],
)
def test_the_age_of_a_frame_is_what_its_client_says_and_the_time_since_then(
    age_us: int, age: float | None
) -> None:
    assert tag_frame(pb.Frame(age_us=age_us)).age_after(0.25) == pytest.approx(age)
